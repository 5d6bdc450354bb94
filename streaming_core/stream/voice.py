"""What a viewer says to its producers, on the control socket. On the I/O thread alone."""

from __future__ import annotations

from streaming_core.errors import WireError
from streaming_core.network.transport import Listener
from streaming_core.protocol.messages import (
    Ack,
    Message,
    Nack,
    Pong,
    Refused,
    Reply,
    Shown,
    Unknown,
    Welcome,
)
from streaming_core.protocol.wire import encode
from streaming_core.stream.adapter import ViewerAdapter
from streaming_core.stream.intake import Intake
from streaming_core.stream.refusals import Refusals
from streaming_core.stream.roster import Roster
from streaming_core.stream.session import LONGEST_REASON, Session


class Voice:
    """Makes and sends the viewer's messages.

    Parameters
    ----------
    listener
        The sockets.
    vid, lease
        Identity of the viewer process, and the path of its lease.
    adapter, intake, roster
        The viewer kind, what it takes, and its producers.
    refusals
        Where what is refused is logged.
    """

    def __init__(
        self, listener: Listener, vid: str, lease: str, *, adapter: ViewerAdapter,
        intake: Intake, roster: Roster, refusals: Refusals,
    ) -> None:  # fmt: skip
        self._listener = listener
        self._vid = vid
        self._lease = lease
        self._adapter = adapter
        self._intake = intake
        self._roster = roster
        self._refusals = refusals

    def say(self, session: Session, message: Message, parts: list[bytes] | None = None) -> None:
        """Send a message to one producer."""
        self._listener.send(session.identity, [encode(message), *(parts or [])])

    def welcome(self, identity: bytes, shm: bool) -> None:
        """Answer a HELLO; also that of another version, which thereby hears ours."""
        credit, nbytes = self._roster.credit(shm)
        welcome = Welcome(
            vid=self._vid, viewer_kind=self._adapter.viewer_kind, credit=credit,
            credit_bytes=nbytes, shm=shm, lease=self._lease,
            capabilities=tuple(sorted(self._adapter.verbs)),
        )  # fmt: skip
        self._listener.send(identity, [encode(welcome)])

    def refuse(self, identity: bytes, reason: str, sid: str = "", seq: int = 0) -> None:
        """Say, and log, what is not taken and why; with a number it is that image."""
        self._refusals.note(sid[:40] or "somebody", reason)
        self._listener.send(identity, [encode(Refused(reason[:LONGEST_REASON], sid, seq))])

    def unknown(self, identity: bytes, sid: str) -> None:
        """Ask for a HELLO."""
        self._listener.send(identity, [encode(Unknown(self._vid, sid[:64]))])

    def acknowledge(self, session: Session) -> None:
        """Say what is owned and shown since the last time, and the credit if it has changed."""
        owned, lend = session.take_owned(), session.lend
        if owned or lend:
            session.lend, credit = False, self._roster.credit(session.shm)
            self.say(session, Ack(self._vid, session.sid, owned, *credit, self._intake.backlog))
        shown, errors = session.take_shown()
        if shown:
            self.say(session, Shown(self._vid, session.sid, shown, errors, session.take_notes()))

    def ask_again(self, session: Session, seqs: tuple[int, ...], reason: str = "") -> None:
        """Ask for images once more, if there are any to ask for; with a reason, inline."""
        if seqs:
            self.say(session, Nack(self._vid, session.sid, seqs, reason[:LONGEST_REASON]))

    def pong(self, session: Session, paused: bool) -> None:
        """Answer a PING, or tell that producers have to wait, or not any more."""
        intake, age = self._intake, self._adapter.gui_age()
        why = intake.why[:LONGEST_REASON]
        self.say(session, Pong(
            self._vid, session.sid, intake.progress, intake.backlog, paused, age, why
        ))  # fmt: skip

    def answer(self, session: Session, reply: Reply, parts: list[bytes]) -> None:
        """Answer a request; where that does not fit into a message, say so instead."""
        try:
            self.say(session, reply, parts)
        except WireError as error:
            self.say(session, Reply(self._vid, session.sid, reply.number, error=str(error)))
