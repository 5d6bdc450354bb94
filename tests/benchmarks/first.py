"""Suite ``first``: what a person at the window waits for, in napari and in ImageJ."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

import planecast as pc
from streaming_core.stream.sessions import close_publisher
from tests.benchmarks.arrays import Wrong, make, whole
from tests.benchmarks.pixels import Effort
from tests.benchmarks.processes import LIMIT, child, line, median, percentile
from tests.benchmarks.report import Row, Target
from tests.benchmarks.weight import NEEDS, launch, start_time

SIDE: Final = 512
SOURCES: Final = 32
PLANES: Final = 1000
LAYERS: Final = 8
RATE: Final = 30.0


@dataclass(frozen=True, slots=True)
class Aims:
    """Targets of a viewer kind; None where there is none."""

    first: float | None
    all_shown: float | None
    half: float
    tail: float


AIMS: Final = {"napari": Aims(150.0, 2.0, 15.0, 40.0), "fiji": Aims(None, None, 30.0, 80.0)}


def first_light(kind: str, effort: Effort) -> Iterator[Row]:
    """Measure a viewer with a real window."""
    if find_spec(NEEDS[kind]) is None:
        yield Row(f"{kind}: everything", note="not installed")
        return
    yield from start_time(kind, effort)
    bare = _bare(effort.of(200)) if kind == "napari" else {}
    viewer = launch(kind)
    try:
        yield from _new_layers(viewer, AIMS[kind].first, bare)
        yield _flood(viewer, effort.of(PLANES), AIMS[kind].all_shown, min(3, effort.times))
        yield from _steady(viewer, effort.of(300), AIMS[kind], bare)
    finally:
        viewer.quit()
        close_publisher(linger=0.0)


def _bare(changes: int) -> dict[str, Any]:
    """Measure napari without Planecast."""
    with child("bare", "napari", "--changes", changes) as process:
        line(process)
        return dict(json.loads(line(process)))


def _new_layers(viewer: pc.Viewer, limit: float | None, bare: dict[str, Any]) -> Iterator[Row]:
    """Send the first image of several layers, and before them one to a viewer that just began."""
    sources, took = make(SIDE, SOURCES), []
    for number in range(1 + LAYERS):
        source = f"new {number}"
        began = time.perf_counter()
        words = {"t": 0, "z": number}
        viewer.show(sources[number], components=words, source=source).wait(LIMIT, shown=True)
        took.append((time.perf_counter() - began) * 1e3)
        _check(viewer, source, words, number)
    viewer.clear()
    kind, than = viewer.viewer_kind, "napari alone: add_image until drawn" * bool(bare)
    yardstick = bare["first"] * 1e3 if bare else None
    yield Row(
        f"{kind}: first image of all, the moment the viewer is ready", took[0], "ms", yardstick,
        than, None, "once",
    )  # fmt: skip
    yield Row(
        f"{kind}: first image of a new layer, show() → shown", max(took[1:]), "ms", yardstick,
        than, None if limit is None else Target(limit), f"slowest of {LAYERS}",
        details={"all": took[1:]},
    )  # fmt: skip


def _flood(viewer: pc.Viewer, count: int, limit: float | None, times: int) -> Row:
    """One layer, one plane after the other, as fast as they are taken."""
    sources = make(SIDE, SOURCES)
    owned, shown, copied = [], [], []
    for _ in range(times):
        began = time.perf_counter()
        for t in range(count):
            viewer.show(sources[t % SOURCES], components={"t": t, "z": 0}, source="flood")
        viewer.flush(LIMIT)
        owned.append(time.perf_counter() - began)
        viewer.settle(LIMIT)
        shown.append(time.perf_counter() - began)
        (group,) = viewer.state()["groups"]
        if group["planes"] != count:
            raise Wrong(f"{count} planes were sent, {group['planes']} are there")
        for t in range(count):
            _check(viewer, "flood", {"t": t, "z": 0}, t % SOURCES)
        viewer.clear()
        began = time.perf_counter()
        fresh = [np.array(sources[t % SOURCES]) for t in range(count)]
        copied.append(time.perf_counter() - began)
        del fresh
    return Row(
        f"{viewer.viewer_kind}: {count} × 512² one by one, all shown", min(shown), "s",
        min(copied), "copying them into fresh arrays", None if limit is None else Target(limit),
        f"least of {times}", details={"owned": owned, "shown": shown},
    )  # fmt: skip


def _steady(viewer: pc.Viewer, count: int, aims: Aims, bare: dict[str, Any]) -> Iterator[Row]:
    """One image every 33 ms into a layer that is there."""
    sources, took = make(SIDE, SOURCES), []
    first = {"t": 0, "z": 0}
    viewer.show(sources[0], components=first, source="live").wait(LIMIT, shown=True)
    due = time.perf_counter()
    for t in range(1, count + 1):
        due = max(due + 1 / RATE, time.perf_counter())
        time.sleep(max(0.0, due - time.perf_counter()))
        words, began = {"t": t, "z": t % SOURCES}, time.perf_counter()
        viewer.show(sources[t % SOURCES], components=words, source="live").wait(LIMIT, shown=True)
        took.append(time.perf_counter() - began)
    for t in range(0, count, 7):
        _check(viewer, "live", {"t": t, "z": t % SOURCES}, t % SOURCES)
    viewer.clear()
    measure = f"{viewer.viewer_kind}: show() → shown at 30 images/s, 512²"
    changes, than = bare.get("changes"), "napari alone: new pixels until drawn" * bool(bare)
    for word, percent, limit in (("p50", 50, aims.half), ("p99", 99, aims.tail)):
        yield Row(
            f"{measure}, {word}", percentile(took, percent) * 1e3, "ms",
            percentile(changes, percent) * 1e3 if changes else None, than, Target(limit),
            f"{count} images", details={"median": median(took) * 1e3, "worst": max(took) * 1e3},
        )  # fmt: skip


def _check(viewer: pc.Viewer, source: str, place: dict[str, Any], number: int) -> None:
    found = viewer.read(source=source, components=place)
    if not whole(np.squeeze(found), number):
        raise Wrong(f"{source} at {place} is not the image that was sent")


CASES: Final = {kind: partial(first_light, kind) for kind in AIMS}
