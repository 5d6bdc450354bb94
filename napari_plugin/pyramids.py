"""Smaller versions of planes that are too large for the graphics card, made on another thread."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.protocol.components import GroupKey, Value

log = logging.getLogger("planecast.napari.pyramids")

LEAST: Final = 4096
"""Pixels along a side that every graphics card can hold: it is asked for more than that only."""

SMALL: Final = 2048
"""Pixels along a side that are not halved any more."""

KEPT: Final = 8
"""Planes whose smaller versions are kept: those that were looked at last."""

STRIP: Final = 256
"""Rows that are averaged at once, so that little memory is needed for it."""

WIDE: Final[Mapping[str, str]] = {
    "u1": "u4", "i1": "i4", "u2": "u4", "i2": "i4", "u4": "u8", "i4": "i8", "f4": "f4", "f8": "f8",
}  # fmt: skip
"""What four values of a type are added up in; of any other type one of them is taken."""

Factors = tuple[int, int]
"""How many pixels (along Y, along X) become one."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The smaller versions that planes of a group have.

    Attributes
    ----------
    plane
        Shape of the planes.
    factors
        Of each version against the plane, the largest version first.
    averaged
        Whether a pixel is the mean of those that it stands for. Of labels it is one of them.
    """

    plane: tuple[int, ...]
    factors: tuple[Factors, ...]
    averaged: bool

    @classmethod
    def of(cls, plane: tuple[int, ...], *, averaged: bool) -> Sizes:
        """Return the sizes for a plane: sides are halved until they are `SMALL`."""
        factors: list[Factors] = []
        y = x = 1
        while plane[0] // y > SMALL or plane[1] // x > SMALL:
            y, x = y * (1 + (plane[0] // y > SMALL)), x * (1 + (plane[1] // x > SMALL))
            factors.append((y, x))
        return cls(plane, tuple(factors), averaged)

    def shape(self, step: int) -> tuple[int, ...]:
        """Return the shape of a version."""
        y, x = self.factors[step]
        return (self.plane[0] // y, self.plane[1] // x, *self.plane[2:])

    def glance(self, plane: NDArray[Any], step: int) -> NDArray[Any]:
        """Return a version at once, without a copy: every so many pixels of the plane."""
        (y, x), (height, width) = self.factors[step], self.shape(step)[:2]
        return plane[: height * y : y, : width * x : x]


class Level(Mapping[tuple[Value, ...], NDArray[Any]]):
    """The planes of a group in one smaller version. They can be read in any thread.

    Parameters
    ----------
    planes
        Of the group, by place.
    step
        Which version.
    """

    def __init__(
        self, planes: Mapping[tuple[Value, ...], NDArray[Any]], pyramids: Pyramids, sizes: Sizes,
        step: int,
    ) -> None:  # fmt: skip
        self._planes = planes
        self._pyramids = pyramids
        self._sizes = sizes
        self._step = step
        self.shape = sizes.shape(step)

    def __getitem__(self, place: tuple[Value, ...]) -> NDArray[Any]:
        return self._pyramids.smaller(self._planes[place], self._sizes, self._step)

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        return iter(self._planes)

    def __len__(self) -> int:
        return len(self._planes)


class Pyramids:
    """Makes smaller versions of the planes that are looked at, and keeps those of a few.

    A version that is not made yet is replaced by every so many pixels of the plane, so that
    whoever reads never waits; `changed` tells when there is a better one.

    Parameters
    ----------
    limit
        Returns how many pixels the graphics card takes along a side; None for any number.

    Attributes
    ----------
    changed, took
        Called on the other thread: that there are new versions, and with each of them.
    """

    def __init__(self, limit: Callable[[], int | None] = lambda: None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._wanted: dict[int, tuple[NDArray[Any], Sizes]] = {}
        self._made: dict[int, tuple[weakref.ref[NDArray[Any]], list[NDArray[Any]]]] = {}
        self._thread: threading.Thread | None = None
        self._making: NDArray[Any] | None = None
        self._closed = False
        self.changed: Callable[[], object] = lambda: None
        self.took: Callable[[NDArray[Any]], object] = lambda array: None

    def levels(
        self, key: GroupKey, planes: Mapping[tuple[Value, ...], NDArray[Any]]
    ) -> list[Level]:  # fmt: skip
        """Return the smaller versions of a group's planes; none if the graphics card holds them."""
        longest = max(key.plane[:2])
        limit = self._limit() if longest > LEAST else None
        if limit is None or longest <= limit:
            return []
        sizes = Sizes.of(key.plane, averaged=key.kind != "labels")
        return [Level(planes, self, sizes, step) for step in range(len(sizes.factors))]

    def smaller(self, plane: NDArray[Any], sizes: Sizes, step: int) -> NDArray[Any]:
        """Return a version of a plane, and see to it that it is made. In any thread."""
        with self._lock:
            number = id(plane)
            found = self._made.pop(number, None)
            if found is not None and found[0]() is plane:
                self._made[number] = found  # the last of them again
                return found[1][step]
            if not self._closed and plane is not self._making:
                self._wanted.pop(number, None)
                self._wanted[number] = plane, sizes
                while len(self._wanted) > KEPT:
                    del self._wanted[next(iter(self._wanted))]
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="planecast-pyramids")
                    self._thread.start()
        return sizes.glance(plane, step)

    def close(self) -> None:
        """Make no more, and wait for the thread."""
        with self._lock:
            self._closed = True
            self._wanted.clear()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._thread = None
                    return
                number, (plane, sizes) = self._wanted.popitem()  # the newest: it is in view
                self._making = plane
            try:
                versions = self._make(plane, sizes)
            except MemoryError:
                log.warning("no memory for a smaller version of an image %s", sizes.plane)
                self._making = None
                continue
            with self._lock:
                self._making = None
                if self._closed:
                    continue
                gone = weakref.ref(plane, partial(self._drop, number))
                self._made[number] = gone, versions
                for oldest in list(self._made)[:-KEPT]:  # a copy: planes go at any time
                    self._made.pop(oldest, None)
            del plane
            for one in versions:
                self.took(one)
            del versions
            self.changed()

    def _drop(self, number: int, _: object) -> None:
        """Forget the versions of a plane that is gone. Without the lock: garbage comes any time."""
        found = self._made.get(number)
        if found is not None and found[0]() is None:
            self._made.pop(number, None)

    def _make(self, plane: NDArray[Any], sizes: Sizes) -> list[NDArray[Any]]:
        versions: list[NDArray[Any]] = []
        last, before = plane, (1, 1)
        for step, (y, x) in enumerate(sizes.factors):
            by = y // before[0], x // before[1]
            averaged = sizes.averaged and plane.dtype.str[1:] in WIDE
            out = np.empty(sizes.shape(step), plane.dtype)
            for top in range(0, len(out), STRIP):
                if self._closed:
                    return versions
                rows = out[top : top + STRIP]
                _shrink(last[top * by[0] :], by, rows, averaged=averaged)
            versions.append(out)
            last, before = out, (y, x)
        return versions


def _shrink(plane: NDArray[Any], by: Factors, out: NDArray[Any], *, averaged: bool) -> None:
    """Write every so many pixels of a plane, or the means of so many, into a smaller one."""
    (height, width), (y, x) = out.shape[:2], by
    parts = [
        plane[row : height * y : y, column : width * x : x]
        for row in range(y)
        for column in range(x)
    ]
    if not averaged:
        out[...] = parts[0]
        return
    total = parts[0].astype(WIDE[plane.dtype.str[1:]])
    with np.errstate(over="ignore", invalid="ignore"):  # infinities are shown as such
        for part in parts[1:]:
            total += part
        if total.dtype.kind == "f":
            total /= len(parts)
        else:
            total //= len(parts)
    out[...] = total
