"""Cases: how soon an image is on the screen, in a layer that is there and in a new one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

import planecast as pc
from streaming_core.stream.sessions import close_publisher
from tests.benchmarks.arrays import Pixels, Wrong
from tests.benchmarks.eye import appeared, watching
from tests.benchmarks.pixels import Effort
from tests.benchmarks.processes import LIMIT, child, line, percentile, say
from tests.benchmarks.report import Row, Target
from tests.benchmarks.screen import CODES, NoScreen, Screen, Spot, coded, find
from tests.benchmarks.weight import launch

SIDE: Final = 512
LAYERS: Final = 8
RATE: Final = 30.0
PAUSE: Final = 0.5
"""Seconds between new layers, and until something is surely on the screen."""

RANGE: Final = (0.0, 65535.0)


class Painter(Protocol):
    """What paints images of `coded`; the numbers go on."""

    def open(self, number: int) -> None:
        """Make the layer that `next` puts images into."""
        ...

    def next(self, number: int) -> float:
        """Put an image where the one before was; return when that began."""
        ...

    def new(self, number: int) -> float:
        """Put an image into a layer of its own; return when that began."""
        ...


class Planecast:
    """A viewer that gets each image at a new place of one layer."""

    def __init__(self, viewer: pc.Viewer, images: Pixels) -> None:
        self._viewer = viewer
        self._images = images

    def open(self, number: int) -> None:
        self.next(number)
        self._viewer.settle(LIMIT)

    def next(self, number: int, source: str = "live") -> float:
        began = time.perf_counter()
        self._viewer.show(
            self._images[number % CODES], components={"t": number}, source=source,
            contrast_limits=RANGE, colormap="gray",
        )  # fmt: skip
        return began

    def new(self, number: int) -> float:
        return self.next(number, f"new {number}")

    def check(self, numbers: range, source: str = "live") -> None:
        """Compare the viewer's pixels with what was sent."""
        for number in numbers:
            name = source.format(number)
            found = self._viewer.read(source=name, components={"t": number}, timeout=LIMIT)
            if not np.array_equal(np.squeeze(found), self._images[number % CODES]):
                raise Wrong(f"{name} at t {number} is not the image that was sent")


class Bare:
    """A viewer without Planecast, in a process of its own."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask

    def open(self, number: int) -> None:
        self._ask(f"open {number}")

    def next(self, number: int) -> float:
        began = time.perf_counter()  # here: ours wait for a busy window too
        self._ask(f"next {number}")
        return began

    def new(self, number: int) -> float:
        began = time.perf_counter()
        self._ask(f"new {number}")
        return began


@dataclass(frozen=True, slots=True)
class Seen:
    """Seconds until images were on the screen: at 30 a second, and in layers of their own."""

    steady: list[float]
    new: list[float]


@contextmanager
def viewer_of(kind: str) -> Iterator[pc.Viewer]:
    """Start a viewer, and end it."""
    viewer = launch(kind)
    try:
        yield viewer
    finally:
        pc.connect(viewer.port).quit()  # a case may have ended the session of the first one
        close_publisher(linger=0.0)


def spot_of(painter: Painter) -> Spot:
    """Show images 0 and 1; return where they are."""
    screen = Screen()
    painter.open(0)
    time.sleep(2 * PAUSE)
    before = screen.all()
    painter.next(1)
    time.sleep(PAUSE)
    spot = find(screen, before, 0, 1)
    screen.close()
    return spot


def watch(painter: Painter, spot: Spot, count: int, layers: int) -> Seen:
    """Paint images 2 and more, and look."""
    began = []
    with watching(spot) as seen:
        due = time.perf_counter()
        for number in range(2, 2 + count):
            due = max(due + 1 / RATE, time.perf_counter())
            time.sleep(max(0.0, due - time.perf_counter()))
            began.append(painter.next(number))
        time.sleep(PAUSE)
        for number in range(2 + count, 2 + count + layers):
            began.append(painter.new(number))
            time.sleep(PAUSE)
    took = [then - when for then, when in zip(appeared(seen, began, 2), began, strict=True)]
    return Seen(took[:count], took[count:])


def painted(kind: str, half: float, tail: float, first: float | None, effort: Effort
            ) -> Iterator[Row]:  # fmt: skip
    """From `show()` to the screen, beside napari without Planecast."""
    count, layers = effort.of(600), LAYERS if first else 0
    try:
        Screen().close()
    except NoScreen as error:
        yield Row(f"{kind}: show() → painted", note=str(error))
        return
    bare: Seen | None = None
    if kind == "napari":
        with child("bare", kind) as process:
            line(process)

            def ask(words: str) -> str:
                say(process, words)
                return line(process)

            alone = Bare(ask)
            bare = watch(alone, spot_of(alone), count, layers)
    with viewer_of(kind) as viewer:
        ours = Planecast(viewer, coded(SIDE))
        found = watch(ours, spot_of(ours), count, layers)
        ours.check(range(2, 2 + count, 7))
        ours.check(range(2 + count, 2 + count + layers), "new {}")
    for word, percent, limit in (("p50", 50, half), ("p99", 99, tail)):
        yield Row(
            f"{kind}: show() → painted, {RATE:g} images/s of {SIDE}² into a layer, {word}",
            percentile(found.steady, percent) * 1e3, "ms",
            percentile(bare.steady, percent) * 1e3 if bare else None,
            "napari alone" if bare else "", Target(limit), f"{count} images",
            details={"all": found.steady, "worst": max(found.steady)},
        )  # fmt: skip
    if first is not None:
        yield Row(
            f"{kind}: first image of a layer to be made, show() → painted",
            max(found.new) * 1e3, "ms", max(bare.new) * 1e3 if bare else None,
            "napari alone" if bare else "", Target(first), f"slowest of {layers}",
            details={"all": found.new, "alone": bare.new if bare else []},
        )  # fmt: skip
