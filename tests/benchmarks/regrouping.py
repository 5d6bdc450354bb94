"""Case: a component of what a viewer holds becomes a slider, and layers again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

import numpy as np

from streaming_core.viewer import Viewer
from tests.benchmarks.arrays import Pixels, Wrong, make
from tests.benchmarks.growing import LOOK, SOURCES
from tests.benchmarks.painting import viewer_of
from tests.benchmarks.pixels import Effort
from tests.benchmarks.processes import LIMIT
from tests.benchmarks.report import Row, Target

Mode: TypeAlias = Literal["stack", "split"]

SIDE: Final = 512
CHANNELS: Final = ("DAPI", "GFP", "RFP", "Cy5")
PAUSE: Final = 1.0
"""Seconds before each, in which what went before is painted."""


def regroup(kind: str, planes: int, limit: float, effort: Effort) -> Iterator[Row]:
    """Regroup planes of four channels, there and back, until everything is drawn."""
    count, rounds = effort.of(planes) // len(CHANNELS), min(3, effort.times)
    sources = make(SIDE, SOURCES)
    took: dict[Mode, list[float]] = {"stack": [], "split": []}
    with viewer_of(kind) as viewer:
        for number in range(count * len(CHANNELS)):
            t, at = divmod(number, len(CHANNELS))
            viewer.show(
                sources[number % SOURCES], components={"channel": CHANNELS[at], "t": t},
                source="plate", **LOOK,
            )  # fmt: skip
        viewer.settle(LIMIT)
        for mode in list(took) * rounds:
            time.sleep(PAUSE)
            began = time.perf_counter()
            viewer.arrange(channel=mode)
            viewer.settle(LIMIT)
            groups = len(viewer.state()["groups"])
            took[mode].append(time.perf_counter() - began)
            if groups != (1 if mode == "stack" else len(CHANNELS)):
                raise Wrong(f"{groups} groups after channel={mode!r}")
        _check(viewer, sources, count)
    for mode, found in took.items():
        yield Row(
            f"{kind}: {count * len(CHANNELS)} × {SIDE}² regrouped, four channels to {mode}",
            max(found), "s", min(found), "the fastest", Target(limit), f"slowest of {rounds}",
            details={"all": found},
        )  # fmt: skip


def _check(viewer: Viewer, sources: Pixels, count: int) -> None:
    for number in range(0, count * len(CHANNELS), 7):
        t, at = divmod(number, len(CHANNELS))
        where = {"channel": CHANNELS[at], "t": t}
        found = viewer.read(source="plate", components=where, timeout=LIMIT)
        if not np.array_equal(np.squeeze(found), sources[number % SOURCES]):
            raise Wrong(f"{where} is not the image that was sent")
