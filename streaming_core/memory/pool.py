"""The memory that a producer writes its images to, used again and again."""

from __future__ import annotations

import os
import weakref
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streaming_core.errors import OutOfSharedMemory, SharedMemoryError
from streaming_core.memory import shm
from streaming_core.memory.segments import HEADER, Segment, extent

MIB: Final = 1 << 20
MOST_SLOTS: Final = 256
"""Slots of one pool: before Python 3.13 each mapping keeps a file descriptor open."""


class Slot:
    """A segment of a pool, with room for one image at a time.

    Attributes
    ----------
    segment
        Where the image is.
    capacity
        Bytes that fit.
    bytes, address
        All of them, as uint8, and where they begin.
    one_off
        Whether it is given up, and not used again, when it is given back.
    idle
        Whether it lies in the pool, for the next :meth:`Pool.take`.
    spare
        Whether it has lain there since before the last :meth:`Pool.thin_out`.
    """

    __slots__ = (
        "_buffer", "_loans", "address", "bytes", "capacity", "idle", "one_off", "segment", "spare",
    )  # fmt: skip

    def __init__(self, segment: Segment, *, one_off: bool = False) -> None:
        self.segment = segment
        self.capacity = segment.capacity
        self.bytes = segment.array((segment.capacity,), np.uint8)
        self._buffer = self.bytes.data
        self.address: int = self.bytes.__array_interface__["data"][0]
        self.one_off = one_off
        self.idle = self.spare = False
        self._loans: list[weakref.ref[Any]] = []

    def lend(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return a writable array for a user to compute into; :attr:`lent` follows it."""
        dtype = np.dtype(dtype)
        nbytes = extent(shape, dtype, 0, self.capacity)
        flat = np.frombuffer(self._buffer, dtype, nbytes // dtype.itemsize)
        # All views of an array, and views of those, refer to the buffer below them and not to
        # each other. numpy makes a view of ours for each loan, which ends with the last of them.
        self._loans.append(weakref.ref(flat.base))
        return flat.reshape(shape)

    @property
    def lent(self) -> bool:
        """Whether an array from :meth:`lend`, or any view of one, still exists."""
        if not self._loans:
            return False
        self._loans = [loan for loan in self._loans if loan() is not None]
        return bool(self._loans)


class Pool:
    """A producer's segments, used again and again: fresh shared memory is 10 to 30 times slower.

    Calls come one at a time, under the lock of whoever owns the pool. A segment's number is
    never given twice, so a name always means the same memory.

    Parameters
    ----------
    prefix
        ``"pc"`` and the 16 hexadecimal digits of the producer's sid.
    limit
        Bytes to hold, one-off slots aside.

    Attributes
    ----------
    returns
        How often a slot was given back or up.
    """

    def __init__(self, prefix: str, limit: int = 256 * MIB) -> None:
        if not shm.is_prefix(prefix):
            raise ValueError(f"not a prefix of segments: {prefix!r}")
        self._prefix = prefix
        self._limit = limit
        self._pid = os.getpid()
        self._closed = False
        self.returns = 0
        self._numbers = 1
        self._pooled = 0
        self._slots: set[Slot] = set()
        self._idle: list[Slot] = []  # the last one was freed last: its bytes are still in cache
        self._first: Segment | None = None
        self._nonce = ""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All slots, taken and idle."""
        return tuple(self._slots)

    def take(self, nbytes: int, *, one_off: bool = False) -> Slot | None:
        """Return a slot of at least `nbytes`; None when all is in use, so wait for a give-back.

        An image of more than half the limit gets a one-off slot, and who asks for one.

        Raises
        ------
        OutOfSharedMemory
            If the system refuses: send inline.
        SharedMemoryError
            If the pool is closed, or was made before this process was forked.
        """
        if self._closed or os.getpid() != self._pid:
            raise SharedMemoryError("this pool is closed, or belongs to another process")
        idle, most = self._idle, 2 * nbytes + shm.GRAIN
        for place in () if one_off else range(len(idle) - 1, -1, -1):
            slot = idle[place]
            if nbytes <= slot.capacity <= most and not slot.lent:
                del idle[place]
                slot.idle = slot.spare = False
                return slot
        one_off = one_off or nbytes > self._limit // 2
        if not self._make_room(shm.rounded(nbytes), one_off):
            return None
        segment = self._create(nbytes)
        slot = Slot(segment, one_off=one_off)
        self._slots.add(slot)
        if not one_off:
            self._pooled += segment.size
        return slot

    def give_back(self, slot: Slot) -> None:
        """Take back a slot that no viewer reads any more, to use it again; a one-off is given up.

        While an array that was lent from it lives, it waits, and is unlinked if room is needed:
        in a loop the last iteration's array often lives on until the next one replaces it. A
        slot that was retired or given back already is ignored, for acks come late and twice.
        """
        if slot.idle or slot not in self._slots:
            return
        if slot.one_off:
            self.retire(slot)
        else:
            self.returns += 1
            slot.idle = True
            self._idle.append(slot)

    def retire(self, slot: Slot) -> None:
        """Give up a slot that somebody may still read: it is unlinked and never written again."""
        if slot not in self._slots:
            return
        self.returns += 1
        self._slots.remove(slot)
        if slot.idle:
            self._idle.remove(slot)
        if not slot.one_off:
            self._pooled -= slot.segment.size
        slot.segment.unlink()

    def thin_out(self) -> list[Slot]:
        """Give up the slots that were not needed since the last call, and return them.

        Else a pool would stay as large as a program's busiest moment made it. Their memory goes
        back to the system when the last reference to them does, here and at the viewers.
        """
        thin = [slot for slot in self._idle if slot.spare]
        for slot in thin:
            self.retire(slot)
        for slot in self._idle:
            slot.spare = True
        return thin

    def close(self) -> None:
        """Unlink everything; in a forked child the names stay, for they are its parent's."""
        self._closed = True
        for slot in self.slots:
            self.retire(slot)
        if self._first:
            self._first.unlink()  # last, for sweep() reads it

    def probe(self) -> tuple[str, str]:
        """Return name and nonce of segment 0: who reads the nonce there sees our memory.

        Raises
        ------
        OutOfSharedMemory
            If the system refuses.
        """
        if self._first is None:
            first = Segment.create(f"{self._prefix}_0", shm.GRAIN - HEADER)
            nonce = os.urandom(16).hex()
            first.begin_write()
            first.array((len(nonce),), np.uint8)[:] = np.frombuffer(nonce.encode(), np.uint8)
            first.end_write()
            self._first, self._nonce = first, nonce
        return self._first.name, self._nonce

    def _make_room(self, size: int, one_off: bool) -> bool:
        """Give up idle slots, those freed first, until `size` more bytes are within limits."""
        if one_off:
            room = shm.room()
            # Others count on /dev/shm too, and a program that finds it full dies of SIGBUS.
            if room is not None and size > room[0] - room[1] // 16:
                raise OutOfSharedMemory(f"{size} bytes would fill {shm.FOLDER}")
            size = 0
        busy = self._pooled - sum(slot.segment.size for slot in self._idle)
        if busy + size > self._limit or len(self._slots) - len(self._idle) >= MOST_SLOTS:
            return False
        while self._pooled + size > self._limit or len(self._slots) >= MOST_SLOTS:
            self.retire(self._idle[0])
        return True

    def _create(self, nbytes: int) -> Segment:
        """Create the next segment, giving up idle slots while the system refuses."""
        self.probe()
        while True:
            number, self._numbers = self._numbers, self._numbers + 1
            if self._first:
                self._first.note(self._numbers)
            try:
                return Segment.create(f"{self._prefix}_{number:x}", nbytes)
            except SharedMemoryError as error:
                if not self._idle:
                    raise OutOfSharedMemory(str(error)) from error
                self.retire(self._idle[0])
