"""Points, shapes and tracks as bytes, and back: data only, and limited before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import WireError
from streaming_core.protocol.components import LONGEST_VALUE, MOST_PLANES
from streaming_core.protocol.messages import Cell, Image, Table

COLUMNS: Final[Mapping[str, frozenset[tuple[str, ...]]]] = {
    "points": frozenset({("Y", "X"), ("Z", "Y", "X"), ("T", "Y", "X"), ("T", "Z", "Y", "X")}),
    "shapes": frozenset({("Y", "X")}),
    "tracks": frozenset({("id", "T", "Y", "X"), ("id", "T", "Z", "Y", "X")}),
}
"""What the numbers of a row may be, for each kind."""

CORNERS: Final[Mapping[str, tuple[int, int]]] = {
    "polygon": (3, 1 << 16), "path": (2, 1 << 16), "line": (2, 2), "rectangle": (4, 4),
    "ellipse": (4, 4),
}  # fmt: skip
"""Fewest and most corners of each shape; an ellipse is given by those of its box."""

MOST_ROWS: Final = 1 << 22
"""Rows of one message: points, vertices of tracks, or corners of all its shapes."""

MOST_SHAPES: Final = 1 << 17
LONGEST_TAIL: Final = 1 << 24
"""Bytes behind the rows."""

MOST_FEATURES: Final = 256
LONGEST_FEATURE: Final = 1024
"""Characters of a text in a table."""

LARGEST: Final = 2.0**53
"""Of a coordinate; beyond it whole numbers are not told apart."""


class Tail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands behind the rows, as JSON."""

    features: dict[str, list[Cell]] = {}
    shapes: list[str] = []
    lengths: list[int] = []


