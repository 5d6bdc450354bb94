"""An image of ImageJ's as a numpy array, with what ImageJ knows of it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fiji_bridge import jvm
from fiji_bridge.pixels import BGRA, SIGN
from streaming_core.errors import RequestFailed

KINDS: Final = {8: ("byte", "u1"), 16: ("short", "<u2"), 24: ("int", "<u4"), 32: ("float", "<f4")}
"""Bits of a pixel -> element type of the Java array, and numpy's."""

NO_UNITS: Final = ("pixel", "pixels", "")


def described(imp: Any) -> tuple[dict[str, Any], NDArray[Any]]:
    """Return what there is to say of an image, and its pixels. Event thread only.

    Raises
    ------
    RequestFailed
        When it is too large, or has no pixels.
    """
    sizes = {"T": imp.getNFrames(), "Z": imp.getNSlices(), "C": imp.getNChannels()}
    stack = imp.getStack()
    calibration = imp.getCalibration()
    pixels = _pixels(imp, stack, signed=bool(calibration.isSigned16Bit()))
    axes = "".join(axis for axis, size in sizes.items() if size > 1)
    shape = [size for size in sizes.values() if size > 1]
    array = pixels.reshape(*shape, *pixels.shape[1:])
    scale = {"X": float(calibration.pixelWidth), "Y": float(calibration.pixelHeight)}
    if sizes["Z"] > 1:
        scale["Z"] = float(calibration.pixelDepth)
    starts = {"X": calibration.xOrigin, "Y": calibration.yOrigin, "Z": calibration.zOrigin}
    origin = {axis: -float(start) * scale[axis] for axis, start in starts.items() if axis in scale}
    if sizes["T"] > 1 and calibration.frameInterval > 0:
        scale["T"] = float(calibration.frameInterval)
    units = str(calibration.getUnit())
    labels = [stack.getSliceLabel(index + 1) for index in range(stack.getSize())]
    return {
        "axes": axes + ("YXS" if imp.getBitDepth() == 24 else "YX"),
        "title": str(imp.getTitle()), "scale": scale,
        "origin": {axis: start + 0.0 for axis, start in origin.items()},
        "units": "" if units in NO_UNITS else units,
        "labels": ["" if label is None else str(label) for label in labels],
        "position": {"C": int(imp.getC()), "Z": int(imp.getZ()), "T": int(imp.getT())},
    }, array  # fmt: skip


def _pixels(imp: Any, stack: Any, *, signed: bool) -> NDArray[Any]:
    """Return the pixels of all planes: (planes, Y, X), or (planes, Y, X, S)."""
    bits, count = int(imp.getBitDepth()), int(stack.getSize())
    if bits not in KINDS or not count:
        raise RequestFailed(f"{imp.getTitle()!r} has no pixels that can be read")
    kind, dtype = KINDS[bits]
    height, width = int(imp.getHeight()), int(imp.getWidth())
    try:
        planes = np.empty((count, height, width), dtype)
    except MemoryError as error:
        raise RequestFailed(f"{imp.getTitle()!r} is too large to be read at once") from error
    for index in range(count):
        held = stack.getProcessor(index + 1).getPixels()  # of virtual stacks too
        planes[index] = jvm.to_numpy(kind, held).reshape(height, width)
    if bits == 24:
        return np.take(planes.view(np.uint8).reshape(*planes.shape, 4), BGRA[:3], axis=3)
    return np.bitwise_xor(planes.view("<i2"), SIGN) if signed else planes
