"""Which layer and index an image goes to: shared axes, names of layers. Pure, without napari."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from streaming_core.protocol.components import GroupKey, Value, Values, stack_order
from streaming_core.protocol.messages import Image

SPLIT: Final = frozenset({"channel"})
"""Components that get layers of their own unless the user arranges them otherwise."""

LETTER: Final[Mapping[str, str]] = {"t": "T", "z": "Z"}
"""The key in ``scale`` that a component's step stands under."""


class Spanned(Protocol):
    """What stands on axes: a group of planes, or of marks."""

    @property
    def names(self) -> tuple[str, ...]:
        """The axes that it has."""
        ...

    @property
    def values(self) -> Mapping[str, Values]:
        """For each its values in order."""
        ...


@dataclass(frozen=True, slots=True)
class Axes:
    """The stacked axes that all layers of a viewer share, so that a slider means one thing.

    Frozen are names and their order: `with_names` returns another object, which shares values
    and measures, and these grow in place. A reader in another thread that still holds the old one
    therefore sees names and array dimensions that fit each other.

    Attributes
    ----------
    names
        Of the stacked components, in the order of the dimensions.
    values
        For each name its values in order. They grow in place.
    steps
        Distance of two indices in world coordinates, for the names that have one.
    starts
        World coordinate of the first index, for the names that have one.
    """

    names: tuple[str, ...] = ()
    values: dict[str, Values] = field(default_factory=dict)
    steps: dict[str, float] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, groups: Iterable[Spanned], known: Axes | None = None) -> Axes:
        """Return the axes that groups need, with the values that they have and known measures."""
        axes, known = cls(), known or cls()
        for group in groups:
            axes = axes.with_names(group.names)
            for name in group.names:
                for value in group.values[name]:
                    axes.values[name].add(value)
        for mine, theirs in ((axes.steps, known.steps), (axes.starts, known.starts)):
            mine.update((name, number) for name, number in theirs.items() if name in axes.values)
        return axes

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(len(self.values[name]) for name in self.names)

    def with_names(self, names: Sequence[str]) -> Axes:
        """Return axes that have these names too: the same object if it has them already."""
        new = [name for name in dict.fromkeys(names) if name not in self.values]
        if not new:
            return self
        values = self.values | {name: Values(name) for name in new}
        return Axes(tuple(stack_order([*self.names, *new])), values, self.steps, self.starts)

    def expecting(self, components: Mapping[str, Iterable[Value]]) -> Axes:
        """Return axes that have these names and values too."""
        axes = self.with_names(list(components))
        for name, values in components.items():
            for value in values:
                axes.values[name].add(value)
        return axes

    def among(self, groups: Iterable[Spanned], order: Iterable[str] = ()) -> Axes:
        """Return the axes that groups need after regrouping; values that are known stay.

        Parameters
        ----------
        order
            Of the names that were sliders before: one that comes back stands where it stood.
        """
        groups = list(groups)
        names = list(dict.fromkeys(name for group in groups for name in group.names))
        known = [name for name in (*order, *self.names) if name in names]
        axes = Axes(steps=self.steps, starts=self.starts).with_names([*known, *names])
        for name in names:
            if name in self.values:
                axes.values[name] = self.values[name]
            else:
                for group in groups:
                    for value in group.values.get(name, ()):
                        axes.values[name].add(value)
        return axes

    def new_steps(self, scale: Mapping[str, float], factor: float = 1.0) -> dict[str, float]:
        """Return the steps of t and z that an image's ``scale`` names and that are not known.

        The first image that names a step decides, because one slider serves all layers. A
        step is rounded to 24 bits: products with an index are then exact, and napari, which
        divides the product by the step again and cuts off, keeps the last index. With 0.3
        it loses the 32nd.

        Parameters
        ----------
        factor
            From the image's unit of space to the viewer's; time is in seconds always.
        """
        return {
            name: float(np.float32(scale[letter] * (1.0 if name == "t" else factor)))
            for name, letter in LETTER.items()
            if letter in scale and name not in self.steps
        }

    def new_starts(self, origin: Mapping[str, float], factor: float = 1.0) -> dict[str, float]:
        """Return where t and z start, as far as an image's ``origin`` says it first.

        Rounded as steps are, so that napari finds each index again.
        """
        return {
            name: float(np.float32(origin[letter] * (1.0 if name == "t" else factor)))
            for name, letter in LETTER.items()
            if letter in origin and name not in self.starts
        }

    def measure(self, steps: Mapping[str, float], starts: Mapping[str, float]) -> None:
        """Take in new measures: they hold for all axes that share these values."""
        self.steps.update(steps)
        self.starts.update(starts)

    def start(self, name: str) -> float:
        """World coordinate of the first index of an axis."""
        return self.starts.get(name, 0.0)

    def step(self, name: str) -> float:
        """Distance of two indices of an axis in world coordinates."""
        return self.steps.get(name, 1.0)

    def index(self, name: str, world: float) -> int:
        """Return the index on an axis at a world coordinate; it may be beyond the ends."""
        return round((world - self.start(name)) / self.step(name))

    def world(self, name: str, value: Value) -> float:
        """Return the world coordinate of a value on an axis."""
        return self.start(name) + self.values[name].position(value) * self.step(name)

    def place(self, indices: Sequence[int]) -> dict[str, Value]:
        """Return the values at an index of every axis; indices beyond the end are cut."""
        place: dict[str, Value] = {}
        for name, index in zip(self.names, indices, strict=True):
            values = self.values[name]
            if values:
                place[name] = values[min(max(index, 0), len(values) - 1)]
        return place


def focus(axes: Axes, image: Image, shown: Mapping[str, Value]) -> dict[str, Value]:
    """Return the place at which a person wants to see an image.

    Parameters
    ----------
    axes
        Of the viewer, with the image's values in them.
    image
        What arrived. Along its own axes (z of a ``ZYX`` array) all planes are equally new.
    shown
        Where the sliders stand: kept along the image's own axes if the image reaches there,
        else the middle of them is taken.
    """
    place: dict[str, Value] = {}
    for name, given in image.components.items():
        if name not in axes.values:
            continue
        if not isinstance(given, tuple | list):
            place[name] = given
        elif shown.get(name) in given:
            place[name] = shown[name]
        elif given:  # marks without a row have no z or t
            place[name] = sorted(given, key=axes.values[name].position)[len(given) // 2]
    return place


def layer_title(image: Image, key: GroupKey, taken: Collection[str]) -> str:
    """Return a name for a group's layer that no other layer has.

    The image's name or source, and the split values ("deconvolved · DAPI"); where that is
    taken, what sets the groups apart follows: dtype, then size, then the axes.
    """
    title = image.name or key.source
    # Numbers say nothing alone: "channel 1", but "DAPI".
    apart = [value if isinstance(value, str) else f"{name} {value}" for name, value in key.split]
    kind = [key.kind] if key.kind != "image" or not (title or apart) else []
    title = " · ".join(word for word in [title, *apart, *kind] if word)
    size = "×".join(str(length) for length in key.plane[:2])
    for addition in (np.dtype(key.dtype).name, size, " ".join(key.stacked)):
        if title not in taken:
            break
        if addition:
            title = f"{title} · {addition}"
    number, numbered = 2, title
    while numbered in taken:
        numbered = f"{title} ({number})"
        number += 1
    return numbered
