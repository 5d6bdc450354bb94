"""Labels whose numbers are all small: napari draws those many times faster."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.protocol.components import GroupKey
from streaming_core.protocol.messages import Image

SMALL: Final = (np.dtype(np.uint16), np.dtype(np.uint32))
"""What labels of wider types are read as if they fit.

The first goes to the graphics card as it is. Of wider types napari computes a colour for each
pixel, in five passes over the plane and on the window's thread: 25 to 100 ms for 2048² pixels of
8 bytes, half of that for 4 bytes. Reading them as the first takes 2 ms.
"""

MOST: Final = 1 << 30
"""Bytes of one array of labels that are looked through, at 10 GB/s."""


class Ids:
    """Knows what all labels of a source so far fit into. Those to be painted stay as they are.

    Written by the thread that receives, before the window gets to see the image.
    """

    def __init__(self) -> None:
        self._types: dict[tuple[str, str], np.dtype[Any] | None] = {}

    def note(self, image: Image, pixels: NDArray[Any]) -> None:
        """Look through an image of labels."""
        kind = image.source, image.dtype
        before = self._types.get(kind, SMALL[0])
        if before is not None:
            now = None if image.editable else smallest(pixels)
            self._types[kind] = now and max(before, now, key=lambda dtype: dtype.itemsize)

    def dtype(self, key: GroupKey) -> np.dtype[Any] | None:
        """Return what all labels of a group are known to fit into; None if only into their own."""
        return self._types.get((key.source, key.dtype)) if key.kind == "labels" else None


def smallest(pixels: NDArray[Any]) -> np.dtype[Any] | None:
    """Return the first of `SMALL` into which integers fit, if it is narrower than their type."""
    if pixels.dtype.kind not in "iu" or pixels.nbytes > MOST:
        return None
    narrower = [dtype for dtype in SMALL if dtype.itemsize < pixels.dtype.itemsize]
    if not narrower:
        return None
    # Negative ones are huge when they are read without their sign.
    top = pixels.view(pixels.dtype.str.replace("i", "u")).max(initial=0)
    return next((dtype for dtype in narrower if top <= np.iinfo(dtype).max), None)
