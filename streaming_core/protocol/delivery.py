"""One producer's images on their way to one viewer: a state machine without I/O or clock.

Each method takes an event and the time in seconds (any monotonic clock), and returns what
is to be done about it, in order. Who calls it sends, frees memory and tells the user.

States of an image: queued -> sent -> owned -> shown, or undelivered with a reason, or (in
mode ``latest``) replaced by a newer one of the same place before it was sent. What is given up
after it was sent may have reached the viewer: if the viewer says so it becomes owned.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, SupportsBytes

from streaming_core.protocol.actions import (
    Action,
    Found,
    Free,
    GiveUp,
    Greet,
    Lost,
    Phase,
    Probe,
    Settle,
    State,
    Transmit,
)
from streaming_core.protocol.queue import Entry, Queue

HELLO_EVERY: Final = 0.25
"""Seconds between two HELLO to a viewer that should answer."""

RETURN_EVERY: Final = 1.0
"""Seconds between two HELLO to a viewer that is detached."""

PING_EVERY: Final = 0.5
"""Seconds between two PING."""

HISTORY: Final = 65_536
"""Owned images that are remembered by name, for the gap of a viewer that dies; and as many that
were given up, in case it has them."""

MOST_CREDIT: Final = 4096
MOST_CREDIT_BYTES: Final = 4 << 30
"""A viewer's word is believed up to here: what it lets us send is memory of ours until acked."""

MOST_ASKED: Final = 32
"""How often an image is sent again because the viewer asks: each time it is queued anew."""

MOST_UNSENT: Final = 1024
"""Places of which an image may wait to be sent in mode ``latest``."""


