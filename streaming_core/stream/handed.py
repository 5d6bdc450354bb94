"""Memory that was handed over: how much of it a viewer keeps."""

from __future__ import annotations

import weakref
from typing import Any

from numpy.typing import NDArray

from streaming_core.memory.shm import total_room


class Handed:
    """Counts the shared memory that layers use in place, against a limit.

    Parameters
    ----------
    limit
        Bytes; 0 for a quarter of all shared memory.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit or total_room() // 4
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes in use now."""
        return self._held

    def take(self, pixels: NDArray[Any]) -> bool:
        """Count an array until its memory is let go of; False if there is no room for it."""
        if self._held + pixels.nbytes > self._limit:
            return False
        owner: Any = pixels
        while getattr(owner, "base", None) is not None:
            owner = owner.base
        self._held += pixels.nbytes
        weakref.finalize(owner, self._less, pixels.nbytes)
        return True

    def _less(self, nbytes: int) -> None:
        self._held -= nbytes
