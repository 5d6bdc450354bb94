"""One group of planes: what a layer or a hyperstack shows, by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from math import prod
from typing import Any, Final, Generic, TypeVar

import numpy as np

from streaming_core.errors import InvalidImage
from streaming_core.protocol.components import GroupKey, Value, Values
from streaming_core.protocol.messages import Image

P = TypeVar("P")

MOST_GROUPS: Final = 4096
"""Groups that a viewer holds: a layer or window each, of which nobody can use so many."""

MOST_NAMED: Final = 1000
"""Holes that ``state()`` names: a grid that few images span can have millions."""


@dataclass(frozen=True, slots=True)
class Put(Generic[P]):
    """What one plane changed.

    Attributes
    ----------
    group
        Where it went.
    place
        Its values in the order of ``group.names``.
    grew
        Names of the components that got a new value by it.
    replaced
        What stood there before, or None.
    outdated
        A newer run has filled the place, or a person has painted it: nothing was changed.
    """

    group: Group[P]
    place: tuple[Value, ...]
    grew: tuple[str, ...]
    replaced: P | None
    outdated: bool = False


@dataclass(slots=True)
class Group(Generic[P]):
    """The planes of one group. ``P`` is what the viewer keeps of a plane.

    Attributes
    ----------
    names
        The stacked components, in the order of the group's axes.
    values
        For each name its values in order.
    planes
        What is kept, by the tuple of values in the order of ``names``.
    latest
        The image that brought the newest plane of the newest run: its scale, units, colormap
        and so on.
    ages
        Run -> its number in the order in which the viewer first saw them.
    runs
        Place -> the run of the plane there.
    origins
        Place -> where its first pixel is, (y, x) as sent; for images that came with an origin.
    edited
        Places whose plane a person has painted: what arrives no longer changes them.
    released
        How many planes were let go of to make room.
    """

    key: GroupKey
    latest: Image
    names: tuple[str, ...]
    values: dict[str, Values]
    ages: dict[str, int] = field(default_factory=dict)
    planes: dict[tuple[Value, ...], P] = field(default_factory=dict)
    runs: dict[tuple[Value, ...], str] = field(default_factory=dict)
    origins: dict[tuple[Value, ...], tuple[float, float]] = field(default_factory=dict)
    edited: set[tuple[Value, ...]] = field(default_factory=set)
    released: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the stacked axes, then the plane's shape."""
        return (*(len(self.values[name]) for name in self.names), *self.key.plane)

    @property
    def plane_bytes(self) -> int:
        """Bytes of one plane as it was sent."""
        return prod(self.key.plane) * np.dtype(self.key.dtype).itemsize

    def put(self, image: Image, inside: Mapping[str, Value], pixels: P) -> Put[P]:
        """Put a plane at its place, a new value making its axis longer.

        A plane that comes late never replaces one of a newer run, and none replaces what a
        person has painted.
        """
        place = tuple(inside[name] for name in self.names)
        age = self.ages.setdefault(image.run, len(self.ages))
        late = place in self.runs and age < self.ages[self.runs[place]]
        if late or place in self.edited:
            return Put(self, place, (), None, outdated=True)
        grew = tuple(name for name in self.names if self.values[name].add(inside[name]) is not None)
        replaced = self.planes.get(place)
        self.planes[place] = pixels
        self.runs[place] = image.run
        if "Y" in image.origin or "X" in image.origin:
            self.origins[place] = image.origin.get("Y", 0.0), image.origin.get("X", 0.0)
        else:
            self.origins.pop(place, None)
        if age >= self.ages.setdefault(self.latest.run, age):
            self.latest = image
        return Put(self, place, grew, replaced)

    def take(
        self, other: Group[P], there: tuple[Value, ...], here: tuple[Value, ...]
    ) -> None:  # fmt: skip
        """Take over a plane of another group with all that is known of it; for regrouping."""
        for name, value in zip(self.names, here, strict=True):
            self.values[name].add(value)
        self.planes[here] = other.planes[there]
        self.runs[here] = other.runs[there]
        if there in other.origins:
            self.origins[here] = other.origins[there]
        if there in other.edited:
            self.edited.add(here)

    def edit(self, place: tuple[Value, ...], pixels: P) -> None:
        """Put a person's plane at a place, where it stays until the group is cleared."""
        for name, value in zip(self.names, place, strict=True):
            self.values[name].add(value)
        self.planes[place] = pixels
        self.runs.setdefault(place, self.latest.run)
        self.edited.add(place)

    def state(self, expected: Mapping[str, Sequence[Value]] | None = None) -> dict[str, Any]:
        """The group's entry in ``state()["groups"]``; places that are expected are missing too."""
        grid = [self.span(expected or {}, name) for name in self.names]
        holes = prod(map(len, grid)) - len(self.planes)
        empty = (place for place in product(*grid) if place not in self.planes)
        missing = list(islice(empty, MOST_NAMED)) if holes else []
        newest = self.latest.run
        letters = "YXS" if self.key.rgb else "YX"
        split = {name: [value] for name, value in self.key.split}
        return {
            "name": self.latest.name or self.key.title() or self.key.kind,
            "source": self.key.source,
            "kind": self.key.kind,
            "run": newest,
            "axes": [*self.names, *letters],
            "shape": list(self.shape),
            "dtype": np.dtype(self.key.dtype).name,
            "components": split | {name: list(self.values[name]) for name in self.names},
            "planes": len(self.planes),
            "old": sum(run != newest for run in self.runs.values()),
            "edited": len(self.edited),
            "holes": holes,
            "released": self.released,
            "missing": [dict(zip(self.names, place, strict=True)) for place in missing],
            "bytes": len(self.planes) * self.plane_bytes,
        }

    def span(self, expected: Mapping[str, Sequence[Value]], name: str) -> Sequence[Value]:
        """Return the values of a component with those that are expected, in order.

        Names stand in the order in which they are expected, whatever has come of them.
        """
        values = self.values[name]
        if not expected.get(name):
            return values
        both = Values(name)
        for value in (*expected[name], *values):
            both.add(value)
        return both


def check_room(groups: int) -> None:
    """Raise InvalidImage if a viewer has too many groups for another one."""
    if groups >= MOST_GROUPS:
        raise InvalidImage(
            f"the viewer holds {groups} groups already, each a layer or window of its own; give "
            "images that belong together one source and name, and tell them apart by components"
        )
