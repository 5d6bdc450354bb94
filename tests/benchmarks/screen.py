"""What is on the screen: pixels of an X display, and images whose number can be read there."""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.arrays import Pixels, Wrong, fill

CODES: Final = 32
"""So many images differ on the screen; image 32 looks like image 0."""

STEP: Final = 13
"""Codes of neighbours are far apart: 13 is prime to 32."""

WIDTH: Final = 7
DARKEST: Final = 16
"""Neither black nor white, which windows show for a moment without any image."""

NEAR: Final = 2
ALL_PLANES: Final = ctypes.c_ulong(-1).value
Z_PIXMAP: Final = 2

Spot = tuple[int, int]
"""A place on the screen: x and y in pixels."""


class NoScreen(Exception):
    """There is no X display here whose pixels can be read."""


class _Image(ctypes.Structure):
    """Head of Xlib's XImage."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("width", "height", "xoffset", "format")),
        ("data", ctypes.c_void_p),
        *((name, ctypes.c_int) for name in ("byte_order", "unit", "bit_order", "pad", "depth")),
        *((name, ctypes.c_int) for name in ("bytes_per_line", "bits_per_pixel")),
    )


class Screen:
    """The pixels of the display that DISPLAY names, as a person sees them.

    Raises
    ------
    NoScreen
        Where there is none.
    """

    def __init__(self) -> None:
        name = ctypes.util.find_library("X11")
        if name is None:
            raise NoScreen("libX11 is not here")
        self._x: Any = ctypes.CDLL(name)
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XDefaultRootWindow.restype = ctypes.c_ulong
        self._x.XGetImage.restype = ctypes.POINTER(_Image)
        self._display = ctypes.c_void_p(self._x.XOpenDisplay(None))
        if self._display.value is None:
            raise NoScreen("there is no X display")
        self._root = ctypes.c_ulong(self._x.XDefaultRootWindow(self._display))

    def close(self) -> None:
        """Let go of the display."""
        self._x.XCloseDisplay(self._display)

    def all(self) -> NDArray[np.uint8]:
        """Return everything: (Y, X, 3), red first."""
        width = self._x.XDisplayWidth(self._display, 0)
        return self.part(0, 0, width, self._x.XDisplayHeight(self._display, 0))

    def windows(self) -> set[int]:
        """Return the ids of the windows that programs have opened."""
        root, parent, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
        found = ctypes.POINTER(ctypes.c_ulong)()
        self._x.XQueryTree(
            self._display, self._root, ctypes.byref(root), ctypes.byref(parent),
            ctypes.byref(found), ctypes.byref(count),
        )  # fmt: skip
        ids = {int(found[place]) for place in range(count.value)}
        self._x.XFree(found)
        return ids

    def part(self, x: int, y: int, width: int = 1, height: int = 1) -> NDArray[np.uint8]:
        """Return a part: (height, width, 3), red first."""
        image = self._x.XGetImage(
            self._display, self._root, x, y, width, height, ctypes.c_ulong(ALL_PLANES), Z_PIXMAP
        )
        if not image:
            raise NoScreen("the display does not show its pixels")
        head = image.contents
        try:
            if head.bits_per_pixel != 32:
                raise NoScreen(f"the display has {head.bits_per_pixel} bits a pixel, not 32")
            raw = ctypes.string_at(head.data, head.bytes_per_line * height)
        finally:
            self._x.XFree(ctypes.c_void_p(head.data))
            self._x.XFree(image)
        pixels = np.frombuffer(raw, np.uint8).reshape(height, -1, 4)
        return pixels[:, :width, 2::-1]


def near(picture: NDArray[np.uint8], number: int) -> NDArray[np.bool_]:
    """Return where a picture shows the grey of image ``number``: (Y, X)."""
    distance = np.abs(picture.astype(np.int16) - level(number))
    return np.asarray((distance <= NEAR).all(axis=2))


def level(number: int) -> int:
    """Grey level, of 256, in the middle of image ``number``."""
    return DARKEST + number * STEP % CODES * WIDTH


def code_of(grey: int) -> int | None:
    """Number, of 32, of the image with this grey level; None if it is no image's."""
    code, beside = divmod(grey - DARKEST + NEAR, WIDTH)
    if beside > 2 * NEAR or not 0 <= code < CODES:
        return None
    return code * pow(STEP, -1, CODES) % CODES


def coded(side: int) -> Pixels:
    """Return 32 images, each with its number as a grey level in the middle of its pattern.

    To be shown in grey from 0 to 65535.
    """
    images = np.empty((CODES, side, side), np.uint16)
    low, high = side * 3 // 8, side * 5 // 8
    for number, image in enumerate(images):
        fill(image, number)
        image[low:high, low:high] = level(number) * 257
    return images


def find(screen: Screen, before: NDArray[np.uint8], first: int, second: int) -> Spot:
    """Return where image ``first`` was on the screen before, and ``second`` is now."""
    rows, columns = np.nonzero(near(before, first) & near(screen.all(), second))
    if len(rows) < 64:
        raise Wrong("the images cannot be seen on the screen")
    middle = len(rows) // 2
    return int(np.sort(columns)[middle]), int(np.sort(rows)[middle])
