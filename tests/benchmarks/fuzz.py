"""Mutated messages on both ports of a viewer, by an admitted program, while another streams.

``planecast bench fuzz --messages 1000000 --seed 1``; ``--start`` goes on from where a run ended,
for the messages depend on nothing but seed and number.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import psutil
from rich.console import Console

import planecast as pc
from streaming_core.fleet.host import Host, run_viewer
from streaming_core.memory.places import run_folder
from streaming_core.memory.segments import Segment
from streaming_core.stream.adapter import Arrival
from streaming_core.stream.sessions import close_publisher
from streaming_core.testing import RecordingAdapter
from tests.benchmarks.arrays import Wrong
from tests.benchmarks.mutants import Mutants
from tests.benchmarks.peer import Peer, checked, new_sid
from tests.benchmarks.processes import ROOT, environment, line, median, python
from tests.benchmarks.run import own_run_folder

BATCH: Final = 250
"""Messages after which the peer looks whether the viewer still answers it."""

PLANES: Final = 24
SIDES: Final = (40, 90, 300)
"""Of the honest images: two of them travel inside the message, one in a slot."""

WARM: Final = 0.2
"""Part of a run after which memory must not grow any more."""

MOST_GROWTH: Final = 48 << 20
MOST_LOG: Final = 4 << 20
LONGEST_ANSWER: Final = 5.0
"""Seconds: a viewer that takes longer for a request hangs, whatever the machine."""

log = logging.getLogger("planecast.bench")


class Target(RecordingAdapter):
    """A viewer that forgets the messages of what it has shown."""

    def post(self, arrival: Arrival) -> None:
        """Queue an image."""
        super().post(arrival)
        if len(self.images) > 1000:
            self.images.clear()


def serve() -> int:
    """Be the viewer process, until asked to quit."""
    faulthandler.register(signal.SIGUSR1)  # who finds it hanging asks where
    ended = threading.Event()
    target = Target(ended.set)
    host = Host(target)
    sys.stdout.write(f"{host.port}\n")
    sys.stdout.flush()
    ended.wait()
    host.close("the test ended")
    target.close()
    return 0


@dataclass
class Size:
    """What a process takes of the system."""

    memory: int
    files: int
    threads: int

    @classmethod
    def of(cls, process: psutil.Process) -> Size:
        """Look."""
        with process.oneshot():
            return cls(process.memory_info().rss, process.num_fds(), process.num_threads())


@dataclass
class Outcome:
    """What a run found: all went well, or `Wrong` was raised."""

    messages: int
    seconds: float = 0.0
    honest: int = 0
    before: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    log_bytes: int = 0

    @property
    def rate(self) -> float:
        """Mutated messages a second."""
        return self.messages / self.seconds if self.seconds else 0.0

    def growth(self) -> Size:
        """What the viewer has more at the end than when it was warm."""
        warm, end = self.sizes[int(len(self.sizes) * WARM)], self.sizes[-1]
        return Size(end.memory - warm.memory, end.files - warm.files, end.threads - warm.threads)

    def check(self) -> Outcome:
        """Raise `Wrong` if the viewer grew, or another program could not stream meanwhile."""
        growth = self.growth()
        if growth.memory > MOST_GROWTH or growth.files > 16 or growth.threads > 2:
            raise Wrong(f"the viewer grew: {growth}")
        if self.log_bytes > MOST_LOG:
            raise Wrong(f"its log has {self.log_bytes} bytes")
        if not self.honest or not self.during:
            raise Wrong("the honest program did not get to send anything")
        return self

    def check_times(self) -> Outcome:
        """Raise `Wrong` if an answer took so long that the viewer hung."""
        if max(self.during) > LONGEST_ANSWER:
            raise Wrong(f"an answer took {max(self.during):.1f} s")
        return self


class Honest:
    """The program beside: it sends images that can be checked, and reads them back."""

    def __init__(self, viewer: pc.Viewer) -> None:
        self.viewer = viewer
        self.sent = 0
        self.took: list[float] = []
        self.trouble = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="honest", daemon=True)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Send all the while; `Wrong` at the end if anything was."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join(120.0)
        if self.trouble:
            raise Wrong(self.trouble)

    @property
    def failed(self) -> bool:
        """Whether it has given up."""
        return bool(self.trouble)

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self.round(SIDES[self.sent % len(SIDES)])
        except Exception as error:
            # The boundary of the thread: whatever ends it, the run must not go on without it.
            self.trouble = f"{type(error).__name__}: {error}"

    def round(self, side: int) -> None:
        """Send planes, wait until they are shown, and compare what the viewer then holds."""
        first, source = self.sent, f"honest {side}"
        for t in range(PLANES):
            last = self.viewer.show(checked(first + t, side), components={"t": t}, source=source)
            self.sent += 1
        self.viewer.settle(60.0)
        if not last.shown:
            raise Wrong(f"image {self.sent}: {last!r}")
        began = time.perf_counter()
        self.viewer.state()
        self.took.append(time.perf_counter() - began)
        found = self.viewer.read(source=source)
        for t in range(PLANES):
            if not np.array_equal(found[t], checked(first + t, side)):
                raise Wrong(f"image {first + t} came with other pixels")
        self.viewer.clear()


def run(messages: int, seed: int, *, start: int = 0, every: float = 5.0) -> Outcome:
    """Send so many mutated messages; return what was measured.

    Parameters
    ----------
    messages, seed, start
        Which messages: the same numbers give the same ones.
    every
        Seconds between two lines of progress in the log.

    Raises
    ------
    Wrong
        When the viewer died, hung, grew, or did another program wrong.
    """
    outcome = Outcome(messages)
    text = run_folder() / "fuzzed.log"
    with _target(text) as process:
        port = int(line(process))
        size = psutil.Process(process.pid)
        with pc.connect(port) as viewer:
            honest = Honest(viewer)
            for _ in range(12):
                honest.round(SIDES[0])
            outcome.before, honest.took = honest.took, []
            began = said = time.monotonic()
            with honest.at_work():
                for done in _batches(port, messages, seed, start):
                    if process.poll() is not None or honest.failed:
                        break
                    outcome.sizes.append(Size.of(size))
                    if time.monotonic() - said > every:
                        said = time.monotonic()
                        log.info("%d of %d, %s", done, messages, outcome.sizes[-1])
            outcome.seconds = time.monotonic() - began
            outcome.honest, outcome.during = honest.sent, honest.took
            viewer.quit()
    outcome.log_bytes = text.stat().st_size
    _check_log(text)
    return outcome.check()


@contextmanager
def _target(text: Path) -> Iterator[subprocess.Popen[str]]:
    with text.open("wb") as errors:
        process = subprocess.Popen(
            python("fuzz", "--serve"), stdout=subprocess.PIPE, stderr=errors, text=True,
            env=environment(), cwd=ROOT,
        )  # fmt: skip
    try:
        yield process
        process.wait(30.0)
    except Wrong as error:
        process.send_signal(signal.SIGUSR1)
        with suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
        _check_log(text)
        said = text.read_text(errors="replace")[-4000:]
        raise Wrong(f"{error}\nexit code {process.poll()}; where it was:\n{said}") from error
    finally:
        process.kill()
        process.communicate()


def _batches(port: int, messages: int, seed: int, start: int) -> Iterator[int]:
    """Send batch after batch, each in a session of its own; yield how many messages were sent."""
    for first in range(start, start + messages, BATCH):
        try:
            _batch(port, f"{seed} {first}", min(BATCH, start + messages - first))
        except Exception as error:
            raise Wrong(f"messages from {first} on (--start {first}): {error!r}") from error
        yield first - start + BATCH


def _batch(port: int, seed: str, count: int) -> None:
    sid = new_sid()
    segment = Segment.create(f"pc{sid[:16]}_1", 1 << 16)
    segment.begin_write()
    segment.end_write()
    peer = Peer(port)
    try:
        peer.sid = sid
        if not peer.subscribed(30.0):
            raise Wrong("it does not subscribe any more")
        peer.greet()
        mutants = Mutants(seed, sid, segment)
        for _ in range(count):
            kind, parts = mutants.to_viewer()
            (peer.control if kind == "control" else peer.data).send_multipart(parts)
            for _ in peer.listen():
                pass
        peer.sid = new_sid()  # the other one may be through with all numbers there are
        peer.greet()
        peer.data_answers(1, "mutant")
        peer.control_answers()
        peer.leave(sid)
    finally:
        peer.close()
        segment.unlink()


def _check_log(text: Path) -> None:
    said = text.read_text(errors="replace")
    if "Traceback" in said:
        raise Wrong("the viewer's log:\n" + said[said.index("Traceback") :][:4000])


def main(args: Sequence[str] | None = None) -> int:
    """Fuzz, and print what came of it."""
    parser = argparse.ArgumentParser(prog="planecast bench fuzz", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="number of the first message")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(args)
    if given.serve:
        return run_viewer(serve)
    out = Console()
    logging.basicConfig(format="%(asctime)s %(message)s")
    log.setLevel(logging.INFO)
    with own_run_folder():
        try:
            outcome = run(given.messages, given.seed, start=given.start).check_times()
        except Wrong as error:
            out.print(str(error), style="red", markup=False)
            return 1
        finally:
            close_publisher(linger=0.0)
    growth = outcome.growth()
    out.print(
        f"{outcome.messages} messages, {outcome.rate:.0f}/s; {outcome.honest} honest images came "
        f"bit by bit. state() took {median(outcome.before) * 1e3:.1f} ms before, "
        f"{median(outcome.during) * 1e3:.1f} ms meanwhile, at most {max(outcome.during) * 1e3:.0f} "
        f"ms. The viewer grew by {growth.memory / 2**20:.1f} MiB, {growth.files} files, "
        f"{growth.threads} threads; its log has {outcome.log_bytes / 1024:.0f} KiB."
    )
    if given.json:
        given.json.write_text(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
