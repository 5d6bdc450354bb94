"""What users have ImageJ do, and what they get back: macros, tables, images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

from numpy.typing import NDArray

from streaming_core.asking import ANSWER, Asking
from streaming_core.errors import MacroError, PlanecastError, RequestFailed, TimedOut, WireError
from streaming_core.picture import count
from streaming_core.protocol.findings import unpack

ENDING: Final = 15.0
"""Seconds that a viewer has to end a macro whose time is over."""

LOOK: Final = 1.0
"""Seconds to wait for what goes on in a viewer that has just not answered."""

LONGEST_CODE: Final = 500_000
"""Bytes of a macro with its arguments."""

GLIMPSE: Final = 60
"""Characters of a text, and columns of a table in words, that a notebook shows of a result."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MacroResult:
    """What a macro leaves behind.

    Attributes
    ----------
    value
        What it returned with ``return``, as text; empty if nothing.
    table
        The Results table as it is when the macro has ended: column -> list of float or str, each
        as long as the table. A column ``Label`` has the labels of the rows.
    rois
        What is in the ROI Manager then. Of each ROI ``kind`` ("points" or "shapes"), ``shape``
        ("polygon", "path", "line", "rectangle", "ellipse", or "" for points), ``data``, an array
        (N, 2) of Y and X in pixels (0 is the middle of the first one), ``position``, such as
        ``{"C": 1, "Z": 5, "T": 2}`` or ``{"slice": 3}``, counted from 1, empty if it lies on all;
        and ``features`` with its ``name`` and what else ImageJ knows of it.
    log
        What the macro wrote to the Log window.
    """

    value: str = ""
    table: dict[str, list[Any]] = field(default_factory=dict)
    rois: list[dict[str, Any]] = field(default_factory=list)
    log: str = ""

    def __repr__(self) -> str:
        """What there is in one line, as a notebook shows it: of pixels and rows their number."""
        told = [f"value {glimpse(self.value)!r}"] if self.value else []
        if self.table:
            rows = max(self.table.values(), key=len)
            told.append(f"table of {count(rows, 'row')}: {glimpse(', '.join(self.table))}")
        if self.rois:
            told.append(count(self.rois, "ROI"))
        if self.log:
            lines = self.log.strip().splitlines()
            told.append(f"log of {count(lines, 'line')}: {glimpse(lines[-1] if lines else '')!r}")
        return f"<MacroResult {'; '.join(told) or 'empty'}>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ActiveImage:
    """An image that ImageJ shows, as it is now.

    ``viewer.show(image.array, axes=image.axes, scale=image.scale, units=image.units)`` shows it.

    Attributes
    ----------
    array
        Its pixels: uint8, uint16, int16 (signed 16-bit) or float32.
    axes
        What the dimensions are: of ``TZCYX`` those that are longer than 1, with ``S`` last for
        RGB.
    title
        Of its window.
    scale, origin
        Size of a pixel, and position of the first one, by axis letter, in ``units``; T in seconds.
    units
        Unit of space; empty for pixels.
    labels
        Of the slices, in the order of ``array``.
    position
        Channel, slice and frame that are looked at, counted from 1, as "C", "Z" and "T".
    """

    array: NDArray[Any]
    axes: str
    title: str
    scale: dict[str, float]
    origin: dict[str, float]
    units: str
    labels: list[str]
    position: dict[str, int]

    def __repr__(self) -> str:
        """What it is in one line, without its pixels."""
        pixels = f"{self.axes} {self.array.shape} {self.array.dtype}"
        return f"<ActiveImage {glimpse(self.title)!r}, {pixels}>"


def glimpse(text: str) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= GLIMPSE else text[: GLIMPSE - 1] + "…"


