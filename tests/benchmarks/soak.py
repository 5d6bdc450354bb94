"""A long stream into two viewers: is what the processes take of the system the same at its end?

``planecast bench soak --minutes 20``: images of mixed sizes, some in memory of ``allocate()``,
go to the recording viewer and to napari at once. The same planes come again and again, so a
viewer that grows does not grow by what it shows. Memory is compared while the stream rests: in its
midst it is what pool and allocator keep from the busiest moment.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

import planecast as pc
from streaming_core.fleet.registry import find
from streaming_core.stream.publisher import THIN_EVERY
from streaming_core.stream.receiver import CHORES_EVERY
from streaming_core.stream.sessions import close_publisher
from streaming_core.testing import SHM, free_pair, poll_until
from tests.benchmarks.arrays import DTYPE, Wrong, fill, make, whole
from tests.benchmarks.processes import LIMIT, ROOT, environment, line, python
from tests.benchmarks.report import machine
from tests.benchmarks.run import own_run_folder

SIDES: Final = {64: 45, 256: 25, 512: 15, 1024: 10, 2048: 5}
"""Side of an image -> how many of 100 are so large."""

PLACES: Final = 8
"""Places that the images of one size go to, in turn."""

HAND_OVER: Final = 4 << 20
"""Bytes from which memory of ``allocate()`` is handed over here: the largest images."""

WARM: Final = 0.25
"""Part of the time after which nothing may grow any more, and at least so many seconds:"""
WARM_SECONDS: Final = 20.0

MIB: Final = 1 << 20
LIMITS: Final = {"memory": 16 * MIB, "shared": 16 * MIB, "files": 16, "threads": 2}
"""How much more a process may take at the end than when it was warm, by its trend."""

UNITS: Final = {"memory": MIB, "shared": MIB, "files": 1, "threads": 1}

REST: Final = 2 * (THIN_EVERY + CHORES_EVERY)
"""Seconds without images, after the warm-up and at the end: in them the producer gives back the
slots of its pool, and then each viewer what it has mapped of them, and what its allocator keeps."""

log = logging.getLogger("planecast.bench")


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process takes at one time; ``shared`` is named shared memory of its own."""

    at: float
    memory: int
    files: int
    threads: int
    shared: int


@dataclass(frozen=True, slots=True)
class Trend:
    """How one thing went in one process, after the warm-up."""

    process: str
    what: str
    first: float
    last: float
    most: float
    growth: float
    limit: float

    @property
    def flat(self) -> bool:
        """Whether it does not grow."""
        return self.growth <= self.limit


@dataclass
class Outcome:
    """What a run measured."""

    seconds: float = 0.0
    images: int = 0
    undelivered: int = 0
    rate: float = 0.0
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    rests: dict[str, list[Sample]] = field(default_factory=dict)

    def trends(self) -> list[Trend]:
        """Every process and thing."""
        return [
            at_rest(name, samples, self.rests[name])
            if what == "memory"
            else trend(name, what, samples)
            for name, samples in self.samples.items()
            for what in LIMITS
        ]


def trend(name: str, what: str, samples: Sequence[Sample]) -> Trend:
    """Fit a line through what was measured after the warm-up."""
    began = samples[0].at
    warm = max(WARM_SECONDS, WARM * (samples[-1].at - began))
    late = [one for one in samples if one.at - began >= warm] or list(samples[-2:])
    times = np.array([one.at for one in late])
    values = np.array([getattr(one, what) for one in late], float)
    slope = np.polyfit(times - times[0], values, 1)[0] if len(late) > 2 else 0.0
    growth = float(slope * (times[-1] - times[0]))
    return Trend(name, what, values[0], values[-1], values.max(), growth, LIMITS[what])


def at_rest(name: str, samples: Sequence[Sample], rests: Sequence[Sample]) -> Trend:
    """Compare the memory of a process at its two rests."""
    first, last = rests[0].memory, rests[-1].memory
    most = max(one.memory for one in samples)
    return Trend(name, "memory", first, last, most, last - first, LIMITS["memory"])


