"""Components, places and the grouping rule, shared by every viewer kind."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any, Final, SupportsIndex, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import InvalidComponents
from streaming_core.protocol.axes import AXIS_COMPONENT, leading_axes

Value: TypeAlias = str | int | float
"""A coordinate of an image. 1 and 1.0 are one place, "1" is another."""

Components: TypeAlias = Mapping[
    str, Value | np.generic | Sequence[Value] | Sequence[np.generic] | NDArray[Any]
]
"""Component name -> value, or a sequence of values where the array has the axis."""

Place: TypeAlias = tuple[tuple[str, Value], ...]
"""Where one plane belongs: (name, value) pairs in the order of the names."""

NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
LONGEST_NAME: Final = 64
LONGEST_VALUE: Final = 256
MOST_COMPONENTS: Final = 32
MOST_PLANES: Final = 1 << 17
"""Planes of one array: each takes a viewer microseconds and an entry, however small it is."""

RIGHT_WORDS: Final[Mapping[str, str]] = {
    "c": "channel", "C": "channel", "ch": "channel", "Channel": "channel",
    "Z": "z", "T": "t", "time": "t", "timepoint": "t", "Well": "well", "Site": "site",
}  # fmt: skip
TAKEN: Final[Mapping[str, str]] = {
    "x": "X and Y are the axes of a plane: use origin= for its position",
    "y": "X and Y are the axes of a plane: use origin= for its position",
    "source": "use the keyword source=",
    "kind": "use the keyword kind=",
}


class Mode(StrEnum):
    """What a component does in a viewer: become an axis, or layers of their own."""

    STACK = "stack"
    SPLIT = "split"


def check_components(
    components: Components | None, axes: str, shape: Sequence[int]
) -> dict[str, Value | tuple[Value, ...]]:
    """Return the components as plain Python values, complete for the array's axes.

    Parameters
    ----------
    components
        As given by the caller; numpy scalars and arrays of them are converted.
    axes, shape
        Of the array. For an axis T, C or Z the component ``t``, ``channel`` or ``z`` is a
        sequence of that length; where it is missing, 0 to n - 1 is taken.

    Raises
    ------
    InvalidComponents
        Naming the component and what to write instead.
    """
    if components is None:
        components = {}
    if type(components) is not dict and not isinstance(components, Mapping):
        raise InvalidComponents(
            f"components= is a mapping such as {{'well': 'B03'}}, not {type(components).__name__}"
        )
    if len(components) > MOST_COMPONENTS:
        raise InvalidComponents(f"{len(components)} components; at most {MOST_COMPONENTS}")
    leading = leading_axes(axes)
    checked: dict[str, Value | tuple[Value, ...]] = {}
    if not leading:  # one plane, as nearly all are
        for name, value in components.items():
            if name not in _good:
                check_name(name)
            checked[name] = check_value(name, value)
        return checked
    lengths = dict(zip(leading, shape, strict=False))
    if math.prod(lengths.values()) > MOST_PLANES:  # also before ranges of that length are made
        raise InvalidComponents(f"{tuple(shape)} {axes}: at most {MOST_PLANES} planes in one array")
    sequences = {AXIS_COMPONENT[axis]: (axis, lengths[axis]) for axis in lengths}
    for name, value in components.items():
        check_name(name)
        if name in sequences:
            axis, length = sequences[name]
            checked[name] = _sequence(name, value, axis, length)
        else:
            checked[name] = check_value(name, value)
    for name, (_, length) in sequences.items():
        checked.setdefault(name, tuple(range(length)))
    return checked


def check_expected(components: object) -> dict[str, tuple[Value, ...]]:
    """Return component -> the values to come; a number n stands for 0 to n - 1.

    Raises
    ------
    InvalidComponents
        Naming the component and what to write instead.
    """
    if not isinstance(components, Mapping) or not components:
        raise InvalidComponents("say what is to come, such as {'channel': ['DAPI'], 'z': 50}")
    if len(components) > MOST_COMPONENTS:
        raise InvalidComponents(f"{len(components)} components; at most {MOST_COMPONENTS}")
    checked: dict[str, tuple[Value, ...]] = {}
    left = MOST_PLANES
    for name, given in components.items():
        check_name(name)
        if isinstance(given, int | np.integer) and not isinstance(given, bool):
            count = int(given)
            values: Iterable[object] = range(min(count, left + 1))
        elif isinstance(given, list | tuple | range | np.ndarray):
            count, values = len(given), given[: left + 1]
        else:
            raise InvalidComponents(f"{name}={given!r}: give its values, or how many there are")
        if count < 1:
            raise InvalidComponents(f"{name}={given!r}: nothing to expect")
        left -= count
        if left < 0:
            raise InvalidComponents(f"more than {MOST_PLANES} values to expect")
        checked[name] = tuple(dict.fromkeys(check_value(name, value) for value in values))
    return checked


_NUMPY: Final = (np.generic, np.ndarray)
MOST_GOOD: Final = 1000
_good: set[str] = set()
# Names that were found good: a program uses few, again and again.


def check_name(name: object) -> None:
    """Raise InvalidComponents unless this is a name that a component may have."""
    if isinstance(name, str):
        if name in _good:
            return
        if name in RIGHT_WORDS:
            raise InvalidComponents(f"component {name!r}: the word here is {RIGHT_WORDS[name]!r}")
        if name.lower() in TAKEN:
            raise InvalidComponents(f"component {name!r}: {TAKEN[name.lower()]}")
        if NAME.fullmatch(name) and len(name) <= LONGEST_NAME:
            if len(_good) < MOST_GOOD:
                _good.add(name)
            return
    raise InvalidComponents(
        f"component name {name!r}: use small letters, digits and _, a letter first, "
        f"at most {LONGEST_NAME} characters"
    )


def check_value(name: str, value: object) -> Value:
    """Return the value as str, int or float, or raise InvalidComponents."""
    if type(value) is str and 0 < len(value) <= LONGEST_VALUE and value.isprintable():
        return value  # nearly all; isprintable() refuses NUL and lone surrogates
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    if isinstance(value, _NUMPY) and np.ndim(value) == 0:
        value = value.item()
    if isinstance(value, bool) or value is None:
        what = "None" if value is None else "a bool"
        raise InvalidComponents(f"component {name!r} is {what}; use a str, an int or a float")
    if isinstance(value, str):
        if not 0 < len(value) <= LONGEST_VALUE:
            raise InvalidComponents(
                f"component {name!r}: a text of 1 to {LONGEST_VALUE} characters, not {len(value)}"
            )
        if "\0" in value or any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
            raise InvalidComponents(f"component {name!r}: {value!r} is not printable text")
        return str(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise InvalidComponents(f"component {name!r}: {value} does not fit 64 bits")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidComponents(f"component {name!r} is {value}; use a finite number")
        return float(value)
    if isinstance(value, list | tuple | range | np.ndarray):
        hint = next((axis for axis, word in AXIS_COMPONENT.items() if word == name), None)
        what = (
            f"the array has no axis {hint}: give one value, or axes= with {hint}"
            if hint
            else "give one value per image"
        )
        raise InvalidComponents(f"component {name!r} is a sequence; {what}")
    raise InvalidComponents(
        f"component {name!r} is a {type(value).__name__}; use a str, an int or a float"
    )


def _sequence(name: str, value: object, axis: str, length: int) -> tuple[Value, ...]:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise InvalidComponents(
            f"component {name!r}: the array has an axis {axis} of length {length}, so give "
            f"{length} values, not the single {value!r}"
        )
    if isinstance(value, AbstractSet):
        raise InvalidComponents(
            f"component {name!r} is a set, which has no order: give a list, such as "
            f"{sorted(value, key=str)!r:.80}"
        )
    values = tuple(check_value(name, item) for item in cast("Sequence[object]", value))
    if len(values) != length:
        raise InvalidComponents(
            f"component {name!r} has {len(values)} values, axis {axis} has length {length}"
        )
    if len(set(values)) != len(values):
        raise InvalidComponents(f"component {name!r} names a value twice")
    return values


def planes(
    axes: str, shape: Sequence[int], components: Components
) -> Iterator[tuple[Place, tuple[int, ...]]]:
    """Yield each plane of an array: its place, and the index that cuts it out.

    Components must have passed `check_components`, or come from a message that did.
    """
    leading = leading_axes(axes)
    swept = [AXIS_COMPONENT[axis] for axis in leading]
    names = sorted(components)
    for index in product(*(range(length) for length in shape[: len(leading)])):
        at = dict(zip(swept, index, strict=True))
        yield (
            tuple(
                (name, cast("Sequence[Value]", components[name])[at[name]])
                if name in at
                else (name, cast("Value", components[name]))
                for name in names
            ),
            index,
        )


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What images of one group have in common. One group is one layer or hyperstack.

    Attributes
    ----------
    source, kind, dtype
        As sent; dtype as numpy's string, e.g. "<u2".
    plane
        Shape of a plane: (Y, X), or (Y, X, S) for RGB.
    stacked
        Names of the components that are axes of the group, sorted.
    split
        Names and values of the components that set this group apart, sorted by name.
    """

    source: str
    kind: str
    dtype: str
    plane: tuple[int, ...]
    stacked: tuple[str, ...]
    split: Place

    @property
    def rgb(self) -> bool:
        """Whether planes have RGB samples as their last axis."""
        return len(self.plane) == 3

    def title(self, kinds: bool = True) -> str:
        """A short name for a person: "deconvolved · DAPI"."""
        words = [self.source, *(str(value) for _, value in self.split)]
        if kinds and self.kind != "image":
            words.append(self.kind)
        return " · ".join(word for word in words if word)


