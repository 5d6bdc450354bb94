"""The test kit: a viewer without a window, and guards against leaks. Also for your own tests.

>>> from streaming_core.testing import recording_viewer
>>> with recording_viewer() as (port, recorded):  # doctest: +SKIP
...     viewer = planecast.connect(port)
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from streaming_core.errors import InvalidImage, RequestFailed
from streaming_core.fleet.ending import ProcessEnd
from streaming_core.fleet.host import Host, run_viewer, viewer_options
from streaming_core.memory.places import run_folder
from streaming_core.network.endpoints import DATA_OFFSET, LOOPBACK, is_free
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.forgetting import make_room
from streaming_core.protocol.messages import Image
from streaming_core.protocol.tables import Drawing, unpack
from streaming_core.stream.adapter import Arrival, Call, copy_pixels
from streaming_core.stream.sessions import close_publisher

log = logging.getLogger("planecast.testing")

SHM: Final = Path("/dev/shm")  # noqa: S108 - the system's place for shared memory
LOWEST, HIGHEST = 10_000, 31_000
"""Ports for tests: below 32768, from where systems give ports to whoever asks for any."""

LIMIT: Final = 5.0
"""Seconds that something which is ending may take before it is called a leak."""


def poll_until(ready: Callable[[], bool], what: str, timeout: float = 20.0) -> None:
    """Wait until ``ready()`` is true.

    Raises
    ------
    AssertionError
        Naming ``what``, when it is not within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(0.005)


class RecordingAdapter:
    """A viewer kind that keeps what it gets, on a thread of its own, and shows nothing.

    Parameters
    ----------
    on_quit
        Called when a producer asks the viewer to quit.
    remember
        Whether to keep what was shown also in ``images`` and ``drawings``, for tests to look at.

    Attributes
    ----------
    catalog
        The planes that it has shown, as arrays.
    images
        Their messages, in the order in which they were shown.
    paused
        Set it as a user who pauses the stream would.
    """

    viewer_kind = "recording"
    engine = "memory"
    verbs = frozenset({"clear", "quit", "read", "state"})
    keeps_mappings = True
    paused = False

    def __init__(
        self, on_quit: Callable[[], None] = lambda: None, *, remember: bool = True
    ) -> None:
        self.catalog: Catalog[NDArray[Any]] = Catalog(frozenset({"channel"}))
        self.images: list[Image] = []
        self.drawings: list[Drawing] = []
        self._on_quit = on_quit
        self._remember = remember
        self._gate = threading.Event()
        self._gate.set()
        self._queue: queue.SimpleQueue[Arrival | Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="planecast-recording", daemon=True)
        self._thread.start()

    def own(self, image: Image, pixels: NDArray[Any]) -> NDArray[Any]:
        """Copy the pixels, or the bytes of points, shapes or tracks."""
        kept = copy_pixels(pixels)
        if image.table is not None:
            unpack(image, kept)  # or it is refused
        return kept

    def post(self, arrival: Arrival) -> None:
        """Queue an image."""
        self._queue.put(arrival)

    def call(self, call: Call) -> None:
        """Queue a request."""
        self._queue.put(call)

    def gui_age(self) -> float:
        """There is no window to be busy."""
        return 0.0

    def hold(self) -> None:
        """Stop showing, as a window that is busy; `resume` goes on."""
        self._gate.clear()

    def resume(self) -> None:
        """Show again."""
        self._gate.set()

    def close(self) -> None:
        """End the thread."""
        self._gate.set()
        self._queue.put(None)
        self._thread.join(LIMIT)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            self._gate.wait()
            if isinstance(item, Arrival):
                self._show(item)
            else:
                self._answer(item)

    def _show(self, arrival: Arrival) -> None:
        if arrival.image.table is not None:
            drawing = unpack(arrival.image, arrival.pixels)
            if self._remember:
                self.drawings.append(drawing)
        else:
            make_room(self.catalog, arrival.image)
            try:
                for key, inside, index in self.catalog.locate(arrival.image):
                    self.catalog.put(arrival.image, key, inside, arrival.pixels[index])
            except InvalidImage as error:
                arrival.shown(str(error))
                return
        if self._remember:
            self.images.append(arrival.image)
        arrival.shown()

    def _answer(self, call: Call) -> None:
        try:
            match call.verb:
                case "read":
                    call.reply(*self.catalog.read(call.arguments, lambda kept: kept))
                case "clear":
                    call.reply({"removed": len(self.catalog.clear(call.arguments.get("source")))})
                case "state":
                    call.reply({"groups": self.catalog.state()})
                case "quit":
                    call.reply({})
                    self._on_quit()
        except RequestFailed as error:
            call.fail(str(error))
        except Exception as error:  # boundary of the thread: whoever asked gets words
            log.exception("request %r", call.verb)
            call.fail(f"{call.verb} failed: {error}")


