"""Where planes stand in an ImageJ hyperstack, and what moves when it grows. No Java here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from streaming_core.protocol.components import Components, Value, describe


class Czt(NamedTuple):
    """A position in a hyperstack, or its size: channel, slice and frame. Positions count from 0."""

    c: int
    z: int
    t: int

    @property
    def from_one(self) -> tuple[int, int, int]:
        """The position as ImageJ counts."""
        return self.c + 1, self.z + 1, self.t + 1


class Run(NamedTuple):
    """``length`` planes that stay neighbours when a hyperstack grows: where from, where to."""

    source: int
    target: int
    length: int


@dataclass(frozen=True)
class Grid:
    """The values that a group had at one moment, laid out as C, Z and frames.

    Component ``channel`` is C and ``z`` is Z. All others fold onto frames, ``t`` changing
    fastest: a plate of 2 wells with 3 time points has 6 frames, the first well's first.

    Attributes
    ----------
    names
        The group's stacked components in their order, as in a `Catalog` group.
    values
        For each name its values in order.
    """

    names: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]

    @classmethod
    def of(cls, names: Sequence[str], values: Mapping[str, Sequence[Value]]) -> Grid:
        """Take down the present values of a group."""
        return cls(tuple(names), tuple(tuple(values[name]) for name in names))

    @cached_property
    def _at(self) -> dict[str, tuple[Value, ...]]:
        return dict(zip(self.names, self.values, strict=True))

    @cached_property
    def _index(self) -> dict[str, dict[Value, int]]:
        return {
            name: dict(zip(values, range(len(values)), strict=True))
            for name, values in self._at.items()
        }

    @cached_property
    def folded(self) -> tuple[str, ...]:
        """The components that make up the frames, slowest first."""
        return tuple(name for name in self.names if name not in ("channel", "z"))

    @property
    def channel_values(self) -> tuple[Value | None, ...]:
        """The values of component ``channel``; a single None where there is none."""
        return self._at.get("channel", (None,))

    @cached_property
    def size(self) -> Czt:
        """Numbers of channels, slices and frames; at least 1 each."""
        return Czt(
            len(self._at.get("channel", (0,))),
            len(self._at.get("z", (0,))),
            prod(len(self._at[name]) for name in self.folded),
        )

    def length(self, name: str) -> int:
        """How many values a component has."""
        return len(self._at[name])

    def where(self, name: str, value: Value) -> int | None:
        """Return where among its values a component's value stands, None if it is not there."""
        return self._index[name].get(value)

    @property
    def planes(self) -> int:
        """How many places there are."""
        return prod(self.size)

    def has(self, place: Sequence[Value]) -> bool:
        """Whether there is room for this place; it is in the order of `names`."""
        pairs = zip(self.names, place, strict=True)
        return all(value in self._index[name] for name, value in pairs)

    def position(self, place: Sequence[Value]) -> Czt:
        """Where the plane at this place stands; the place is in the order of `names`."""
        index = {
            name: self._index[name][value] for name, value in zip(self.names, place, strict=True)
        }
        frame = 0
        for name in self.folded:
            frame = frame * len(self._at[name]) + index[name]
        return Czt(index.get("channel", 0), index.get("z", 0), frame)

    def find(self, place: Sequence[Value]) -> Czt | None:
        """Return where a place stands, None if one of its values is not there."""
        known = all(
            value in self._index[name] for name, value in zip(self.names, place, strict=True)
        )
        return self.position(place) if known else None

    def index(self, position: Czt) -> int:
        """Index in the stack, from 0: channels change fastest, frames slowest."""
        return (position.t * self.size.z + position.z) * self.size.c + position.c

    def czt(self, index: int) -> Czt:
        """Return the position of an index: the inverse of `index`."""
        rest, c = divmod(index, self.size.c)
        t, z = divmod(rest, self.size.z)
        return Czt(c, z, t)

    def place(self, position: Czt) -> tuple[Value, ...]:
        """Return the component values at a position, in the order of `names`."""
        at: dict[str, Value] = {}
        frame = position.t
        for name in reversed(self.folded):
            frame, at[name] = _pick(self._at[name], frame)
        for name, index in (("channel", position.c), ("z", position.z)):
            if name in self._at:
                at[name] = self._at[name][index]
        return tuple(at[name] for name in self.names)

    def focus(
        self, components: Components, here: Sequence[Value], *, opened: bool = False
    ) -> tuple[Value, ...]:
        """Return the place at which a person wants to see an image that has come.

        Channels are seen together, or one is chosen: that stays.

        Parameters
        ----------
        components
            Of the image. Along its own axes (z of a ``ZYX`` array) all planes are equally new:
            what is looked at is kept there if the image reaches it, else its middle is taken.
        here
            The place that is looked at, in the order of `names`.
        opened
            Nothing is looked at yet: the middle is taken.
        """
        place: list[Value] = []
        for name, at in zip(self.names, here, strict=True):
            given = components.get(name, at)
            if name == "channel":
                place.append(at)
            elif isinstance(given, tuple | list) and at in given and not opened:
                place.append(at)
            elif isinstance(given, tuple | list):
                order = sorted(given, key=self._index[name].__getitem__)
                place.append(order[len(given) // 2])
            else:
                place.append(cast("Value", given))
        return tuple(place)

    def nearest(self, wish: Mapping[str, Value], place: Sequence[Value]) -> tuple[Value, ...]:
        """Return a place with the values of a wish where there are such, the others stay."""
        return tuple(
            wish[name] if wish.get(name) in self._index[name] else value
            for name, value in zip(self.names, place, strict=True)
        )

    def label(self, place: Sequence[Value]) -> str:
        """Text of a slice: "well B03 · channel DAPI · z 4"."""
        return describe(tuple(zip(self.names, place, strict=True)))

    def moves(self, larger: Grid) -> NDArray[np.intp]:
        """Give for each index here the index there, where new values may stand in between."""
        to = {name: self._moves(larger, name) for name in self.names}
        frame = np.zeros(1, np.intp)
        for name in self.folded:
            frame = (frame[:, None] * len(larger._at[name]) + to[name][None, :]).ravel()
        z = to.get("z", np.zeros(1, np.intp))
        c = to.get("channel", np.zeros(1, np.intp))
        rows = frame[:, None] * larger.size.z + z[None, :]
        return (rows[:, :, None] * larger.size.c + c).ravel()

    def _moves(self, larger: Grid, name: str) -> NDArray[np.intp]:
        values = self._at[name]
        if larger._at[name][: len(values)] == values:  # most streams come in order
            return np.arange(len(values))
        return np.array([larger._index[name][value] for value in values], np.intp)

    def channels(self, larger: Grid) -> tuple[int, ...]:
        """Give for each channel here its index there."""
        if "channel" not in self._at:
            return (0,)
        return tuple(larger._index["channel"][value] for value in self._at["channel"])


def _pick(values: tuple[Value, ...], number: int) -> tuple[int, Value]:
    rest, index = divmod(number, len(values))
    return rest, values[index]


@dataclass(frozen=True)
class Growth:
    """What changes when a hyperstack takes in new values.

    Only references move: no pixel is copied.

    Attributes
    ----------
    runs
        Planes that move together.
    fresh
        Indices that had no place before.
    """

    runs: tuple[Run, ...]
    fresh: NDArray[np.intp]


def plan(old: Grid, new: Grid) -> Growth:
    """Plan the growth of a hyperstack from one grid to a larger one."""
    moves = old.moves(new)
    starts = np.flatnonzero(np.diff(moves, prepend=-2) != 1)
    ends = np.append(starts, len(moves))[1:]
    runs = tuple(
        Run(int(start), int(moves[start]), int(end - start))
        for start, end in zip(starts, ends, strict=True)
    )
    taken = np.zeros(new.planes, bool)
    taken[moves] = True
    return Growth(runs, np.flatnonzero(~taken))
