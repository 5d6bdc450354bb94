"""Segments: blocks of shared memory that one process makes and others map.

The generation in a segment's header is odd while its payload is being written. Who may write
it when is known only to the process that made it: shared memory holds no locks or counters.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from streaming_core.errors import SegmentGone, SharedMemoryError
from streaming_core.memory import shm
from streaming_core.memory.shm import HEADER, SUPPORTED, sweep

if TYPE_CHECKING:
    import mmap

__all__ = ["HEADER", "SUPPORTED", "Mapping", "Segment", "extent", "sees", "sweep"]


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
    extent(shape, dtype, offset, len(memory) - HEADER)
    return np.ndarray(shape, dtype, buffer=memory, offset=HEADER + offset)


def extent(shape: tuple[int, ...], dtype: np.dtype[Any], offset: int, room: int) -> int:
    """Return how many bytes such an array has; ValueError if it does not lie within `room`."""
    if dtype.hasobject or not dtype.itemsize:
        raise ValueError(f"{dtype} has no plain values")
    nbytes = dtype.itemsize * math.prod(shape)
    if min(shape, default=0) < 0 or offset < 0 or offset + nbytes > room:
        raise ValueError(f"{shape} {dtype} at byte {offset} does not fit into {room} bytes")
    return nbytes
