"""ROIs of ImageJ as plain numbers: what each is, its corners, and where in a stack it lies.

ImageJ counts from the upper left corner of a pixel where a ROI has an area, and from the
middle of a pixel for points and lines. Here all coordinates are Y and X from the middle of
pixel (0, 0), as everywhere in Planecast: a rectangle that covers this pixel alone goes from
-0.5 to 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import hypot
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiji_bridge import jvm

Cell = str | bool | int | float | None

MIDDLE: Final = 0.5
"""Of a pixel, from its corner."""

SIGN: Final = "planecast"
"""Property of a ROI that a program sent: which one, and its number. It is no feature."""

NUDGE: Final = 1e-3
"""Pixels by which a point lies inside of an outline when it is asked whether that is a hole."""


class Spot(NamedTuple):
    """Where in a stack a ROI lies; positions count from 1, and 0 stands for all.

    ``n`` is that of a plane in a stack that is no hyperstack.
    """

    c: int = 0
    z: int = 0
    t: int = 0
    n: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A ROI, or a part of one, as plain data.

    Attributes
    ----------
    kind
        "points" or "shapes".
    shape
        "polygon", "path", "line", "rectangle" or "ellipse"; empty for points.
    corners
        (N, 2), Y and X in pixels. Rectangles and ellipses have the four corners of their box.
    spot
        Where in the stack.
    features
        Its ``name``, and what else ImageJ knows: ``group``, ``text``, ``counter`` of each
        point, ``width`` of a wide line, its properties; ``hole`` in the parts of a composite
        ROI.
    """

    kind: str
    shape: str
    corners: NDArray[np.float64]
    spot: Spot
    features: dict[str, Cell | list[int]] = field(default_factory=dict)


def outlines(roi: Any) -> list[Outline]:
    """Return what a ROI consists of; mostly one outline.

    A composite ROI has one for each part, points one for each place of the stack they are on.
    """
    if isinstance(roi, jvm.java("ij.gui.PointRoi")):
        return list(_points(roi))
    spot, features = spot_of(roi), _features(roi)
    if isinstance(roi, jvm.java("ij.gui.ShapeRoi")):
        return list(_parts(roi, spot, features))
    shape, corners = _outline(roi)
    return [Outline("shapes", shape, corners, spot, features)] if len(corners) > 1 else []


def spot_of(roi: Any) -> Spot:
    """Return where in a stack a ROI lies."""
    if roi.hasHyperStackPosition():
        return Spot(int(roi.getCPosition()), int(roi.getZPosition()), int(roi.getTPosition()))
    return Spot(n=max(0, int(roi.getPosition())))


def is_same(one: Any, other: Any) -> bool:
    """Whether two ROIs have the same outline, wherever they lie in a stack."""
    if one.getType() != other.getType():
        return False
    first, second = one.getFloatPolygon(), other.getFloatPolygon()
    equal = jvm.java("java.util.Arrays").equals
    if equal(first.xpoints, second.xpoints) and equal(first.ypoints, second.ypoints):
        return True
    here, there = _corners(first, 0.0), _corners(second, 0.0)  # arrays may be longer than used
    return here.shape == there.shape and bool(np.allclose(here, there, atol=NUDGE))


def point_planes(roi: Any) -> NDArray[np.int64]:
    """Return the plane of the stack that each point was clicked on, from 1; 0 is none."""
    return np.asarray(_counters(roi) >> 8, np.int64)


def set_point_planes(roi: Any, planes: NDArray[np.int64]) -> None:
    """Give each point another plane; it keeps its counter."""
    told = (_counters(roi) & 0xFF) + (planes << 8)
    roi.setCounters(jvm.to_java("int", told.astype("<i4")))


def _counters(roi: Any) -> NDArray[np.int64]:
    """Return what ImageJ keeps of each point: its counter, and above 8 bits its plane."""
    return jvm.to_numpy("int", roi.getCounters()).astype(np.int64)


def _features(roi: Any) -> dict[str, Cell | list[int]]:
    name = roi.getName()
    found: dict[str, Cell | list[int]] = {"name": None if name is None else str(name)}
    if roi.getGroup():
        found["group"] = int(roi.getGroup())
    if roi.isLine() and roi.getStrokeWidth() > 1:
        found["width"] = float(roi.getStrokeWidth())
    if isinstance(roi, jvm.java("ij.gui.TextRoi")):
        found["text"] = str(roi.getText()).strip()
    for line in str(roi.getProperties() or "").splitlines():
        key, _, value = line.partition(": ")
        if key != SIGN:
            found.setdefault(key, value)
    return found


