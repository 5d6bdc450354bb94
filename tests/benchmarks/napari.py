"""Suite ``napari``: what a person at napari's window waits for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np

import planecast as pc
from streaming_core.testing import free_pair
from tests.benchmarks import answers, growing, labelling, painting, regrouping, weight
from tests.benchmarks.arrays import Wrong, make, whole
from tests.benchmarks.painting import viewer_of
from tests.benchmarks.pixels import Case, Effort
from tests.benchmarks.processes import LIMIT, child, line, say
from tests.benchmarks.report import Row, Target

PLANES: Final = 1000
NUMBERS: Final = (10, 100, 1000, 10_000, 100_000)
CHANNELS: Final = ("DAPI", "GFP", "RFP", "Cy5")
RATE: Final = 100.0
SIDE: Final = 1024


def all_shown(effort: Effort) -> Iterator[Row]:
    """One layer, one plane after the other, as fast as they are taken."""
    count, times = effort.of(PLANES), min(3, effort.times)
    with viewer_of("napari") as viewer:
        found = growing.flood(viewer, make(512, growing.SOURCES), range(count), times)
    yield Row(
        f"napari: {count} × 512² one by one, all shown", min(found.shown), "s", min(found.copied),
        "copying them into fresh arrays", Target(2.0), f"least of {times}",
        details={"shown": found.shown, "copied": found.copied},
    )  # fmt: skip


def worst_gap(effort: Effort) -> Iterator[Row]:
    """Send 100 images a second to four layers that are made meanwhile."""
    sources, count, port = make(SIDE, growing.SOURCES), effort.of(600), free_pair()
    with child("pulse", port) as process:
        line(process)
        viewer = pc.connect(port)
        viewer.show(sources[0], source="before").wait(LIMIT, shown=True)
        viewer.clear()
        time.sleep(1.0)
        say(process, "tell")
        line(process)
        due = time.perf_counter()
        for number in range(count):
            due = max(due + 1 / RATE, time.perf_counter())
            time.sleep(max(0.0, due - time.perf_counter()))
            viewer.show(sources[number % growing.SOURCES], components=_place(number), source="fast")
        viewer.settle(LIMIT)
        took = time.perf_counter() - due + count / RATE
        say(process, "tell")
        gaps = json.loads(line(process))
        for number in range(0, count, 11):
            found = viewer.read(source="fast", components=_place(number), timeout=LIMIT)
            if not whole(np.squeeze(found), number % growing.SOURCES):
                raise Wrong(f"image {number} is not the one that was sent")
        viewer.clear()
        time.sleep(1.0)
        say(process, "tell")
        line(process)
        say(process, "add")
        alone = json.loads(line(process))
        viewer.close()
    yield Row(
        f"napari: worst gap of its window, {RATE:g} images/s of {SIDE}² in 4 layers",
        max(gaps) * 1e3, "ms", max(alone) * 1e3, "napari making one layer", Target(130.0),
        f"{count} images", details={"worst": gaps, "seconds": took},
    )  # fmt: skip


def _place(number: int) -> dict[str, str | int]:
    t, channel = divmod(number, len(CHANNELS))
    return {"channel": CHANNELS[channel], "t": t}


CASES: Final[Mapping[str, Case]] = {
    "painted": partial(painting.painted, "napari", 15.0, 40.0, 150.0),
    "shown": all_shown,
    "more": partial(growing.one_more, "napari", NUMBERS, window=True),
    "gap": worst_gap,
    "labels": labelling.one_plane,
    "regroup": partial(regrouping.regroup, "napari", PLANES, 1.0),
    "memory": partial(growing.memory, "napari", 1.1),
    "start": partial(weight.start_time, "napari"),
    "hello": partial(answers.hello_to, "napari"),
}
