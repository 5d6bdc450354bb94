"""The window *Planecast producers*: which programs send, and what this viewer holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fiji_bridge import jvm
from fiji_bridge.edt import on_edt
from streaming_core.memory.budget import say_bytes

TITLE: Final = "Planecast producers"
HEADINGS: Final = "program\tpid\trun\timages/s\tbacklog\tundelivered\tgaps"
SIZE: Final = (920, 220)
"""Pixels, so that all headings can be seen."""


class Producers:
    """A text window of ImageJ, brought up to date while it is open."""

    def __init__(self) -> None:
        self._window: Any = None
        self._lines: list[str] = []

    def open(self) -> None:
        """Open it, or bring it to the front."""
        on_edt(None, self._open)

    @property
    def is_open(self) -> bool:
        """Whether somebody can see it."""
        return self._window is not None and bool(self._window.isShowing())

    def refresh(self, lines: list[str]) -> None:
        """Show these lines."""
        wanted = [*lines, *[""] * (len(self._lines) - len(lines))]  # clearing it would flicker
        if self.is_open and wanted != self._lines:
            on_edt(None, lambda: self._write(wanted))

    def _open(self) -> None:
        if self.is_open:
            self._window.toFront()
            return
        self._lines = []
        self._window = jvm.java("ij.text.TextWindow")(TITLE, HEADINGS, "", *SIZE)

    def _write(self, lines: list[str]) -> None:
        panel = self._window.getTextPanel()
        for number, line in enumerate(lines):
            if number >= len(self._lines):
                panel.appendLine(line)
            elif line != self._lines[number]:
                panel.setLine(number, line)
        self._lines = lines


def lines_of(
    address: str, producers: Sequence[Mapping[str, Any]], held: int, budget: int, why: str
) -> list[str]:
    """Return the window's lines: the programs, then the viewer itself."""
    lines = [
        "\t".join(
            str(one[name])
            for name in ("label", "pid", "run", "rate", "backlog", "undelivered", "gaps")
        )
        for one in producers
    ]
    lines = lines or ["no program is connected"]
    lines += ["", f"this viewer: {address}", f"memory: {say_bytes(held)} of {say_bytes(budget)}"]
    return [*lines, f"programs wait: {why}"] if why else lines
