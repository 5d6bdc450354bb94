"""What a macro leaves in ImageJ: tables, ROIs and log, as plain data."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fiji_bridge import jvm, rois
from streaming_core.errors import RequestFailed

Column = NDArray[np.float64] | list[str]

RESULTS: Final = "Results"
LABEL: Final = "Label"
TRACE: Final = re.compile(r"^((?:\w+\.)+\w+(?:Exception|Error)\b.*)\n\tat ", re.MULTILINE)


def table(title: str = RESULTS) -> dict[str, Column]:
    """Return a table: column -> numbers or texts, each as long as the table.

    Raises
    ------
    RequestFailed
        When there is none of that title.
    """
    tables = jvm.java("ij.measure.ResultsTable")
    found = tables.getResultsTable() if title == RESULTS else tables.getResultsTable(title)
    if found is None and title != RESULTS:
        raise RequestFailed(f"there is no table {title!r}; there is: {', '.join(_titles())}")
    columns: dict[str, Column] = {}
    if found is None or not found.size():
        return columns
    if LABEL in map(str, found.getHeadings()) and found.getColumnIndex(LABEL) < 0:
        labels = found.getColumnAsStrings(LABEL)
        columns[LABEL] = ["" if label is None else str(label) for label in labels]
    for index in range(found.getLastColumn() + 1):
        if found.columnExists(index):
            name = found.getColumnHeading(index)
            columns[f"C{index + 1}" if name is None else str(name)] = _column(found, index)
    return columns


def _titles() -> list[str]:
    kind = jvm.java("ij.text.TextWindow")
    windows = jvm.java("ij.WindowManager").getNonImageWindows()
    return [RESULTS] + [
        str(one.getTitle())
        for one in windows
        if isinstance(one, kind) and one.getResultsTable() is not None
        and str(one.getTitle()) != RESULTS
    ]  # fmt: skip


def _column(found: Any, index: int) -> Column:
    """Return the numbers of a column, or its texts: where a text is, the number is NaN."""
    numbers = np.array(memoryview(found.getColumnAsDoubles(index)), np.float64)
    unknown = np.flatnonzero(np.isnan(numbers))
    texts = {int(row): str(found.getStringValue(index, int(row))) for row in unknown}
    if all(text in ("NaN", "") for text in texts.values()):
        return numbers
    return [texts.get(row, f"{number:.15g}") for row, number in enumerate(numbers)]


def roi_list() -> list[dict[str, Any]]:
    """Return the ROIs of the ROI Manager, one entry for each part of a composite one."""
    manager = jvm.java("ij.plugin.frame.RoiManager").getRawInstance()
    if manager is None:
        return []
    return [_entry(one) for roi in manager.getRoisAsArray() for one in rois.outlines(roi)]


def _entry(one: rois.Outline) -> dict[str, Any]:
    spot = one.spot
    position = {"C": spot.c, "Z": spot.z, "T": spot.t, "slice": spot.n}
    return {
        "kind": one.kind, "shape": one.shape, "data": one.corners, "features": dict(one.features),
        "position": {axis: number for axis, number in position.items() if number},
    }  # fmt: skip


def crash(log: str) -> str:
    """Return the first line of a plugin's stack trace in a log; empty if there is none.

    Where there are no windows ImageJ writes it there.
    """
    found = TRACE.search(log)
    return found[1] if found else ""


class Log:
    """What is written to ImageJ's log from now on.

    Parameters
    ----------
    windows
        Whether there is a Log window; else the log goes to Java's standard output.
    """

    def __init__(self, *, windows: bool) -> None:
        self._before = _log() if windows else ""
        self._bytes: Any = None
        if not windows:
            system = jvm.java("java.lang.System")
            self._bytes, self._out = jvm.java("java.io.ByteArrayOutputStream")(), system.out
            system.setOut(jvm.java("java.io.PrintStream")(self._bytes, True, "UTF-8"))

    def end(self) -> str:
        """Return what was written."""
        if self._bytes is not None:
            jvm.java("java.lang.System").setOut(self._out)
            return str(self._bytes.toString("UTF-8"))
        log = _log()
        return log.removeprefix(self._before)


def _log() -> str:
    text = jvm.java("ij.IJ").getLog()
    return "" if text is None else str(text)
