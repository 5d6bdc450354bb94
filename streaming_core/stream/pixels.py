"""The pixels of one image on their way: in a slot of the pool, or as parts of a message."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streaming_core.memory.pool import Pool, Slot
from streaming_core.protocol.messages import Inline, Slab
from streaming_core.protocol.wire import split


class Pixels:
    """Inline pixels, shared by the routes that send them.

    Parameters
    ----------
    parts
        The bytes, copied.
    users
        Routes that will each call `drop` once.
    """

    def __init__(self, parts: list[bytes], users: int) -> None:
        self._parts = parts
        self._users = users
        self._doubt = False

    def ways(self, shm: bool) -> tuple[Slab | Inline, list[bytes]]:
        """How the pixels travel to a viewer that does, or does not, see our memory."""
        return Inline(sum(map(len, self._parts)), len(self._parts)), self._parts

    def drop(self, pool: Pool, *, proven: bool) -> None:
        """One route is done with it; ``proven`` False: its viewer may still be reading."""
        self._users -= 1
        self._doubt = self._doubt or not proven
        if self._users == 0:
            self._free(pool)

    def _free(self, pool: Pool) -> None:
        self._parts = []


class SlotPixels(Pixels):
    """Pixels in a slot. The slot is used again when each viewer has acked, never in doubt."""

    def __init__(
        self, slot: Slot, nbytes: int, generation: int, users: int, *, offset: int = 0
    ) -> None:
        super().__init__([], users)
        self._slot = slot
        self._nbytes = nbytes
        self._generation = generation
        self._offset = offset

    @classmethod
    def fill(cls, slot: Slot, array: NDArray[Any], dtype: str, users: int) -> SlotPixels:
        """Copy an array of any layout into a slot: one pass, which also converts it."""
        segment = slot.segment
        segment.begin_write()
        target = segment.array(array.shape, np.dtype(dtype))
        np.copyto(target, array)
        return cls(slot, target.nbytes, segment.end_write(), users)

    def ways(self, shm: bool) -> tuple[Slab | Inline, list[bytes]]:
        """Return a handle, or for a viewer that cannot see it a copy of the slot as parts."""
        segment = self._slot.segment
        if shm:
            slab = Slab(
                segment.name, segment.size, self._generation,
                self._nbytes, self._offset, self._slot.one_off,
            )  # fmt: skip
            return slab, []
        parts = split(segment.array((self._nbytes,), np.dtype(np.uint8), self._offset))
        return Inline(self._nbytes, len(parts)), parts

    def _free(self, pool: Pool) -> None:
        if self._doubt:
            # A viewer that wakes up later must not show what was reported as undelivered.
            self._slot.segment.begin_write()
            pool.retire(self._slot)
        else:
            pool.give_back(self._slot)
