"""Labels whose numbers are all small: napari draws those many times faster."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.protocol.components import GroupKey
from streaming_core.protocol.messages import Image

SMALL: Final = np.dtype(np.uint16)
"""What napari sends to the graphics card as it is.

Of wider types it computes a colour for each pixel, in five passes over the plane and on the
window's thread: 25 to 100 ms for 2048² pixels of 8 bytes, where reading them as these takes 2 ms.
"""

MOST: Final = 1 << 30
"""Bytes of one array of labels that are looked through, at 10 GB/s."""


class Ids:
    """Knows of which sources all labels so far fit into `SMALL`. Labels to be painted never do.

    Written by the thread that receives, before the window gets to see the image.
    """

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()
        self._large: set[tuple[str, str]] = set()

    def note(self, image: Image, pixels: NDArray[Any]) -> None:
        """Look through an image of labels."""
        kind = image.source, image.dtype
        if kind not in self._large and (image.editable or not fit(pixels)):
            self._large.add(kind)
        self._known.add(kind)

    def small(self, key: GroupKey) -> bool:
        """Whether all labels of a group are known to fit."""
        kind = key.source, key.dtype
        return key.kind == "labels" and kind in self._known and kind not in self._large


def fit(pixels: NDArray[Any]) -> bool:
    """Whether integers of a wider type than `SMALL` have values of it only; of any shape."""
    if pixels.dtype.kind not in "iu" or pixels.dtype.itemsize <= SMALL.itemsize:
        return False
    if pixels.nbytes > MOST:
        return False
    # Negative ones are huge when they are read without their sign.
    unsigned = pixels.view(pixels.dtype.str.replace("i", "u"))
    return bool(unsigned.max(initial=0) <= np.iinfo(SMALL).max)
