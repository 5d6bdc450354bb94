"""What a macro leaves behind, on its way to the program: texts, a table, ROIs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import WireError
from streaming_core.protocol.annotated import Ref, array_at, divide

Cell = str | bool | int | float | None


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """A ROI, or a part of one."""

    kind: str
    shape: str
    data: Ref
    position: dict[str, int] = {}
    features: dict[str, Cell | list[Cell]] = {}


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; columns of numbers are arrays."""

    value: str = ""
    log: str = ""
    table: dict[str, Ref | list[str]] = {}
    rois: list[Outline] = []


_decoder = msgspec.json.Decoder(Findings)


def pack(
    *,
    value: str = "",
    log: str = "",
    table: Mapping[str, NDArray[np.float64] | list[str]] | None = None,
    rois: Sequence[Mapping[str, Any]] = (),
) -> tuple[dict[str, int], NDArray[np.uint8]]:
    """Return the result and the array of a reply: JSON, and behind it all arrays.

    Parameters
    ----------
    table
        Columns by name.
    rois
        As `Outline`, with an array in the place of `Ref`.
    """
    arrays: list[NDArray[np.uint8]] = []
    at = 0

    def put(array: NDArray[Any]) -> Ref:
        nonlocal at
        array = np.ascontiguousarray(array)
        ref = Ref(array.shape, array.dtype.newbyteorder("=").str, at)
        arrays.append(array.reshape(-1).view(np.uint8))
        at += array.nbytes
        return ref

    columns = {
        name: column if isinstance(column, list) else put(column)
        for name, column in (table or {}).items()
    }
    told = [Outline(**{**roi, "data": put(roi["data"])}) for roi in rois]
    text = msgspec.json.encode(Findings(value=value, log=log, table=columns, rois=told))
    return {"text": len(text)}, np.concatenate([np.frombuffer(text, np.uint8), *arrays])


def unpack(result: Any, array: NDArray[Any] | None) -> dict[str, Any]:
    """Return ``value``, ``log``, ``table`` and ``rois`` of a reply; WireError where it is none."""
    text, behind = divide(result, array)
    try:
        found = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not what a macro leaves: {str(error)[:300]}") from None
    table = {
        name: array_at(column, behind).tolist() if isinstance(column, Ref) else list(column)
        for name, column in found.table.items()
    }
    rois = []
    for roi in found.rois:
        data = array_at(roi.data, behind)
        if data.ndim != 2:
            raise WireError("a ROI without corners")
        rois.append(msgspec.structs.asdict(roi) | {"data": data})
    return {"value": found.value, "log": found.log, "table": table, "rois": rois}
