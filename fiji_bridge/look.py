"""How a hyperstack looks at first: colours, ranges, calibration. From then on it is the user's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from fiji_bridge import colors, jvm
from fiji_bridge.pixels import Form, Plane
from streaming_core.protocol.messages import Image

SAMPLES: Final = 1 << 16
"""Pixels that a display range is taken from, at most."""

TAILS: Final = (0.1, 99.9)
"""Percentiles between which a display range lies: a few hot pixels do not darken the rest."""


def lut(color: colors.Rgb, limits: tuple[float, float]) -> Any:
    """Make a lookup table from black to a colour."""
    table = jvm.java("ij.process.LUT").createLutFromColor(jvm.java("java.awt.Color")(*color))
    table.min, table.max = limits
    return table


def label_lut(limits: tuple[float, float]) -> Any:
    """Make a lookup table for labels."""
    byte = [jvm.to_java("byte", np.frombuffer(part, np.uint8)) for part in colors.labels()]
    table = jvm.java("ij.process.LUT")(*byte)
    table.min, table.max = limits
    return table


def limits(image: Image, form: Form, planes: Sequence[Plane]) -> tuple[float, float]:
    """Return the display range for new data, in ImageJ's pixels.

    Parameters
    ----------
    image
        Its ``contrast_limits`` hold if it has any.
    form, planes
        Of the first data of a channel.
    """
    if image.contrast_limits is not None:
        low, high = image.contrast_limits
        return form.level(low), form.level(high)
    if form.scale != 1 or form.rgb:
        return 0.0, 255.0
    step = max(1, sum(len(plane.array) for plane in planes) // SAMPLES)
    sample = np.concatenate([plane.levels()[::step] for plane in planes])
    sample = sample[np.isfinite(sample)]
    if image.kind == "labels":
        whole = max((float(plane.levels().max(initial=0)) for plane in planes), default=0.0)
        return 0.0, max(255.0, whole)
    if not len(sample):
        return 0.0, 1.0
    low, high = (float(level) for level in np.percentile(sample, TAILS))
    return (low, high) if high > low else (low, low + 1)


def calibrate(imp: Any, image: Image, form: Form, frames_are_t: bool) -> None:
    """Set pixel size, units, origin and frame interval as the image says.

    ImageJ's origin is the pixel at coordinate 0, ours the coordinate of pixel 0.
    """
    calibration = imp.getCalibration().copy()
    scale = {axis: image.scale.get(axis) or 1.0 for axis in "XYZ"}
    calibration.pixelWidth, calibration.pixelHeight = scale["X"], scale["Y"]
    calibration.pixelDepth = scale["Z"]
    origin = {axis: -image.origin.get(axis, 0.0) / scale[axis] for axis in "XYZ"}
    calibration.xOrigin, calibration.yOrigin = origin["X"], origin["Y"]
    calibration.zOrigin = origin["Z"]
    if image.units:
        calibration.setUnit(image.units)
    if frames_are_t and "T" in image.scale:
        calibration.frameInterval = image.scale["T"]
        calibration.setTimeUnit("sec")
    if form.signed:
        calibration.setSigned16BitCalibration()
    imp.setCalibration(calibration)