class Macros(Asking):
    """The requests of a `planecast.Viewer` that only ImageJ answers."""

    def run_macro(
        self, code: str, args: str = "", *, language: str = "", timeout: float = 60.0
    ) -> MacroResult:
        """Run a macro in ImageJ, and wait for what it leaves behind. Images go on arriving.

        It sees all images that are open, streamed ones too; what it does to their pixels stays,
        and `read` returns it. One macro runs at a time, others wait for their turn.

        Parameters
        ----------
        code
            In ImageJ's macro language.
        args
            What ``getArgument()`` returns in it.
        language
            Of SciJava, such as "groovy", where the viewer runs an ImageJ2 or Fiji. Parameters
            such as ``#@ ImagePlus imp`` are filled in then, ``args`` is a variable, what is
            printed goes to the log, and the value is that of the last line.
        timeout
            Seconds that it may take, once it is its turn. After that it is ended, as it is when
            Ctrl-C interrupts the call, or the program ends.

        Raises
        ------
        TypeError, ValueError
            When code, args, language or timeout cannot be what they are; nothing was sent.
        MacroError
            When it failed, asked a person something, or took too long. It was ended then, what
            it had opened to ask was closed, and the next macro can run.
        RequestFailed
            When the viewer runs no macros, or not in this language.
        TimedOut
            When others ran for so long that its turn did not come; it is not begun then.

        Examples
        --------
        >>> viewer.run_macro("return getTitle();").value  # doctest: +SKIP
        'raw'
        """
        for name, text in (("code", code), ("args", args), ("language", language)):
            if not isinstance(text, str):
                raise TypeError(f"{name}= is a text, not {type(text).__name__}")
        size = len(code.encode()) + len(args.encode())
        if size > LONGEST_CODE:
            raise ValueError(f"a macro of {size} bytes; at most {LONGEST_CODE}")
        if not (isinstance(timeout, int | float) and 0 < timeout and math.isfinite(timeout)):
            raise ValueError(f"timeout= is a number of seconds above 0, not {timeout!r}")
        words = {"code": code, "args": args, "language": language, "timeout": float(timeout)}
        try:
            result, array = self._ask("run_macro", words, timeout + ENDING)
        except TimedOut as late:
            raise TimedOut(f"{late}{self._turn()}") from None
        error = result.get("error") if isinstance(result, dict) else None
        if isinstance(error, dict):
            line = error.get("line")
            raise MacroError(
                str(error.get("text")),
                line=line if isinstance(line, int) else None,
                log=str(error.get("log") or ""),
            )
        try:
            return MacroResult(**unpack(result, array))
        except WireError as refusal:
            raise RequestFailed(f"run_macro: {refusal}") from None

    def _turn(self) -> str:
        """Say that another macro runs, as the end of a sentence, if one does."""
        try:
            state, _ = self._ask("state", {}, LOOK)
        except PlanecastError:
            return ""  # it does not answer at all, which is said
        if not isinstance(state, dict) or not state.get("macro"):
            return ""
        return "; another macro runs there all that time, and this one will not be begun any more"

    def results(self, title: str = "Results", *, timeout: float = ANSWER) -> dict[str, list[Any]]:
        """Return a table of ImageJ's: column -> list of float or str.

        Parameters
        ----------
        title
            Of its window.
        timeout
            Seconds to wait for the answer.

        Returns
        -------
        dict
            Columns in their order, each as long as the table; ``Label`` has the labels of the
            rows. Empty while nothing was measured.

        Raises
        ------
        RequestFailed
            When there is no such table; it says which there are.
        """
        try:
            found = unpack(*self._ask("results", {"title": title}, timeout))
        except WireError as error:
            raise RequestFailed(f"results: {error}") from None
        table: dict[str, list[Any]] = found["table"]
        return table

    def active_image(self, *, timeout: float = ANSWER) -> ActiveImage:
        """Return the image on top in ImageJ, whoever made it.

        Parameters
        ----------
        timeout
            Seconds to wait for the answer.

        Raises
        ------
        RequestFailed
            When no image is open.
        """
        result, array = self._ask("active_image", {}, timeout)
        if array is None or not isinstance(result, dict):
            raise RequestFailed("active_image: the viewer answered without pixels")
        try:
            return ActiveImage(array=array, **result)
        except TypeError as error:
            raise RequestFailed(f"active_image: {error}") from None
