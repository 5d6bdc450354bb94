"""What became of an image: the `Delivery` that ``show()`` returns."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from streaming_core.errors import TimedOut, Undelivered
from streaming_core.protocol.actions import State

RANK: Final = {state: rank for rank, state in enumerate(State)}


class Delivery:
    """What became of one image at one viewer.

    Attributes
    ----------
    state
        "queued", "sent", "owned", "shown", "undelivered" or "replaced".
    reason
        Why it was not delivered or not shown; empty if all is well.
    """

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self.state = State.QUEUED
        self.reason = ""

    @property
    def owned(self) -> bool:
        """Whether the viewer holds the pixels."""
        return self.state in (State.OWNED, State.SHOWN)

    @property
    def shown(self) -> bool:
        """Whether the pixels are in the viewer's layer or hyperstack."""
        return self.state is State.SHOWN and not self.reason

    @property
    def settled(self) -> bool:
        """Whether it is decided if the viewer owns it."""
        return RANK[self.state] >= RANK[State.OWNED]

    @property
    def final(self) -> bool:
        """Whether it is decided if it is shown, or nobody will learn it any more."""
        return RANK[self.state] >= RANK[State.SHOWN] or (self.owned and bool(self.reason))

    def wait(self, timeout: float | None = None, *, shown: bool = False) -> Delivery:
        """Wait until the viewer owns the image; return this delivery.

        Parameters
        ----------
        timeout
            Seconds; None for as long as it takes.
        shown
            Wait until it is in the layer or hyperstack.

        Raises
        ------
        Undelivered
            When it never will be owned.
        TimedOut
            After ``timeout`` seconds; the image is still on its way.
        """
        with self._changed:
            done = (lambda: self.final) if shown else (lambda: self.settled)
            if not self._changed.wait_for(done, timeout):
                raise TimedOut(f"the image is still {self.state} after {timeout:g} s")
        if self.state is State.UNDELIVERED:
            raise Undelivered(f"the image was not delivered: {self.reason}", [self.reason])
        return self

    def __repr__(self) -> str:
        return f"<Delivery {self.state}{f': {self.reason}' if self.reason else ''}>"


class Deliveries(Delivery):
    """What became of one image at several viewers: as far as the slowest has come."""

    def __init__(self, parts: Sequence[Delivery], changed: threading.Condition) -> None:
        self.parts = tuple(parts)
        self._changed = changed

    # Looked up when asked: the parts change. mypy wants an attribute where there was one.
    @property
    def state(self) -> State:  # type: ignore[override]
        """The state of the one that has come least far; "undelivered" if any is."""
        states = [part.state for part in self.parts]
        if State.UNDELIVERED in states:
            return State.UNDELIVERED
        return min(states, key=RANK.__getitem__)

    @property
    def reason(self) -> str:  # type: ignore[override]
        """The reasons, one after the other."""
        return "; ".join(part.reason for part in self.parts if part.reason)

    @property
    def settled(self) -> bool:
        """Whether it is decided for each viewer if it owns the image."""
        return all(part.settled for part in self.parts)

    @property
    def final(self) -> bool:
        """Whether it is decided for each viewer if it is shown."""
        return all(part.final for part in self.parts)
