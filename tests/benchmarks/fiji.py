"""Suite ``fiji``: what a person at ImageJ's window waits for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np
import psutil
from numpy.typing import NDArray

import planecast as pc
from tests.benchmarks import growing, painting, weight
from tests.benchmarks.arrays import Wrong
from tests.benchmarks.painting import viewer_of
from tests.benchmarks.pixels import Case, Effort
from tests.benchmarks.processes import LIMIT, answer, median
from tests.benchmarks.report import Row, Target
from tests.benchmarks.screen import NoScreen, Screen, coded, near

NUMBERS: Final = (10, 100, 1000, 5000)
SMALL: Final = 512
LARGE: Final = 2048
MIB: Final = 1 << 20


def into_stack(side: int, count: int, least: float, effort: Effort) -> Iterator[Row]:
    """Planes of announced sizes, as fast as they are taken: sent, in the stack, shown."""
    count, times = effort.of(count), min(3, effort.times)
    with viewer_of("fiji") as viewer:
        process = psutil.Process(viewer.state()["pid"])
        idle = process.memory_info().rss
        found = growing.flood(viewer, coded(side), range(count), times, expect=True)
        after = process.memory_info().rss
    rates = [(count - 1) / took for took in found.shown]
    yield Row(
        f"fiji: {side}² uint16 into the stack, sizes announced", max(rates), "/s",
        (count - 1) / min(found.copied), "into fresh arrays", Target(least, "at least"),
        f"{count} planes, best of {times}",
        details={"rates": rates, "idle MiB": idle / MIB, "cleared MiB": after / MIB},
    )  # fmt: skip


def any_order(effort: Effort) -> Iterator[Row]:
    """Planes in an order that nobody announced: the stack grows in its middle."""
    count, times = effort.of(1000), min(3, effort.times)
    order = [int(t) for t in np.random.default_rng(7).permutation(count)]
    with viewer_of("fiji") as viewer:
        watch = Watch(viewer, order[0])
        found = growing.flood(
            viewer, coded(SMALL), order, times, ready=watch.before, look=watch.after
        )
    yield Row(
        "fiji: growing in unknown order, 512² uint16", (count - 1) / min(found.shown), "/s",
        (count - 1) / min(found.copied), "into fresh arrays", Target(700.0, "at least"),
        f"{count} planes, best of {times}; {watch.said}",
        details={"rates": [(count - 1) / took for took in found.shown]},
    )  # fmt: skip


class Watch:
    """Sees to it that window, zoom and position stay, as far as there is a screen to look at."""

    def __init__(self, viewer: pc.Viewer, t: int) -> None:
        self._viewer = viewer
        self._t = t
        self._before: tuple[set[int], NDArray[np.bool_]] | None = None
        self.said = "same window, zoom and position"

    def before(self) -> None:
        """Stand at the first plane, and take down what is seen."""
        self._viewer.navigate(t=self._t)
        try:
            self._before = self._look()
        except NoScreen as error:
            self.said = str(error)

    def after(self) -> None:
        """Compare."""
        if self._before is None:
            return
        (windows, image), (now, there) = self._before, self._look()
        if not windows <= now or not np.array_equal(image, there):
            raise Wrong("window, zoom or position have changed")

    def _look(self) -> tuple[set[int], NDArray[np.bool_]]:
        time.sleep(0.5)
        screen = Screen()
        found = screen.windows(), near(screen.all(), self._t)
        screen.close()
        if not found[1].any():
            raise Wrong("the image cannot be seen on the screen")
        return found


def back(effort: Effort) -> Iterator[Row]:
    """Pixels back to numpy, in the viewer's process; and all the way to the program."""
    found = answer("back", LARGE, effort.of(200))
    yield Row(
        "fiji: pixels of a 2048² plane back to numpy", median(found["reads"]) * 1e3, "ms",
        median(found["copies"]) * 1e3, "copying them into a fresh array", Target(1.5, of="ratio"),
        f"median of {len(found['reads'])}, by turns", details=found,
    )  # fmt: skip
    sources, took, copies = coded(LARGE)[:16], [], []
    with viewer_of("fiji") as viewer:
        viewer.show(sources, axes="TYX", source="back")
        viewer.settle(LIMIT)
        for _ in range(effort.times):
            began = time.perf_counter()
            there = viewer.read(source="back", timeout=LIMIT)
            took.append(time.perf_counter() - began)
            if not np.array_equal(there, sources):
                raise Wrong("read() has other pixels")
            began = time.perf_counter()
            np.array(sources)
            copies.append(time.perf_counter() - began)
    yield Row(
        "fiji: read() of 16 × 2048², in the program", min(took) * 1e3, "ms", min(copies) * 1e3,
        "copying them into a fresh array", None, f"least of {effort.times}",
    )  # fmt: skip


CASES: Final[Mapping[str, Case]] = {
    "painted": partial(painting.painted, "fiji", 30.0, 80.0, None),
    "small": partial(into_stack, SMALL, 2000, 4000.0),
    "large": partial(into_stack, LARGE, 200, 200.0),
    "order": any_order,
    "more": partial(growing.one_more, "fiji", NUMBERS),
    "announced": partial(growing.one_more, "fiji", NUMBERS, expect=True),
    "back": back,
    "memory": partial(growing.memory, "fiji", None),
    "start": partial(weight.start_time, "fiji"),
}
