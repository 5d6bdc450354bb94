"""Save a layer as OME-TIFF, with the scale, units and names that napari's own writer leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray

from streaming_core.protocol.components import describe

LETTERS: Final = {"t": "T", "time": "T", "z": "Z", "channel": "C", "c": "C"}
"""What OME knows; any other axis becomes images of their own in the file."""

UNNAMED: Final = "ZTC"
"""What axes without a name are, from the last one on."""

MICRO: Final = "\N{MICRO SIGN}"
GREEK: Final = "\N{GREEK SMALL LETTER MU}"
"""What pint writes from 0.26 on; OME knows the sign alone."""

SIZES: Final = {"Z": "PhysicalSizeZ", "Y": "PhysicalSizeY", "X": "PhysicalSizeX"}
WIDEST: Final = np.iinfo(np.uint32).max


def write_ome(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write one image or labels layer; called by napari for names that end with .ome.tif.

    Parameters
    ----------
    path
        The file.
    data
        What the layer holds; of several resolutions the first. Read plane by plane.
    meta
        The layer's state: ``scale``, ``units``, ``axis_labels``, ``name`` and ``rgb``.

    Returns
    -------
    list of str
        The file that was written.

    Raises
    ------
    OverflowError
        For integers that OME-TIFF cannot hold.
    """
    data = data[0] if isinstance(data, Sequence) else data
    inside = 3 if meta.get("rgb") else 2
    depth = len(data.shape) - inside
    names = [str(name) for name in meta.get("axis_labels") or ()][:depth]
    letters = _letters(names if len(names) == depth else [""] * depth)
    apart = [at for at in range(depth) if not letters[at]]
    dtype = _dtype(data)
    words = _words(letters, meta)
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as file:
        for place in product(*(range(data.shape[at]) for at in apart)):
            fixed = dict(zip(apart, place, strict=True))
            shape = tuple(n for at, n in enumerate(data.shape) if at not in fixed)
            called = [(names[at], _value(data, names[at], index)) for at, index in fixed.items()]
            file.write(
                _planes(data, depth, fixed, dtype), shape=shape, dtype=dtype,
                photometric="rgb" if inside == 3 else "minisblack",
                metadata=words | {"Name": " · ".join(
                    word for word in (str(meta.get("name", "")), describe(tuple(called))) if word
                )},
            )  # fmt: skip
    return [path]


def _letters(names: Sequence[str]) -> list[str]:
    """Return OME's letter for each axis before Y, empty for those that it does not know."""
    letters = [LETTERS.get(name.lower(), "") for name in names]
    letters = [one if one not in letters[:at] else "" for at, one in enumerate(letters)]
    free = [one for one in UNNAMED if one not in letters]
    for at in reversed(range(len(names))):
        nameless = not names[at] or names[at].lstrip("-").isdigit()
        if nameless and not letters[at] and free:
            letters[at] = free.pop(0)
    return letters


def _dtype(data: Any) -> np.dtype[Any]:
    """Return the type in the file: the data's own, or one that holds the same values."""
    dtype: np.dtype[Any] = np.dtype(getattr(data, "whole_dtype", data.dtype))
    if dtype == np.bool_:
        return np.dtype(np.uint8)
    if dtype.kind not in "iu" or dtype.itemsize < 8:
        return dtype
    depth = len(data.shape) - 2
    for plane in _planes(data, depth, {}, dtype):
        if plane.min() < 0 or plane.max() > WIDEST:
            # Not a ValueError: napari takes that for "no writer was found".
            raise OverflowError(
                f"OME-TIFF has no 64-bit integers, and {plane.max()} needs them; save as .tif"
            )
    return np.dtype(np.uint32)


def _words(letters: Sequence[str], meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return axes, pixel sizes and units in OME's words."""
    axes = "".join(letters) + ("YXS" if meta.get("rgb") else "YX")
    words: dict[str, Any] = {"axes": axes}
    dimensions = [*letters, "Y", "X"]
    steps, units = list(meta.get("scale") or ()), list(meta.get("units") or ())
    if len(steps) != len(dimensions) or len(units) != len(dimensions):
        return words
    for letter, step, unit in zip(dimensions, steps, units, strict=True):
        short = f"{unit:~}" if hasattr(unit, "dimensionality") else str(unit)
        short = short.replace(GREEK, MICRO)
        if short in ("px", "pixel", ""):
            continue
        if letter in SIZES:
            words |= {SIZES[letter]: float(step), f"{SIZES[letter]}Unit": short}
        elif letter == "T":
            words |= {"TimeIncrement": float(step), "TimeIncrementUnit": short}
    return words


def _planes(
    data: Any, depth: int, fixed: Mapping[int, int], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    """Yield the planes at the fixed indices, one by one, in order."""
    ranges = [(fixed[at],) if at in fixed else range(data.shape[at]) for at in range(depth)]
    for index in product(*ranges):
        yield np.ascontiguousarray(np.asarray(data[index]).astype(dtype, copy=False))


def _value(data: Any, name: str, index: int) -> Any:
    """Return what stands at an index of an axis, where the data know it."""
    axes = getattr(data, "axes", None)
    values = getattr(axes, "values", {}).get(name)
    return index if values is None else values[index]
