"""Axis strings: what the dimensions of an array mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from streaming_core.errors import InvalidArray, InvalidAxes

AXES: Final = "TCZYX"
"""The axes an array may have, in OME's order; ``S`` (RGB samples) may stand last."""

AXIS_COMPONENT: Final[Mapping[str, str]] = {"T": "t", "C": "channel", "Z": "z"}
"""The component that an axis stands for."""

HINTS: Final[Mapping[str, str]] = {
    "c": "complex numbers: send abs(), angle(), .real or .imag as images of their own",
    "O": "Python objects: convert to a numeric dtype with astype()",
    "U": "text is not an image",
    "S": "bytes are not an image; numpy.frombuffer() gives numbers",
    "V": "structured: send each field as an image of its own",
    "M": "datetime: convert to numbers with astype('int64')",
    "m": "timedelta: convert to numbers with astype('int64')",
}


def check_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype that travels: native-endian, float16 widened to float32 (exact).

    Raises
    ------
    InvalidArray
        For dtypes that viewers cannot show, with a hint what to send instead.
    """
    kind, size = dtype.kind, dtype.itemsize
    if kind == "b" or (kind in "iu" and size <= 8) or (kind == "f" and size in (4, 8)):
        return dtype if dtype.isnative else dtype.newbyteorder("=")
    if kind == "f" and size == 2:
        return np.dtype(np.float32)
    if kind == "f":
        hint = "more than 64 bits: convert with astype('float64')"
    else:
        hint = HINTS.get(kind, "not a numeric dtype")
    raise InvalidArray(f"dtype {dtype} cannot be shown ({hint})")


def check_axes(axes: str | None, shape: Sequence[int]) -> str:
    """Return the axis string of an array of this shape.

    Parameters
    ----------
    axes
        Letters of ``TCZYX``, each at most once, ending in ``YX`` in that order, with ``S``
        (3 or 4 RGB samples) last if at all. ``None`` stands for ``YX``.
    shape
        Shape of the array, one number for each letter.

    Raises
    ------
    InvalidAxes
        When the letters are unknown, repeated, misplaced or do not fit the shape.
    """
    if axes is None:
        if len(shape) != 2:
            raise InvalidAxes(
                f"an array with {len(shape)} dimensions needs axes=, e.g. {_examples(shape)}; "
                "only a 2-D array is taken as 'YX'"
            )
        return "YX"
    if not isinstance(axes, str):
        raise InvalidAxes(f"axes= is a string such as 'CZYX', not {type(axes).__name__}")
    if axes == "YX" and len(shape) == 2:  # nearly all
        return axes
    plain = axes.removesuffix("S")
    unknown = sorted(set(plain) - set(AXES))
    if unknown:
        capitals = " in capitals" if set(axes.upper()) <= {*AXES, "S"} else ""
        raise InvalidAxes(
            f"axes {axes!r}: unknown {', '.join(unknown)}; use letters of {AXES}{capitals}, and S "
            "for the samples of RGB as the last one; anything else is a component"
        )
    if len(set(plain)) != len(plain):
        raise InvalidAxes(f"axes {axes!r} name an axis twice")
    if not plain.endswith("YX"):
        raise InvalidAxes(f"axes {axes!r} must end in YX (or YXS for RGB); transpose the array")
    if len(axes) != len(shape):
        raise InvalidAxes(
            f"axes {axes!r} name {len(axes)} dimensions, the array has {len(shape)}: {tuple(shape)}"
        )
    if axes.endswith("S") and shape[-1] not in (3, 4):
        raise InvalidAxes(f"axis S means 3 or 4 RGB samples, the array has {shape[-1]}")
    return axes


def _examples(shape: Sequence[int]) -> str:
    stack = "ZYX" if len(shape) == 3 else "CZYX"
    if shape[-1] not in (3, 4):
        return f"axes={stack!r}"
    return f"axes={stack!r}, or axes={AXES[1 - len(shape) :] + 'S'!r} for RGB"


def plane_shape(axes: str, shape: Sequence[int]) -> tuple[int, ...]:
    """Shape of one plane: (Y, X), or (Y, X, S) for RGB."""
    return tuple(shape[-3:] if axes.endswith("S") else shape[-2:])


def leading_axes(axes: str) -> str:
    """Return the axes before Y: those along which an array is a series of planes."""
    return axes.removesuffix("S")[:-2]
