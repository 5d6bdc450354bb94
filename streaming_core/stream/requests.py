"""Requests by name and their answers, on the producer's side."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import (
    RequestFailed,
    SegmentGone,
    TimedOut,
    ViewerNotFound,
    WireError,
)
from streaming_core.memory import segments
from streaming_core.network.transport import Part
from streaming_core.protocol.messages import ArrayResult, Release, Reply, Request, Slab
from streaming_core.protocol.wire import encode, join, unpack
from streaming_core.stream.refusals import plain
from streaming_core.stream.windows import refuse_to_wait

log = logging.getLogger("planecast.client")

if TYPE_CHECKING:
    from streaming_core.stream.route import Route


@dataclass(slots=True)
class Question:
    """A request that waits for its answer."""

    request: Request
    vid: str
    answer: tuple[Reply, list[Part]] | None = None
    topic: str = ""


class Requests:
    """The requests of one route that wait for an answer. The publisher's lock guards them.

    A connection that breaks may take a request or its answer with it, so what is not answered is
    sent again: a viewer may be asked the same twice.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._number = 0
        self._waiting: dict[int, Question] = {}
        self._newest: dict[str, dict[str, Any]] = {}
        self._refused: set[str] = set()

    def answered(self, reply: Reply, parts: list[Part]) -> None:
        """Take a reply; one that nobody waits for any more is let go at once."""
        question = self._waiting.get(reply.number)
        if question is not None and question.topic:
            self._heard(question, reply)
        elif question is not None and question.answer is None:
            question.answer = reply, parts
        elif reply.array is not None and question is None:
            self._route.say(Release(self._route.sid, reply.number))

    def repeat(self) -> None:
        """Send again what was not answered, if it is the same viewer, or nobody was there."""
        for question in self._waiting.values():
            question.vid = question.vid or self._route.link.vid
            if question.answer is None and not self._elsewhere(question):
                self._route.publisher.post(self._route, question.request)

    def tell(self, verb: str, arguments: Mapping[str, Any], topic: str) -> None:
        """Tell the viewer something, and wait for nothing. Takes the lock itself.

        Of each topic one thing is under way at a time; behind it the newest waits, and takes the
        place of an older one. What it refuses is logged, once for each verb.
        """
        with self._route.publisher.lock:
            if not self._route.link.attached:
                return
            flying = [one for one in self._waiting.values() if one.topic == topic]
            if flying and not self._elsewhere(flying[0]):
                self._newest[topic] = dict(arguments)
                return
            for lost in flying:
                del self._waiting[lost.request.number]
            self._send(verb, arguments, topic)

    def _send(self, verb: str, arguments: Mapping[str, Any], topic: str = "") -> Question:
        self._number += 1
        request = Request(self._route.sid, self._number, verb, dict(arguments))
        question = self._waiting[self._number] = Question(
            request, self._route.link.vid, topic=topic
        )
        self._route.say(request)
        return question

    def _heard(self, question: Question, reply: Reply) -> None:
        """Take the answer to what was told; whatever was told meanwhile follows."""
        del self._waiting[reply.number]
        verb = question.request.verb
        if reply.error and verb not in self._refused:
            self._refused.add(verb)
            log.warning("%s: %s(): %s", self._route.target.name, verb, plain(reply.error))
        following = self._newest.pop(question.topic, None)
        if following is not None and not reply.error:
            self._send(verb, following, question.topic)

    def _elsewhere(self, question: Question) -> bool:
        """Whether it went to a viewer that is not there any more."""
        return not self._route.link.attached or question.vid not in ("", self._route.link.vid)

    def ask(
        self, verb: str, arguments: Mapping[str, Any], timeout: float
    ) -> tuple[Any, NDArray[Any] | None]:
        """Ask the viewer, and wait for its answer. Takes the lock itself.

        Returns
        -------
        result, array
            Plain data, and an array of the caller's own, or None.

        Raises
        ------
        RequestFailed
            With the viewer's words.
        TimedOut
            When no answer came within ``timeout`` seconds.
        ViewerNotFound
            When the viewer went away.
        WouldDeadlock
            On the thread that would have to answer.
        """
        route = self._route
        refuse_to_wait(route.link.vid, f"{verb}()")
        name = route.target.name
        with route.publisher.lock:
            question = self._send(verb, _plain(verb, arguments))
            try:
                route.publisher.wait_for(
                    lambda: question.answer is not None or self._elsewhere(question), timeout
                )
            finally:
                del self._waiting[question.request.number]
                if question.answer is None:  # also where Ctrl-C interrupts: the viewer may stop
                    route.say(Release(route.sid, question.request.number))
            gone = self._elsewhere(question)
        if question.answer is None:
            if gone:
                raise ViewerNotFound(f"the {name} is gone; {verb!r} was not answered")
            busy = route.say_busy()
            raise TimedOut(f"the {name} did not answer {verb!r} within {timeout:g} s{busy}")
        reply, parts = question.answer
        if reply.error:
            raise RequestFailed(f"{verb} in the {name}: {reply.error}")
        if reply.array is None:
            return reply.result, None
        try:
            array = self._copy(reply.array, parts)
            return (unpack(array), None) if reply.packed else (reply.result, array)
        finally:
            with route.publisher.lock:
                route.say(Release(route.sid, reply.number))

    def _copy(self, result: ArrayResult, parts: Sequence[Part]) -> NDArray[Any]:
        where, name = result.where, self._route.target.name
        if not isinstance(where, Slab):
            return join(parts, result.shape, result.dtype).copy()
        if not where.segment.startswith(f"pc{self._route.link.vid}_"):
            raise RequestFailed(f"the {name} named memory that is not its own")
        try:
            mapping = segments.Mapping.open(where.segment, where.size)
        except SegmentGone as error:
            raise RequestFailed(f"the answer of the {name} is gone: {error}") from None
        return mapping.array(result.shape, np.dtype(result.dtype), where.offset).copy()


def _plain(verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what can be sent; found out later, by the I/O thread, we would wait in vain."""
    try:
        encode(Request("", 0, verb, dict(arguments)))
    except WireError as error:
        raise RequestFailed(f"{verb}(): {error}") from None
    return arguments
