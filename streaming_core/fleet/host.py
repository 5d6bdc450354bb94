"""Hosting: what every viewer process does to be found, reached and ended."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from streaming_core.errors import InvalidSetting, LeaseHeld, PlanecastError, PortTaken
from streaming_core.fleet.registry import (
    Begun,
    Connection,
    find,
    lease_path,
    publish,
    viewer_keys,
)
from streaming_core.fleet.spawn import keep, tell
from streaming_core.memory.budget import Budget
from streaming_core.memory.heap import Heap
from streaming_core.memory.leases import Lease, is_held, janitor
from streaming_core.memory.places import remove, run_folder, run_folders
from streaming_core.network.endpoints import (
    ANY_FIRST_PORT,
    DATA_OFFSET,
    FIRST_PORT,
    LOOPBACK,
    PAIRS,
    Address,
    check_port,
    is_free,
)
from streaming_core.network.keys import Admission
from streaming_core.protocol.messages import PROTOCOL
from streaming_core.settings import Settings
from streaming_core.stream import windows
from streaming_core.stream.adapter import ViewerAdapter
from streaming_core.stream.intake import Intake
from streaming_core.stream.receiver import Receiver
from streaming_core.stream.session import new_vid

log = logging.getLogger("planecast.fleet")

JANITOR_EVERY: Final = 60.0
"""Seconds between two looks for what dead processes left."""
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
OURS: Final = r"(__main__|planecast|streaming_core|napari_plugin|fiji_bridge)(\.|$)"
"""Modules whose warnings `PLANECAST_WARNINGS` speaks of: what others call is not our business."""


@dataclass(frozen=True, slots=True)
class ViewerOptions:
    """How a viewer process was asked to start."""

    viewer_kind: str
    port: int | None
    virtual: bool
    headless: bool
    fiji: str | None

    def begun(self) -> Begun:
        """Return what starts such a viewer anew."""
        return Begun(sys.executable, self.virtual, self.headless, self.fiji)


def viewer_options(viewer_kind: str, arguments: Sequence[str] | None = None) -> ViewerOptions:
    """Read the command line of a viewer process."""
    parser = argparse.ArgumentParser(prog=f"planecast {viewer_kind}")
    parser.add_argument("--port", type=int, help="control port; port + 1000 is used too")
    parser.add_argument("--virtual", action="store_true", help="use a virtual display")
    parser.add_argument("--headless", action="store_true", help="no window at all")
    parser.add_argument("--fiji", help="folder of a Fiji, or an endpoint")
    given = parser.parse_args(arguments)
    port = None if given.port is None else check_port(given.port)
    return ViewerOptions(viewer_kind, port, given.virtual, given.headless, given.fiji)


def free_port(viewer_kind: str) -> int:
    """Return the first port that is free together with port + 1000, now.

    Raises
    ------
    PortTaken
        When none of those that are tried is.
    """
    for port in _ports(viewer_kind):
        if not _inhabited(port) and all(
            is_free(LOOPBACK, one) for one in (port, port + DATA_OFFSET)
        ):
            return port
    raise PortTaken(f"no free pair of ports for a {viewer_kind} viewer; say port=")


def _inhabited(port: int) -> bool:
    """Whether a living viewer is known there: quicker than to wait for its lease."""
    known = find(port)
    return known is not None and known.alive()


def _ports(viewer_kind: str) -> range:
    first = FIRST_PORT.get(viewer_kind, ANY_FIRST_PORT)
    return range(first, first + PAIRS)


class Host:
    """A viewer on a port: its lease, its receiver and its connection file.

    Parameters
    ----------
    adapter
        The viewer kind. Its window should be alive: from now on producers find it.
    port
        Control port; None for the first free pair.
    settings
        Limits; None for those of the environment.
    window
        Thread that draws the window, if programs in this process may send to it.
    budget
        Of the memory for images, where that is not this process's own.
    begun
        How this process was started, where it is nothing but a viewer: `Viewer.restart` needs it.

    Raises
    ------
    PortTaken
        When another viewer or program has the port.
    """

    def __init__(
        self, adapter: ViewerAdapter, port: int | None = None, settings: Settings | None = None,
        *, window: int | None = None, budget: Budget | None = None,
        begun: Begun | None = None,
    ) -> None:  # fmt: skip
        self._window = window
        self._begun = begun
        self._budget = budget
        self._folder = run_folder()
        self._settings = settings or Settings.load()
        self._closed = False
        self._heap = Heap()
        self._janitor_at = time.monotonic() + JANITOR_EVERY
        janitor(self._folder)
        refusal = PortTaken(f"all ports of {adapter.viewer_kind} viewers have one; say port=")
        for candidate in _ports(adapter.viewer_kind) if port is None else [check_port(port)]:
            if port is None and _inhabited(candidate):
                continue
            try:
                self._open(adapter, candidate)
            except PortTaken as error:
                refusal = error
            else:
                break
        else:
            raise refusal
        tell(f"ready {self.port}")

    def _open(self, adapter: ViewerAdapter, port: int) -> None:
        address, vid = Address(LOOPBACK, port), new_vid()
        path = lease_path(self._folder, port)
        files = [f"viewer-{port}.connection"]
        info = {"pid": os.getpid(), "prefixes": [f"pc{vid}"], "files": files}
        try:
            self._lease = Lease.take(path, info)
        except LeaseHeld as error:
            raise PortTaken(f"a viewer runs on port {port} already ({error})") from None
        try:
            keys = viewer_keys(port)
            admission = Admission(frozenset({keys.client.public}))
            facts = {"port": port, "version": PROTOCOL}
            self._receiver = Receiver(
                adapter, address, keys.viewer, admission, self._settings,
                vid=vid, lease=str(path), facts=facts,
                died=_died,
                chores=self._chores,
                budget=self._budget,
            )  # fmt: skip
        except BaseException:  # Ctrl-C too: the port is free again, the error goes on
            self._lease.release()
            raise
        self.port = port
        if self._window is not None:
            windows.inhabit(vid, self._window)
        self._file = publish(
            self._folder,
            Connection(
                adapter.viewer_kind, LOOPBACK, port, os.getpid(), vid, PROTOCOL,
                keys.viewer.public, keys.client, str(path), self._begun,
            ),
        )  # fmt: skip

    @property
    def intake(self) -> Intake:
        """What this viewer takes: its backlog, memory budget, and why producers wait."""
        return self._receiver.intake

    @property
    def producers(self) -> list[dict[str, Any]]:
        """``state()["producers"]``, for any thread."""
        return self._receiver.producers

    def _chores(self) -> None:
        self._lease.refresh()
        intake = self.intake
        self._heap.look(intake.progress, intake.backlog, intake.budget.held)
        now = time.monotonic()
        if now >= self._janitor_at:
            self._janitor_at = now + JANITOR_EVERY
            janitor(self._folder)

    def close(self, reason: str = "the viewer was closed", *, stay: bool = False) -> None:
        """Say BYE to the producers, and free port, lease and files. Idempotent.

        Parameters
        ----------
        reason
            What the producers are told.
        stay
            What this viewer owns stays in its window, which only stops listening.
        """
        if self._closed:
            return
        self._closed = True
        remove(self._file)
        self._receiver.close(reason, stay=stay)
        windows.leave(self._receiver.vid)
        self._lease.release()


def _died(producer: str) -> bool:
    """Whether a producer's lease is free, or gone."""
    held = [is_held(folder / f"producer-{producer}.lease") for folder in run_folders()]
    return not any(held)


def run_viewer(main: Callable[[], int]) -> int:
    """Run the main function of a viewer process; tell the launcher if it cannot start.

    Log lines go to standard error, which the launcher keeps in a file.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )  # fmt: skip
    keep()
    try:
        logging.getLogger().setLevel(_level(os.environ.get("PLANECAST_LOG", "INFO")))
        _warn(os.environ.get("PLANECAST_WARNINGS", ""))
        return main()
    except PlanecastError as error:
        log.error("%s", error)
        tell(f"failed {type(error).__name__} {error}")
        return 1


def _warn(how: str) -> None:
    """Make errors of warnings about what Planecast does, deprecated API among them, if asked to."""
    if how not in ("", "error"):
        raise InvalidSetting(f"PLANECAST_WARNINGS={how!r}; it can be error")
    if how:
        warnings.filterwarnings("error", module=OURS)


def _level(name: str) -> str:
    if name not in LEVELS:
        raise InvalidSetting(f"PLANECAST_LOG={name!r}; it can be {', '.join(LEVELS)}")
    return name
