"""Arrays in replies: each waits in a one-off segment of the viewer's until it was copied."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import OutOfSharedMemory, RequestFailed
from streaming_core.memory.segments import Segment, sweep
from streaming_core.protocol.messages import ArrayResult, Inline, Slab
from streaming_core.protocol.wire import split
from streaming_core.stream.session import Session

log = logging.getLogger("planecast.receiver")

KEPT: Final = 60.0
"""Seconds that an array waits for its RELEASE."""

MOST_BYTES: Final = 4 << 30
"""Bytes of the arrays that one producer has yet to fetch; the first may be of any size."""


@dataclass(frozen=True, slots=True)
class Result:
    """An array that a producer has yet to copy; without a segment it is in the reply."""

    segment: Segment | None
    nbytes: int
    until: float


class Results:
    """The arrays that a viewer has offered. `carry` may be called from any thread.

    Parameters
    ----------
    vid
        The viewer's identity; segments are named after it.
    inline_below
        Arrays of fewer bytes travel inside the reply.
    """

    def __init__(self, vid: str, inline_below: int) -> None:
        self._prefix = f"pc{vid}"
        self._inline_below = inline_below
        self._made = 0
        self._closed = False
        self._lock = threading.Lock()
        self._waiting: dict[str, dict[int, list[Result]]] = {}

    def carry(
        self, session: Session, number: int, array: NDArray[Any] | None
    ) -> tuple[ArrayResult | None, list[bytes]]:
        """Describe an array for a reply; the parts are empty where it waits in a segment.

        Raises
        ------
        RequestFailed
            When the producer lets too much wait.
        """
        if array is None:
            return None, []
        held = sum(result.nbytes for result in self._of(session.sid))
        if held and held + array.nbytes > MOST_BYTES:
            raise RequestFailed(f"{array.nbytes} bytes are too many while {held} wait; ask later")
        dtype = array.dtype.newbyteorder("=")
        array = np.ascontiguousarray(array, dtype=dtype)
        if session.shm and array.nbytes >= self._inline_below:
            try:
                return self._offer(session.sid, number, array), []
            except OutOfSharedMemory:
                log.info("no shared memory for a result of %d bytes: inline", array.nbytes)
        parts = split(array)
        self._await(session.sid, number, None, array.nbytes)
        return ArrayResult(array.shape, dtype.str, Inline(array.nbytes, len(parts))), parts

    def _offer(self, sid: str, number: int, array: NDArray[Any]) -> ArrayResult:
        with self._lock:
            if self._closed:
                raise RequestFailed("the viewer was closed")
            self._made += 1
            name = f"{self._prefix}_{self._made:x}"
        segment = Segment.create(name, array.nbytes)
        segment.begin_write()
        np.copyto(segment.array(array.shape, array.dtype), array)
        slab = Slab(name, segment.size, segment.end_write(), array.nbytes)
        self._await(sid, number, segment, array.nbytes)
        return ArrayResult(array.shape, array.dtype.str, slab)

    def _await(self, sid: str, number: int, segment: Segment | None, nbytes: int) -> None:
        result = Result(segment, nbytes, time.monotonic() + KEPT)
        with self._lock:
            results = self._waiting.setdefault(sid, {})
            # Asked twice under one number, it may be reading the first just now.
            results.setdefault(number, []).append(result)

    def _of(self, sid: str) -> list[Result]:
        with self._lock:
            return list(chain.from_iterable(self._waiting.get(sid, {}).values()))

    def waiting(self, sid: str) -> int:
        """How many arrays a producer has yet to fetch."""
        return len(self._of(sid))

    def release(self, sid: str, number: int) -> None:
        """The producer has copied it."""
        with self._lock:
            results = self._waiting.get(sid, {})
            done = results.pop(number, [])
            if not results:
                self._waiting.pop(sid, None)
        _unlink(done)

    def drop(self, sid: str) -> None:
        """Let go of what is for a producer that is gone."""
        with self._lock:
            results = self._waiting.pop(sid, {})
        _unlink(chain.from_iterable(results.values()))

    def expire(self, now: float) -> None:
        """Let go of what nobody came for."""
        with self._lock:
            late = [
                (sid, number)
                for sid, results in self._waiting.items()
                for number, those in results.items()
                if now > max(result.until for result in those)
            ]
        for sid, number in late:
            self.release(sid, number)

    def close(self) -> None:
        """Let go of everything, also of what another thread is about to offer."""
        with self._lock:
            self._closed = True
        for sid in list(self._waiting):
            self.drop(sid)
        sweep(self._prefix)


def _unlink(results: Iterable[Result]) -> None:
    for result in results:
        if result.segment is not None:
            result.segment.unlink()
