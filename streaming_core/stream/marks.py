"""From what a user says about points, shapes or tracks to the message that brings them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import (
    InvalidArray,
    InvalidAxes,
    InvalidComponents,
    InvalidImage,
    InvalidKind,
    WireError,
)
from streaming_core.protocol.messages import Image
from streaming_core.protocol.tables import (
    COLUMNS,
    CORNERS,
    LARGEST,
    Drawing,
    check_shapes,
    pack,
)
from streaming_core.stream.features import features_of
from streaming_core.stream.image import make_image


def make_marks(
    kind: str, drawing: Drawing, *, run: str, **words: Any
) -> tuple[Image, NDArray[Any]]:
    """Return the message for a drawing, and the bytes that travel with it as its pixels.

    Parameters
    ----------
    words
        As of `Viewer.points`: components, source, name, scale, origin, units, metadata.

    Raises
    ------
    InvalidImage
        One of its kinds.
    """
    origin = words.get("origin") or {}
    wrong = sorted(set(origin) - {"Y", "X"})
    if wrong:
        raise InvalidImage(f"origin= of {kind} has Y and X, not {', '.join(map(str, wrong))}")
    for letter in drawing.columns:
        if letter.lower() in (words.get("components") or {}):
            raise InvalidComponents(
                f"the {kind} have a column {letter}: leave out component {letter.lower()!r}"
            )
    # All that images and marks have in common is checked in one place.
    like = make_image(np.zeros((1, 1), np.uint8), run=run, axes="YX", **words)
    try:
        table, payload = pack(drawing)
    except WireError as error:
        raise InvalidArray(f"{kind}: {error}") from None
    image = msgspec.structs.replace(
        like, kind=kind, table=table, axes="", shape=payload.shape, dtype=payload.dtype.str
    )
    return image, payload


def drawing_of(
    kind: str, data: Any, axes: str, features: object, shape: str | Sequence[str] = "polygon"
) -> Drawing:
    """Return a drawing made of a user's numbers; InvalidImage where they cannot be one."""
    if kind == "shapes":
        return _shapes(data, shape, features)
    columns = (*(("id",) if kind == "tracks" else ()), *axes)
    if columns not in COLUMNS[kind]:
        known = ", ".join(sorted("".join(c for c in one if c != "id") for one in COLUMNS[kind]))
        raise InvalidAxes(f"axes {axes!r} for {kind}; there are: {known}")
    rows = _numbers(kind, data, len(columns), ", ".join(columns))
    return Drawing(columns, rows, features=features_of(features, len(rows)))


def _numbers(kind: str, data: Any, wide: int, what: str) -> NDArray[np.float64]:
    try:
        rows = np.array(data, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArray(f"{kind} are rows of numbers: {error}") from None
    if rows.size == 0:
        rows = rows.reshape(0, wide)
    if rows.ndim != 2 or rows.shape[1] != wide:
        raise InvalidArray(f"{kind} are rows of {wide} numbers ({what}), not shape {rows.shape}")
    if not bool((np.abs(rows) <= LARGEST).all()):
        raise InvalidArray(f"{kind} need finite coordinates")
    return rows


def _shapes(data: Any, shape: str | Sequence[str], features: object) -> Drawing:
    given: list[Any] = list(data)
    names = [shape] * len(given) if isinstance(shape, str) else list(shape)
    if len(names) != len(given):
        raise InvalidArray(f"{len(given)} shapes, but shape= has {len(names)} words")
    corners = []
    for name, one in zip(names, given, strict=True):
        if name not in CORNERS:
            raise InvalidKind(f"shape {name!r}; there are: {', '.join(CORNERS)}")
        rows = _numbers("corners of shapes", one, 2, "Y, X")
        if name in ("rectangle", "ellipse") and len(rows) == 2:
            (top, left), (bottom, right) = rows
            rows = np.array([[top, left], [top, right], [bottom, right], [bottom, left]])
        corners.append(rows)
    lengths = [len(rows) for rows in corners]
    try:
        check_shapes(names, lengths, sum(lengths))
    except WireError as error:
        raise InvalidArray(str(error)) from None
    rows = np.concatenate(corners) if corners else np.zeros((0, 2))
    table = features_of(features, len(given))
    return Drawing(("Y", "X"), rows, tuple(names), tuple(lengths), table)
