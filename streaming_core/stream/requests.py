"""Requests by name and their answers, on the producer's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import RequestFailed, SegmentGone, TimedOut, ViewerNotFound
from streaming_core.memory import segments
from streaming_core.network.transport import Part
from streaming_core.protocol.messages import ArrayResult, Release, Reply, Request, Slab
from streaming_core.protocol.wire import join

if TYPE_CHECKING:
    from streaming_core.stream.route import Route


class Requests:
    """The requests of one route that wait for an answer. The publisher's lock guards them."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._number = 0
        self._waiting: dict[int, tuple[Reply, list[Part]] | None] = {}

    def answered(self, reply: Reply, parts: list[Part]) -> None:
        """Take a reply; one that nobody waits for any more is let go at once."""
        if reply.number in self._waiting:
            self._waiting[reply.number] = (reply, parts)
        elif reply.array is not None:
            self._route.say(Release(self._route.sid, reply.number))

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
        """
        route = self._route
        name = route.target.name
        with route.publisher.lock:
            self._number += 1
            number = self._number
            self._waiting[number] = None
            try:
                route.say(Request(route.sid, number, verb, dict(arguments)))
                route.publisher.wait_for(
                    lambda: self._waiting[number] is not None or not route.link.attached, timeout
                )
            finally:
                answer = self._waiting.pop(number)
            attached = route.link.attached
        if answer is None:
            if not attached:
                raise ViewerNotFound(f"the {name} is gone; {verb!r} was not answered")
            raise TimedOut(f"the {name} did not answer {verb!r} within {timeout:g} s")
        reply, parts = answer
        if reply.error:
            raise RequestFailed(f"{verb} in the {name}: {reply.error}")
        if reply.array is None:
            return reply.result, None
        try:
            return reply.result, self._copy(reply.array, parts)
        finally:
            with route.publisher.lock:
                route.say(Release(route.sid, number))

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
