"""How a hyperstack looks at first: colours, ranges, calibration. From then on it is the user's."""

from __future__ import annotations

from typing import Any

import numpy as np

from fiji_bridge import colours, jvm
from fiji_bridge.pixels import Form, Plane
from streaming_core.looks import Limits, joined, limits_of, sample
from streaming_core.protocol.messages import Image


def lut(colour: colours.Rgb, limits: Limits) -> Any:
    """Make a lookup table from black to a colour."""
    table = jvm.java("ij.process.LUT").createLutFromColor(jvm.java("java.awt.Color")(*colour))
    table.min, table.max = limits
    return table


def colour_of(table: Any) -> colours.Rgb:
    """Return the colour that a lookup table runs to."""
    red, green, blue = jvm.to_numpy("byte", table.getBytes())[255::256].tolist()
    return red, green, blue


def label_lut(limits: Limits) -> Any:
    """Make a lookup table for labels."""
    byte = [jvm.to_java("byte", np.frombuffer(part, np.uint8)) for part in colours.labels()]
    table = jvm.java("ij.process.LUT")(*byte)
    table.min, table.max = limits
    return table


def limits(image: Image, plane: Plane) -> Limits | None:
    """Return the display range for a plane in ImageJ's pixels, None if it does not say any."""
    form = plane.form
    if image.contrast_limits is not None:
        low, high = image.contrast_limits
        return form.level(low), form.level(high)
    if form.scale != 1 or form.rgb:
        return 0.0, 255.0
    if image.kind == "labels":
        low, high = form.level(0), max(form.level(255), float(plane.levels().max()))
        # ImageJ has 256 colours. Where there are more labels, the least would get that of 0. Pixels
        # of 16 bits cannot begin below 0: there the program is told, see `pixels.MOST_SEEN`.
        return low - (high - low - 255) / 509 if form.kind == "float" else low, high
    return levels_of(plane)


def levels_of(plane: Plane) -> Limits | None:
    """Return the range in which the data of a plane are seen, None if they are all the same."""
    return limits_of(sample(plane.levels().reshape(plane.shape)))


def is_fixed(image: Image) -> bool:
    """Whether the first plane's range is final."""
    return image.contrast_limits is not None or image.kind != "image"


def flat(form: Form) -> Limits:
    """Return the range for data that do not say any: all the same, or not a number."""
    return form.level(0), form.level(1)


def join(one: Limits | None, other: Limits | None) -> Limits | None:
    """Return the range in which the data of both can be seen."""
    if one is None or other is None:
        return one or other
    return joined(one, other)


def calibrate(imp: Any, image: Image, form: Form, frames_are_t: bool) -> None:
    """Set pixel size, units, origin and frame interval as the image says.

    ImageJ's origin is the pixel at coordinate 0, ours the coordinate of pixel 0.

    Parameters
    ----------
    frames_are_t
        Whether frames stand for ``t`` alone, so that they have an interval (in seconds).
    """
    calibration = imp.getCalibration().copy()
    scale = {axis: image.scale.get(axis) or 1.0 for axis in "XYZ"}
    calibration.pixelWidth, calibration.pixelHeight = scale["X"], scale["Y"]
    calibration.pixelDepth = scale["Z"]
    # 0.0 - x: ImageJ would show -0
    origin = {axis: 0.0 - image.origin.get(axis, 0.0) / scale[axis] for axis in "XYZ"}
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


def info(image: Image, apart: str) -> str:
    """Return what Image > Show Info tells of a group: whose it is, and the newest metadata.

    Parameters
    ----------
    apart
        Its split components in words.
    """
    facts = {"source": image.source, "components": apart, "kind": image.kind, "run": image.run}
    words = {name: fact for name, fact in facts.items() if fact} | image.metadata
    return "\n".join(f"{name}: {value}" for name, value in words.items())
