"""A program's end of the way to one viewer: opened, joined again after a fork, and closed."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Literal, Self

from numpy.typing import NDArray

from streaming_core.errors import NotAdmitted, ViewerNotFound
from streaming_core.fleet.registry import Connection, reach
from streaming_core.memory.leases import is_held
from streaming_core.protocol.actions import Phase
from streaming_core.stream.route import Route
from streaming_core.stream.sessions import current_publisher, new_run
from streaming_core.stream.target import Target

log = logging.getLogger("planecast.client")

Mode = Literal["every", "latest"]
MODES: Final = ("every", "latest")
UNSEEN: Final = 2.0
"""Seconds to wait for an answer where no living viewer is known."""


class Attachment:
    """The part of a `planecast.Viewer` that knows the route to it: one in each process.

    It pickles as address, run and settings, never keys: another process of this machine that
    unpickles it connects by itself.
    """

    def __init__(
        self, viewer_kind: str, port: int, *, run: str, mode: Mode = "every", stall: float = 10.0
    ) -> None:
        self.viewer_kind = viewer_kind
        self.port = port
        self.run = run
        self._mode: Mode = mode
        self._stall = stall
        self._route: Route | None = None
        self._route_pid = 0
        self._closed = False
        self._reported = 0

    @classmethod
    def attach(
        cls, connection: Connection, *, mode: Mode = "every", stall: float = 10.0,
        timeout: float = 10.0,
    ) -> Self:  # fmt: skip
        """Connect to a viewer that runs; raises if it does not let us in within ``timeout``."""
        viewer = cls(connection.viewer_kind, connection.port, run=new_run(), mode=mode, stall=stall)
        route = viewer._open(connection.target())
        try:
            route.await_ready(timeout if connection.alive() else min(timeout, UNSEEN))
        except BaseException:  # whoever keeps the error keeps the viewer: leave its route here
            viewer.close(linger=0.0)
            raise
        return viewer

    def _open(self, target: Target) -> Route:
        latest = self._mode == "latest"
        route = current_publisher().open(target, run=self.run, latest=latest, stall=self._stall)
        self._leave = weakref.finalize(self, _leave, route)
        self._leave.atexit = False
        self._route, self._route_pid, self._reported = route, os.getpid(), route.ledger.reported
        return route

    def route(self) -> Route:
        """Return this process's route to the viewer; after a fork, a new one. For `tee`."""
        if self._closed:
            raise ViewerNotFound(
                f"this Viewer was closed; connect again: planecast.connect({self.port}), "
                f"or planecast.launch({self.viewer_kind!r}, {self.port}) if it has ended"
            )
        ours = self._route is not None and self._route_pid == os.getpid()
        if ours and self._route is not None and self._route.link.phase is not Phase.CLOSED:
            return self._route
        return self._rejoin()

    def _rejoin(self) -> Route:
        """Connect in a process that was handed this: the viewer may be gone, which is no error."""
        target = reach(self.port, self.viewer_kind)
        route = self._open(target)
        if route.link.attached:
            try:
                gone = target.lease is not None and is_held(target.lease) is False
                route.await_ready(0.0 if gone else UNSEEN)
            except (ViewerNotFound, NotAdmitted) as error:
                log.warning("%s Until it is there, its images are reported as undelivered.", error)
                route.go_without()
        return route

    def _known_route(self) -> Route:
        """The route, or the one that there was: what became of images is asked after the end."""
        return self._route if self._closed and self._route is not None else self.route()

    def close(self, linger: float | None = None) -> None:
        """End this connection; the viewer stays. Images on their way are waited for.

        What is not owned after ``linger`` seconds (setting, 30) is logged as undelivered.
        """
        if self._closed:
            return
        self._closed = True
        route = self._route
        if route is None or self._route_pid != os.getpid():
            return
        if linger is None:
            linger = route.publisher.settings.linger
        with route.publisher.lock:
            route.publisher.wait_for(
                lambda: not route.link.pending or not route.link.attached, linger
            )
            if self._leave.detach():
                route.leave(0.0)

    def _ask(
        self, verb: str, arguments: Mapping[str, Any], timeout: float
    ) -> tuple[Any, NDArray[Any] | None]:
        return self.route().requests.ask(verb, arguments, timeout)

    def _tell(self, verb: str, arguments: Mapping[str, Any], topic: str) -> None:
        self.route().requests.tell(verb, arguments, topic)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        settings = self._mode, self._stall
        return _again, (type(self), self.viewer_kind, self.port, self.run, *settings)


def _leave(route: Route) -> None:
    publisher = route.publisher
    if publisher.pid == os.getpid():
        with publisher.lock:
            route.leave()


def _again(
    kind: type[Attachment], viewer_kind: str, port: int, run: str, mode: Mode, stall: float
) -> Attachment:  # fmt: skip
    """Make an unpickled viewer: its process connects once, however many tasks bring one."""
    viewer = kind(viewer_kind, port, run=run, mode=mode, stall=stall)
    route = viewer.route()
    route.publisher.keep(route)
    return viewer
