"""Cases: what it costs to bring pixels to another process, and how many come a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

import planecast as pc
from streaming_core.protocol.components import Components
from tests.benchmarks.arrays import DTYPE, Pixels, Wrong, beyond_cache, fill, make, marked
from tests.benchmarks.probes import held
from tests.benchmarks.processes import (
    child,
    line,
    median,
    say,
    sink,
    stream,
    variables,
    verify,
)
from tests.benchmarks.report import Row, Target
from tests.benchmarks.rivals import rival

LARGE: Final = 2048
SMALL: Final = 512
HUGE: Final = 32768
"""An image of this size has 2 GiB."""

SOURCES: Final = 32
"""Images that the rates cycle through: a program sends what it has just made."""

WARM: Final = 96
"""Images before anything is timed: more than the credit, so every slot has been used."""

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Effort:
    """How thorough a run is."""

    quick: bool = False

    @property
    def times(self) -> int:
        """Repetitions."""
        return 2 if self.quick else 5

    def of(self, count: int) -> int:
        """Return how many of ``count`` images, or calls, are enough."""
        return max(8, count // 8) if self.quick else count


Case: TypeAlias = Callable[[Effort], Iterator[Row]]
"""What measures something."""


def cost_of_show(effort: Effort) -> Iterator[Row]:
    """Time `show()` against memcpy, in turns, with nothing else on its way."""
    sources = make(LARGE, beyond_cache(LARGE, times=0.25 if effort.quick else 4.0))
    target = np.zeros_like(sources[0])
    shows, copies = [], []
    with sink() as viewer:
        stream(viewer, sources, WARM)
        verify(viewer, WARM)
        for _ in range(effort.times):
            show, copy = _in_turns(viewer, sources, target, effort.of(8 * len(sources)))
            shows.append(median(show))
            copies.append(median(copy))
            verify(viewer, len(show))
    ratios = [a / b for a, b in zip(shows, copies, strict=True)]
    best = ratios.index(median(ratios))
    yield Row(
        "producer cost of show(), 2048² uint16", shows[best] * 1e3, "ms", copies[best] * 1e3,
        "memcpy", Target(1.3, of="ratio"),
        f"medians of {len(show)} images, the run with the middle ratio of {effort.times}",
        details={"shows": shows, "copies": copies, "ratios": ratios, "sources": len(sources)},
    )  # fmt: skip


def _in_turns(
    viewer: pc.Viewer, sources: Pixels, target: Pixels, count: int
) -> tuple[list[float], list[float]]:
    """Show every second image and copy the others: none of them is in the cache."""
    shows, copies = [], []
    for t in range(count):
        number = t % len(sources)
        source = sources[number]
        words: Components = {"well": "B03", "channel": "DAPI", "t": t, "z": number}
        began = time.perf_counter()
        if (t + t // len(sources)) % 2:
            delivery = viewer.show(source, components=words, source="bench")
            shows.append(time.perf_counter() - began)
            delivery.wait(60.0)  # the next one shall not wait for credit
        else:
            np.copyto(target, source)
            copies.append(time.perf_counter() - began)
            if not marked(target, number):  # more than a look would empty the cache
                raise Wrong(f"memcpy of image {number}")
    return shows, copies


def cost_of_allocate(effort: Effort) -> Iterator[Row]:
    """Compute into `allocate()` and show, in turns with the computation alone."""
    sources, count = make(LARGE, SOURCES), effort.of(200)
    target = np.zeros_like(sources[0])
    above, alone = [], []
    with sink() as viewer:
        for _ in range(effort.times):
            ours, bare = [], []
            for t in range(count):
                number = t % (SOURCES - 1)  # odd: each is in turn computed either way
                source, step = sources[number], sources[1, 0, 0] - sources[0, 0, 0]
                began = time.perf_counter()
                if t % 2:
                    out = viewer.allocate(source.shape, source.dtype)
                    np.add(source, step, out=out)
                    delivery = viewer.show(out, components={"t": t, "z": number + 1})
                    ours.append(time.perf_counter() - began)
                    delivery.wait(60.0)
                else:
                    np.add(source, step, out=target)
                    bare.append(time.perf_counter() - began)
            verify(viewer, len(ours))
            above.append(median(ours) - median(bare))
            alone.append(median(bare))
    yield Row(
        "the same through allocate(), above the computation", min(above) * 1e6, "µs",
        min(alone) * 1e6, "the computation", Target(100.0),
        f"medians of {len(ours)} images, least of {effort.times}", details={"above": above},
    )  # fmt: skip


def hand_over(effort: Effort) -> Iterator[Row]:
    """Give 2 GiB away, and wait until they are shown; then less, for the size must not matter."""
    took: dict[int, list[float]] = {HUGE: [], HUGE // 4: []}
    with sink("--keep") as viewer:
        for turn in range(min(3, effort.times)):
            for side, times in took.items():
                out = viewer.allocate((side, side), DTYPE)
                fill(out, turn)
                began = time.perf_counter()
                viewer.show(out, components={"t": 0, "z": turn}).wait(60.0, shown=True)
                times.append(time.perf_counter() - began)
                verify(viewer, 1)
                del out
    yield Row(
        "2 GiB hand-over, show() → in the layer", min(took[HUGE]) * 1e3, "ms",
        min(took[HUGE // 4]) * 1e3, "128 MiB", Target(20.0), f"least of {len(took[HUGE])}",
        details={str(side): times for side, times in took.items()},
    )  # fmt: skip


def rate_large(effort: Effort) -> Iterator[Row]:
    """Images a second into recycled memory, beside the other ways, in turns."""
    yield from _rates(LARGE, effort.of(400), effort.of(64), effort, least=600.0, more=6.0)


def rate_small(effort: Effort) -> Iterator[Row]:
    """Time the same for small images, where the messages count."""
    yield from _rates(SMALL, effort.of(6000), effort.of(600), effort, least=8000.0)


def _rates(
    side: int, count: int, few: int, effort: Effort, *, least: float, more: float | None = None
) -> Iterator[Row]:
    sources = make(side, SOURCES)
    ours, shm, bytes_ = [], [], []
    with ExitStack() as stack:
        viewer = stack.enter_context(sink())
        memory = stack.enter_context(rival("shm"))
        message = stack.enter_context(rival("bytes"))
        stream(viewer, sources, WARM)
        verify(viewer, WARM)
        for way in (memory, message):
            way.seconds(sources, SOURCES)
        for _ in range(effort.times):
            ours.append(count / stream(viewer, sources, count))
            verify(viewer, count)
            shm.append(few / memory.seconds(sources, few))
            bytes_.append(few / message.seconds(sources, few))
    measure, how = f"producer → owned, {side}² uint16, recycled", f"best of {effort.times}"
    facts = {"rates": ours, "shm": shm, "bytes": bytes_, "bytes_per_image": sources[0].nbytes}
    yield Row(
        measure, max(ours), "/s", max(shm), "one SharedMemory per image",
        Target(least, "at least"), how, details=facts,
    )  # fmt: skip
    if more is not None:
        yield Row(
            f"{measure}, against SharedMemory", max(ours), "/s", max(shm),
            "one per image", Target(more, "at least", "ratio"), how,
        )  # fmt: skip
    yield Row(
        f"{measure}, against ZeroMQ", max(ours), "/s", max(bytes_), "bytes through a Unix socket",
        None, how,
    )  # fmt: skip


def kept(effort: Effort) -> Iterator[Row]:
    """Every plane is kept: page faults are what it costs, in the viewer and in the yardstick.

    What a page costs depends on whether a virtual machine's host has it ready. So both take what
    the other has just let go of, in short turns, and neither keeps memory for the next one.
    """
    sources, count = make(LARGE, SOURCES), effort.of(64)
    ours, fresh, alike = [], [], []
    with (
        variables(MALLOC_MMAP_THRESHOLD_=str(MIB)),
        sink("--keep") as viewer,
        child("sink", "--fill", LARGE) as yardstick,
    ):
        stream(viewer, sources, WARM)
        verify(viewer, WARM)
        for _ in range(2 * effort.times + 1):
            say(yardstick, str(count))
            seconds = line(yardstick).split()
            fresh.append(count / float(seconds[0]))
            alike.append(count / float(seconds[1]))
            ours.append(count / stream(viewer, sources, count))
            verify(viewer, count)
    measure = "producer → owned, 2048² uint16, every plane kept"
    ratios = [a / b for a, b in zip(ours, fresh, strict=True)]
    middle = ratios.index(median(ratios))
    how = f"{count} images, the turn with the middle ratio of {len(ours)}"
    yield Row(
        measure, ours[middle], "/s", fresh[middle], "filling fresh arrays",
        Target(0.8, "at least", "ratio"), how,
        details={"rates": ours, "fresh": fresh, "ratios": ratios},
    )  # fmt: skip
    ratios = [a / b for a, b in zip(ours, alike, strict=True)]
    middle = ratios.index(median(ratios))
    yield Row(
        f"{measure}, against the same memory", ours[middle], "/s", alike[middle],
        "filling what viewers keep", None, how, details={"alike": alike, "ratios": ratios},
    )  # fmt: skip


def memory_held(effort: Effort) -> Iterator[Row]:
    """8 GB pass through a viewer that is slower than the producer, so the pool fills."""
    sources, count = make(LARGE, SOURCES), effort.of(8_000_000_000 // (LARGE * LARGE * 2))
    most = 0
    with sink("--slow", 2.0) as viewer:
        for first in range(0, count, 8):
            for number in range(first, min(first + 8, count)):
                words = {"t": number, "z": number % SOURCES}
                viewer.show(sources[number % SOURCES], components=words)
            most = max(most, held())
        viewer.flush(120.0)
        verify(viewer, count)
        after = held()
    passed = count * LARGE * LARGE * DTYPE.itemsize / MIB
    measure = f"shared memory held while {passed / 1024:.1f} GiB stream through"
    yield Row(
        measure, most / MIB, "MiB", passed,
        "the whole batch", Target(256.0), "largest of all looks",
        details={"after": after / MIB, "images": count},
    )  # fmt: skip
