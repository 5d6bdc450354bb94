"""Cases: what one more plane costs a viewer that holds many, and bringing many there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

import planecast as pc
from tests.benchmarks.arrays import Pixels, Wrong, make
from tests.benchmarks.painting import RANGE, viewer_of
from tests.benchmarks.pixels import Effort
from tests.benchmarks.processes import LIMIT, median
from tests.benchmarks.report import Curve, Row, Target

SOURCES: Final = 32
SIDE: Final = 32
"""Pixels in a row: planes this small cost what their number costs."""

FEW: Final = 10
MORE: Final = 20
"""Planes that are timed at each number, one by one."""

PAUSE: Final = 0.04
"""Seconds after each, in which it is painted."""

ROUNDS: Final = 3

LOOK: Final[dict[str, Any]] = {"contrast_limits": RANGE, "colormap": "gray"}
"""As images of `coded` are read off the screen."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Processor time that a viewer has used, as Linux counts it, in seconds.

    Time on the wall would tell what else the machine does.

    Attributes
    ----------
    window
        Only that of the first thread, which draws the window in napari.
    """

    pid: int
    window: bool

    def __call__(self) -> float:
        """Return it now."""
        folder = Path(f"/proc/{self.pid}/task")
        threads = [folder / str(self.pid)] if self.window else list(folder.iterdir())
        total = 0
        for thread in threads:
            try:
                total += int((thread / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                continue
        return total / 1e9

    @property
    def works(self) -> bool:
        """Whether the system tells."""
        return self() > 0


def one_more(
    kind: str, numbers: Sequence[int], effort: Effort, *, expect: bool = False, window: bool = False
) -> Iterator[Row]:
    """Compare a viewer that holds many planes with one that holds ten, in turns.

    Parameters
    ----------
    numbers
        Of planes, rising; the target is for those beyond 1,000.
    expect
        Announce the sizes first.
    window
        Count the window's thread only, not the whole process.
    """
    numbers = numbers[: max(1, len(numbers) - 2)] if effort.quick else numbers
    sources, what = make(SIDE, SOURCES), "sizes announced" if expect else "growing"
    many: dict[int, list[float]] = {number: [] for number in numbers}
    few: dict[int, list[float]] = {number: [] for number in numbers}
    with viewer_of(kind) as small, viewer_of(kind) as large:
        clocks = [Clock(viewer.state()["pid"], window) for viewer in (small, large)]
        if not clocks[0].works:
            yield Row(f"{kind}: cost of one more plane", note="the system does not count it")
            return
        if expect:
            large.expect({"t": range(max(numbers) + ROUNDS * MORE)})
        there = 0
        for number in numbers:
            there = _fill(large, sources, there, number)
            for _ in range(ROUNDS):
                small.clear()
                if expect:
                    small.expect({"t": range(FEW + MORE)})
                _fill(small, sources, 0, FEW)
                few[number].append(_cost(small, sources, FEW, clocks[0]))
                many[number].append(_cost(large, sources, there, clocks[1]))
                there += MORE
        _check(small, sources, FEW + MORE)
        _check(large, sources, there)
    costs = {number: min(many[number]) * 1e3 for number in numbers}
    curve = Curve(
        f"{kind}: one more plane, {what}", "planes that are there", "ms of processor time",
        {kind: list(costs.items()), f"with {FEW} planes, in turns":
         [(number, min(few[number]) * 1e3) for number in numbers]},
    )  # fmt: skip
    for number in numbers:
        goal = Target(1.2, of="ratio") if number > 1000 else None
        yield Row(
            f"{kind}: cost of one more plane at N = {number:,}, {what}", costs[number], "ms",
            min(few[number]) * 1e3, f"N = {FEW}", goal,
            f"processor time{' of the window' if window else ''}, least of {ROUNDS}",
            details={"many": many[number], "few": few[number]},
            curve=curve if number == numbers[-1] else None,
        )  # fmt: skip


def _fill(viewer: pc.Viewer, sources: Pixels, there: int, number: int) -> int:
    for t in range(there, number):
        viewer.show(sources[t % SOURCES], components={"t": t}, source="many")
    viewer.settle(LIMIT)
    time.sleep(PAUSE)
    return max(there, number)


def _cost(viewer: pc.Viewer, sources: Pixels, there: int, clock: Clock) -> float:
    """Median of the seconds that planes cost, one by one; painting too."""
    took = []
    for t in range(there, there + MORE):
        before = clock()
        delivery = viewer.show(sources[t % SOURCES], components={"t": t}, source="many")
        delivery.wait(LIMIT, shown=True)
        time.sleep(PAUSE)
        took.append(clock() - before)
    return median(took)


def _check(viewer: pc.Viewer, sources: Pixels, count: int, source: str = "many") -> None:
    (group,) = viewer.state()["groups"]
    if group["planes"] != count:
        raise Wrong(f"{count} planes were sent, {group['planes']} are there")
    for t in {0, count - 1, *range(0, count, max(1, count // 50))}:
        found = np.squeeze(viewer.read(source=source, components={"t": t}, timeout=LIMIT))
        if not np.array_equal(found, sources[t % len(sources)]):
            raise Wrong(f"{source} at t {t} is not the image that was sent")


@dataclass
class Flood:
    """What came of sending planes as fast as they are taken; seconds each time."""

    shown: list[float] = field(default_factory=list)
    copied: list[float] = field(default_factory=list)


def flood(
    viewer: pc.Viewer, sources: Pixels, order: Sequence[int], times: int, *, expect: bool = False,
    ready: Callable[[], None] | None = None, look: Callable[[], None] | None = None,
) -> Flood:  # fmt: skip
    """Send planes one by one and wait until all are shown; compare all of them.

    Parameters
    ----------
    sources
        What is sent, in turns; one after the other is the image at t = 0, 1 …
    order
        The t of each plane.
    expect
        Announce the sizes first.
    ready, look
        Called when the first one is shown, and when all are.
    """
    found = Flood()
    for _ in range(times):
        if expect:
            viewer.expect({"t": sorted(order)})
        viewer.show(
            sources[order[0] % len(sources)], components={"t": order[0]}, source="flood", **LOOK
        )
        viewer.settle(LIMIT)
        if ready is not None:
            ready()
        time.sleep(1.0)  # the window is there
        began = time.perf_counter()
        for t in order[1:]:
            viewer.show(sources[t % len(sources)], components={"t": t}, source="flood", **LOOK)
        viewer.settle(LIMIT)
        found.shown.append(time.perf_counter() - began)
        if look is not None:
            look()
        _check(viewer, sources, len(order), "flood")
        viewer.clear()
        began = time.perf_counter()
        fresh = [np.array(sources[t % len(sources)]) for t in order]
        found.copied.append(time.perf_counter() - began)
        del fresh
    return found


def memory(kind: str, limit: float | None, effort: Effort) -> Iterator[Row]:
    """Compare what a viewer takes for itself with the bytes that it shows."""
    side, count = 1024, 128 if effort.quick else 512
    sources = make(side, SOURCES)
    with viewer_of(kind) as viewer:
        process = psutil.Process(viewer.state()["pid"])
        time.sleep(2.0)  # napari imports more a second after its start
        idle = process.memory_full_info().uss
        for t in range(count):
            viewer.show(sources[t % SOURCES], components={"t": t}, source="many")
        viewer.settle(LIMIT)
        time.sleep(1.0)
        taken = process.memory_full_info().uss - idle
        resident = process.memory_info().rss
        _check(viewer, sources, count)
    nbytes = count * side * side * 2
    yield Row(
        f"{kind}: memory above idle, for {nbytes >> 20} MiB that it shows", taken / (1 << 20),
        "MiB", nbytes / (1 << 20), "shown", None if limit is None else Target(limit, of="ratio"),
        "private pages", details={"idle": idle, "resident with shared memory": resident},
    )  # fmt: skip
