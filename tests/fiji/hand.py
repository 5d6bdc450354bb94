"""What a person does with ImageJ's selections: draws them, adds them to the ROI Manager, paints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fiji_bridge import jvm, rois


def floats(numbers: Sequence[float]) -> Any:
    """Return numbers as ImageJ's constructors take them."""
    return jvm.to_java("float", np.array(numbers, "<f4"))


def selection(tool: str, *given: Any) -> Any:
    """Make the selection that a tool of ImageJ's makes: x before y, as there."""
    types = jvm.java("ij.gui.Roi")
    corners = {
        "polygon": types.POLYGON, "freehand": types.FREEROI, "traced": types.TRACED_ROI,
        "segmented line": types.POLYLINE, "freehand line": types.FREELINE, "angle": types.ANGLE,
    }  # fmt: skip
    if tool in corners:
        xs, ys = zip(*given, strict=True)
        return jvm.java("ij.gui.PolygonRoi")(floats(xs), floats(ys), corners[tool])
    if tool == "points":
        xs, ys = zip(*given, strict=True)
        return jvm.java("ij.gui.PointRoi")(floats(xs), floats(ys), len(given))
    if tool == "ring":
        shape = jvm.java("ij.gui.ShapeRoi")
        return shape(types(*given[0])).xor(shape(types(*given[1])))
    classes = {
        "rectangle": "Roi", "oval": "OvalRoi", "line": "Line", "ellipse": "EllipseRoi",
        "rotated rectangle": "RotatedRectRoi", "text": "TextRoi", "arrow": "Arrow",
    }  # fmt: skip
    return jvm.java(f"ij.gui.{classes[tool]}")(*given)


class Hand:
    """A person's hand, in the process of the bridge."""

    def outlines(self, tool: str, *given: Any, **touches: Any) -> list[tuple[Any, ...]]:
        """Return a selection as plain data: kind, shape, corners, spot and features.

        Parameters
        ----------
        touches
            Method -> its arguments, to be called on the selection first.
        """
        roi = selection(tool, *given)
        for method, arguments in touches.items():
            getattr(roi, method)(*arguments)
        return [
            (one.kind, one.shape, one.corners.tolist(), tuple(one.spot), one.features)
            for one in rois.outlines(roi)
        ]
