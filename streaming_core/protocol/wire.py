"""Bytes <-> messages: data only, and limited in size before anything is allocated."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import InvalidImage, WireError
from streaming_core.protocol.axes import check_axes
from streaming_core.protocol.components import check_components
from streaming_core.protocol.messages import (
    KINDS,
    MARKS,
    PROTOCOL,
    ArrayResult,
    Image,
    Inline,
    Message,
    Slab,
    ToProducer,
    ToViewer,
)
from streaming_core.protocol.tables import check_table, columns_of

LONGEST_HEAD: Final = 1 << 20
"""Bytes of a JSON part, at most."""

LONGEST_RESULT: Final = 1 << 28
"""Bytes of the JSON of a reply's result, at most; long ones travel as pixels do."""

PART: Final = 1 << 20
"""Bytes of a pixel part, at most."""

MOST_PARTS: Final = 1 << 16
MOST_DIMENSIONS: Final = 8
LONGEST_TEXT: Final = 1024

EVERY_KIND: Final = (*KINDS, *MARKS)

LONGEST_TOLD: Final = 300
"""Characters of a parser's words: they quote what somebody sent."""

ITEM_BYTES: Final = {np.dtype(code).str: np.dtype(code).itemsize for code in "?bBhHiIqQfd"}
"""The dtypes that travel. No other text reaches numpy, which reads much into one."""

_encoder = msgspec.json.Encoder()
M = TypeVar("M")

_to_viewer: msgspec.json.Decoder[ToViewer] = msgspec.json.Decoder(ToViewer)
_to_producer: msgspec.json.Decoder[ToProducer] = msgspec.json.Decoder(ToProducer)


def encode(message: Message) -> bytes:
    """Return the JSON part of a message.

    Raises
    ------
    WireError
        When it is longer than `LONGEST_HEAD`.
    """
    try:
        head = _encoder.encode(message)
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"not plain data: {error}") from None
    if len(head) > LONGEST_HEAD:
        raise WireError(f"{len(head)} bytes of metadata; at most {LONGEST_HEAD}")
    return head


def decode_to_viewer(head: bytes | memoryview) -> ToViewer:
    """Read what a producer sent; WireError for anything else."""
    return _decode(_to_viewer, head)


def decode_to_producer(head: bytes | memoryview) -> ToProducer:
    """Read what a viewer sent; WireError for anything else."""
    return _decode(_to_producer, head)


def _decode(decoder: msgspec.json.Decoder[M], head: bytes | memoryview) -> M:
    if len(head) > LONGEST_HEAD:
        raise WireError(f"a message of {len(head)} bytes; at most {LONGEST_HEAD}")
    try:
        return decoder.decode(head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not a message: {str(error)[:LONGEST_TOLD]}") from None


def pack(result: Any) -> NDArray[np.uint8] | None:
    """Return a result as JSON in an array, if it is too long for the JSON part of a reply.

    Raises
    ------
    WireError
        When it is not plain data, or longer than `LONGEST_RESULT`.
    """
    try:
        text = _encoder.encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"not plain data: {error}") from None
    if len(text) > LONGEST_RESULT:
        raise WireError(f"a result of {len(text)} bytes; at most {LONGEST_RESULT}")
    return np.frombuffer(text, np.uint8) if len(text) > LONGEST_HEAD // 2 else None


def unpack(array: NDArray[Any]) -> Any:
    """Return a result that was packed; WireError when it is none."""
    if array.nbytes > LONGEST_RESULT:
        raise WireError(f"a result of {array.nbytes} bytes; at most {LONGEST_RESULT}")
    try:
        return msgspec.json.decode(array.tobytes())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not a result: {str(error)[:LONGEST_TOLD]}") from None


def same_major(version: str) -> bool:
    """Whether a peer of this version can be understood."""
    return version.partition(".")[0] == PROTOCOL.partition(".")[0]


