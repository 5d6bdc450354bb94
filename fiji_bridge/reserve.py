"""Java's memory touched ahead of need: arrays for the next planes, made while nobody waits."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from fiji_bridge import jvm

MOST: Final = 1 << 30
"""Bytes, unless the setting says otherwise; and at most an eighth of Java's memory."""

SHARE: Final = 8
LEAST: Final = 64 << 10
"""Bytes of an array that is worth it; see `jvm.COLLECTOR`."""

SHAPES: Final = 4
"""Sizes of planes that are prepared at the same time."""

IDLE: Final = 60.0
"""Seconds without a new plane after which all is given back."""


@dataclass(slots=True)
class Shelf:
    """Arrays of one type and length.

    Attributes
    ----------
    taken
        How many planes have been made of such arrays.
    """

    kind: str
    length: int
    nbytes: int
    arrays: deque[Any] = field(default_factory=deque)
    taken: int = 0


class Reserve:
    """Hands out Java arrays for planes, and has a thread of its own make the next ones.

    Copying into memory that the system has given already takes a tenth of the time that fresh
    memory takes, page by page. So arrays are made ahead: of a kind of plane never more than have
    come of it, or than are expected, and together never more than a limit. After a minute
    without images they are given back.

    Parameters
    ----------
    limit
        Bytes; 0 for none, None for what is usual.
    has_room
        Whether Java has so many bytes to spare.
    """

    def __init__(self, limit: int | None, has_room: Callable[[int], bool]) -> None:
        usual = min(MOST, int(jvm.java("java.lang.Runtime").getRuntime().maxMemory()) // SHARE)
        self._limit = usual if limit is None else limit
        self._has_room = has_room
        self._shelves: OrderedDict[tuple[str, int], Shelf] = OrderedDict()
        self._expected = 0
        self._used_at = 0.0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="planecast-reserve", daemon=True)
        if self._limit:
            self._thread.start()

    @property
    def held(self) -> int:
        """Bytes that are prepared."""
        with self._changed:
            return self._held()

    def take(self, kind: str, length: int) -> Any:
        """Return an array for a plane, with anything in it.

        Raises
        ------
        MemoryError
            When Java's memory is full, what was prepared included.
        """
        nbytes = length * np.dtype(jvm.TYPECODES[kind]).itemsize
        if nbytes < LEAST or not self._limit:
            return jvm.empty(kind, length)
        with self._changed:
            shelf = self._shelves.get((kind, length))
            if shelf is None:
                shelf = self._shelves[kind, length] = Shelf(kind, length, nbytes)
                if len(self._shelves) > SHAPES:
                    self._shelves.popitem(last=False)
            self._shelves.move_to_end((kind, length))
            shelf.taken += 1
            self._used_at = time.monotonic()
            array = shelf.arrays.popleft() if shelf.arrays else None
            self._changed.notify()
        if array is not None:
            return array
        try:
            return jvm.empty(kind, length)
        except MemoryError:
            self.give_back()
            return jvm.empty(kind, length)

    def expect(self, planes: int) -> None:
        """Prepare for so many planes, of the kind that came last."""
        with self._changed:
            self._expected = planes
            self._changed.notify()

    def give_back(self) -> None:
        """Let go of all that was prepared: Java uses it for other things."""
        with self._changed:
            self._shelves.clear()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._shelves.clear()
            self._changed.notify()
        if self._limit:
            self._thread.join(timeout=5)

    def _held(self) -> int:
        return sum(len(shelf.arrays) * shelf.nbytes for shelf in self._shelves.values())

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._due, IDLE)
                if self._closed:
                    return
                shelf = self._next()
                quiet = time.monotonic() - self._used_at >= IDLE
                idle = quiet and shelf is None and self._held() > 0
                if idle:
                    self._shelves.clear()
                    self._expected = 0
            if idle:
                jvm.collect()
            elif shelf is not None:
                self._make(shelf)

    def _due(self) -> bool:
        return self._closed or self._next() is not None

    def _next(self) -> Shelf | None:
        """Return what to make the next array for, None if there is enough of all."""
        room = self._limit // max(1, len(self._shelves))
        newest = next(reversed(self._shelves.values()), None)
        for shelf in reversed(self._shelves.values()):
            wanted = max(shelf.taken, self._expected - shelf.taken if shelf is newest else 0)
            there = len(shelf.arrays)
            if there < wanted and (there + 1) * shelf.nbytes <= room:
                return shelf
        return None

    def _make(self, shelf: Shelf) -> None:
        try:
            array = jvm.empty(shelf.kind, shelf.length) if self._has_room(shelf.nbytes) else None
        except MemoryError:
            array = None
        with self._changed:
            if array is None:
                self._shelves.clear()  # images need what there is
            elif self._shelves.get((shelf.kind, shelf.length)) is shelf:
                shelf.arrays.append(array)
