"""A table that a user gives: a DataFrame, or a dict of columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import InvalidImage
from streaming_core.protocol.components import LONGEST_VALUE
from streaming_core.protocol.tables import LONGEST_FEATURE, MOST_FEATURES

FEATURE_WORDS: Final = "features= is a table: a DataFrame, or a dict of name to column"


def features_of(features: object, objects: int | None = None) -> dict[str, NDArray[Any]]:
    """Return a table as arrays of numbers, bools, or texts and None; else InvalidImage.

    Parameters
    ----------
    objects
        How many entries a column has; None: as many as the first.
    """
    if features is None:
        return {}
    items = getattr(features, "items", None)  # of a dict, or a DataFrame, which is not imported
    if items is None:
        raise InvalidImage(f"{FEATURE_WORDS}, not {type(features).__name__}")
    table = {}
    for name, column in items():
        if not (isinstance(name, str) and 0 < len(name) <= LONGEST_VALUE and name.isprintable()):
            raise InvalidImage(f"features= {name!r}: the name of a column is a printable text")
        table[name] = _column(name, column)
        objects = len(table[name]) if objects is None else objects
        if len(table[name]) != objects:
            raise InvalidImage(
                f"features= {name!r} has {len(table[name])} entries, there are {objects} objects"
            )
    if len(table) > MOST_FEATURES:
        raise InvalidImage(f"features= has {len(table)} columns; at most {MOST_FEATURES}")
    return table


def _column(name: str, column: Any) -> NDArray[Any]:
    """Return a column of numbers, bools, or texts and None."""
    array = np.asarray(column)
    if array.ndim != 1:
        raise InvalidImage(f"features= {name!r} is not one column, but of shape {array.shape}")
    if array.dtype.kind in "biu":
        return array
    if array.dtype.kind == "f":
        if np.isinf(array).any():
            raise InvalidImage(f"features= {name!r} has infinite numbers; NaN stands for none")
        return array.astype(np.float64)
    cells = [None if _is_none(cell) else cell for cell in array.tolist()]
    if _all_are(cells, str):
        if any(len(cell) > LONGEST_FEATURE for cell in cells if cell is not None):
            raise InvalidImage(
                f"features= {name!r}: a text has at most {LONGEST_FEATURE} characters"
            )
        return np.array(cells, object)
    if _all_are(cells, (int, float)) and not any(isinstance(cell, bool) for cell in cells):
        return _column(name, np.array([np.nan if c is None else c for c in cells], np.float64))
    raise InvalidImage(f"features= {name!r}: numbers, texts or bools, not {array.dtype}")


def _is_none(cell: object) -> bool:
    try:
        return cell is None or bool(cell != cell)
    except TypeError:
        return True  # pandas.NA, which is neither true nor false


def _all_are(cells: Iterable[object], kind: type | tuple[type, ...]) -> bool:
    return all(cell is None or isinstance(cell, kind) for cell in cells)