def sample(process: psutil.Process, began: float) -> Sample:
    """Look at a process."""
    with process.oneshot():
        memory, files = process.memory_info().rss, process.num_fds()
        threads = process.num_threads()
    shared = 0
    for path in SHM.glob("pc*_*"):
        with suppress(OSError), path.open("rb") as block:
            if int.from_bytes(block.read(16)[12:], sys.byteorder) == process.pid:
                shared += os.fstat(block.fileno()).st_blocks * 512
    return Sample(time.monotonic() - began, memory, files, threads, shared)


# the program that streams


def stream(ports: Sequence[int], rate: float) -> None:
    """Send so many images a second until the standard input ends; say how many.

    On a line of it the stream rests, and on the next it goes on.
    """
    ended, going = threading.Event(), threading.Event()
    going.set()

    def wait() -> None:
        for _ in sys.stdin:
            going.clear() if going.is_set() else going.set()
        ended.set()
        going.set()

    threading.Thread(target=wait, daemon=True).start()
    images = {side: np.array(make(side, PLACES)) for side in SIDES}
    sides = random.Random(1).choices(list(SIDES), list(SIDES.values()), k=1000)  # noqa: S311
    viewers = [pc.connect(port) for port in ports]
    both, count, began = pc.tee(*viewers), 0, time.monotonic()
    sys.stdout.write("streaming\n")
    sys.stdout.flush()
    while not ended.is_set():
        side, t = sides[count % len(sides)], count // 3 % PLACES
        image: Any = images[side][t]
        if count % 5 == 0:
            image = both.allocate(image.shape, DTYPE)
            fill(image, t)
        both.show(image, components={"t": t}, source=str(side))
        count += 1
        ended.wait(max(0.0, began + count / rate - time.monotonic()))
        if not going.is_set():
            stopped = time.monotonic()
            going.wait()
            began += time.monotonic() - stopped
    seconds = time.monotonic() - began
    both.settle(LIMIT)
    lost = sum(len(viewer.undelivered) for viewer in viewers)
    said = {"images": count, "seconds": seconds, "undelivered": lost}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


# who watches