def _points(roi: Any) -> Iterator[Outline]:
    corners = _corners(roi.getFloatPolygon(), 0.0)
    count = len(corners)
    whole, features = spot_of(roi), _features(roi)
    each = np.array([roi.getPointPosition(i) for i in range(count)], int)
    if roi.hasHyperStackPosition() or not each.any():
        each[:] = 0
    counters = np.array([roi.getCounter(i) for i in range(count)], int)
    for index in dict.fromkeys(each.tolist()):
        here = each == index
        spot = Spot(n=index) if index else whole
        told = features | {"counter": counters[here].tolist()} if counters.any() else features
        yield Outline("points", "", corners[here], spot, told)


def _parts(
    roi: Any, spot: Spot, features: dict[str, Cell | list[int]]
) -> Iterator[Outline]:  # fmt: skip
    for part in roi.getRois():
        shape, corners = _outline(part)
        if len(corners) > 1:
            hole = part.isArea() and _is_hole(roi, corners)
            yield Outline("shapes", shape, corners, spot, features | {"hole": hole})


def _is_hole(roi: Any, corners: NDArray[np.float64]) -> bool:
    """Whether what lies inside of an outline, along its longest edge, is outside of the ROI."""
    edges = np.roll(corners, -1, axis=0) - corners
    turn = np.sign(_area(corners))
    longest = int(np.argmax(np.hypot(*edges.T)))
    length = hypot(*edges[longest])
    if not turn or not length:
        return False
    inward = turn * np.array([edges[longest, 1], -edges[longest, 0]]) / length
    y, x = corners[longest] + edges[longest] / 2 + NUDGE * inward + MIDDLE
    return not roi.containsPoint(float(x), float(y))


def _area(corners: NDArray[np.float64]) -> float:
    """Return the area of a polygon, negative where its corners go round the other way."""
    (y, x), (next_y, next_x) = corners.T, np.roll(corners, -1, axis=0).T
    return float((x * next_y - next_x * y).sum()) / 2


def _outline(roi: Any) -> tuple[str, NDArray[np.float64]]:
    types = jvm.java("ij.gui.Roi")
    kind = roi.getType()
    if isinstance(roi, jvm.java("ij.gui.Line")):
        return "line", _corners(roi.getFloatPoints(), 0.0)
    if kind in (types.POLYLINE, types.FREELINE, types.ANGLE):
        return "path", _corners(roi.getFloatPolygon(), 0.0)
    if isinstance(roi, jvm.java("ij.gui.EllipseRoi")):
        return "ellipse", _ellipse(roi)
    if kind == types.OVAL or (kind == types.RECTANGLE and not roi.getCornerDiameter()):
        return "ellipse" if kind == types.OVAL else "rectangle", _box(roi)
    return "polygon", _corners(roi.getFloatPolygon(), MIDDLE)


def _corners(polygon: Any, middle: float) -> NDArray[np.float64]:
    count = int(polygon.npoints)
    x, y = (jvm.to_numpy("float", one)[:count] for one in (polygon.xpoints, polygon.ypoints))
    corners = np.column_stack([y, x]).astype(np.float64) - middle
    closed = middle and count > 1 and (corners[0] == corners[-1]).all()
    return corners[:-1] if closed else corners


def _box(roi: Any) -> NDArray[np.float64]:
    bounds = roi.getFloatBounds()
    top, left = float(bounds.y) - MIDDLE, float(bounds.x) - MIDDLE
    bottom, right = top + float(bounds.height), left + float(bounds.width)
    return np.array([[top, left], [top, right], [bottom, right], [bottom, left]])


def _ellipse(roi: Any) -> NDArray[np.float64]:
    """Return the box of an ellipse, which is turned as the ellipse is."""
    corners = _corners(roi.getFloatPolygon(), MIDDLE)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    x1, y1, x2, y2, aspect = (float(one) for one in roi.getParams())
    along = np.array([y2 - y1, x2 - x1]) / 2
    across = aspect * np.array([along[1], -along[0]])
    return np.array([
        middle - along - across, middle - along + across,
        middle + along + across, middle + along - across,
    ])  # fmt: skip
