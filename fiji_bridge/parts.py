"""Points, shapes and tracks in parts that lie on the same planes, and where those stand. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, product
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from fiji_bridge.czt import Czt, Grid
from fiji_bridge.rois import Spot
from streaming_core.protocol.components import Value
from streaming_core.protocol.messages import Image
from streaming_core.protocol.tables import Drawing

T = TypeVar("T")

TAIL: Final = 30
"""Values of t for which a track is seen behind where it is now; napari's default too."""

Missing = tuple[str, Value]
"""A component and the value of it that a hyperstack does not have yet."""

_numbers = count(1)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Marks of one message that lie on the same planes.

    Attributes
    ----------
    number
        No other part of this process has it.
    at
        Components of the planes; those that are not named do not matter.
    rows
        Which rows of the drawing, None for all. Of tracks: those that are seen from here.
    """

    number: int
    image: Image
    drawing: Drawing
    at: Mapping[str, Value]
    rows: NDArray[np.intp] | None = None


def parts_of(image: Image, place: Mapping[str, Value], drawing: Drawing) -> list[Part]:
    """Return the parts of a drawing; none if it is empty."""
    if not len(drawing.rows):
        return []
    if image.kind == "tracks":
        return list(_moments(image, place, drawing))
    swept = [letter for letter in drawing.columns if letter in "TZ"]
    if not swept:
        return [Part(next(_numbers), image, drawing, place)]
    columns = [drawing.columns.index(letter) for letter in swept]
    whole = np.rint(drawing.rows[:, columns]).astype(np.int64)
    there, which = np.unique(whole, axis=0, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    pieces = np.split(order, np.cumsum(np.bincount(which.ravel()))[:-1])
    return [
        Part(next(_numbers), image, drawing, {**place, **_named(swept, values)}, rows)
        for values, rows in zip(there, pieces, strict=True)
    ]


def _named(letters: list[str], values: NDArray[np.int64]) -> dict[str, Value]:
    return {letter.lower(): int(v) for letter, v in zip(letters, values, strict=True)}


def _moments(image: Image, place: Mapping[str, Value], drawing: Drawing) -> Iterator[Part]:
    """Yield for each t the rows of the tracks that are seen there, track by track."""
    track, t = drawing.rows[:, 0], drawing.rows[:, 1]
    order = np.lexsort((t, track))
    for now in np.unique(np.rint(t)):
        seen = order[(t[order] < now + 0.5) & (t[order] >= now - TAIL)]
        yield Part(next(_numbers), image, drawing, {**place, "t": int(now)}, seen)


def places_of(
    part: Mapping[str, Value], grid: Grid, split: Mapping[str, Value]
) -> dict[tuple[Value, ...], Spot] | Missing | None:
    """Return where marks with these components stand in a hyperstack.

    Parameters
    ----------
    split
        Components that all planes of the hyperstack have.

    Returns
    -------
    dict
        One spot for each combination of values that the marks leave open, and that are no
        dimension of their own in ImageJ: a well without its t is on several frames.
    Missing
        When a value is not there yet.
    None
        When they do not belong to this hyperstack.
    """
    if any(
        split.get(name, value) != value or (name not in split and name not in grid.names)
        for name, value in part.items()
    ):
        return None
    index = {}
    for name, value in part.items():
        if name in grid.names:
            at = grid.where(name, value)
            if at is None:
                return name, value
            index[name] = at
    c, z = index.get("channel", -1), index.get("z", -1)
    return {free: _spot(grid.size, Czt(c, z, t)) for free, t in _frames(index, grid)}


def _frames(
    index: Mapping[str, int], grid: Grid
) -> Iterator[tuple[tuple[Value, ...], int]]:  # fmt: skip
    """Yield the frames, from 0, with the values that were left open; -1 stands for all."""
    if all(name not in index for name in grid.folded):
        yield (), -1
        return
    open_ = [name for name in grid.folded if name not in index]
    values = [dict(zip(grid.names, grid.values, strict=True))[name] for name in open_]
    for chosen in product(*(range(len(one)) for one in values)):
        at = {**index, **dict(zip(open_, chosen, strict=True))}
        frame = 0
        for name in grid.folded:
            frame = frame * grid.length(name) + at[name]
        yield tuple(one[i] for one, i in zip(values, chosen, strict=True)), frame


def _spot(size: Czt, at: Czt) -> Spot:
    """Return a position as ImageJ has it: of a hyperstack, or of a stack with one slider."""
    if size.c > 1 or (size.z > 1 and size.t > 1):
        return Spot(at.c + 1, at.z + 1, at.t + 1)
    return Spot(n=max(at.z if size.z > 1 else at.t, -1) + 1 if size.z * size.t > 1 else 0)


def components_at(spot: Spot, grid: Grid, split: Mapping[str, Value]) -> dict[str, Value]:
    """Return the components of what lies at a spot: those along which it lies on all are left out.

    The inverse of `places_of`. A spot outside of the hyperstack has only what all planes have.
    """
    size = grid.size
    if spot.n:
        at = grid.czt(spot.n - 1) if spot.n <= grid.planes else Czt(-1, -1, -1)
    else:
        at = Czt(spot.c - 1, spot.z - 1, spot.t - 1)
    # Along an axis of length 1 a person cannot mean anything else.
    inside = Czt(*(
        0 if length == 1 else i if i < length else -1 for i, length in zip(at, size, strict=True)
    ))  # fmt: skip
    whole = dict(zip(grid.names, grid.place(Czt(*(max(i, 0) for i in inside))), strict=True))
    known = {"channel": inside.c, "z": inside.z}
    return dict(split) | {
        name: value for name, value in whole.items() if known.get(name, inside.t) >= 0
    }


def stays(old: Grid, new: Grid) -> bool:
    """Whether all spots of a hyperstack mean the same after it has grown."""
    if old.names != new.names or any(
        now[: len(then)] != then for then, now in zip(old.values, new.values, strict=True)
    ):
        return False
    faster = new.folded[1:]  # frames before and between: only the slowest may have more
    flat = [size.c > 1 or (size.z > 1 and size.t > 1) for size in (old.size, new.size)]
    return all(old.length(name) == new.length(name) for name in faster) and (
        flat[0] == flat[1] and (flat[0] or _slider(old.size) == _slider(new.size))
    )


def _slider(size: Czt) -> str:
    return "z" if size.z > 1 else "t" if size.t > 1 else ""


def named(part: Mapping[str, T]) -> dict[str, T]:
    """Return components in the order in which slices name them."""
    order = ["channel", "t", "z"]
    return {
        name: part[name]
        for name in (*(name for name in part if name not in order), *order)
        if name in part
    }