@dataclass(slots=True)
class Link:
    """The way to one viewer.

    Parameters
    ----------
    now
        The time, in seconds.
    stall
        Seconds without progress after which the viewer is detached.
    grace
        Seconds that images wait for a dead viewer to come back.
    latest
        Replace unsent images of the same place instead of making the producer wait.

    Attributes
    ----------
    pending
        Images that are not owned yet, by number, the oldest first.
    """

    now: float
    stall: float = 10.0
    grace: float = 10.0
    latest: bool = False
    phase: Phase = Phase.GREETING
    vid: str = ""
    credit: int = 1
    credit_bytes: int = 1
    paused: bool = False
    last: int = 0
    replaced: int = 0
    pending: Mapping[int, Entry] = field(init=False)
    _queue: Queue = field(default_factory=Queue)
    _unshown: set[int] = field(default_factory=set)
    _given_up: dict[int, bytes] = field(default_factory=dict)
    _history: deque[bytes] = field(default_factory=lambda: deque(maxlen=HISTORY))
    _kept: int = 0
    _progress: int = -1
    _moved_at: float = 0.0
    _said_at: float = float("-inf")
    _died_at: float = 0.0
    _why: str = ""

    def __post_init__(self) -> None:
        self._moved_at, self.pending = self.now, self._queue.entries

    def room(self, nbytes: int) -> bool:
        """Whether an image of this size may be queued now without waiting."""
        if not self.attached or not self.pending:
            return True
        queue = self._queue
        if self.latest:
            waiting, size = queue.unsent, queue.nbytes - queue.sent_bytes + nbytes
            return waiting < 2 or (waiting < MOST_UNSENT and size <= self.credit_bytes)
        return len(self.pending) < self.credit and queue.nbytes + nbytes <= self.credit_bytes

    def roomy(self, nbytes: int) -> bool:
        """Whether a producer that had to wait goes on: it is woken for several images, not one."""
        if not self.attached or not self.pending or self.latest:
            return self.room(nbytes)
        few = len(self.pending) <= self.credit * 3 // 4
        size = self._queue.nbytes + max(nbytes, self.credit_bytes // 4)
        return few and size <= self.credit_bytes

    @property
    def attached(self) -> bool:
        """Whether images that are queued now have a way to the viewer."""
        return self.phase not in (Phase.DETACHED, Phase.CLOSED)

    @property
    def unshown(self) -> int:
        """Images that are owned and not shown yet."""
        return len(self._unshown)

    @property
    def waits(self) -> tuple[int, int]:
        """The lowest numbers that are sent and not owned, owned and not shown; 0 for none."""
        return self._queue.first_sent, min(self._unshown, default=0)

    @property
    def base(self) -> int:
        """Number up to which nothing will be sent any more."""
        return min(self.pending) - 1 if self.pending else self.last

    # events from the producer

    def queue(
        self, nbytes: int, name: SupportsBytes, now: float, place: bytes = b""
    ) -> list[Action]:
        """Take a new image; its number is `last` afterwards. Its name is asked for later."""
        self.last += 1
        seq = self.last
        if not self.attached:
            return [Settle(seq, State.UNDELIVERED, self._why), Free(seq, True)]
        if not self.pending:
            self._moved_at = now
        actions: list[Action] = []
        old = self._queue.unsent_at(place) if self.latest else None
        if old is not None:
            actions += self._replace(old)
        self._queue.add(seq, Entry(nbytes, name, place))
        return actions + self._send_more()

    def _replace(self, seq: int) -> list[Action]:
        self._queue.forget(seq)
        self.replaced += 1
        return [Settle(seq, State.REPLACED), Free(seq, True), GiveUp((seq,))]

    def _send_more(self) -> list[Action]:
        actions: list[Action] = []
        if self.phase is Phase.READY:
            for seq in self._queue.send(self.credit, self.credit_bytes):
                actions += (Transmit(seq), Settle(seq, State.SENT))
        return actions

    def close(self, reason: str) -> list[Action]:
        """End the session: what is not owned never will be."""
        actions = self._give_up(reason, proven=False)
        actions += self._unseen()
        self.phase, self._why = Phase.CLOSED, "the program closed the connection"
        return actions

    def _give_up(self, reason: str, *, proven: bool) -> list[Action]:
        seqs = tuple(self.pending)
        actions: list[Action] = []
        for seq in seqs:
            sent = self._forget(seq).sent
            actions.append(Settle(seq, State.UNDELIVERED, reason))
            actions.append(Free(seq, proven or not sent))
        if seqs:
            actions.append(GiveUp(seqs))
        return actions

    def _forget(self, seq: int) -> Entry:
        """Give an image up, though the viewer may have it."""
        entry = self._queue.forget(seq)
        if entry.sent:
            self._given_up[seq] = bytes(entry.name)
            if len(self._given_up) > HISTORY:
                del self._given_up[next(iter(self._given_up))]
        return entry

    # events from the viewer

    def welcome(self, vid: str, credit: int, credit_bytes: int, now: float) -> list[Action]:
        """Take WELCOME. From another ``vid`` than before it is a viewer that was restarted."""
        if self.phase is Phase.CLOSED:
            return []
        actions: list[Action] = []
        again = self.phase is not Phase.READY
        if vid != self.vid:
            actions += self._lose()
            self._progress, self.vid, again = -1, vid, True
        self.phase, self._moved_at, self._said_at = Phase.READY, now, now
        self._lend(credit, credit_bytes)
        if again:
            actions += [Transmit(seq) for seq, entry in sorted(self.pending.items()) if entry.sent]
        return actions + self._send_more()

    def _lend(self, credit: int, credit_bytes: int) -> None:
        self.credit = min(max(1, credit), MOST_CREDIT)
        self.credit_bytes = min(max(1, credit_bytes), MOST_CREDIT_BYTES)

    def _lose(self, *, closed: bool = False) -> list[Action]:
        """The viewer is gone, and with it all that it owned."""
        actions: list[Action] = []
        if self._kept:
            actions.append(Lost(self._kept, tuple(self._history), closed))
        self._history.clear()
        self._kept = 0
        return actions + self._unseen()

    def _unseen(self) -> list[Action]:
        """Whether what is owned and not shown now ever will be, nobody learns."""
        actions: list[Action] = [Settle(seq, State.OWNED, "gap") for seq in sorted(self._unshown)]
        self._unshown.clear()
        return actions

    def ack(
        self, vid: str, seqs: Iterable[int], credit: int, credit_bytes: int, now: float
    ) -> list[Action]:
        """Take ACK: the viewer owns these."""
        if not self._knows(vid):
            return []
        self._lend(credit, credit_bytes)
        actions: list[Action] = []
        for seq in seqs:
            actions += self._own(seq, find=True)
        if actions:
            self._moved_at = now
        return actions + self._send_more()

    def _own(self, seq: int, *, find: bool) -> list[Action]:
        actions: list[Action]
        if self._queue.is_sent(seq):
            name = bytes(self._queue.forget(seq).name)
            actions = [Free(seq, True), Settle(seq, State.OWNED)]
        elif find and seq in self._given_up:
            name = self._given_up.pop(seq)
            actions = [Found(seq)]
        else:
            return []
        self._history.append(name)
        self._kept += 1
        self._unshown.add(seq)
        if len(self._unshown) > HISTORY:  # it never says SHOWN: no reason to grow with it
            actions += self._unseen()
        return actions

    def _knows(self, vid: str) -> bool:
        return vid == self.vid != ""

    def shown(
        self, vid: str, seqs: Iterable[int], errors: dict[str, str], now: float
    ) -> list[Action]:
        """Take SHOWN: these are in their layer or hyperstack, or never will be.

        A viewer that forgot us also says so of what it perhaps never had; only ACK is exact.
        """
        if not self._knows(vid):
            return []
        actions: list[Action] = []
        for seq in seqs:
            actions += self._own(seq, find=False)
            if seq in self._unshown:
                self._unshown.remove(seq)
                actions.append(Settle(seq, State.SHOWN, errors.get(str(seq), "")))
        self._moved_at = now
        return actions + self._send_more()

    def refuse(self, vid: str, seq: int, reason: str, now: float) -> list[Action]:
        """Take REFUSED: the viewer will not own this image."""
        if vid not in ("", self.vid):
            return []
        if seq in self._unshown:  # though it said before that it owned it: nobody waits for SHOWN
            self._unshown.remove(seq)
            return [Settle(seq, State.SHOWN, reason)]
        if not self._queue.is_sent(seq):
            return []
        self._queue.forget(seq)
        self._moved_at = now
        return [Settle(seq, State.UNDELIVERED, reason), Free(seq, True), *self._send_more()]

    def nack(self, vid: str, seqs: Iterable[int]) -> list[Action]:
        """Take NACK: send these again, or say that they will not come."""
        if not self._knows(vid) or self.phase is not Phase.READY:
            return []
        actions: list[Action] = []
        gone = []
        for seq in dict.fromkeys(seqs):
            if seq not in self.pending:
                gone.append(seq)
            elif self._queue.is_sent(seq):
                actions += self._send_again(seq)
        actions += [GiveUp(tuple(gone))] if gone else []
        return actions + self._send_more()

    def _send_again(self, seq: int) -> list[Action]:
        self.pending[seq].asked += 1
        if self.pending[seq].asked <= MOST_ASKED:
            return [Transmit(seq)]
        self._forget(seq)
        reason = f"the viewer asked for it {MOST_ASKED} times"
        return [Settle(seq, State.UNDELIVERED, reason), Free(seq, False), GiveUp((seq,))]

    def pong(self, vid: str, progress: int, paused: bool, now: float) -> list[Action]:
        """Take PONG: a viewer that makes progress, or is paused by its user, has not stalled."""
        if not self._knows(vid):
            return []
        if progress != self._progress or paused or self.paused:
            self._progress, self._moved_at = progress, now
        self.paused = paused
        return []

    def unknown(self, vid: str, now: float) -> list[Action]:
        """Take UNKNOWN: greet again. It forgot us, or it is a new one on the same port.

        Or it stood still, for less than a stall: each time that it says so the clock begins anew.
        """
        if self._knows(vid):
            self._moved_at = now
        if self.phase is not Phase.READY:
            return []
        self.phase = Phase.GREETING
        return self._greet(now)

    def bye(self, reason: str, *, stay: bool = False) -> list[Action]:
        """Take BYE: the viewer was closed by its user; ``stay``: its window was not."""
        if not self.attached:
            return []
        self._why = reason or "the viewer was closed"
        # Greeting or waiting, we may have been heard by the next one on the port.
        certain = self.phase is Phase.READY
        actions = self._give_up(self._why, proven=certain)
        self.phase = Phase.DETACHED
        if stay:
            self._kept = 0
        return actions + self._lose(closed=True)

    def died(self, now: float) -> list[Action]:
        """The viewer's death is proven: keep what it had not acked for a restart, for a while."""
        if self.phase in (Phase.READY, Phase.GREETING):
            self.phase, self._died_at = Phase.WAITING, now
        self.vid = ""  # an ack of it that is still on its way came too late
        return self._lose()

    # time

    def tick(self, now: float) -> list[Action]:
        """Do what is due: greet, ping, detach a viewer that stalled or did not come back."""
        if self.phase is Phase.CLOSED:
            return []
        gone = self.phase is Phase.WAITING and now - self._died_at >= self.grace
        if gone or self._stalled(now):
            # In doubt: it may be reading, or another on the port that has heard our HELLO by now.
            died, still = "the viewer died and did not come back", "no progress for "
            self._why = died if gone else f"{still}{self.stall:g} s"
            actions = self._give_up(self._why, proven=False)
            self.phase = Phase.DETACHED
            return actions + self._greet(now)
        if self.phase is Phase.READY:
            if now - self._said_at < PING_EVERY:
                return []
            self._said_at = now
            return [Probe(self._queue.sent_up_to(self.last))]
        every = RETURN_EVERY if self.phase is Phase.DETACHED else HELLO_EVERY
        return self._greet(now) if now - self._said_at >= every else []

    def stood_still(self, seconds: float, now: float) -> None:
        """Blame nobody for time in which our own process did not run."""
        self._moved_at = min(now, self._moved_at + seconds)
        self._died_at = min(now, self._died_at + seconds)

    def _greet(self, now: float) -> list[Action]:
        self._said_at = now
        return [Greet()]

    def _stalled(self, now: float) -> bool:
        if not self.pending or self.phase not in (Phase.READY, Phase.GREETING):
            return False
        return now - self._moved_at >= self.stall  # paused: each PONG says so, and moves it
