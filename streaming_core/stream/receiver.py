"""Message in, adapter call out: a viewer's I/O thread."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from streaming_core.errors import InvalidImage, SharedMemoryError, WireError
from streaming_core.memory.budget import Budget
from streaming_core.memory.segments import SUPPORTED, sees
from streaming_core.network.endpoints import Address
from streaming_core.network.keys import Admission, KeyPair
from streaming_core.network.transport import Hub, Listener, Part, drain
from streaming_core.protocol.messages import (
    Bye,
    Drop,
    Hello,
    Image,
    Inline,
    Ping,
    Refused,
    Release,
    Request,
    Unknown,
)
from streaming_core.protocol.wire import check_image, decode_to_viewer, join, same_major
from streaming_core.settings import Settings
from streaming_core.stream.adapter import Arrival, ViewerAdapter
from streaming_core.stream.alike import Doubts
from streaming_core.stream.answers import Answers
from streaming_core.stream.handed import Handed
from streaming_core.stream.intake import Intake
from streaming_core.stream.refusals import Refusals
from streaming_core.stream.results import Results
from streaming_core.stream.roster import Roster
from streaming_core.stream.session import LONGEST_REASON, Session
from streaming_core.stream.voice import Voice

log = logging.getLogger("planecast.receiver")

TURN: Final = 0.1
"""Seconds between two looks at what is due, where nothing comes."""
CHORES_EVERY: Final = 5.0
"""Seconds between two looks for what has ended or expired."""
LEAVE_MS: Final = 500
"""Milliseconds that the last messages have to get out."""
ACK_AT_ONCE: Final = 1 << 22
"""Bytes after which what was taken is acked: the memory, still in the cache, is used next."""

ACK_EVERY: Final = 16
"""Images after which what was taken is acked; one by one would cost more than the images."""

STOPPED: Final = 0.8
"""Seconds between two turns after which producers may have given up what waits in the sockets."""

SLOWEST: Final = 1e8
"""Bytes a second that any machine copies."""

TAKE: Final = 0.002
"""Seconds of taking images before control messages have their turn, and the other way round."""


class Receiver:
    """The stream's end in a viewer process: sockets, sessions and the I/O thread.

    Parameters
    ----------
    adapter
        The viewer kind.
    address
        Where to listen.
    keys, admission
        The viewer's own key pair, and who is let in.
    settings, budget
        Limits; of the memory for images where that is not this process's own.
    lease
        Path of the viewer's lease, for the WELCOME.
    vid
        Identity of this viewer process; segments of large results are named after it.
    facts
        What ``state()`` says besides what the adapter knows.
    died
        Whether the producer of this id (16 hexadecimal digits) is known to be dead.
    chores
        Called every few seconds: the host's housekeeping.

    Raises
    ------
    PortTaken
        When another program listens there.
    """

    def __init__(
        self, adapter: ViewerAdapter, address: Address, keys: KeyPair, admission: Admission,
        settings: Settings, *, vid: str, lease: str, facts: Mapping[str, Any],
        died: Callable[[str], bool], chores: Callable[[], None], budget: Budget | None = None,
    ) -> None:  # fmt: skip
        self.vid = vid
        self._adapter = adapter
        self._chores = chores
        self._chores_at = time.monotonic() + CHORES_EVERY
        self.intake = Intake(adapter, settings, budget)
        self._paused, self._took = False, True
        self._turned_at = time.monotonic()
        self._shown_by_now: deque[tuple[Session, int, str, str]] = deque()
        self._results = Results(vid, settings.inline_below)
        self._roster = Roster(settings, died, self._results.drop)
        self._refusals = Refusals(log)
        self._doubts = Doubts()
        self._handed = Handed(settings.handed_over)
        self._arrivals: list[Arrival] = []
        self._unacked = 0
        self._stopping = False
        self._farewell = Bye(vid=vid)
        self._hub = Hub()
        self._answers = Answers(
            adapter, vid, self._results, facts=facts, stream=self._stream_state,
            wake=self._hub.wake,
        )  # fmt: skip
        try:
            self._listener = Listener(self._hub, address, keys, admission)
        except BaseException:  # Ctrl-C too: no socket stays behind, the error goes on
            self._hub.close()
            raise
        self._voice = Voice(
            self._listener, vid, lease, adapter=adapter, intake=self.intake, roster=self._roster,
            refusals=self._refusals,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run, name="planecast-receiver", daemon=True)
        self._thread.start()

    def close(self, reason: str, *, stay: bool = False) -> None:
        """Say BYE to all producers and free both ports; ``stay``: images do. Idempotent."""
        self._farewell = Bye(vid=self.vid, reason=reason, stay=stay)
        self._stopping = True
        self._hub.wake()
        if threading.current_thread() is not self._thread:
            self._thread.join(10.0)

    # other threads

    @property
    def producers(self) -> list[dict[str, Any]]:
        """``state()["producers"]``."""
        return [session.state() for session in self._roster]

    def _shown(self, session: Session, seq: int, doubt: str) -> Callable[..., None]:
        def shown(error: str = "", *, note: str = "") -> None:
            self.intake.shown()
            notes = "; ".join(filter(None, (doubt, note)))
            self._shown_by_now.append((session, seq, error, notes))
            self._hub.wake()

        return shown

    # the I/O thread

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._hub.wait(TURN)
                self._turn()
        except Exception:  # boundary of the thread: the process must not seem alive without it
            log.exception("the I/O thread failed; this viewer takes no more images")
            self._farewell = Bye(vid=self.vid, reason="it failed, see its log")
        finally:
            for session in self._roster:
                self._voice.say(session, self._farewell)
            self._results.close()
            self._listener.close(LEAVE_MS)
            self._hub.close()

    def _turn(self) -> None:
        self._awake()
        self._listener.admit()
        until = time.monotonic() + TAKE
        for parts in self._hub.drain(self._listener.control):
            self._control(bytes(parts[0]), parts[1:])
            if time.monotonic() > until:  # whoever sends long messages does not starve images
                break
        self._flush_outgoing()
        taking = self.intake.taking
        if taking != self._took:  # what is not taken must not wake us again and again
            self._took = taking
            self._hub.watch(self._listener.data, taking)
        if not taking:  # not to be asked is not to greet: who connects now must be subscribed to
            self._listener.data.poll(0)
        if taking:
            until = time.monotonic() + TAKE
            for parts in self._arriving():
                self._data(parts)
                if not self.intake.taking or time.monotonic() > until:
                    break
        for session in self._roster:
            self._voice.acknowledge(session)
        self._post()
        if self.intake.paused != self._paused:  # said at once: it stops the stall clocks
            self._paused = not self._paused
            self.intake.tell()
            for session in self._roster:
                self._voice.pong(session, self._paused)
        now = time.monotonic()
        if now >= self._chores_at:
            self._chores_at = now + CHORES_EVERY
            self._results.expire(now)
            self._roster.review(now)
            self._refusals.tell()
            self._chores()

    def _awake(self, nbytes: int = 0) -> bool:
        """Note the time; False if we were frozen since the last time, while copying this much.

        What waits then may be reported as undelivered, and must not be shown after all.
        """
        before, self._turned_at = self._turned_at, time.monotonic()
        if self._turned_at - before <= STOPPED + nbytes / SLOWEST:
            return True
        for session in self._roster:
            session.doubted = True  # until its HELLO tells what will still come
            self._voice.say(session, Unknown(self.vid, session.sid))
        return False

    def _post(self) -> None:
        """Give the window what has arrived, after the ack: it will want this thread's time."""
        for arrival in self._arrivals:
            self._adapter.post(arrival)
        self._arrivals.clear()
        self._unacked = 0

    def _arriving(self) -> Iterator[list[Part]]:
        """Yield messages with images: first the one for which there was no room."""
        waiting = self.intake.take_waiting()
        if waiting is not None:
            yield waiting
        yield from drain(self._listener.data)

    def _flush_outgoing(self) -> None:
        while self._shown_by_now:
            session, seq, error, note = self._shown_by_now.popleft()
            session.note_shown(seq, error, note)
        for session, reply, parts in self._answers.take():
            self._voice.answer(session, reply, parts)

    # control messages

    def _control(self, identity: bytes, parts: list[Part]) -> None:
        if len(parts) != 1:
            self._voice.refuse(identity, f"a control message has one part, not {len(parts)}")
            return
        try:
            message = decode_to_viewer(parts[0])
        except WireError as error:
            self._voice.refuse(identity, str(error))
            return
        if isinstance(message, Hello):
            self._hello(identity, message)
            return
        if isinstance(message, Image | Refused):
            self._voice.refuse(identity, f"{type(message).__name__} does not travel this way")
            return
        session = self._roster.get(message.sid)
        if session is None or (
            isinstance(message, Ping) and (message.vid != self.vid or session.doubted)
        ):
            if not isinstance(message, Bye):
                self._voice.unknown(identity, message.sid)
            return
        session.identity, session.heard_at = identity, time.monotonic()
        match message:
            case Ping():
                session.undelivered, session.gaps = message.undelivered, message.gaps
                self._ping(session, message)
            case Drop():
                session.drop(message.seqs)
            case Bye():
                self._roster.end(message.sid)
            case Request():
                self._answers.request(session, message)
            case Release():
                self._answers.release(session, message.number)

    def _hello(self, identity: bytes, hello: Hello) -> None:
        if not same_major(hello.version):
            self._voice.welcome(identity, False)  # it says our version
            return
        session = self._roster.get(hello.sid)
        if session is None:
            try:
                session = self._roster.admit(hello, identity)
            except WireError as error:
                self._voice.refuse(identity, str(error))
                return
        elif self.intake.full and not session.doubted:
            return  # it greets again; to a window that hangs it would only lose more images
        session.greeted(hello, identity)
        session.shm = SUPPORTED and session.owns(hello.probe) and sees(hello.probe, hello.nonce)
        self._roster.share_out()
        self._voice.acknowledge(session)  # before: who hears the WELCOME has heard what we own
        self._voice.welcome(identity, session.shm)

    def _ping(self, session: Session, ping: Ping) -> None:
        self._voice.ask_again(session, session.missing(ping.last) if self.intake.taking else ())
        for seq in session.repeat(ping.unacked, ping.unshown):
            self._voice.say(session, Refused(session.refused(seq), session.sid, seq))
        self._voice.pong(session, self._paused)

    # images

    def _data(self, parts: list[Part]) -> None:
        try:
            image = decode_to_viewer(parts[0])
            if not isinstance(image, Image):
                raise WireError(f"{type(image).__name__} on the data socket")
        except WireError as error:
            self._refusals.note("somebody", str(error))
            return
        session = self._roster.get(image.sid)
        if session is None or session.doubted or session.done(image.seq):
            return  # unknown: not acked, so it comes again after HELLO; done: acked again
        try:
            checked = check_image(image, len(parts) - 1)
            if not self.intake.admits(parts, image.where.nbytes):
                return
            self._note_order(session, image.seq)
            self._own(session, checked, parts[1:])
        except (WireError, InvalidImage, MemoryError) as error:
            self._note_order(session, image.seq)
            session.refuse(image.seq, str(error)[:LONGEST_REASON])
            self._voice.refuse(session.identity, str(error), session.sid, image.seq)
        except SharedMemoryError as error:
            self._voice.ask_again(session, (image.seq,), str(error))

    def _note_order(self, session: Session, seq: int) -> None:
        """Ask for the numbers that this one jumped over; a second call asks for none."""
        self._voice.ask_again(session, session.skipped(seq))

    def _own(self, session: Session, image: Image, parts: list[Part]) -> None:
        where = image.where
        if isinstance(where, Inline):
            kept = self._adapter.own(image, join(parts, image.shape, image.dtype))
        else:
            mapping, pixels = session.look(where, image.shape, image.dtype)
            lasting = where.lasting and image.table is None and self._adapter.keeps_mappings
            lasts = lasting and self._handed.take(pixels)
            kept = pixels if lasts else self._adapter.own(image, pixels)
            if not mapping.unchanged(where.generation):
                raise SharedMemoryError("the memory was written to while it was read")
        if not self._awake(where.nbytes):
            return  # it comes again if its producer still has it
        session.own(image.seq)
        session.run = image.run  # a connection is used again by another run of the same process
        self.intake.came(kept)
        shown = self._shown(session, image.seq, self._doubts.about(image))
        self._arrivals.append(Arrival(image, kept, shown))
        self._unacked += where.nbytes
        if self._unacked >= ACK_AT_ONCE or len(self._arrivals) >= ACK_EVERY:
            self._voice.acknowledge(session)
            self._post()

    def _stream_state(self) -> dict[str, Any]:
        return {**self.intake.state(), "producers": self.producers}