@contextmanager
def viewer_process(kind: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run a viewer; gives its port and process."""
    port = free_pair()
    process = subprocess.Popen(
        python("watched", kind, "--port", port, "--log", os.devnull), text=True,
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, env=environment(),
    )  # fmt: skip
    try:
        poll_until(lambda: _there(port, process), f"the {kind} viewer is ready", LIMIT)
        yield port, process
        pc.connect(port).quit()
        process.wait(LIMIT)
    finally:
        process.kill()
        process.communicate()


def _there(port: int, process: subprocess.Popen[str]) -> bool:
    if process.poll() is not None:
        raise Wrong(f"a viewer ended with code {process.returncode}")
    found = find(port)
    return found is not None and found.alive()


def run(seconds: float, rate: float, every: float) -> Outcome:
    """Stream for so long.

    Parameters
    ----------
    rate
        Images a second.
    every
        Seconds between two looks.

    Raises
    ------
    Wrong
        When an image was not delivered, or a viewer holds other pixels than were sent.
    """
    outcome = Outcome()
    with viewer_process("recording") as one, viewer_process("napari") as other:
        ports = [one[0], other[0]]
        feeder = subprocess.Popen(
            python("soak", "--feed", *ports, "--rate", rate), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
            env=environment() | {"PLANECAST_HAND_OVER_FROM": str(HAND_OVER)},
        )  # fmt: skip
        try:
            line(feeder)
            watched = {"producer": feeder, "recording viewer": one[1], "napari viewer": other[1]}
            warm = max(WARM_SECONDS, WARM * seconds)
            _watch(watched, outcome, warm, every)
            _rest(watched, outcome)
            _watch(watched, outcome, seconds - warm, every)
            _rest(watched, outcome)
            said, _ = feeder.communicate(timeout=2 * LIMIT)
        finally:
            feeder.kill()
            feeder.communicate()
        outcome.__dict__.update(json.loads(said))
        outcome.rate = outcome.images / outcome.seconds
        for port in ports:
            _compare(port)
        close_publisher(linger=0.0)
    if outcome.undelivered:
        raise Wrong(f"{outcome.undelivered} images were not delivered")
    return outcome


def _watch(
    watched: dict[str, subprocess.Popen[str]], outcome: Outcome, seconds: float, every: float
) -> None:
    processes = {name: psutil.Process(process.pid) for name, process in watched.items()}
    before = max((many[-1].at for many in outcome.samples.values()), default=0.0)
    began = time.monotonic() - before
    while (now := time.monotonic() - began) < before + seconds:
        for name, process in processes.items():
            if watched[name].poll() is not None:
                raise Wrong(f"the {name} ended after {now:.0f} s")
            outcome.samples.setdefault(name, []).append(sample(process, began))
        log.info("%.0f s: %s", now, {name: many[-1] for name, many in outcome.samples.items()})
        time.sleep(every)


def _rest(watched: dict[str, subprocess.Popen[str]], outcome: Outcome) -> None:
    """Let the stream rest for a while, and look at the processes at the end of it."""
    pipe = watched["producer"].stdin
    assert pipe is not None
    for last in (False, True):
        pipe.write("\n")
        pipe.flush()
        if not last:
            time.sleep(REST)
            for name, process in watched.items():
                found = sample(psutil.Process(process.pid), time.monotonic())
                outcome.rests.setdefault(name, []).append(found)
            log.info("at rest: %s", {name: many[-1] for name, many in outcome.rests.items()})


def _compare(port: int) -> None:
    with pc.connect(port) as viewer:
        for side in SIDES:
            for t in range(PLACES):
                plane = viewer.read(source=str(side), components={"t": t}, timeout=LIMIT)
                if not whole(plane, t):
                    raise Wrong(f"port {port}: plane {t} of {side}² has other pixels")


def table(trends: Sequence[Trend], span: float) -> Table:
    """Lay it out for a person."""
    made = Table(pad_edge=False)
    for name in ("process", "what", "warm", "end", "most", "growth", "limit", "flat?"):
        made.add_column(
            name, justify="left" if name in ("process", "what") else "right", no_wrap=True
        )
    for one in trends:
        unit = UNITS[one.what]
        figures = (one.first, one.last, one.most, one.growth, one.limit)
        made.add_row(
            one.process, one.what + (" MiB" if unit == MIB else ""),
            *(f"{value / unit:.1f}".replace("-0.0", "0.0") for value in figures),
            "[green]yes[/]" if one.flat else "[red]no[/]",
        )  # fmt: skip
    made.caption = (
        f"growth: of the trend over {span:.0f} s after the warm-up; of memory, from one rest to "
        "the other"
    )
    return made


def main(args: Sequence[str] | None = None) -> int:
    """Soak, and say whether all is flat."""
    parser = argparse.ArgumentParser(prog="planecast bench soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=200.0, help="images a second")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two looks")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--verbose", action="store_true", help="say what is measured")
    parser.add_argument("--feed", type=int, nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args(args)
    if given.feed:
        stream(given.feed, given.rate)
        return 0
    if given.verbose:
        logging.basicConfig(format="%(message)s")
        log.setLevel(logging.INFO)
    out, facts = Console(), machine()
    with own_run_folder():
        try:
            outcome = run(given.minutes * 60, given.rate, given.every)
        except Wrong as error:
            out.print(str(error), style="red", markup=False, soft_wrap=True)
            return 1
        finally:
            close_publisher(linger=0.0)
    trends = outcome.trends()
    last = outcome.samples["producer"][-1].at
    out.print(table(trends, last - max(WARM_SECONDS, WARM * last)))
    out.print(f"{outcome.images} images to each viewer, {outcome.rate:.0f} a second; none missing")
    if given.json:
        found = [asdict(one) | {"flat": one.flat} for one in trends]
        given.json.write_text(json.dumps({"machine": facts, "trends": found} | asdict(outcome)))
    reached = outcome.rate >= 0.95 * given.rate
    if not reached:
        out.print(f"{given.rate:.0f} images a second were not reached", style="red")
    return 0 if reached and all(one.flat for one in trends) else 1


if __name__ == "__main__":
    sys.exit(main())
