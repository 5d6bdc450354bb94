"""Images that prove themselves: number, checksum, and pixels that all depend on both.

An image belongs to a series; which one it is, and of what size, follows from its number.
"""

from __future__ import annotations

import zlib
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.arrays import Wrong

DTYPE: Final = np.dtype(np.uint16)
MAGIC: Final = 0x504C
HEAD: Final = 6
"""Pixels of the stamp: magic, series, number (two), checksum of the rest (two)."""

SIDES: Final = (48, 160, 384)
"""Inside the message; in a slot; in a slot, or handed over where `allocate` is used."""


def side_of(series: str, number: int) -> int:
    """Return the size of an image: most are small, one in 16 is large."""
    dice = zlib.crc32(f"{series} {number}".encode()) % 16
    return SIDES[2] if dice == 0 else SIDES[1] if dice < 6 else SIDES[0]


def source_of(series: str, number: int) -> str:
    """Return the source that an image is shown under: one for each size, hence one group."""
    return f"{series}/{side_of(series, number)}"


@cache
def _ramp(pixels: int) -> NDArray[np.uint16]:
    return (np.arange(pixels, dtype=np.uint32) * 2_654_435_761 >> 7).astype(DTYPE)


def fill(out: NDArray[Any], series: str, number: int) -> None:
    """Write an image into an array."""
    flat = out.reshape(-1)
    dice = zlib.crc32(f"{series}: {number}".encode())
    np.multiply(_ramp(flat.size), np.uint16(dice & 0xFFFF | 1), out=flat)
    np.add(flat, np.uint16(dice >> 16), out=flat)
    flat[:4] = MAGIC, zlib.crc32(series.encode()) & 0xFFFF, number & 0xFFFF, number >> 16
    check = zlib.crc32(flat[HEAD:].tobytes())
    flat[4:HEAD] = check & 0xFFFF, check >> 16


def stamped(series: str, number: int) -> NDArray[np.uint16]:
    """Make an image."""
    side = side_of(series, number)
    out = np.empty((side, side), DTYPE)
    fill(out, series, number)
    return out


def verify(pixels: NDArray[Any], series: str, number: int) -> None:
    """Compare an image with what was sent, bit by bit.

    Raises
    ------
    Wrong
        Saying whether it is torn, another one, or none.
    """
    flat = pixels.reshape(-1)
    what = f"image {number} of {series!r}"
    if flat[0] != MAGIC:
        raise Wrong(f"{what} has no stamp: it begins with {flat[:HEAD].tolist()}")
    if zlib.crc32(flat[HEAD:].tobytes()) != int(flat[4]) | int(flat[5]) << 16:
        raise Wrong(f"{what} is torn: its checksum is not that of its pixels")
    if not np.array_equal(pixels, stamped(series, number)):
        raise Wrong(f"{what} is another one: it has number {int(flat[2]) | int(flat[3]) << 16}")
