"""Progress of the programs that send, in napari's activity dock."""

from __future__ import annotations

from collections.abc import Callable, Collection
from io import StringIO
from typing import Any, Final

from napari.utils.progress import progress

from streaming_core.errors import RequestFailed
from streaming_core.protocol.words import MOST_BARS, Amount
from streaming_core.stream.adapter import Call

MOST_STEPS: Final = (1 << 31) - 1
PARTS: Final = 1000
"""Steps of a bar whose total is no whole number."""


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
        amount = Amount.of(call.arguments)
        key = (call.sid, amount.name)
        if amount.finished:
            if key in self._bars:
                self._bars.pop(key).close()
        else:
            steps, most = _steps(amount.done, amount.total)
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