def group_of(
    place: Place, *, source: str, kind: str, dtype: str, plane: Sequence[int], split: frozenset[str]
) -> tuple[GroupKey, Place]:
    """Return the group of a plane, and its place inside the group.

    Parameters
    ----------
    place
        All components of the plane.
    split
        Names of the components whose mode is `Mode.SPLIT`.
    """
    apart = tuple(pair for pair in place if pair[0] in split)
    inside = tuple(pair for pair in place if pair[0] not in split)
    stacked = tuple(name for name, _ in inside)
    return GroupKey(source, kind, dtype, tuple(plane), stacked, apart), inside


WELL: Final = re.compile(r"([A-Za-z]{1,2})0*(\d{1,4})")


def _well_key(value: Value) -> tuple[int, str, int] | None:
    match = WELL.fullmatch(value) if isinstance(value, str) else None
    return (len(match[1]), match[1].upper(), int(match[2])) if match else None


@dataclass(slots=True)
class Values(Sequence[Value]):
    """The values of one component in the order a person expects.

    Numbers stand by value, wells by row and column ("A2" before "A10" before "B1"), other
    names in order of arrival. Numbers come before names where both occur.
    """

    name: str
    items: list[Value] = field(default_factory=list)
    _arrival: dict[Value, int] = field(default_factory=dict)
    _keys: list[Any] = field(default_factory=list)

    def add(self, value: Value) -> int | None:
        """Insert a value; return its index, or None if it was there already."""
        if value in self._arrival:
            return None
        self._arrival[value] = len(self._arrival)
        key = self._key(value)
        at = bisect_left(self._keys, key)
        self.items.insert(at, value)
        self._keys.insert(at, key)
        return at

    def _key(self, value: Value) -> tuple[Any, ...]:
        if not isinstance(value, str):
            return (0, value)
        well = _well_key(value) if self.name == "well" else None
        return (1, *well, value) if well else (2, self._arrival[value])

    def position(self, value: Value) -> int:
        """Index of a value; KeyError if it is not there."""
        if value not in self._arrival:
            raise KeyError(value)
        return bisect_left(self._keys, self._key(value))  # keys are in order, and no two are alike

    def __contains__(self, value: object) -> bool:
        return value in self._arrival

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Value]:
        return iter(self.items)  # a Sequence would ask for one after the other

    def __getitem__(self, index: Any) -> Any:
        return self.items[cast("SupportsIndex", index)]


def describe(place: Place | Components, *, separator: str = " · ") -> str:
    """Say a place in words: "well B03 · channel DAPI · z 4"."""
    pairs = place.items() if isinstance(place, Mapping) else place
    return separator.join([f"{name} {_say(value)}" for name, value in pairs])


def _say(value: object) -> str:
    if isinstance(value, str | int | float) or not isinstance(value, Sequence):
        return str(value)
    if len(value) <= 3:
        return ", ".join(str(item) for item in value)
    return f"{value[0]} to {value[-1]} ({len(value)})"


def stack_order(names: Sequence[str]) -> list[str]:
    """Order of stacked axes: names as they arrived, then channel, t and z, z last.

    Viewers put the axis that changes most often last, beside Y and X.
    """
    last = ["channel", "t", "z"]
    return [name for name in names if name not in last] + [name for name in last if name in names]
