"""What a viewer holds: groups of planes by place. Every viewer kind keeps one catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, Final, Generic

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import InvalidComponents, RequestFailed
from streaming_core.protocol.axes import plane_shape
from streaming_core.protocol.components import (
    MOST_COMPONENTS,
    MOST_PLANES,
    GroupKey,
    Value,
    Values,
    describe,
    group_of,
    planes,
    stack_order,
)
from streaming_core.protocol.group import Group, P, Put, check_room
from streaming_core.protocol.messages import Image
from streaming_core.protocol.recent import Recent
from streaming_core.protocol.words import MOST_TOLD, Wanted

MOST_EMPTY: Final = 256 << 20
"""Bytes up to which ``read()`` fills any grid; larger ones at most a quarter held, three empty."""


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
        """Put one plane of an image, making its group if it is the first.

        Raises
        ------
        InvalidImage
            When there are too many groups for another one.
        """
        group = self.groups.get(key)
        if group is None:
            check_room(len(self.groups))
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

    def find(self, wanted: Wanted) -> tuple[Group[P], dict[str, Value]]:
        """Return the one group that is meant, and the stacked components that this fixes.

        Raises
        ------
        RequestFailed
            When no group, or more than one, fits; the text says what there is.
        """
        fits = wanted.among(self.groups.values())
        if not fits:
            raise RequestFailed(wanted.why_none(self.groups.values()))
        if len(fits) > 1:
            names = _list([group for group, _ in fits])
            raise RequestFailed(
                f"{wanted} fits {len(fits)} groups: {names}; say source= or components="
            )
        return fits[0]

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
        missing = arguments.get("missing", "zeros")
        if missing not in ("zeros", "raise"):
            raise RequestFailed(f"missing={missing!r}; use 'zeros' or 'raise'")
        group, fixed = self.find(Wanted.of(arguments, "image"))
        free = [name for name in group.names if name not in fixed]
        letters = [*free, *("YXS" if group.key.rgb else "YX")]
        return {"axes": letters}, _filled(group, free, fixed, pixels, whole=missing == "raise")


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
    """Name some, for a text that people read; those of one name with what sets them apart."""
    titles = [group.key.title() or f"{group.key.kind} without a source" for group in groups]
    named = [
        f"{title!r} ({_kind_of(group.key)})" if titles.count(title) > 1 else repr(title)
        for title, group in zip(titles[:MOST_TOLD], groups, strict=False)
    ]
    return ", ".join(named) + ", …" * (len(titles) > MOST_TOLD)


def _kind_of(key: GroupKey) -> str:
    height, width = key.plane[:2]
    words = [np.dtype(key.dtype).name, f"{height} x {width}"]
    return ", ".join([*words, f"by {', '.join(key.stacked)}"] if key.stacked else words)
