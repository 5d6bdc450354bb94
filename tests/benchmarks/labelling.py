"""Case: what a plane of labels costs napari's window, by type."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.viewer import Viewer
from tests.benchmarks.arrays import Wrong
from tests.benchmarks.growing import Clock
from tests.benchmarks.painting import viewer_of
from tests.benchmarks.pixels import Effort
from tests.benchmarks.processes import LIMIT, median
from tests.benchmarks.report import Row

SIDE: Final = 2048
OBJECTS: Final = 16384
PLANES: Final = 12
TYPES: Final = {
    "2 bytes": ("u2", 1), "4 bytes": ("i4", 1), "8 bytes": ("i8", 1),
    "8 bytes, above 2¹⁶": ("i8", 1 << 10), "8 bytes, above 2³²": ("u8", 1 << 33),
}  # fmt: skip
"""Types, and what labels are multiplied by: napari draws small ones of any type fastest."""

START: Final = 2.0
"""Seconds until a viewer has settled."""

PAUSE: Final = 0.15
"""Seconds after each plane, in which it is painted."""


def one_plane(effort: Effort) -> Iterator[Row]:
    """Compare labels of 4 and 8 bytes with those of 2."""
    count = effort.of(PLANES)
    took: dict[str, list[float]] = {}
    for name, (dtype, times) in TYPES.items():
        with viewer_of("napari") as viewer:
            took[name] = _costs(viewer, _labels(dtype, times), count)
    how = "processor time of the window"
    first = [found[0] for found in took.values()]
    yield Row(
        f"napari: first labels of a viewer, {SIDE}²", median(first) * 1e3, "ms", None, "", None,
        how, details={"all": first},
    )  # fmt: skip
    for name, found in took.items():
        yield Row(
            f"napari: a plane of labels {SIDE}² of {name}", median(found[2:]) * 1e3, "ms",
            median(took["2 bytes"][2:]) * 1e3, "2 bytes", None, how, details={"all": found},
        )  # fmt: skip


def _labels(dtype: str, times: int) -> NDArray[Any]:
    """Return a plane of square objects with labels in any order."""
    numbers = np.random.default_rng(0).permutation(OBJECTS).astype(dtype) * times
    across = int(np.sqrt(OBJECTS))
    side = SIDE // across
    return numbers.reshape(across, across).repeat(side, axis=0).repeat(side, axis=1)


def _costs(viewer: Viewer, labels: NDArray[Any], count: int) -> list[float]:
    clock = Clock(viewer.state()["pid"], window=True)
    time.sleep(START)
    took = []
    for t in range(count):
        before = clock()
        delivery = viewer.show(labels, kind="labels", components={"t": t}, source="cells")
        delivery.wait(LIMIT, shown=True)
        time.sleep(PAUSE)
        took.append(clock() - before)
    found = viewer.read(source="cells", kind="labels", components={"t": count - 1}, timeout=LIMIT)
    if found.dtype != labels.dtype or not np.array_equal(np.squeeze(found), labels):
        raise Wrong("labels are not those that were sent")
    return took
