"""Viewer processes: start one, and wait until it is ready. They outlive who started them."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streaming_core import errors
from streaming_core.errors import (
    InvalidSetting,
    LeaseHeld,
    MissingDependency,
    PlanecastError,
    PortTaken,
    RequestFailed,
    StartFailed,
    TimedOut,
)
from streaming_core.fleet.display import check_display, check_virtual
from streaming_core.fleet.registry import Begun, Connection, find, lease_path, running
from streaming_core.fleet.spawn import LATE, end, hear, kill, spawn
from streaming_core.memory.leases import Lease, is_held
from streaming_core.memory.places import run_folder
from streaming_core.network.endpoints import DATA_OFFSET, LOOPBACK, is_free, user_of

MODULES: Final = {
    "napari": ("napari_plugin", "napari"),
    "fiji": ("fiji_bridge", "scyjava"),
    "recording": ("streaming_core.testing", "numpy"),
}
"""Viewer kind -> the module that is its process, and a package that it needs."""

PATIENCE: Final = 5.0
"""Seconds that a viewer which is replaced has to end by itself."""

TAIL: Final = 25
"""Lines of a viewer's log that the error of a failed start shows."""
LOGS_KEPT: Final = 30
"""Logs of viewers, the newest; older ones are removed at a start."""
LOOK: Final = 0.02
"""Seconds between two looks at a process that starts or ends."""
LETTING_GO: Final = 0.3
"""Seconds for which the port of a viewer that has just ended may still be in use."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a viewer is to be started; see `streaming_core.client.launch`."""

    viewer_kind: str
    port: int | None = None
    python: str | None = None
    virtual: bool = False
    headless: bool = False
    fiji: str | None = None
    timeout: float = 60.0


def ensure(start: Start) -> Connection:
    """Return a running viewer as asked for, starting it if there is none.

    Safe when many processes call it at once: one starts the viewer, the others wait for it.

    Raises
    ------
    PortTaken
        When another program, or a viewer of another kind, has the port.
    StartFailed
        When its process ended, or was not ready in time; with the end of its log.
    NoDisplay, MissingDependency
        When it could not have a window, or is not installed.
    """
    if start.viewer_kind not in MODULES:
        known = ", ".join(MODULES)
        raise InvalidSetting(f"viewer kind {start.viewer_kind!r}; there are: {known}")
    deadline = time.monotonic() + start.timeout
    found = _running(start)
    if found is not None:
        return found
    _check(start)
    with _turn(start, deadline):
        found = _running(start)
        if found is not None:
            return found
        try:
            return _begin(start, deadline)
        except PortTaken:
            found = _under_way(start, deadline)
            if found is None:
                raise
            return found


def _under_way(start: Start, deadline: float) -> Connection | None:
    """Wait for a viewer that was starting on the port already: who had started it was killed."""
    if start.port is None:
        return None
    lease = lease_path(run_folder(), start.port)
    while is_held(lease) and time.monotonic() < deadline:
        found = _running(start)
        if found is not None:
            return found
        time.sleep(LOOK)
    return None


def replace(port: int, viewer_kind: str, timeout: float) -> Connection:
    """End the viewer on a port, also one that hangs, and start it anew as it was started.

    Parameters
    ----------
    viewer_kind
        What is started where the old one has left no word of itself.
    timeout
        Seconds for all of it.

    Raises
    ------
    RequestFailed
        When it is a window that a person opened.
    TimedOut
        When the old one does not end.
    StartFailed, NoDisplay, MissingDependency, PortTaken
        As `ensure`.
    """
    deadline = time.monotonic() + timeout
    old = find(port)
    begun = Begun() if old is None else old.begun
    if begun is None:
        raise RequestFailed(
            f"the {viewer_kind} on port {port} is a window that a person opened: only they end it"
        )
    if old is not None:
        _end(old, deadline)
    left = max(1.0, deadline - time.monotonic())
    return ensure(
        Start(viewer_kind, port, begun.python, begun.virtual, begun.headless, begun.fiji, left)
    )


def _end(old: Connection, deadline: float) -> None:
    """Ask a viewer process to end, then make it."""
    patience = time.monotonic() + PATIENCE
    asked = forced = False
    while old.alive():  # its lease is locked: the pid is still the viewer's
        now = time.monotonic()
        if now > deadline:
            raise TimedOut(f"the {old.viewer_kind} viewer (pid {old.pid}) does not end")
        if not asked:
            asked = True
            end(old.pid)
        elif now > patience and not forced:
            forced = True
            kill(old.pid)
        time.sleep(LOOK)


