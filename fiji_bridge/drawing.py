"""ROIs of ImageJ made from points, shapes and tracks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fiji_bridge import jvm
from fiji_bridge.parts import Part, named
from fiji_bridge.rois import MIDDLE, SIGN
from streaming_core.protocol.components import describe
from streaming_core.protocol.messages import Image

ROUND: Final = 64
"""Corners of an ellipse that lies in no way in which ImageJ has them."""

LONGEST: Final = 1 << 16
"""Characters of a property that tells something of each of many points."""

NEAR: Final = 1e-6
"""Pixels, or parts of a square, by which a corner may miss and still count as in its place."""

Turn = tuple[NDArray[np.float64], NDArray[np.float64]]
"""From pixels of the marks to those of an image: factor and shift, each Y and X."""


def turn(marks: Image, image: Image, origin: tuple[float, float] | None) -> Turn:
    """Return the way from pixels of marks to pixels of the image that they lie on.

    What either does not say of its scale or its origin is taken to be the same for both.

    Parameters
    ----------
    origin
        Where pixel (0, 0) of the image is, (Y, X), None where it does not say.
    """
    factor = np.ones(2)
    scales = [[one.scale.get(letter) for letter in "YX"] for one in (marks, image)]
    if all(all(one) for one in scales):
        factor = np.array(scales[0], float) / np.array(scales[1], float)
    if not ("Y" in marks.origin or "X" in marks.origin):
        return factor, np.zeros(2)
    first = np.array([marks.origin.get(letter, 0.0) for letter in "YX"])
    step = scales[1] if all(scales[1]) else scales[0] if all(scales[0]) else [1.0, 1.0]
    return factor, (first - np.array(origin or (0.0, 0.0))) / np.array(step, float)


def selections(part: Part, way: Turn, colour: Any, sign: str) -> Iterator[Any]:
    """Yield the ROIs of a part: one for each shape, one for all points, one for all tails.

    Parameters
    ----------
    colour
        A ``java.awt.Color``.
    sign
        Names the program that they came from; see `rois.SIGN`.
    """
    rows = part.drawing.rows if part.rows is None else part.drawing.rows[part.rows]
    plane = rows[:, -2:] * way[0] + way[1]
    name = title(part)
    match part.image.kind:
        case "points":
            roi = jvm.java("ij.gui.PointRoi")(jvm.floats(plane[:, 1]), jvm.floats(plane[:, 0]))
            roi.setShowLabels(False)
            yield _dressed(roi, name, colour, f"{sign}/{part.number}/0", _columns(part))
        case "tracks":
            roi = jvm.java("ij.gui.ShapeRoi")(jvm.floats(_tails(rows[:, 0], plane + MIDDLE)))
            yield _dressed(roi, name, colour, f"{sign}/{part.number}/0", {})
        case _:
            ends = np.cumsum((0, *part.drawing.lengths))
            features = part.drawing.features
            for number, (start, end) in enumerate(pairwise(ends)):
                roi = shape(part.drawing.shapes[number], plane[start:end])
                told = {key: _said(column[number]) for key, column in features.items()}
                yield _dressed(
                    roi, f"{name} · {number + 1}", colour, f"{sign}/{part.number}/{number}", told
                )


def whole_tracks(part: Part, way: Turn, colour: Any, sign: str) -> Iterator[Any]:
    """Yield the tracks that begin at a part's t, each with its whole path."""
    rows, t = part.drawing.rows, part.at["t"]
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    rows = rows[order]
    starts = np.flatnonzero(np.diff(rows[:, 0], prepend=np.nan) != 0)
    for start, end in pairwise([*starts.tolist(), len(rows)]):
        if np.rint(rows[start, 1]) != t:
            continue
        plane = rows[start:end, -2:] * way[0] + way[1]
        roi = shape("path" if len(plane) > 1 else "point", plane)
        words = {name: value for name, value in part.at.items() if name != "t"}
        name = " · ".join([word for word in (_source(part.image), describe(named(words))) if word])
        yield _dressed(
            roi, f"{name} · track {rows[start, 0]:.12g}", colour,
            f"{sign}/{part.number}/{start + 1}", {},
        )  # fmt: skip