@contextmanager
def recording_viewer(port: int | None = None) -> Iterator[tuple[int, RecordingAdapter]]:
    """Run a recording viewer inside this process; gives its port and what it recorded."""
    adapter = RecordingAdapter()
    try:
        host = Host(adapter, port)
        try:
            yield host.port, adapter
        finally:
            host.close("the test ended")
    finally:
        adapter.close()


def free_pair() -> int:
    """Return a port that is free together with port + 1000.

    Both are below those that systems give to whoever asks for any port: nobody takes them
    between this call and their use.
    """
    while True:
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if all(is_free(LOOPBACK, one) for one in (port, port + DATA_OFFSET)):
            return port


@dataclass(frozen=True)
class Traces:
    """What this process and its viewers have in the system right now.

    Attributes
    ----------
    threads, segments, leases
        By name.
    children
        Process ids.
    sockets
        How many are open.
    """

    threads: frozenset[str]
    segments: frozenset[str]
    leases: frozenset[str]
    children: frozenset[int]
    sockets: int

    @classmethod
    def now(cls) -> Traces:
        """Look."""
        found = SHM.glob("pc*_*") if SHM.is_dir() else ()
        segments = {path.name for path in found if not _elsewhere(path)}
        leases = {path.name for path in run_folder().glob("*.lease")}
        threads = {f"{one.name} ({one.ident})" for one in threading.enumerate()}
        return cls(
            frozenset(threads), frozenset(segments), frozenset(leases),
            frozenset(_children()), _sockets(),
        )  # fmt: skip

    def beyond(self, before: Traces) -> list[str]:
        """Say what is here now and was not before."""
        found = []
        for word in ("threads", "segments", "leases", "children"):
            more = getattr(self, word) - getattr(before, word)
            if more:
                found.append(f"{word}: {', '.join(sorted(map(str, more)))}")
        if self.sockets > before.sockets:
            found.append(f"sockets: {self.sockets}, before {before.sockets}")
        return found


@contextmanager
def no_leaks() -> Iterator[None]:
    """Check that a piece of code leaves no thread, segment, lease, process or socket.

    Raises
    ------
    AssertionError
        Naming what was left.
    """
    before = Traces.now()
    yield
    close_publisher(linger=0.0)
    if Traces.now().beyond(before):
        gc.collect()
    deadline = time.monotonic() + LIMIT
    while (left := Traces.now().beyond(before)) and time.monotonic() < deadline:
        time.sleep(0.01)
    if left:
        raise AssertionError("left behind: " + "; ".join(left))


def _elsewhere(segment: Path) -> bool:
    """Whether a segment is gone, or of a living program that has another run folder than we."""
    try:
        with segment.open("rb") as file:
            pid = int.from_bytes(file.read(16)[12:], sys.byteorder)
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except PermissionError:
        return True
    except (FileNotFoundError, ProcessLookupError):
        return not segment.exists()
    here = os.environ.get("PLANECAST_RUN_FOLDER", "")
    return pid != os.getpid() and f"PLANECAST_RUN_FOLDER={here}".encode() not in environment


def _children() -> set[int]:
    tasks = Path("/proc/self/task")
    found: set[int] = set()
    for task in tasks.glob("*") if tasks.is_dir() else ():
        try:
            found.update(int(pid) for pid in (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _sockets() -> int:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        return 0
    count = 0
    for path in descriptors.iterdir():
        try:
            count += os.readlink(path).startswith("socket:")
        except FileNotFoundError:
            continue
    return count


def main() -> int:
    """Be a recording viewer process, until asked to quit."""
    options = viewer_options("recording")
    with ProcessEnd() as ending:
        ending.on_signals()
        adapter = RecordingAdapter(lambda: ending.end("the viewer was closed"), remember=False)
        host = Host(adapter, options.port, begun=options.begun())
        host.close(ending.wait())
    adapter.close()
    return 0


if __name__ == "__main__":
    sys.exit(run_viewer(main))
