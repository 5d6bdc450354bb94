"""The processes that a benchmark starts, and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import planecast as pc
from streaming_core.protocol.components import Components
from streaming_core.stream.sessions import close_publisher
from tests.benchmarks.arrays import Pixels, Wrong

ROOT: Final = Path(__file__).parents[2]
LIMIT: Final = 120.0
"""Seconds that anything may take here."""


def python(module: str, *arguments: object) -> list[str]:
    """Return the command that runs a module of the benchmarks."""
    return [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]


def environment() -> dict[str, str]:
    """Return our environment, without what would make each start as slow as the first."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def variables(**words: str) -> Iterator[None]:
    """Set environment variables, and put back what they were."""
    before = {name: os.environ.get(name) for name in words}
    os.environ.update(words)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def child(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a module of the benchmarks; its standard input ends with this context, and so does it."""
    process = subprocess.Popen(
        python(module, *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment(), cwd=ROOT,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(subprocess.TimeoutExpired, BrokenPipeError):
            process.communicate(timeout=10.0)
        if process.poll() is None:
            process.kill()
            process.wait()


def line(process: subprocess.Popen[str]) -> str:
    """Read the next line that a child says."""
    assert process.stdout is not None
    found = process.stdout.readline().strip()
    if not found:
        raise Wrong(f"{process.args!r} ended with code {process.wait(LIMIT)}")
    return found


def say(process: subprocess.Popen[str], words: str) -> None:
    """Write a line to a child."""
    assert process.stdin is not None
    process.stdin.write(words + "\n")
    process.stdin.flush()


def answer(module: str, *arguments: object) -> dict[str, Any]:
    """Run a module of the benchmarks to its end; return the JSON that it printed."""
    with child(module, *arguments) as process:
        found = json.loads(line(process))
    return dict(found)


@contextmanager
def sink(*arguments: object) -> Iterator[pc.Viewer]:
    """Run a sink process, and give a `planecast.Viewer` of it."""
    with child("sink", *arguments) as process:
        viewer = pc.connect(int(line(process)))
        try:
            yield viewer
        finally:
            pc.connect(viewer.port).quit()  # a case may have ended the session of the first one
            close_publisher(linger=0.0)


def stream(
    viewer: pc.Viewer, sources: Pixels, count: int, *, first: int = 0, source: str = "bench"
) -> float:
    """Send ``count`` images as fast as they are taken; seconds until all are owned."""
    many, began = len(sources), time.perf_counter()
    for t in range(first, first + count):
        number = t % many
        words: Components = {"well": "B03", "channel": "DAPI", "t": t, "z": number}
        viewer.show(sources[number], components=words, source=source)
    viewer.flush(LIMIT)
    return time.perf_counter() - began


def verify(viewer: pc.Viewer, count: int) -> dict[str, int]:
    """Check that these many images came, each once, with the right pixels; forget them."""
    found: dict[str, int] = viewer.state()["sink"]
    right = found["images"] == found["places"] == count and not found["wrong"] and not found["bad"]
    if not right or not found["compared"]:
        raise Wrong(f"{count} images were sent; the viewer has {found}")
    viewer.clear()
    return found


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return percentile(values, 50)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that ``percent`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
