"""Fresh memory for pixels that are kept: in huge pages, where the system has them."""

from __future__ import annotations

import mmap
from functools import cache
from math import prod
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

SYSTEM: Final = Path("/sys/kernel/mm/transparent_hugepage")
"""Where Linux says what huge pages a program may ask for."""

MOST: Final = 16_384
"""Arrays of a process in such memory. One may need two of the 65,530 mappings that Linux allows."""

_made: WeakSet[mmap.mmap] = WeakSet()


def fresh(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array, with anything in it, whose memory goes back to the system with it.

    The first touch of its pages is most of what it costs to keep an image. numpy asks for huge
    pages too, but begins an array anywhere. What lies in part of a huge page at either end,
    2 MiB of an image of 8 MiB, then comes in 512 small ones, and these take half of the time.
    Here an array begins where a huge page does.

    Raises
    ------
    MemoryError
        When there is no memory for it.
    """
    nbytes, huge = prod(shape) * dtype.itemsize, huge_page()
    if not huge or nbytes < huge or len(_made) >= MOST:
        return np.empty(shape, dtype)
    try:
        memory, start = _aligned(nbytes, huge)
    except OSError:  # the system has no more, or not of this kind
        return np.empty(shape, dtype)
    _made.add(memory)
    return np.ndarray(shape, dtype, buffer=memory, offset=start)


@cache
def huge_page() -> int:
    """Return the bytes of a huge page that a program may ask for; 0 where there are none."""
    try:
        if "[never]" in (SYSTEM / "enabled").read_text():
            return 0
        return int((SYSTEM / "hpage_pmd_size").read_text())
    except (OSError, ValueError):
        return 0


def _aligned(nbytes: int, huge: int) -> tuple[mmap.mmap, int]:
    """Map memory for so many bytes; also where in it the first huge page begins."""
    memory, start = _map(-(-nbytes // huge) * huge, huge)
    if start:  # before Linux 6.7 it lies anywhere
        memory, start = _map(nbytes + huge, huge)
    # Not what is behind the last whole one: a few bytes there would take all of a huge page.
    memory.madvise(mmap.MADV_HUGEPAGE, start, nbytes // huge * huge)
    return memory, start


def _map(size: int, huge: int) -> tuple[mmap.mmap, int]:
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address: int = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
    return memory, -address % huge
