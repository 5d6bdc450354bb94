"""Progress of the programs that send, in napari's activity dock."""

from __future__ import annotations

from collections.abc import Callable, Collection
from io import StringIO
from math import isfinite
from typing import Any, Final

from napari.utils.progress import progress

from streaming_core.controls import LONGEST_NAME
from streaming_core.errors import RequestFailed
from streaming_core.stream.adapter import Call

MOST_STEPS: Final = (1 << 31) - 1
PARTS: Final = 1000
"""Steps of a bar whose total is no whole number."""

MOST_BARS: Final = 32
"""Bars of one program at a time."""


class Activity:
    """One bar for each name that a program gives, until it is done or the program has gone.

    All on the window's thread.
    """

    def __init__(self) -> None:
        self._bars: dict[tuple[str, str], Any] = {}
        self.table: dict[str, Callable[[Call], None]] = {"progress": self._progress}

    def keep_only(self, sids: Collection[str]) -> None:
        """Close the bars of programs that are not connected any more."""
        for key in [key for key in self._bars if key[0] not in sids]:
            self._bars.pop(key).close()

    def close(self) -> None:
        """Close all bars."""
        self.keep_only(())

    def _progress(self, call: Call) -> None:
        name, total = call.arguments.get("name"), call.arguments.get("total")
        done = _amount("done", call.arguments.get("done"))
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            raise RequestFailed(f"name is a text of 1 to {LONGEST_NAME} characters")
        whole = None if total is None else _amount("total", total)
        key = (call.sid, name)
        if whole is not None and done >= whole:
            if key in self._bars:
                self._bars.pop(key).close()
        else:
            steps, most = _steps(done, whole)
            bar = self._bars.get(key)
            if bar is None:
                bar = self._begin(key, most)
            if bar.total != most:
                bar.total = most
            bar.update(steps - bar.n)
        call.reply({})

    def _begin(self, key: tuple[str, str], most: int) -> Any:
        if sum(sid == key[0] for sid, _ in self._bars) >= MOST_BARS:
            raise RequestFailed(f"a program has {MOST_BARS} bars at most")
        # napari's progress is one of tqdm's, which would write to the log as to a terminal.
        bar = self._bars[key] = progress(total=most or None, desc=key[1], file=StringIO())
        return bar


def _steps(done: float, total: float | None) -> tuple[int, int]:
    """Return where the bar stands and its end, which Qt wants as small whole numbers."""
    if total is None:
        return round(min(done, MOST_STEPS)), 0
    if total <= MOST_STEPS and total == round(total):
        return round(done), round(total)
    return round(PARTS * done / total), PARTS


def _amount(word: str, value: object) -> float:
    if isinstance(value, int | float) and isfinite(value) and value >= 0:
        return value
    raise RequestFailed(f"{word}= is a number from 0 on")
