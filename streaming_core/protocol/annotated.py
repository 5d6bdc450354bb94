"""What a person drew, on its way to the program: plain data, with arrays among them."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import WireError
from streaming_core.protocol.wire import LONGEST_RESULT, MOST_DIMENSIONS, check_array

ARRAYS: Final = ("data", "world")
"""Entries that hold arrays, or lists of them."""


class Ref(msgspec.Struct, frozen=True):
    """Where in the bytes an array stands."""

    shape: tuple[int, ...]
    dtype: str
    at: int


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of thing, of one layer, at one place. Its arrays are `Ref` on the way."""

    kind: str
    layer: str
    components: dict[str, str | int | float]
    data: list[Ref]
    world: list[Ref] = []
    source: str | None = None
    image: str | None = None
    shapes: list[str] = []
    features: dict[str, list[str | bool | int | float | None]] = {}


_decoder = msgspec.json.Decoder(list[Annotation])


def pack(entries: list[dict[str, Any]]) -> tuple[dict[str, int], NDArray[np.uint8]]:
    """Return the result and the array of a reply: JSON, and behind it all arrays.

    Parameters
    ----------
    entries
        As `Annotation`, with lists of arrays for `ARRAYS`.
    """
    arrays: list[NDArray[Any]] = []
    at = 0
    told = []
    for entry in entries:
        entry = dict(entry)
        for name in ARRAYS:
            refs = []
            for array in entry.get(name, ()):
                array = np.ascontiguousarray(array)
                refs.append(Ref(array.shape, array.dtype.newbyteorder("=").str, at))
                arrays.append(array.reshape(-1).view(np.uint8))
                at += array.nbytes
            entry[name] = refs
        told.append(entry)
    text = msgspec.json.encode(told)
    return {"text": len(text)}, np.concatenate([np.frombuffer(text, np.uint8), *arrays])


def unpack(result: Any, array: NDArray[Any] | None) -> list[dict[str, Any]]:
    """Return the entries of a reply; WireError where it is none."""
    text, behind = divide(result, array)
    try:
        told = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not annotations: {str(error)[:300]}") from None
    entries = []
    for one in told:
        entry = msgspec.structs.asdict(one)
        for name in ARRAYS:
            entry[name] = [array_at(ref, behind) for ref in getattr(one, name)]
        entries.append(_plain(entry))
    return entries


def divide(result: Any, array: NDArray[Any] | None) -> tuple[bytes, NDArray[np.uint8]]:
    """Return the JSON of a reply and the bytes of its arrays; WireError where it has none."""
    if not (isinstance(result, dict) and isinstance(result.get("text"), int)) or array is None:
        raise WireError("an answer without its text")
    whole = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    if not 0 <= result["text"] <= min(len(whole), LONGEST_RESULT):
        raise WireError("an answer that ends before its text does")
    return whole[: result["text"]].tobytes(), whole[result["text"] :]


def array_at(ref: Ref, behind: NDArray[np.uint8]) -> NDArray[Any]:
    """Copy an array out of the bytes behind a text; WireError where it is none."""
    nbytes = check_array(ref.shape, ref.dtype, empty=True)
    if len(ref.shape) > MOST_DIMENSIONS or not 0 <= ref.at <= ref.at + nbytes <= len(behind):
        raise WireError("an array that lies outside of its bytes")
    raw = np.array(behind[ref.at : ref.at + nbytes])  # aligned, and the caller's own
    array: NDArray[Any] = raw.view(np.dtype(ref.dtype)).reshape(ref.shape)
    return array


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a kind does not have; arrays of points and labels stand alone."""
    wanted = {
        "points": ("data", "world", "image", "features"),
        "shapes": ("shapes", "data", "world", "image", "features"),
        "labels": ("source", "data"),
    }
    if entry["kind"] not in wanted:
        raise WireError(f"an annotation of kind {entry['kind'][:16]!r}")
    alone = entry["kind"] != "shapes"
    if alone and any(len(entry[name]) != (name in wanted[entry["kind"]]) for name in ARRAYS):
        raise WireError("an annotation without its array")
    found = {name: entry[name] for name in ("kind", "layer", "components", *wanted[entry["kind"]])}
    for name in ARRAYS:
        if alone and name in found:
            found[name] = found[name][0]
    return found
