"""Java's memory as the budget for images: producers wait before it is full."""

from __future__ import annotations

import threading
import time
from math import inf
from typing import Any, Final

from fiji_bridge import jvm
from streaming_core.memory.budget import Budget

YOUNG: Final = 64 << 20
"""Bytes of Java's memory that are not for arrays that stay; see `options.COLLECTOR`."""

SHARE: Final = 0.8
"""Of the rest, what streamed images may take: results, copies and undo need room too."""

SPARE: Final = 32 << 20
"""Bytes that are left free besides an image that is taken."""

REST: Final = 10.0
"""Seconds without images after which memory that was let go of goes back to the system."""

EVERY: Final = 10.0
"""Seconds between two looks at what else is in a full memory: each collects garbage."""


class Heap(Budget):
    """Counts the planes that are kept in Java, and looks how much of Java's memory is left.

    What a person makes in ImageJ fills the same memory. The I/O thread asks `has_room`.

    Parameters
    ----------
    limit
        Bytes; 0 for a share of what Java may take.

    Attributes
    ----------
    whole
        Bytes that Java has for arrays that stay, of images and all else.
    """

    advice = (
        "close images of yours in ImageJ, start it with more memory (PLANECAST_FIJI_MEMORY=16g)"
    )

    def __init__(self, limit: int = 0) -> None:
        self._most = int(_runtime().maxMemory())
        self.whole = max(self._most - YOUNG, SPARE)
        most = max(int(SHARE * self.whole), SPARE)
        super().__init__(min(limit, most) if limit else most)
        self._others = 0
        self._looked_at = -EVERY
        self._looking = threading.Lock()
        self._give_back_at = inf

    def has_room(self, nbytes: int) -> bool:
        """Whether so many bytes more are within the limit, and Java has them."""
        if not super().has_room(nbytes):
            return False
        if self._free() >= nbytes + SPARE:  # garbage counts as used: there is at least as much
            return True
        runtime = _runtime()
        with self._looking:
            if time.monotonic() - self._looked_at >= EVERY:
                jvm.collect()
                used = runtime.totalMemory() - runtime.freeMemory()
                self._others = max(0, int(used) - self.held)
                self._looked_at = time.monotonic()
        return bool(self.held + self._others + nbytes + SPARE <= self._most)

    def collect(self) -> None:
        """Find what was let go of: the next images get its memory, which is quicker than fresh."""
        jvm.collect()
        self._give_back_at = time.monotonic() + REST

    def rest(self, *, busy: bool) -> None:
        """Give what was found back to the system after a while without images."""
        now = time.monotonic()
        if busy and self._give_back_at < inf:
            self._give_back_at = now + REST
        elif now >= self._give_back_at:
            self._give_back_at = inf
            jvm.give_back()

    def _free(self) -> int:
        """Bytes of Java's memory that nothing uses, as far as Java knows without looking."""
        runtime = _runtime()
        return int(self._most - runtime.totalMemory() + runtime.freeMemory())


def _runtime() -> Any:
    return jvm.java("java.lang.Runtime").getRuntime()