_tail = msgspec.json.Decoder(Tail)


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """The points, shapes or tracks of one place.

    Attributes
    ----------
    columns
        What the numbers of a row are: axis letters, after "id" for tracks.
    rows
        float64, one row for each point, corner of a shape or vertex of a track. Y and X in
        pixels; T and Z are values of the components t and z.
    shapes, lengths
        For shapes: what each is, and how many of the rows are its corners.
    features
        A table with one entry for each point, shape or vertex.
    """

    columns: tuple[str, ...]
    rows: NDArray[np.float64]
    shapes: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    features: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def objects(self) -> int:
        """How many points, shapes or vertices of tracks there are."""
        return len(self.shapes) if self.columns == ("Y", "X") and self.shapes else len(self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, nearly."""
        return self.rows.nbytes + sum(column.nbytes for column in self.features.values())

    def swept(self) -> dict[str, tuple[int, ...]]:
        """Return the values of the components t and z that the rows have, whole and in order."""
        return {
            letter.lower(): tuple(int(v) for v in np.unique(np.rint(self.rows[:, at])))
            for at, letter in enumerate(self.columns)
            if letter in ("T", "Z")
        }


def pack(drawing: Drawing) -> tuple[Table, NDArray[np.uint8]]:
    """Return the description and the bytes of a drawing.

    Raises
    ------
    WireError
        When there is too much of something.
    """
    features = {name: cells_of(column) for name, column in drawing.features.items()}
    tail = msgspec.json.encode(Tail(features, list(drawing.shapes), list(drawing.lengths)))
    table = Table(drawing.columns, len(drawing.rows))
    rows = np.ascontiguousarray(drawing.rows, np.float64).tobytes()
    check_table(table, len(rows) + len(tail))
    return table, np.frombuffer(rows + tail, np.uint8)


def check_table(table: Table, nbytes: int, kind: str = "") -> None:
    """Raise WireError unless so many bytes can be such a table."""
    allowed = COLUMNS[kind] if kind else frozenset[tuple[str, ...]]().union(*COLUMNS.values())
    if table.columns not in allowed:
        raise WireError(f"columns {table.columns[:6]!r:.80}")
    if not 0 <= table.rows <= MOST_ROWS:
        raise WireError(f"{table.rows} rows; at most {MOST_ROWS}")
    tail = nbytes - table.rows * len(table.columns) * 8
    if not 0 < tail <= LONGEST_TAIL:
        raise WireError(f"{tail} bytes of features and shapes; at most {LONGEST_TAIL}")


def unpack(image: Image, pixels: NDArray[Any]) -> Drawing:
    """Return the drawing that a message and its bytes are; nothing of it refers to the bytes.

    Parameters
    ----------
    image
        Has passed `wire.check_image`.
    pixels
        uint8, one-dimensional.

    Raises
    ------
    WireError
        When it is not one.
    """
    table = image.table
    if table is None:
        raise WireError(f"{image.kind} without a table")
    wide = len(table.columns)
    whole = np.ascontiguousarray(pixels, np.uint8)
    nbytes = table.rows * wide * 8
    rows = np.array(whole[:nbytes]).view(np.float64).reshape(table.rows, wide)
    rows.flags.writeable = False
    try:
        tail = _tail.decode(whole[nbytes:].tobytes())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not a table: {str(error)[:300]}") from None
    if not bool((np.abs(rows) <= LARGEST).all()):
        raise WireError("coordinates are finite numbers")
    objects = table.rows
    if image.kind == "shapes":
        objects = len(tail.shapes)
        check_shapes(tail.shapes, tail.lengths, table.rows)
    elif tail.shapes or tail.lengths:
        raise WireError(f"{image.kind} with corners of shapes")
    features = _columns(tail.features, objects)
    drawing = Drawing(table.columns, rows, tuple(tail.shapes), tuple(tail.lengths), features)
    if any(len(values) > MOST_PLANES for values in drawing.swept().values()):
        raise WireError(f"at most {MOST_PLANES} values of t or z")
    return drawing


def columns_of(features: Mapping[str, list[Cell]]) -> dict[str, NDArray[Any]]:
    """Return the table that came with labels; WireError unless it says which they are."""
    if "label" not in features:
        raise WireError("features of labels without a column 'label'")
    columns = _columns(features, len(features["label"]))
    if columns["label"].dtype.kind not in "iu" and len(columns["label"]):
        raise WireError("features of labels: the column 'label' has whole numbers")
    return columns


def check_shapes(shapes: Sequence[str], lengths: Sequence[int], rows: int) -> None:
    """Raise WireError unless these are shapes that have so many corners in all."""
    if len(shapes) != len(lengths) or len(shapes) > MOST_SHAPES:
        raise WireError(f"{len(shapes)} shapes, {len(lengths)} lengths; at most {MOST_SHAPES}")
    for shape, corners in zip(shapes, lengths, strict=True):
        if shape not in CORNERS:
            raise WireError(f"shape {shape[:16]!r}; there are: {', '.join(CORNERS)}")
        fewest, most = CORNERS[shape]
        if not fewest <= corners <= most:
            words = f"{fewest} to {most}" if fewest < most else str(most)
            words += " (or 2 opposite ones)" if most == 4 else ""
            raise WireError(f"corners of a shape: {shape} has {words}, not {corners}")
    if sum(lengths) != rows:
        raise WireError(f"the shapes have {sum(lengths)} corners, there are {rows} rows")


def cells_of(column: NDArray[Any]) -> list[Cell]:
    """Return a column as JSON has it: null where there is no number."""
    cells: list[Cell] = column.tolist()
    if column.dtype.kind == "f":
        return [None if cell != cell else cell for cell in cells]
    return cells


def _columns(features: Mapping[str, list[Cell]], objects: int) -> dict[str, NDArray[Any]]:
    if len(features) > MOST_FEATURES:
        raise WireError(f"{len(features)} features; at most {MOST_FEATURES}")
    columns = {}
    for name, cells in features.items():
        if not (0 < len(name) <= LONGEST_VALUE and name.isprintable()):
            raise WireError(f"feature {name[:40]!r}: a printable text of at most {LONGEST_VALUE}")
        if len(cells) != objects:
            raise WireError(f"feature {name[:40]!r} has {len(cells)} entries, not {objects}")
        columns[name] = _column(name, cells)
    return columns


def _column(name: str, cells: list[Cell]) -> NDArray[Any]:
    kinds = {type(cell) for cell in cells}
    if kinds <= {bool} and kinds:
        return np.array(cells, np.bool_)
    if kinds <= {str, type(None)} and str in kinds:
        if any(cell is not None and len(str(cell)) > LONGEST_FEATURE for cell in cells):
            raise WireError(f"feature {name[:40]!r}: texts of at most {LONGEST_FEATURE} characters")
        return np.array(["" if cell is None else cell for cell in cells], object)
    if bool in kinds or str in kinds:
        raise WireError(f"feature {name[:40]!r} has texts and numbers")
    if kinds == {int} and all(-(2**63) <= int(cell or 0) < 2**63 for cell in cells):
        return np.array(cells, np.int64)
    try:
        return np.array([np.nan if cell is None else float(cell) for cell in cells], np.float64)
    except OverflowError:
        raise WireError(f"feature {name[:40]!r} has a number that is too large") from None
