"""From what a user says about an image to the message that describes it."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Final, cast

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from streaming_core.errors import InvalidArray, InvalidAxes, InvalidImage, InvalidKind, WireError
from streaming_core.protocol.axes import check_axes, check_dtype
from streaming_core.protocol.components import Components, check_components, describe
from streaming_core.protocol.messages import KINDS, MARKS, Cell, Image, Inline
from streaming_core.protocol.tables import cells_of, columns_of
from streaming_core.protocol.wire import LONGEST_HEAD, LONGEST_TEXT, MOST_DIMENSIONS
from streaming_core.stream.features import features_of

LARGEST_METADATA: Final = LONGEST_HEAD // 2
LARGEST_TABLE: Final = LONGEST_HEAD // 8 * 3
"""Bytes of the features of labels, as JSON."""


def array_of(given: ArrayLike) -> NDArray[Any]:
    """Return what a user shows as an array.

    Raises
    ------
    InvalidArray
        When it is none; or when some of it is masked: what lies under a mask would be shown as
        if it were data.
    """
    masks = sys.modules.get("numpy.ma")  # it is not there before somebody masks something
    if masks is not None and masks.is_masked(given):
        raise InvalidArray(
            "some pixels of this array are masked, and a viewer has no masks: say what they are "
            "with array.filled(0), or filled(numpy.nan) where they are floats, or send array.data"
        )
    try:
        return np.asarray(given)
    except ValueError as error:  # rows that differ in length
        raise InvalidArray(f"this is no array: {error}") from None


def make_image(
    array: NDArray[Any],
    *,
    run: str,
    axes: str | None = None,
    kind: str = "image",
    components: Components | None = None,
    source: str | None = None,
    name: str | None = None,
    scale: Mapping[str, float] | None = None,
    origin: Mapping[str, float] | None = None,
    units: str | None = None,
    colormap: str | None = None,
    contrast_limits: tuple[float, float] | None = None,
    metadata: Mapping[str, Any] | None = None,
    editable: bool = False,
    features: Any = None,
    keep: int | None = None,
) -> Image:
    """Check everything, and return the message; session, number and pixels come later.

    Raises
    ------
    InvalidImage
        One of its kinds, in the words of `Viewer.show`.
    """
    _check_shape(array)
    form = array.shape, array.dtype, kind, axes, editable
    try:
        dtype, axes = _form(*form)
    except TypeError:  # unhashable, so no word that is known: this says which
        dtype, axes = _form.__wrapped__(*form)
    return Image(
        sid="",
        seq=0,
        run=run,
        shape=array.shape,
        dtype=dtype,
        axes=axes,
        where=Inline(0, 0),
        components=check_components(components, axes, array.shape),
        kind=kind,
        # After a computation each call of a function takes 1 µs: none for what was not said.
        source="" if source is None else _text("source", source),
        name="" if name is None else _text("name", name),
        scale={} if scale is None else _lengths("scale", scale, positive=True),
        origin={} if origin is None else _lengths("origin", origin, positive=False),
        units="" if units is None else _text("units", units),
        colormap="" if colormap is None else _text("colormap", colormap),
        contrast_limits=None if contrast_limits is None else _limits(contrast_limits),
        metadata=_plain(metadata) if metadata else {},
        editable=bool(editable),
        features={} if features is None else _table(kind, features),
        keep=0 if keep is None else _count("keep", keep),
    )


@lru_cache(maxsize=64)
def _form(
    shape: tuple[int, ...], dtype: np.dtype[Any], kind: str, axes: str | None, editable: bool
) -> tuple[str, str]:
    """Return the dtype that is sent, and the axes; a program shows few kinds of images."""
    sent = check_dtype(dtype)
    _check_kind(kind, sent, editable=editable)
    axes = check_axes(axes, shape)
    if axes.endswith("S") and kind != "image":
        raise InvalidAxes(f"axis S is for RGB images; {kind} have one number for each pixel")
    return sent.str, axes


def _check_shape(array: NDArray[Any]) -> None:
    if array.ndim < 2:
        raise InvalidArray(f"an image has at least 2 dimensions, Y and X; this is {_what(array)}")
    if array.size == 0:
        raise InvalidArray(f"an array of shape {array.shape} has no pixels")
    if array.ndim > MOST_DIMENSIONS:
        raise InvalidAxes(f"{array.ndim} dimensions; send planes, or at most TCZYX")


def _what(array: NDArray[Any]) -> str:
    """Say what came in the place of an image."""
    if array.ndim:
        return f"an array of shape {array.shape}"
    value = array.item()
    return "None" if value is None else f"a single {type(value).__name__}"


def _check_kind(kind: str, dtype: np.dtype[Any], *, editable: bool) -> None:
    if kind in MARKS:
        raise InvalidKind(f"{kind} are no pixels: send them with Viewer.{kind}()")
    if kind not in KINDS:
        raise InvalidKind(f"kind {kind!r}; there are: {', '.join(KINDS)}")
    if kind == "labels" and dtype.kind == "f":
        raise InvalidKind(f"labels are integers, not {dtype}; convert with astype('uint32')")
    if editable and kind != "labels":
        raise InvalidKind(f"editable=True is for labels, which a person may paint, not for {kind}")


def _table(kind: str, features: Any) -> dict[str, list[Cell]]:
    if kind != "labels":
        raise InvalidKind(f"features= is for labels, points, shapes and tracks, not for {kind}")
    table = {name: cells_of(column) for name, column in features_of(features).items()}
    size = len(msgspec.json.encode(table))
    if size > LARGEST_TABLE:
        raise InvalidImage(f"features= has {size} bytes; at most {LARGEST_TABLE}: fewer columns?")
    try:
        columns_of(table)
    except WireError as error:
        raise InvalidImage(str(error)) from None
    return table


class Name:
    """Names an image in one line, for the reports of what was not delivered.

    It is made when somebody asks: the I/O thread, where `Viewer.show` would take 9 µs for it.
    """

    __slots__ = ("_image",)

    def __init__(self, image: Image) -> None:
        self._image = image

    def __str__(self) -> str:
        image = self._image
        kind = "" if image.kind == "image" else image.kind
        words = [image.source, kind, describe(image.components)]
        return " · ".join(word for word in words if word) or "an image without components"

    def __bytes__(self) -> bytes:
        return str(self).encode()


def _text(word: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise InvalidImage(
            f"{word}= is a text of at most {LONGEST_TEXT} characters, not {value!r:.80}"
        )
    return value


def _count(word: str, value: object) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # else a TypeError
    except TypeError:
        number = 0
    if not 0 < number < 1 << 31:
        raise InvalidImage(f"{word}= is a whole number above 0, not {value!r}")
    return number


def _lengths(word: str, given: Mapping[str, float], *, positive: bool) -> dict[str, float]:
    lengths: dict[str, float] = {}
    if not isinstance(given, Mapping):
        raise InvalidImage(
            f"{word}= is a mapping such as {{'Y': 0.1, 'X': 0.1}}, not {given!r:.80}"
        )
    for axis, length in given.items():
        if axis not in tuple("TZYX"):
            raise InvalidImage(f"{word}= is keyed by the axis letters T, Z, Y, X, not {axis!r}")
        try:
            lengths[axis] = float(length)
        except (TypeError, ValueError):
            raise InvalidImage(f"{word}= of {axis} is a number, not {length!r}") from None
        if not math.isfinite(lengths[axis]) or (positive and lengths[axis] <= 0):
            raise InvalidImage(f"{word}= of {axis} cannot be {length}")
    return lengths


def _limits(given: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in given)
    except (TypeError, ValueError):
        raise InvalidImage(f"contrast_limits= are two numbers, not {given!r}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InvalidImage(f"contrast_limits= {given!r}: the first is below the second")
    return low, high


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(metadata, Mapping):
        raise InvalidImage(
            f"metadata= is a mapping such as {{'exposure': 20}}, not {metadata!r:.80}"
        )
    try:
        plain = msgspec.to_builtins(dict(metadata), str_keys=True, enc_hook=_builtin)
        size = len(msgspec.json.encode(plain))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidImage(f"metadata= is plain data (texts, numbers, lists): {error}") from None
    if size > LARGEST_METADATA:
        raise InvalidImage(f"metadata= has {size} bytes; at most {LARGEST_METADATA}")
    return cast("dict[str, Any]", plain)


def _builtin(value: object) -> Any:
    """Return a number or an array of numpy's, or a path, as Python has them."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"not {type(value).__name__}")
