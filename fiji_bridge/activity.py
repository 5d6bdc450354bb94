"""Progress of the programs that send, in ImageJ's status bar."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import isfinite
from typing import Final

from fiji_bridge import jvm
from fiji_bridge.edt import on_edt
from streaming_core.controls import LONGEST_NAME
from streaming_core.errors import RequestFailed
from streaming_core.stream.adapter import Call

MOST_BARS: Final = 32
"""Names of one program at a time."""

MOST_SAID: Final = 3
"""Names that the status bar has room for."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of how much; None where nobody knows of how much."""

    done: float
    total: float | None

    @property
    def part(self) -> float:
        """From 0 to 1."""
        return self.done / self.total if self.total else 0.0

    def __str__(self) -> str:
        return f"{self.done:g}" if self.total is None else f"{self.done:g} of {self.total:g}"


class Activity:
    """What programs have said of their progress, until it is done or the program has gone.

    ImageJ has one line of text and one bar: the line names all, the bar shows the mean of those
    whose end is known.

    Parameters
    ----------
    visible
        Whether there is a status bar.
    """

    def __init__(self, *, visible: bool) -> None:
        self._visible = visible
        self._amounts: dict[tuple[str, str], Amount] = {}
        self.table: dict[str, Callable[[Call], None]] = {"progress": self._progress}

    def keep_only(self, sids: Collection[str]) -> None:
        """Forget programs that are not connected any more."""
        gone = [key for key in self._amounts if key[0] not in sids]
        for key in gone:
            del self._amounts[key]
        if gone:
            self._say("")

    def _progress(self, call: Call) -> None:
        name, total = call.arguments.get("name"), call.arguments.get("total")
        done = _amount("done", call.arguments.get("done"))
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            raise RequestFailed(f"name is a text of 1 to {LONGEST_NAME} characters")
        whole = None if total is None else _amount("total", total)
        key, last = (call.sid, name), ""
        if whole is not None and done >= whole:
            self._amounts.pop(key, None)
            last = f"{name}: done"
        else:
            if key not in self._amounts and self._of(call.sid) >= MOST_BARS:
                raise RequestFailed(f"a program has {MOST_BARS} bars at most")
            self._amounts[key] = Amount(done, whole)
        self._say(last)
        call.reply({})

    def _of(self, sid: str) -> int:
        return sum(one == sid for one, _ in self._amounts)

    def _say(self, last: str) -> None:
        """Bring the status bar up to date; ``last`` is said once nothing is left to say."""
        if not self._visible:
            return
        said = [f"{name}: {amount}" for (_, name), amount in self._amounts.items()]
        more = [f"and {len(said) - MOST_SAID} more"] if len(said) > MOST_SAID else []
        text = " · ".join([*said[:MOST_SAID], *more]) or last
        parts = [amount.part for amount in self._amounts.values() if amount.total]
        bar = sum(parts) / len(parts) if parts else 1.0  # at 1 ImageJ takes the bar away

        def run() -> None:
            ij = jvm.java("ij.IJ")
            ij.showStatus(text)
            ij.showProgress(bar)

        on_edt(None, run)


def _amount(word: str, value: object) -> float:
    if isinstance(value, int | float) and isfinite(value) and value >= 0:
        return value
    raise RequestFailed(f"{word}= is a number from 0 on")
