"""The way from this process to one viewer: link, sockets, images and requests."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from streaming_core.errors import VersionMismatch, ViewerError, WireError
from streaming_core.memory.leases import Witness
from streaming_core.network.transport import Dial, Hub, Part
from streaming_core.protocol.actions import (
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
from streaming_core.protocol.delivery import Link
from streaming_core.protocol.messages import (
    Ack,
    Bye,
    Drop,
    Hello,
    Image,
    Message,
    Nack,
    Ping,
    Pong,
    Refused,
    Reply,
    Shown,
    ToProducer,
    Unknown,
    Welcome,
)
from streaming_core.protocol.wire import check_result, decode_to_producer, encode, same_major
from streaming_core.stream.image import Name
from streaming_core.stream.items import Item, Items
from streaming_core.stream.outcome import Delivery
from streaming_core.stream.pixels import Pixels
from streaming_core.stream.refusals import Refusals, plain
from streaming_core.stream.requests import Requests
from streaming_core.stream.target import Target

if TYPE_CHECKING:
    from streaming_core.stream.publisher import Publisher

log = logging.getLogger("planecast.publisher")

REDIAL: Final = 0.5
"""Seconds after a refusal."""
LEASE_LOOK: Final = 0.5
"""Seconds between two looks whether the viewer lives."""
LAST_WORDS: Final = 0.1
"""Seconds for which a viewer that has ended is listened to: its BYE may still be on its way."""
LEAVE_MS: Final = 500
"""Milliseconds that the last messages have to get out."""
SILENT: Final = 3.0
"""Seconds without an answer to HELLO after which it connects anew: some listeners that are no
viewer make ZeroMQ give up for good."""

HANGS: Final = 2.0
"""Seconds without an answer after which a window is said to hang."""


class Route:
    """One connection of this process to one viewer. The publisher's lock guards its state.

    Methods marked *I/O* run on the publisher's I/O thread only.
    """

    def __init__(
        self, publisher: Publisher, hub: Hub, target: Target, number: int, run: str, *,
        probe: tuple[str, str], latest: bool, stall: float,
    ) -> None:  # fmt: skip
        self.publisher = publisher
        self.target = target
        self.sid = f"{publisher.sid}.{number:x}"
        self.run = run
        self.latest = latest
        self.stall = stall
        self.shm = False
        self.quitting = False
        self.users = 1
        self.welcome: Welcome | None = None
        self.trouble: ViewerError | None = None
        self.items = Items(target.name)
        self.ledger = self.items.ledger
        self.link = Link(
            time.monotonic(), stall=stall, grace=publisher.settings.restart_grace, latest=latest
        )
        self._hub = hub
        self._probe = probe
        self._dial: Dial | None = None
        self._redial_at = self._heard_at = self._looked_at = 0.0
        self._refusals = 0
        self._gui_age, self._why = 0.0, ""
        self._unusable = Refusals(log)
        self._held_back: Welcome | None = None
        self._witness = Witness(target.lease) if target.lease else None
        self._ends_at: float | None = None
        self._ended_at: float | None = None
        self.requests = Requests(self)

    # the user's threads, with the lock held

    def queue(self, pixels: Pixels, image: Image, nbytes: int) -> Delivery:
        """Take one image."""
        delivery, name = Delivery(self.publisher.changed), Name(image)
        seq = self.link.last + 1
        self.items.add(seq, Item(pixels, image, name, delivery))
        place = bytes(name) if self.latest else b""
        self._carry_out(self.link.queue(nbytes, name, time.monotonic(), place))
        if delivery.state is State.UNDELIVERED:
            self._say()
        return delivery

    def say_busy(self) -> str:
        """Return why a viewer may keep us waiting, as the end of a sentence; or nothing."""
        if self.link.paused:
            return f"; it takes no images for now: {plain(self._why) or 'it is paused'}"
        if self._gui_age >= HANGS:
            return f"; its window has not answered for {self._gui_age:.0f} s"
        return ""

    def leave(self, linger: float = 1e9) -> None:
        """Let go of it; after the last user it closes when its images are owned, or late."""
        self.users -= 1
        if self.users == 0:
            self.end(time.monotonic() + min(linger, self.publisher.settings.linger))

    def end(self, deadline: float) -> None:
        """Close when all images are owned, or at ``deadline``; an earlier one stays."""
        self._ends_at = deadline if self._ends_at is None else min(self._ends_at, deadline)

    def revive(self) -> bool:
        """Use a route again that was about to close; False if it is closed, or its viewer has gone.

        The next viewer on the port is found by a new one at once, not at the next greeting.
        """
        if self.link.phase is Phase.CLOSED or (self._ends_at and not self.link.attached):
            return False
        self._ends_at = None
        return True

    def await_ready(self, timeout: float) -> None:
        """Wait for the viewer's WELCOME. Takes the lock itself.

        Raises
        ------
        ViewerNotFound, NotAdmitted, VersionMismatch
            When it does not come.
        """
        with self.publisher.lock:
            self.publisher.wait_for(self._decided, timeout)
            if self.trouble is not None:
                raise self.trouble
            if self.link.phase is not Phase.READY:
                raise self.target.absent()

    def go_without(self) -> None:
        """Do not wait for a viewer that is not there: report images until it is."""
        with self.publisher.lock:
            if self.link.phase is not Phase.READY:
                self.perform(self.link.bye("no viewer is there"))
                self.publisher.changed.notify_all()

    def _decided(self) -> bool:
        dead = self.link.phase is Phase.WAITING and self.welcome is None  # before it said a word
        return dead or self.link.phase is Phase.READY or self.trouble is not None

    def say(self, message: Message) -> None:
        """Send a control message soon."""
        self.publisher.post(self, message)
        self.publisher.wake()

    # what the link asks for, with the lock held

    def perform(self, actions: Sequence[Any]) -> None:
        """Carry out a link's actions: free memory, tell the user, and queue what is sent."""
        self._carry_out(actions)
        self._say()

    def _say(self) -> None:
        self.ledger.say(time.monotonic(), attached=self.link.attached)

    def _carry_out(self, actions: Sequence[Any]) -> None:
        for action in actions:
            if isinstance(action, Settle):
                self.items.settle(action, ended=self.link.phase is Phase.CLOSED)
            elif isinstance(action, Free):
                self.items.free(action, self.publisher.pool)
            elif isinstance(action, Found):
                self.items.found(action.seq)
            elif isinstance(action, Lost):
                self.ledger.lose(action, asked=self.quitting)
            else:
                self.publisher.post(self, action)

    # the I/O thread

    def _connect(self, now: float) -> None:
        target, self._heard_at = self.target, now
        self._dial = Dial(self._hub, target.address, target.viewer_public, target.client)

    def hang_up(self) -> None:
        """*I/O* Say BYE and close; the lock is held."""
        reachable = self.link.phase is Phase.READY
        self.perform(self.link.close("the program ended before the viewer took it"))
        self.ledger.say(time.monotonic(), attached=False, last=True)
        if self._dial is not None:
            self._dial.send([encode(Bye(sid=self.sid))])
            self._dial.close(LEAVE_MS if reachable else 0)
            self._dial = None

    def finished(self, now: float) -> bool:
        """*I/O* Whether the route may close now; the lock is held."""
        if self._ends_at is None:
            return False
        return not self.link.pending or not self.link.attached or now >= self._ends_at

    def receive(self) -> Iterator[list[Part]]:
        """*I/O* Yield what the viewer sent; hangs up and dials again after a refusal."""
        if self._dial is None:
            return
        yield from self._dial.receive()
        if self._dial.refused:
            self._dial.close()
            self._dial = None
            self._refused()

    def _refused(self) -> None:
        self._redial_at = time.monotonic() + REDIAL
        fresh = self.target.reread()
        if fresh is not None and (fresh.viewer_public, fresh.client) != (
            self.target.viewer_public, self.target.client,
        ):  # fmt: skip
            self.target = fresh
            self._redial_at = 0.0
            return
        self._refusals += 1
        if self.welcome is not None or self._refusals < 2:
            return  # it let us in before, or may have died in the middle of the handshake
        with self.publisher.lock:
            self.trouble = self.target.foreign()
            self.publisher.changed.notify_all()

    def tick(self, now: float) -> bool:
        """*I/O* Do what is due; the lock is held. Returns whether anything was."""
        ready = self.link.phase is Phase.READY
        if self._dial is not None and not ready and now - self._heard_at > SILENT:
            self._dial.close()
            self._dial = None
        if self._dial is None and self._redial_at <= now and self.link.phase is not Phase.CLOSED:
            self._connect(now)
        welcome = None
        if self._held_back is not None and self._dial is not None and self._dial.subscribed:
            welcome, self._held_back = self._held_back, None
            self._welcomed(welcome, now)
        self._look_at_lease(now)
        actions = self.link.tick(now)
        self.perform(actions)
        return bool(actions) or welcome is not None

    def _look_at_lease(self, now: float) -> None:
        dropped = self._dial is not None and self._dial.dropped
        if dropped and self._dial is not None:
            self._dial.dropped = False
            self.requests.repeat()
        if self._witness is None or (now - self._looked_at < LEASE_LOOK and not dropped):
            return
        self._looked_at = now
        if not self._witness.proven_dead() or self.link.phase is Phase.WAITING:
            self._ended_at = None
        elif self._ended_at is None:
            self._ended_at, self._looked_at = now, now - LEASE_LOOK + LAST_WORDS
        elif now - self._ended_at >= LAST_WORDS:
            self._ended_at = None
            self.perform(self.link.died(now))
            self.publisher.changed.notify_all()

    def take(self, parts: list[Part], now: float) -> None:
        """*I/O* Take one message of the viewer's; the lock is held."""
        try:
            message = decode_to_producer(parts[0])
            if isinstance(message, Reply) and message.array is not None:
                check_result(message.array, len(parts) - 1)
        except WireError as error:
            self._unusable.note(self.target.name, str(error))
            return
        self._heard_at = now
        self._take(message, parts[1:], now)

    def _take(self, message: ToProducer, parts: list[Part], now: float) -> None:
        link = self.link
        match message:
            case Ack():
                self.perform(
                    link.ack(message.vid, message.seqs, message.credit, message.credit_bytes, now)
                )
            case Shown():
                self.items.note(message.notes)
                self.perform(link.shown(message.vid, message.seqs, message.errors, now))
            case Welcome():
                self._welcomed(message, now)
            case Nack():
                if message.reason:  # it cannot read our memory: the pixels go inline
                    for seq in message.seqs:
                        item = self.items.get(seq)
                        if item is not None:
                            item.inline = True
                self.perform(link.nack(message.vid, message.seqs))
            case Pong():
                paused, self._gui_age, self._why = link.paused, message.gui_age, message.why
                self.perform(link.pong(message.vid, message.progress, message.paused, now))
                if link.paused and not paused:
                    log.warning("%s takes no images for now: %s", self.target.name,
                                plain(message.why) or "it is paused")  # fmt: skip
            case Unknown():
                self.perform(link.unknown(message.vid, now))
            case Reply():
                self.requests.answered(message, parts)
            case Bye():
                if not self.quitting:
                    log.warning(
                        "%s: %s", self.target.name, plain(message.reason) or "it was closed"
                    )
                self.perform(link.bye(message.reason, stay=message.stay))
            case Refused():
                if link.phase is Phase.GREETING and not message.seq:
                    self.trouble = ViewerError(f"the {self.target.name}: {plain(message.reason)}")
                self.perform(link.refuse("", message.seq, message.reason, now))

    def _welcomed(self, welcome: Welcome, now: float) -> None:
        if not same_major(welcome.version):
            self.trouble = VersionMismatch(
                f"the {self.target.name} speaks protocol {welcome.version}; update the older one"
            )
            return
        if self._dial is None or not self._dial.subscribed:
            self._held_back = welcome  # images sent before it subscribes would be lost
            return
        new = welcome.vid != self.link.vid
        if new and self.target.lease is not None:
            self._witness = Witness(self.target.lease)
            self._witness.proven_dead()  # sees it locked: only then can its death be proven
        self.welcome, self.shm, self.trouble = welcome, welcome.shm, None
        self.ledger.back()
        self.perform(self.link.welcome(welcome.vid, welcome.credit, welcome.credit_bytes, now))
        self.quitting = self.quitting and not new
        self.requests.repeat()

    def transmit(self, what: Any) -> None:
        """*I/O* Send what a link or the publisher asked for."""
        if self._dial is None:
            return
        match what:
            case Transmit():
                with self.publisher.lock:
                    item = self.items.get(what.seq)
                    if item is None or what.seq not in self.link.pending:
                        return
                    where, parts = item.pixels.ways(self.shm and not item.inline)
                image = msgspec.structs.replace(item.image, sid=self.sid, seq=what.seq, where=where)
                self._dial.publish([encode(image), *parts])
            case Greet():
                self._dial.send([encode(self._hello())])
            case Probe():
                self._dial.send([encode(self._ping(what.last))])
            case GiveUp():
                self._dial.send([encode(Drop(self.sid, what.seqs))])
            case _:
                self._dial.send([encode(what)])

    def _ping(self, last: int) -> Ping:
        with self.publisher.lock:
            return Ping(self.sid, self.link.vid, last, self.ledger.lost, *self.link.waits,
                        len(self.ledger.gaps))  # fmt: skip

    def _hello(self) -> Hello:
        probe, nonce = self._probe
        with self.publisher.lock:
            return Hello(
                sid=self.sid, run=self.run, pid=os.getpid(), label=self.publisher.label,
                probe=probe, nonce=nonce, mode="latest" if self.latest else "every",
                last=self.link.base,
            )  # fmt: skip