def title(part: Part) -> str:
    """Return what marks are called: "spots · well B03 · z 2"."""
    return " · ".join(word for word in (_source(part.image), describe(named(part.at))) if word)


def _source(image: Image) -> str:
    return image.name or image.source or image.kind


def shape(kind: str, corners: NDArray[np.float64]) -> Any:
    """Return one shape as a ROI.

    Parameters
    ----------
    kind
        As in `tables.CORNERS`, or "point".
    corners
        (N, 2), Y and X from the middle of pixel (0, 0).
    """
    types = jvm.java("ij.gui.Roi")
    polygon = jvm.java("ij.gui.PolygonRoi")
    if kind == "point":
        return jvm.java("ij.gui.PointRoi")(jvm.floats(corners[:, 1]), jvm.floats(corners[:, 0]))
    if kind == "line":
        (y1, x1), (y2, x2) = corners.tolist()
        return jvm.java("ij.gui.Line")(x1, y1, x2, y2)
    if kind == "path":
        return polygon(jvm.floats(corners[:, 1]), jvm.floats(corners[:, 0]), types.POLYLINE)
    corners = corners + MIDDLE
    if kind in ("rectangle", "ellipse"):
        special = _box(kind, corners)
        if special is not None:
            return special
    if kind == "ellipse":
        corners = _round(corners)
    return polygon(jvm.floats(corners[:, 1]), jvm.floats(corners[:, 0]), types.POLYGON)


def _box(kind: str, corners: NDArray[np.float64]) -> Any | None:
    """Return a rectangle or ellipse as ImageJ has them, None if it has none that lies so."""
    (top, left), (bottom, right) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    upright = all(
        min(abs(y - top), abs(y - bottom)) < NEAR and min(abs(x - left), abs(x - right)) < NEAR
        for y, x in corners.tolist()
    )
    height, width = bottom - top, right - left
    if not (height and width):
        return None
    if kind == "rectangle":
        return jvm.java("ij.gui.Roi")(left, top, width, height) if upright else None
    if upright and all(abs(one - round(one)) < NEAR for one in (left, top, width, height)):
        return jvm.java("ij.gui.OvalRoi")(round(left), round(top), round(width), round(height))
    middle, along, across = _axes(corners)
    if abs(float(along @ across)) > NEAR * max(1.0, float(along @ along)):
        return None
    long, short = (float(np.hypot(*one)) for one in (along, across))
    if long < short:
        along, long, short = across, short, long
    (y1, x1), (y2, x2) = (middle - along).tolist(), (middle + along).tolist()
    return jvm.java("ij.gui.EllipseRoi")(x1, y1, x2, y2, short / long)


def _axes(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return the middle of four corners, and the way from there to two neighbouring sides."""
    first, second, third, _ = corners
    return corners.mean(axis=0), (second - first) / 2, (third - second) / 2


def _round(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    middle, along, across = _axes(corners)
    angle = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)[:, None]
    return np.asarray(middle + np.cos(angle) * along + np.sin(angle) * across, np.float64)


def _tails(track: NDArray[np.float64], plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return paths as ImageJ's composite ROIs have them: segment type, x, y; 0 moves, 1 draws."""
    begins = np.diff(track, prepend=np.nan) != 0
    path = np.column_stack([~begins, plane[:, 1], plane[:, 0]])
    alone = begins & np.append(begins[1:], True)
    # A line of no length: a path of one point would not be seen.
    path = np.insert(path, np.flatnonzero(alone) + 1, path[alone] + (1, 0, 0), axis=0)
    return path.ravel()


def _columns(part: Part) -> dict[str, str]:
    """Return the features of points, each as one text, since one ROI holds all of them."""
    told = {}
    for name, column in part.drawing.features.items():
        here = column if part.rows is None else column[part.rows]
        text = ",".join(map(_said, here.tolist()))
        told[name] = text if len(text) <= LONGEST else f"{len(here)} values"
    return told


def _said(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or value != value:
        return "NaN" if value is not None else ""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _dressed(roi: Any, name: str, colour: Any, sign: str, features: Mapping[str, str]) -> Any:
    roi.setName(name)
    roi.setStrokeColor(colour)
    for key, value in features.items():
        roi.setProperty(key, value)
    roi.setProperty(SIGN, sign)
    return roi
