"""What a viewer holds: groups of planes by place. Every viewer kind keeps one catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from math import prod
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import InvalidComponents, RequestFailed
from streaming_core.protocol.axes import plane_shape
from streaming_core.protocol.components import (
    MOST_COMPONENTS,
    MOST_PLANES,
    Components,
    GroupKey,
    Value,
    Values,
    check_value,
    describe,
    group_of,
    planes,
    stack_order,
)
from streaming_core.protocol.messages import Image
from streaming_core.protocol.recent import Recent

P = TypeVar("P")

MOST_NAMED: Final = 1000
"""Holes that ``state()`` names: a grid that few images span can have millions."""

MOST_TOLD: Final = 20
"""Groups that the text of an error names."""

MOST_EMPTY: Final = 256 << 20
"""Bytes up to which ``read()`` fills any grid; larger ones at most a quarter held, three empty."""


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
        grid = [self._with(expected or {}, name) for name in self.names]
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

    def _with(self, expected: Mapping[str, Sequence[Value]], name: str) -> Sequence[Value]:
        """Return the values of a component with those that are expected, in order."""
        values = self.values[name]
        if not any(value not in values for value in expected.get(name, ())):
            return values
        both = Values(name)
        for value in (*expected[name], *values):
            both.add(value)
        return both


class Catalog(Generic[P]):
    """All groups of a viewer.

    Parameters
    ----------
    split
        Names of the components that set groups apart instead of becoming an axis.

    Attributes
    ----------
    expected
        Component -> values that were announced.
    """

    def __init__(self, split: frozenset[str] = frozenset()) -> None:
        self.split = split
        self.groups: dict[GroupKey, Group[P]] = {}
        self.expected: dict[str, tuple[Value, ...]] = {}
        self._ages: dict[str, int] = {}
        self.recent = Recent()

    def locate(self, image: Image) -> Iterator[tuple[GroupKey, dict[str, Value], tuple[int, ...]]]:
        """Yield group, place inside it, and index in the array, for each plane of an image."""
        plane = plane_shape(image.axes, image.shape)
        for place, index in planes(image.axes, image.shape, image.components):
            key, inside = group_of(
                place,
                source=image.source,
                kind=image.kind,
                dtype=image.dtype,
                plane=plane,
                split=self.split,
            )
            yield key, dict(inside), index

    def now(
        self, key: GroupKey, inside: Mapping[str, Value]
    ) -> tuple[GroupKey, Mapping[str, Value]]:
        """Return where a plane belongs that was located before the grouping changed."""
        split = self.split
        if split.isdisjoint(inside) and all(name in split for name, _ in key.split):
            return key, inside
        pairs = tuple(sorted([*key.split, *inside.items()]))
        key, place = group_of(
            pairs, source=key.source, kind=key.kind, dtype=key.dtype, plane=key.plane, split=split
        )
        return key, dict(place)

    def put(self, image: Image, key: GroupKey, inside: Mapping[str, Value], pixels: P) -> Put[P]:
        """Put one plane of an image, making its group if it is the first."""
        group = self.groups.get(key)
        if group is None:
            names = tuple(stack_order([name for name in image.components if name in inside]))
            values = {name: Values(name) for name in names}
            group = Group(key, image, names, values, self._ages)
            self.groups[key] = group
        if image.keep:
            self.recent.note(image, pixels)
        return group.put(image, inside, pixels)

    def clear(self, source: str | None = None) -> list[Group[P]]:
        """Forget the groups of a source, or all and what was expected; return the groups."""
        gone = [group for key, group in self.groups.items() if source in (None, key.source)]
        for group in gone:
            del self.groups[group.key]
            self.recent.forget(group.key.source)
        if source is None:
            self.expected = {}
        return gone

    def state(self) -> list[dict[str, Any]]:
        """``state()["groups"]``."""
        return [group.state(self.expected) for group in self.groups.values()]

    def expect(self, components: Mapping[str, Sequence[Value]]) -> None:
        """Note values that are to come, as `check_expected` returns them.

        Raises
        ------
        InvalidComponents
            When it is too much together; nothing has changed then.
        """
        known = dict(self.expected)
        for name, values in components.items():
            known[name] = tuple(dict.fromkeys((*known.get(name, ()), *values)))
        if len(known) > MOST_COMPONENTS or sum(map(len, known.values())) > MOST_PLANES:
            raise InvalidComponents(
                f"at most {MOST_COMPONENTS} components with {MOST_PLANES} values are expected"
            )
        self.expected = known

    def find(
        self, source: str | None, kind: str, components: Components
    ) -> tuple[Group[P], dict[str, Value]]:
        """Return the one group that these words mean, and the stacked components they fix.

        Raises
        ------
        RequestFailed
            When no group, or more than one, fits; the text says what there is.
        """
        wanted = {name: check_value(name, value) for name, value in components.items()}
        fits = fitting(self.groups.values(), source, kind, wanted)
        if len(fits) == 1:
            return fits[0]
        asked = kind if source is None else f"{kind} of source {source!r}"
        asked += f" at {describe(wanted)}" if wanted else ""
        if not fits:
            have = _list(list(self.groups.values())) or "nothing"
            raise RequestFailed(f"no {asked}; here is: {have}")
        names = _list([group for group, _ in fits])
        raise RequestFailed(f"{asked} fits {len(fits)} groups: {names}; say source= or components=")

    def read(
        self,
        arguments: Mapping[str, Any],
        pixels: Callable[[P], NDArray[Any]],
    ) -> tuple[dict[str, Any], NDArray[Any]]:
        """Carry out the request ``read``.

        Parameters
        ----------
        arguments
            ``source`` (None for any), ``kind``, ``components`` and ``missing``, "zeros" or
            "raise".
        pixels
            Turns what is kept of a plane into an array of the group's dtype.

        Returns
        -------
        result, array
            ``result["axes"]`` names the array's axes: the stacked components that were not
            fixed, then Y, X (and S). Holes are zeros.
        """
        kind, source = arguments.get("kind", "image"), arguments.get("source")
        components, missing = arguments.get("components") or {}, arguments.get("missing", "zeros")
        if missing not in ("zeros", "raise"):
            raise RequestFailed(f"missing={missing!r}; use 'zeros' or 'raise'")
        if not (isinstance(kind, str) and isinstance(components, Mapping)):
            raise RequestFailed("kind is a text, and components a mapping of names to values")
        try:
            group, fixed = self.find(source, kind, components)
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None
        free = [name for name in group.names if name not in fixed]
        letters = [*free, *("YXS" if group.key.rgb else "YX")]
        return {"axes": letters}, _filled(group, free, fixed, pixels, whole=missing == "raise")


def fitting(
    groups: Iterable[Group[P]], source: str | None, kind: str | None, wanted: Mapping[str, Value]
) -> list[tuple[Group[P], dict[str, Value]]]:
    """Return the groups that these words mean, with the stacked components they fix."""
    fits = []
    for group in groups:
        split = dict(group.key.split)
        if source not in (None, group.key.source) or kind not in (None, group.key.kind):
            continue
        if any(name not in split and name not in group.names for name in wanted):
            continue
        if any(wanted.get(name, value) != value for name, value in split.items()):
            continue
        inside = {name: value for name, value in wanted.items() if name in group.names}
        if all(value in group.values[name] for name, value in inside.items()):
            fits.append((group, inside))
    return fits


def _filled(
    group: Group[P], free: Sequence[str], fixed: Mapping[str, Value],
    pixels: Callable[[P], NDArray[Any]], *, whole: bool,
) -> NDArray[Any]:  # fmt: skip
    """Return the planes at the fixed values, along the free axes; holes are zeros."""
    shape = tuple(len(group.values[name]) for name in free)
    grid = [[fixed[name]] if name in fixed else group.values[name] for name in group.names]
    inside = {
        place: kept for place, kept in group.planes.items() if _meets(place, group.names, fixed)
    }
    if whole and len(inside) < prod(shape):
        place = next(place for place in product(*grid) if place not in inside)
        at = describe(dict(zip(group.names, place, strict=True)))
        raise RequestFailed(f"no plane at {at} in {group.key.title()!r}")
    nbytes = prod(shape) * group.plane_bytes
    if nbytes > max(MOST_EMPTY, 4 * len(inside) * group.plane_bytes):
        raise RequestFailed(
            f"{len(inside)} planes in a grid of {nbytes} bytes; say more components="
        )
    out: NDArray[Any] = np.zeros((*shape, *group.key.plane), np.dtype(group.key.dtype))
    for place, kept in inside.items():
        spot = dict(zip(group.names, place, strict=True))
        out[tuple(group.values[name].position(spot[name]) for name in free)] = pixels(kept)
    return out


def _meets(place: tuple[Value, ...], names: Sequence[str], fixed: Mapping[str, Value]) -> bool:
    return all(fixed.get(name, value) == value for name, value in zip(names, place, strict=True))


def _list(groups: Sequence[Group[P]]) -> str:
    """Name some, for a text that people read."""
    titles = [group.key.title() or f"{group.key.kind} without a source" for group in groups]
    return ", ".join(map(repr, titles[:MOST_TOLD])) + ", …" * (len(titles) > MOST_TOLD)