def check_image(image: Image, parts: int) -> Image:
    """Return an image message that is consistent, and complete for its axes; else WireError.

    Parameters
    ----------
    image
        As decoded; nothing of it has been used yet.
    parts
        Number of parts that came after the JSON part.
    """
    nbytes = check_array(image.shape, image.dtype)
    if image.kind not in EVERY_KIND:
        raise WireError(f"kind {image.kind[:16]!r} is none of {', '.join(EVERY_KIND)}")
    if (image.table is not None) != (image.kind in MARKS) or image.editable > (
        image.kind == "labels"
    ):
        raise WireError(f"{image.kind} that are described as something else")
    if image.features:
        if image.kind != "labels":
            raise WireError(f"{image.kind} with the features of labels")
        columns_of(image.features)
    try:
        if image.table is None:
            check_axes(image.axes, image.shape)
        elif (len(image.shape), image.dtype, image.axes) == (1, "|u1", ""):
            check_table(image.table, nbytes, image.kind)
        else:
            raise WireError(f"{image.kind} travel as bytes in a row")
        components = check_components(image.components, image.axes, image.shape)
    except InvalidImage as error:
        raise WireError(str(error)) from None
    longest = max(len(image.source), len(image.name), len(image.run))
    if image.seq < 1 or longest > LONGEST_TEXT:
        raise WireError("a number below 1, or a source, name or run that is too long")
    if image.keep < 0:
        raise WireError(f"{image.keep} images cannot be kept")
    _check_where(image.where, nbytes, parts)
    if len(components) == len(image.components):
        return image
    return msgspec.structs.replace(image, components=components)


def check_result(result: ArrayResult, parts: int) -> None:
    """Raise WireError unless the array of a reply is consistent."""
    _check_where(result.where, check_array(result.shape, result.dtype, empty=True), parts)


def check_array(shape: Sequence[int], dtype: str, *, empty: bool = False) -> int:
    """Return the bytes of an array of this shape and dtype; WireError if it cannot be."""
    if len(shape) > MOST_DIMENSIONS or min(shape, default=1) < (0 if empty else 1):
        raise WireError(f"shape {tuple(shape[:9])}: at most {MOST_DIMENSIONS} sizes above 0")
    if dtype not in ITEM_BYTES:
        raise WireError(f"dtype {dtype[:16]!r}; there are: {', '.join(ITEM_BYTES)}")
    return prod(shape) * ITEM_BYTES[dtype]


def _check_where(where: Slab | Inline, nbytes: int, parts: int) -> None:
    if where.nbytes != nbytes:
        raise WireError(f"{where.nbytes} bytes announced, shape and dtype need {nbytes}")
    if isinstance(where, Slab):
        if parts or where.offset < 0 or where.size < where.offset + nbytes:
            raise WireError("pixels in shared memory have no parts and lie inside the segment")
    elif where.parts != parts or parts > MOST_PARTS:
        raise WireError(f"{where.parts} parts announced, {parts} came")


def split(array: NDArray[Any]) -> list[bytes]:
    """Copy an array's pixels into parts of at most `PART` bytes, in C order."""
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return [flat[start : start + PART].tobytes() for start in range(0, flat.size, PART)]


def join(parts: Sequence[bytes | memoryview], shape: Sequence[int], dtype: str) -> NDArray[Any]:
    """Put parts together; a read-only array where one part holds all, else a fresh one.

    Raises
    ------
    WireError
        When the parts do not have the bytes that shape and dtype need.
    """
    nbytes = check_array(shape, dtype, empty=True)
    if sum(len(part) for part in parts) != nbytes:
        raise WireError(f"the parts do not have the {nbytes} bytes that were announced")
    whole: Any = parts[0] if len(parts) == 1 else b"".join(parts)
    array: NDArray[Any] = np.frombuffer(whole, np.uint8).view(np.dtype(dtype)).reshape(tuple(shape))
    array.flags.writeable = False
    return array
