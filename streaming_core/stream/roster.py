"""The producers that a viewer serves, with a limit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Final

from streaming_core.errors import WireError
from streaming_core.protocol.messages import Hello
from streaming_core.settings import Settings
from streaming_core.stream.session import Session

log = logging.getLogger("planecast.receiver")

SILENT: Final = 10.0
"""Seconds without a message after which a producer's lease is looked at."""


class Roster:
    """The sessions of a viewer. The I/O thread changes it, any thread may look.

    Parameters
    ----------
    settings
        Limits: sessions at once, credit, and the bytes in messages that all may have on their way.
    died
        Whether the producer of this id (16 hexadecimal digits) is known to be dead.
    ended
        Called with the sid of each session that has ended.
    """

    def __init__(
        self, settings: Settings, died: Callable[[str], bool], ended: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._share = settings.credit_bytes
        self._died = died
        self._ended = ended
        self._sessions: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def get(self, sid: str) -> Session | None:
        """Return the session of a sid, if there is one."""
        return self._sessions.get(sid)

    def admit(self, hello: Hello, identity: bytes) -> Session:
        """Begin a session; one that its control socket had before has ended thereby.

        Raises
        ------
        WireError
            When its sid is not one, or the viewer serves enough producers already.
        """
        for other in self:
            if other.identity == identity:  # each route has a socket of its own
                self.end(other.sid)
        if len(self._sessions) >= self._settings.sessions:
            raise WireError(f"this viewer serves {self._settings.sessions} producers already")
        session = self._sessions[hello.sid] = Session.begin(hello, identity)
        return session

    def end(self, sid: str) -> None:
        """Forget a session; what it sent stays."""
        session = self._sessions.pop(sid, None)
        if session is not None:
            session.awaited.clear()
            self._ended(sid)
            self.share_out()

    def share_out(self) -> None:
        """Share the bytes in messages among those whose pixels travel so, and let them be told."""
        senders = [session for session in self if not session.shm]
        most = self._settings.queue_bytes // max(1, len(senders))
        share = max(1, min(self._settings.credit_bytes, most))
        if share != self._share:
            self._share = share
            for session in senders:
                session.lend = True

    def credit(self, shm: bool) -> tuple[int, int]:
        """Return images and bytes that a producer may have on their way.

        Parameters
        ----------
        shm
            Whether its pixels wait in memory of its own.
        """
        return self._settings.credit, self._settings.credit_bytes if shm else self._share

    def review(self, now: float) -> None:
        """End the sessions of producers that died without a BYE."""
        for session in self:
            if now - session.heard_at > SILENT and self._died(session.producer):
                self.end(session.sid)
            else:
                session.prune()
