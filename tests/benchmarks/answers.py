"""Cases: how soon a viewer answers, alone and under load."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

import planecast as pc
from streaming_core.stream.sessions import close_publisher
from tests.benchmarks.arrays import DTYPE, Wrong, make
from tests.benchmarks.painting import viewer_of
from tests.benchmarks.pixels import LARGE, Effort
from tests.benchmarks.probes import Pinger, pinger
from tests.benchmarks.processes import (
    LIMIT,
    ROOT,
    child,
    environment,
    line,
    median,
    percentile,
    python,
    sink,
    stream,
    verify,
)
from tests.benchmarks.report import Row, Target
from tests.benchmarks.rivals import rival

JOBS: Final = 200
AT_ONCE: Final = 20
IMAGES: Final = 10
GAP: Final = 0.002


def until_owned(effort: Effort) -> Iterator[Row]:
    """From `show()` to owned, one small image after the other."""
    sources, count = make(64, 64), effort.of(2000)
    halves, tails, bare = [], [], []
    with sink() as viewer, rival("bytes") as message:
        stream(viewer, sources, 200)
        verify(viewer, 200)
        for _ in range(effort.times):
            took = _times(lambda n: _owned(viewer, sources[n % 64], n), count)
            verify(viewer, count)
            halves.append(median(took))
            tails.append(percentile(took, 99))
            bare.append(_times(lambda n: message.round_trip(sources[0]), count))
    how = f"{count} images, least of {effort.times}"
    facts = {"p50": halves, "p99": tails}
    yield Row(
        "show() → owned, 64² uint16, p50", min(halves) * 1e3, "ms",
        min(map(median, bare)) * 1e3, "ZeroMQ there and back", Target(0.3), how, details=facts,
    )  # fmt: skip
    yield Row(
        "show() → owned, 64² uint16, p99", min(tails) * 1e3, "ms",
        min(percentile(one, 99) for one in bare) * 1e3, "ZeroMQ there and back", Target(2.0), how,
    )  # fmt: skip


def _owned(viewer: pc.Viewer, image: np.ndarray[tuple[int, ...], np.dtype[np.uint16]],
           number: int) -> None:  # fmt: skip
    viewer.show(image, components={"t": number, "z": number % 64}).wait(LIMIT)


def _times(call: Callable[[int], object], count: int, gap: float = 0.0) -> list[float]:
    took = []
    for number in range(count):
        began = time.perf_counter()
        call(number)
        took.append(time.perf_counter() - began)
        if gap:
            time.sleep(gap)
    return took


def hello(effort: Effort) -> Iterator[Row]:
    """`connect()` in a program that has no session yet, and a HELLO by hand."""
    with sink() as first:
        yield _hello(first.port, "hello to a running viewer, p50", effort.of(40))
        stream(again := pc.connect(first.port), make(64, 8), 8)
        verify(again, 8)
        again.close()


def hello_to(kind: str, effort: Effort) -> Iterator[Row]:
    """Say hello to a viewer with a window."""
    with viewer_of(kind) as viewer:
        yield _hello(viewer.port, f"{kind}: hello to a running viewer, p50", effort.of(40))


def _hello(port: int, measure: str, count: int) -> Row:
    took, bare = [], []
    for _ in range(count):
        close_publisher(linger=0.0)
        began = time.perf_counter()
        viewer = pc.connect(port)
        took.append(time.perf_counter() - began)
        viewer.close()
        began = time.perf_counter()
        with pinger(port):
            bare.append(time.perf_counter() - began)
    return Row(
        measure, median(took) * 1e3, "ms", median(bare) * 1e3,
        "the two messages alone", Target(5.0), f"{count} times",
        details={"p99": percentile(took, 99) * 1e3, "least": min(took) * 1e3},
    )  # fmt: skip


def ping(effort: Effort) -> Iterator[Row]:
    """PING to PONG, alone and while another program streams as fast as it can."""
    count, dot = effort.of(1000), np.zeros((1, 1), DTYPE)
    with sink() as viewer, rival("bytes") as message, pinger(viewer.port) as one:
        alone = [_ping(one, count) for _ in range(effort.times)]
        bare = [_times(lambda n: message.round_trip(dot), count) for _ in range(effort.times)]
        yield Row(
            "ping, p50", min(map(median, alone)) * 1e3, "ms", min(map(median, bare)) * 1e3,
            "ZeroMQ there and back", Target(0.3), f"{count} times, least of {effort.times}",
            details={"p99": [percentile(took, 99) * 1e3 for took in alone]},
        )  # fmt: skip
        loaded, rates = [], []
        for _ in range(min(3, effort.times)):
            with child("producer", "load", viewer.port, LARGE) as load:
                line(load)
                loaded.append(_ping(one, count // 2, GAP))
                said, _ = load.communicate(timeout=LIMIT)
            images, seconds = said.split()
            verify(viewer, int(images))
            rates.append(int(images) / float(seconds))
    yield Row(
        "ping under full load (2048² uint16), p99",
        min(percentile(took, 99) for took in loaded) * 1e3, "ms", min(map(median, alone)) * 1e3,
        "ping alone, p50", Target(5.0), f"{count // 2} times, least of {len(loaded)}",
        details={"p50": [median(took) * 1e3 for took in loaded], "images_per_second": rates,
                 "p99": [percentile(took, 99) * 1e3 for took in loaded]},
    )  # fmt: skip


def _ping(one: Pinger, count: int, gap: float = 0.0) -> list[float]:
    return _times(lambda _: one.ping(), count, gap)


def brief_producers(effort: Effort) -> Iterator[Row]:
    """Run an array of jobs: programs that connect, send for a second and end, 20 at a time."""
    jobs = AT_ONCE if effort.quick else JOBS
    pings: list[float] = []
    began = time.perf_counter()
    with sink() as viewer, pinger(viewer.port) as one:
        for first in range(0, jobs, AT_ONCE):
            pings += _batch(viewer.port, range(first, first + AT_ONCE), one)
        took = time.perf_counter() - began
        found = viewer.state()["sink"]["images"]
        verify(viewer, jobs * IMAGES)
    yield Row(
        f"{jobs} producers that live one second each: images that came", found, "images",
        jobs * IMAGES, "sent", Target(1.0, "at least", "ratio"), f"{AT_ONCE} at a time",
        details={"seconds": took},
    )  # fmt: skip
    yield Row(
        "the viewer meanwhile: ping, p99", percentile(pings, 99) * 1e3, "ms", None, "",
        None, f"{len(pings)} times, all cores busy", details={"p50": median(pings) * 1e3},
    )  # fmt: skip


def _batch(port: int, numbers: range, one: Pinger) -> list[float]:
    """Run some of them at once, and ping meanwhile."""
    jobs = [
        subprocess.Popen(
            python("producer", "brief", port, number, IMAGES), env=environment(), cwd=ROOT
        )
        for number in numbers
    ]
    pings = []
    while any(job.poll() is None for job in jobs):
        pings += _ping(one, 1, 0.02)
    codes = {job.wait() for job in jobs}
    if codes != {0}:
        raise Wrong(f"a producer ended with code {codes}")
    return pings
