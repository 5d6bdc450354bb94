"""Which marks are in sight where something is looked at. Pure, but for the layer it names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from napari_plugin.drawn import Content
from streaming_core.protocol.components import Value, Values
from streaming_core.protocol.group import Group
from streaming_core.protocol.tables import Drawing


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A drawing, and how far its pixel (0, 0) is from that of the layer, in pixels (Y, X)."""

    drawing: Drawing
    shift: tuple[float, float]


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at, as far as it matters to one group.

    Attributes
    ----------
    lead
        Names of the leading axes that the layer has, the last ones of the viewer.
    fixed
        Values of the others that the group has.
    aside
        Indices at which the group stands on leading axes that it does not have.
    lengths
        Of the leading axes: when one grows, indices are others.
    """

    lead: tuple[str, ...]
    fixed: tuple[tuple[str, Value], ...]
    aside: tuple[tuple[str, int], ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """The sliders that a group of marks needs."""

    names: tuple[str, ...]
    values: Mapping[str, Values]


@dataclass(slots=True, eq=False)
class MarkEntry:
    """A group of marks and its layer.

    Attributes
    ----------
    swept
        Values of t and z that its rows have had.
    layer
        None before it is made, and from when its user deleted it.
    shown
        What it holds; None when that is to be looked at again.
    pieces
        The rest of the work on it.
    style
        What its user chose for all objects.
    look
        How its layer looked, and was called, when its user deleted it.
    blank
        All columns of its tables, empty: what colours by one does so at each place.
    """

    group: Group[Kept]
    swept: dict[str, Values]
    layer: Layer | None = None
    deleted: bool = False
    shown: View | None = None
    pieces: Iterator[None] | None = None
    style: dict[str, Any] = field(default_factory=dict)
    look: dict[str, Any] = field(default_factory=dict)
    blank: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The sliders that matter to it."""
        return (*self.group.names, *self.swept)

    @property
    def nbytes(self) -> int:
        """Bytes of its numbers."""
        return sum(kept.drawing.nbytes for kept in self.group.planes.values())

    @property
    def values(self) -> Mapping[str, Values]:
        """Values of those sliders that it has."""
        return self.group.values | self.swept

    def span(self, split: Collection[str]) -> Span:
        """Return the sliders that it needs while the values of some components are layers."""
        kind = self.group.key.kind
        names = [name for name in self.names if name not in split or needs(kind, name)]
        return Span(tuple(names), self.values)


def needs(kind: str, name: str) -> bool:
    """Whether marks of a kind need a slider for a component, though its values be layers."""
    return kind == "tracks" and name == "t"


def told(entry: MarkEntry) -> dict[str, Any]:
    """Return the group's entry in ``state()["marks"]``."""
    group = entry.group
    split = {name: [value] for name, value in group.key.split}
    return {
        "name": group.latest.name or group.key.title(),
        "layer": str(entry.layer.name) if entry.layer is not None else None,
        "source": group.key.source,
        "kind": group.key.kind,
        "run": group.latest.run,
        "components": split | {name: list(values) for name, values in entry.values.items()},
        "places": len(group.planes),
        "objects": sum(kept.drawing.objects for kept in group.planes.values()),
        "bytes": entry.nbytes,
    }


def meets(place: tuple[Value, ...], names: tuple[str, ...], view: View) -> bool:
    """Whether a place of a group with these names is in sight."""
    fixed = dict(view.fixed)
    return all(fixed.get(name, value) == value for name, value in zip(names, place, strict=True))


def content_of(entry: MarkEntry, view: View, values: Mapping[str, Values]) -> Content:
    """Return what a layer is to hold where this is looked at."""
    group, fixed = entry.group, dict(view.fixed)
    if all(name in fixed for name in group.names):
        place = tuple(fixed[name] for name in group.names)
        found = [(place, group.planes[place])] if place in group.planes else []
    else:
        found = [item for item in group.planes.items() if meets(item[0], group.names, view)]
    parts = [_part(entry, view, place, kept, values) for place, kept in found]
    wide = len(view.lead) + 2 + (group.key.kind == "tracks")
    rows = np.concatenate([np.zeros((0, wide)), *(rows for rows, _ in parts)])
    return Content(
        group.key.kind,
        rows,
        _joined([(len(rows), features) for rows, features in parts], entry.blank),
        tuple(shape for _, kept in found for shape in kept.drawing.shapes),
        tuple(length for _, kept in found for length in kept.drawing.lengths),
    )


def _part(
    entry: MarkEntry, view: View, place: tuple[Value, ...], kept: Kept,
    values: Mapping[str, Values],
) -> tuple[NDArray[np.float64], dict[str, NDArray[Any]]]:  # fmt: skip
    """Return the rows of one drawing in the layer's dimensions, and their features."""
    drawing = kept.drawing
    column = dict(zip(drawing.columns, drawing.rows.T, strict=True))
    here = np.ones(len(drawing.rows), np.bool_)
    for name, value in view.fixed:
        if name in entry.swept:
            here &= np.rint(column[name.upper()]) == (
                value if not isinstance(value, str) else np.nan
            )
    at, aside = dict(zip(entry.group.names, place, strict=True)), dict(view.aside)
    count = int(here.sum())
    lead: list[Any] = [column["id"][here]] if "id" in column else []
    for name in view.lead:
        if name in at:
            lead.append(np.full(count, float(values[name].position(at[name]))))
        elif name in entry.swept:
            whole, inverse = np.unique(np.rint(column[name.upper()][here]), return_inverse=True)
            index = np.array([values[name].position(int(v)) for v in whole], np.float64)
            lead.append(index[inverse] + column[name.upper()][here] - whole[inverse])
        else:
            lead.append(np.full(count, float(aside[name])))
    plane = [column[letter][here] + kept.shift[i] for i, letter in enumerate("YX")]
    if drawing.shapes or here.all():
        return np.column_stack([*lead, *plane]), drawing.features
    return np.column_stack([*lead, *plane]), {n: c[here] for n, c in drawing.features.items()}


def _joined(
    tables: list[tuple[int, dict[str, NDArray[Any]]]], blank: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Put tables below each other; where one lacks a column there is NaN, or an empty text."""
    return {
        name: np.concatenate(
            [none, *(table.get(name, _nothing(none, lines)) for lines, table in tables)]
        )
        for name, none in blank.items()
    }


def _nothing(column: NDArray[Any], lines: int) -> NDArray[Any]:
    return np.full(lines, "", object) if column.dtype == object else np.full(lines, np.nan)
