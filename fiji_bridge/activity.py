"""Progress of the programs that send, in ImageJ's status bar."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from fiji_bridge import jvm
from fiji_bridge.edt import on_edt
from streaming_core.errors import RequestFailed
from streaming_core.protocol.words import MOST_BARS, Amount
from streaming_core.stream.adapter import Call

MOST_SAID: Final = 3
"""Names that the status bar has room for."""


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
        amount = Amount.of(call.arguments)
        key, last = (call.sid, amount.name), ""
        if amount.finished:
            self._amounts.pop(key, None)
            last = f"{amount.name}: done"
        else:
            if key not in self._amounts and self._of(call.sid) >= MOST_BARS:
                raise RequestFailed(f"a program has {MOST_BARS} bars at most")
            self._amounts[key] = amount
        self._say(last)
        call.reply({})

    def _of(self, sid: str) -> int:
        return sum(one == sid for one, _ in self._amounts)

    def _say(self, last: str) -> None:
        """Bring the status bar up to date; ``last`` is said once nothing is left to say."""
        if not self._visible:
            return
        amounts = self._amounts.values()
        said = [str(amount) for amount in amounts]
        more = [f"and {len(said) - MOST_SAID} more"] if len(said) > MOST_SAID else []
        text = " · ".join([*said[:MOST_SAID], *more]) or last
        parts = [amount.done / amount.total for amount in amounts if amount.total]
        bar = sum(parts) / len(parts) if parts else 1.0  # at 1 ImageJ takes the bar away

        def run() -> None:
            ij = jvm.java("ij.IJ")
            ij.showStatus(text)
            ij.showProgress(bar)

        on_edt(None, run)
