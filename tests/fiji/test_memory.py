"""Memory of a Fiji viewer: not more than it shows, and given back when that is cleared."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import psutil
import pytest

import planecast as pc
from streaming_core.testing import poll_until
from tests.process.programs.stage import python_that

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")

MIB = 1 << 20
SIDE = 1024
PLANE = 2 * SIDE**2
GROWING = """
import gc, os
import numpy as np
from fiji_bridge import jvm
jvm.start(headless=True)
planes, others = [], []
for _ in range(10):
    planes += [jvm.to_java("short", np.ones(1 << 19, "u2")) for _ in range(80)]
    others += [bytes(1000) for _ in range(20_000)]
    gc.collect()
beans = jvm.java("java.lang.management.ManagementFactory").getGarbageCollectorMXBeans()
print(sum(bean.getCollectionCount() for bean in beans), flush=True)
os._exit(0)
"""
"""Keeps 800 MB of planes in Java, and 200 MB in Python, which collects garbage now and then."""

REPLACING = """
import os
import numpy as np
from fiji_bridge import jvm
jvm.start(headless=True)
ring = [None] * 2000
for number in range(30_000):
    ring[number % len(ring)] = jvm.to_java("short", np.ones(1 << 14, "u2"))
print(jvm.java("java.lang.Runtime").getRuntime().totalMemory(), flush=True)
os._exit(0)
"""
"""Keeps 64 MB of small planes in Java and replaces each 15 times."""

REST = 40.0
"""Seconds within which a viewer is at rest and has given back what it had, on a busy machine."""


SOON = "from fiji_bridge import heap; heap.REST = 2.0"
"""A viewer that is at rest after 2 s without images, not after 10."""


@pytest.fixture
def viewer() -> Iterator[pc.Viewer]:
    with pc.launch("fiji", headless=True) as viewer:
        yield viewer
        viewer.quit()


@pytest.fixture
def soon_at_rest(tmp_path: Path) -> Iterator[pc.Viewer]:
    with pc.launch("fiji", headless=True, python=python_that(SOON, tmp_path)) as viewer:
        yield viewer
        viewer.quit()


def taken(viewer: pc.Viewer) -> int:
    """Bytes that are the viewer's alone."""
    return int(psutil.Process(viewer.state()["pid"]).memory_full_info().uss)


def show(viewer: pc.Viewer, number: int, source: str = "images") -> None:
    for t in range(number):
        viewer.show(np.full((SIDE, SIDE), t, "u2"), components={"t": t}, source=source)
    viewer.settle(timeout=30)


def test_a_viewer_takes_little_more_than_it_shows(viewer: pc.Viewer) -> None:
    before = taken(viewer)
    viewer.expect({"t": range(400)})
    show(viewer, 200)
    assert taken(viewer) < before + 1.2 * 200 * PLANE


def test_it_grows_with_few_pauses() -> None:
    script = [sys.executable, "-c", GROWING]
    ran = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60)
    assert int(ran.stdout) <= 6  # collections of everything; JPype would ask for ten more


def test_small_images_that_are_replaced_do_not_fill_the_memory() -> None:
    script = [sys.executable, "-c", REPLACING]
    ran = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60)
    assert int(ran.stdout) < 600 * MIB  # of 940 MB that were sent, were none given back


def test_what_is_cleared_goes_back_to_the_system(soon_at_rest: pc.Viewer) -> None:
    viewer = soon_at_rest
    before = taken(viewer)
    show(viewer, 400)
    viewer.clear()
    poll_until(lambda: taken(viewer) < before + 0.2 * 400 * PLANE, "it is given back", REST)


def test_of_what_is_kept_as_much_stays_as_it_needs(soon_at_rest: pc.Viewer) -> None:
    viewer = soon_at_rest
    before = taken(viewer)
    show(viewer, 100, "kept")
    show(viewer, 300, "cleared")
    viewer.clear("cleared")
    poll_until(lambda: taken(viewer) < before + 1.5 * 100 * PLANE, "the rest is given back", REST)
    found = viewer.read(source="kept")
    assert [np.unique(plane).tolist() for plane in found] == [[t] for t in range(100)]


def test_memory_that_was_let_go_of_is_used_again(viewer: pc.Viewer) -> None:
    show(viewer, 1)
    before = taken(viewer)
    for _ in range(4):
        viewer.clear()
        show(viewer, 200)
        assert taken(viewer) < before + 1.5 * 200 * PLANE
    shown = count()
    assert all(np.all(plane == next(shown)) for plane in viewer.read())
