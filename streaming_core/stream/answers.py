"""Requests by name and their answers, on the viewer's side."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from streaming_core.errors import RequestFailed, WireError
from streaming_core.protocol.messages import Reply, Request
from streaming_core.protocol.wire import pack
from streaming_core.stream.adapter import Call, ViewerAdapter
from streaming_core.stream.results import Results
from streaming_core.stream.session import Session

MOST_ASKED: Final = 64
"""Requests of one producer that wait at once: each may hold an array, and a thread's time."""


class Answers:
    """Hands requests to the adapter, and keeps its answers until the I/O thread takes them.

    Parameters
    ----------
    adapter
        The viewer kind.
    vid
        Identity of this viewer process.
    results
        Where arrays wait.
    facts
        What ``state()`` says besides what the adapter knows.
    stream
        Returns what ``state()`` says of the stream.
    wake
        Wakes the I/O thread.
    """

    def __init__(
        self, adapter: ViewerAdapter, vid: str, results: Results, *, facts: Mapping[str, Any],
        stream: Callable[[], Mapping[str, Any]], wake: Callable[[], None],
    ) -> None:  # fmt: skip
        self._adapter = adapter
        self._vid = vid
        self._results = results
        self._facts = facts
        self._stream = stream
        self._wake = wake
        self._began = time.monotonic()
        self._ready: deque[tuple[Session, Reply, list[bytes]]] = deque()

    def take(self) -> Iterator[tuple[Session, Reply, list[bytes]]]:
        """Yield the answers that are ready, with the parts of inline arrays."""
        while self._ready:
            session, reply, parts = self._ready.popleft()
            session.asking -= 1
            session.answered(reply.number, (reply, parts))
            yield session, reply, parts

    def release(self, session: Session, number: int) -> None:
        """Let go of an answer: its array was copied, or nobody waits for it any more."""
        session.awaited.discard(number)
        if number in session.questions:
            session.questions[number] = None
        self._results.release(session.sid, number)

    def request(self, session: Session, request: Request) -> None:
        """Hand a request on, or refuse it; one that came before is answered as it was then."""
        if request.number in session.questions:
            answer_then = session.questions[request.number]
            if answer_then is not None:  # else it is being carried out, or was heard
                session.asking += 1
                self._ready.append((session, *answer_then))
            return
        session.asked(request.number)

        def answer(result: Any = None, array: NDArray[Any] | None = None, error: str = "") -> None:
            reply, parts = self._reply(session, request.number, result, array, error)
            self._ready.append((session, reply, parts))
            self._wake()

        def fail(error: str) -> None:
            answer(error=error or "it failed")

        def state(result: Mapping[str, Any]) -> None:
            answer(self._state() | dict(result))

        session.asking += 1
        if session.asking + self._results.waiting(session.sid) > MOST_ASKED:
            fail(f"{MOST_ASKED} requests wait already, or their arrays to be fetched; ask later")
            return
        if request.verb not in self._adapter.verbs:
            known = ", ".join(sorted(self._adapter.verbs))
            fail(f"a {self._adapter.viewer_kind} viewer cannot do that; it can: {known}")
            return
        reply = state if request.verb == "state" else answer
        self._adapter.call(Call(
            request.verb, request.arguments, reply, fail, session.sid,
            lambda: request.number in session.awaited,
        ))  # fmt: skip

    def _reply(
        self, session: Session, number: int, result: Any, array: NDArray[Any] | None, error: str
    ) -> tuple[Reply, list[bytes]]:
        """Make a reply; a result that is too long for its JSON part travels as an array does."""
        try:
            packed = pack(result) if array is None else None
            carried = array if packed is None else packed
            described, parts = self._results.carry(session, number, carried)
        except (RequestFailed, WireError) as refusal:
            return Reply(self._vid, session.sid, number, error=str(refusal)), []
        said, long = (result, False) if packed is None else (None, True)
        return Reply(self._vid, session.sid, number, said, described, error, long), parts

    def _state(self) -> dict[str, Any]:
        uptime = round(time.monotonic() - self._began, 3)
        return {
            "viewer_kind": self._adapter.viewer_kind, **self._facts, "pid": os.getpid(),
            "engine": self._adapter.engine, "uptime": uptime, **self._stream(),
        }  # fmt: skip
