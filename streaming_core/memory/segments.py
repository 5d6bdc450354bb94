"""Segments: blocks of shared memory that a producer makes, uses again and again, and others map.

The generation in a segment's header is odd while its payload is being written. Who may write
it when is known only to the process that made it: shared memory holds no locks or counters.
"""

from __future__ import annotations

import math
import os
import weakref
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from streaming_core.errors import OutOfSharedMemory, SegmentGone, SharedMemoryError
from streaming_core.memory import shm
from streaming_core.memory.shm import HEADER, SUPPORTED, sweep

if TYPE_CHECKING:
    import mmap

__all__ = ["HEADER", "SUPPORTED", "Mapping", "Pool", "Segment", "Slot", "sees", "sweep"]

MIB: Final = 1 << 20
MOST_SLOTS: Final = 256
"""Slots of one pool: before Python 3.13 each mapping keeps a file descriptor open."""


class Segment:
    """A named block that this process made; :meth:`create` makes one.

    Attributes
    ----------
    name
        Its name, as it stands in a handle.
    size
        Bytes in all, header included, as they stand in a handle.
    capacity
        Bytes of the payload.
    """

    __slots__ = ("_gone", "_map", "_pid", "_words", "capacity", "generation", "name", "size")

    def __init__(self, name: str, memory: mmap.mmap) -> None:
        self.name = name
        self.size = len(memory)
        self.capacity = self.size - HEADER
        self.generation = 0
        self._map = memory
        # As 64-bit words they are written in one piece; struct would write byte by byte.
        self._words = memoryview(memory)[:HEADER].cast("Q")
        self._gone = False
        self._pid = os.getpid()

    @classmethod
    def create(cls, name: str, capacity: int) -> Segment:
        """Make a segment whose memory is really there, so that no write to it can fail.

        Raises
        ------
        OutOfSharedMemory
            If the system has or gives no more. Nothing is left behind.
        SharedMemoryError
            If the name is taken or malformed.
        """
        return cls(name, shm.create(name, capacity))

    def begin_write(self) -> None:
        """Make the generation odd: what readers copy from now on is not valid."""
        self.generation = self._words[shm.GENERATION] = (self.generation + 1) | 1

    def end_write(self) -> int:
        """Make the generation even and return it, for the handle; it never comes twice."""
        self.generation = self._words[shm.GENERATION] = (self.generation | 1) + 1
        return self.generation

    def note(self, numbers: int) -> None:
        """Leave word for :func:`sweep`, in segment 0, how many numbers were given away."""
        self._words[shm.NUMBERS] = numbers

    def array(
        self, shape: tuple[int, ...], dtype: npt.DTypeLike, offset: int = 0
    ) -> npt.NDArray[Any]:
        """Return a writable view of the payload; it stays valid when the segment is unlinked.

        Raises
        ------
        ValueError
            If it would not lie within the payload.
        """
        return _view(self._map, shape, dtype, offset)

    def unlink(self) -> None:
        """Remove the name, once and only in the process that made it.

        The memory lives as long as a view of it does, here or in another process. There is no
        closing: it would pull the memory away from under them.
        """
        if not self._gone and os.getpid() == self._pid:
            self._gone = True
            shm.unlink(self.name)


class Mapping:
    """Another process's segment, mapped read-only; :meth:`open` maps one.

    To read without doubt, ask ``unchanged(generation)`` before the copy and after it, with the
    generation of the handle.
    """

    __slots__ = ("_map", "_words", "name", "size")

    def __init__(self, name: str, memory: mmap.mmap) -> None:
        self.name = name
        self.size = len(memory)
        self._map = memory
        self._words = memoryview(memory)[:HEADER].cast("Q")

    @classmethod
    def open(cls, name: str, size: int, *, uid: int | None = None) -> Mapping:
        """Map a segment of user `uid` (ours) that has at least `size` bytes, header included.

        All of it is mapped: the next image in it may be larger.

        Raises
        ------
        SegmentGone
            With the reason: no such segment, too small, somebody else's, no name of one.
        """
        return cls(name, shm.attach(name, size, uid))

    @property
    def generation(self) -> int:
        """The generation now: odd while the producer writes."""
        return self._words[shm.GENERATION]

    def unchanged(self, generation: int) -> bool:
        """Return whether the payload is still, and wholly, the one of this generation."""
        return self._words[shm.GENERATION] == generation and not generation & 1

    def array(
        self, shape: tuple[int, ...], dtype: npt.DTypeLike, offset: int = 0
    ) -> npt.NDArray[Any]:
        """Return a read-only view of the payload, which keeps the memory mapped.

        Raises
        ------
        SegmentGone
            If it would not lie within the segment.
        """
        try:
            return _view(self._map, shape, dtype, offset)
        except ValueError as error:  # the caller's numbers come from outside
            raise SegmentGone(f"{self.name}: {error}") from None


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
    """

    __slots__ = (
        "_buffer", "_loans", "address", "bytes", "capacity", "idle", "one_off", "segment",
    )  # fmt: skip

    def __init__(self, segment: Segment, *, one_off: bool = False) -> None:
        self.segment = segment
        self.capacity = segment.capacity
        self.bytes = segment.array((segment.capacity,), np.uint8)
        self._buffer = self.bytes.data
        self.address: int = self.bytes.__array_interface__["data"][0]
        self.one_off = one_off
        self.idle = False
        self._loans: list[weakref.ref[Any]] = []

    def lend(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return a writable array for a user to compute into; :attr:`lent` follows it."""
        dtype = np.dtype(dtype)
        nbytes = _extent(shape, dtype, 0, self.capacity)
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
                slot.idle = False
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


def sees(name: str, nonce: str, uid: int | None = None) -> bool:
    """Return whether the probe `name` can be read here and holds `nonce`; never raises."""
    try:
        expected = nonce.encode()
        found = Mapping.open(name, HEADER + len(expected), uid=uid).array((len(expected),), "u1")
    except (SharedMemoryError, AttributeError, TypeError, ValueError):
        return False  # also for arguments of a wrong type: they come from outside
    return bool(expected) and found.tobytes() == expected


def _view(
    memory: mmap.mmap, shape: tuple[int, ...], dtype: npt.DTypeLike, offset: int
) -> npt.NDArray[Any]:
    dtype = np.dtype(dtype)
    _extent(shape, dtype, offset, len(memory) - HEADER)
    return np.ndarray(shape, dtype, buffer=memory, offset=HEADER + offset)


def _extent(shape: tuple[int, ...], dtype: np.dtype[Any], offset: int, room: int) -> int:
    """Return how many bytes such an array has; ValueError if it does not lie within `room`."""
    if dtype.hasobject or not dtype.itemsize:
        raise ValueError(f"{dtype} has no plain values")
    nbytes = dtype.itemsize * math.prod(shape)
    if min(shape, default=0) < 0 or offset < 0 or offset + nbytes > room:
        raise ValueError(f"{shape} {dtype} at byte {offset} does not fit into {room} bytes")
    return nbytes