def _running(start: Start) -> Connection | None:
    if start.port is None:
        return next(iter(running(start.viewer_kind)), None)
    found = find(start.port)
    if found is None or not found.alive():
        return None
    if found.viewer_kind != start.viewer_kind:
        raise PortTaken(
            f"port {start.port} has a {found.viewer_kind} viewer (pid {found.pid}), "
            f"not a {start.viewer_kind} viewer; choose another port"
        )
    return found


def _check(start: Start) -> None:
    package = MODULES[start.viewer_kind][1]
    if python_of(start) == sys.executable and importlib.util.find_spec(package) is None:
        raise MissingDependency(
            f"A {start.viewer_kind} viewer in this Python environment", start.viewer_kind
        )
    if start.virtual:
        check_virtual()
    elif not start.headless and start.viewer_kind != "recording":
        check_display(start.viewer_kind)


def python_of(start: Start) -> str:
    """The interpreter that runs the viewer: keyword, then environment, then this one."""
    variable = f"PLANECAST_{start.viewer_kind.upper()}_PYTHON"
    python = start.python or os.environ.get(variable) or sys.executable
    if not os.access(python, os.X_OK):
        where = "python=" if start.python else variable
        raise InvalidSetting(f"{where}: {python!r} is not a program that can be run")
    return python


@contextmanager
def _turn(start: Start, deadline: float) -> Iterator[None]:
    """Hold the lock of those who start such a viewer; wait for one who is at it."""
    path = run_folder() / f"launch-{start.viewer_kind}-{start.port or 'own'}.lease"
    while True:
        try:
            lease = Lease.take(path, {"pid": os.getpid()})
        except LeaseHeld as error:
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"another program has been starting this viewer for {start.timeout:g} s "
                    f"({error})"
                ) from None
            time.sleep(LOOK)
        else:
            break
    try:
        yield
    finally:
        lease.release()


def _command(start: Start) -> list[str]:
    command = [python_of(start), "-P", "-E", "-m", MODULES[start.viewer_kind][0]]
    if start.port is not None:
        command += ["--port", str(start.port)]
    command += ["--virtual"] * start.virtual + ["--headless"] * start.headless
    return command + (["--fiji", start.fiji] if start.fiji else [])


def _environment() -> dict[str, str]:
    """Return our environment without what belongs to our own Python and Qt."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QT_"))
    }


def _check_ports(port: int) -> None:
    """Raise PortTaken before a process is started for nothing."""
    until = time.monotonic() + LETTING_GO
    for one in (port, port + DATA_OFFSET):
        while not is_free(LOOPBACK, one):
            if time.monotonic() > until:
                too = f", which a viewer on port {port} uses too," if one != port else ""
                raise PortTaken(
                    f"port {one}{too} is taken by {user_of(one) or 'another program'}; choose "
                    "another port, or none to get a free one"
                )
            time.sleep(LOOK)


def _begin(start: Start, deadline: float) -> Connection:
    if start.port is not None:
        _check_ports(start.port)
    logs = run_folder() / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    log = logs / f"{start.viewer_kind}-{start.port or 'own'}-{os.getpid()}-{time.time_ns():x}.log"
    log.touch(mode=0o600)
    _prune(logs)
    pid, reading = spawn(_command(start), _environment(), log)
    word, _, rest = hear(reading, deadline).partition(" ")
    if word == "ready":
        found = find(int(rest))
        if found is not None and found.alive():
            return found
    raise _failure(start, word, rest, pid, log)


def _failure(start: Start, word: str, rest: str, pid: int, log: Path) -> PlanecastError:
    if word == "failed":
        name, _, text = rest.partition(" ")
        kind = getattr(errors, name, StartFailed)
        return kind(text) if issubclass(kind, PlanecastError) else StartFailed(text)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:])
    if word == LATE:
        what = f"was not ready after {start.timeout:g} s, and was ended"
        end(pid)
    else:
        what = "ended while it started"
    if "No module named" in tail.rpartition("\n")[2]:
        return MissingDependency(
            f"{python_of(start)} cannot run a {start.viewer_kind} viewer: {tail}. Install it there:"
            f" pip install 'planecast[{start.viewer_kind}]'"
        )
    return StartFailed(f"the {start.viewer_kind} viewer {what}. The end of its log, {log}:\n{tail}")


def _prune(logs: Path) -> None:
    """Keep the newest logs only."""
    for old in sorted(logs.glob("*.log"), key=_written_at)[:-LOGS_KEPT]:
        with suppress(PermissionError):  # on Windows: of a viewer that runs
            old.unlink(missing_ok=True)


def _written_at(log: Path) -> float:
    with suppress(FileNotFoundError):  # another launch, which prunes them too, was faster
        return log.stat().st_mtime
    return 0.0
