"""Memory of a Fiji viewer: prepared for what is announced, and given back when it is cleared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import psutil
import pytest

import planecast as pc
from streaming_core import errors
from streaming_core.testing import poll_until

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")

MIB = 1 << 20
SIDE = 1024
PLANE = 2 * SIDE**2


@pytest.fixture
def viewer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[pc.Viewer]:
    """Start a viewer with this much in reserve."""
    monkeypatch.setenv("PLANECAST_FIJI_RESERVE", request.param)
    with launched() as viewer:
        yield viewer


@contextmanager
def launched() -> Iterator[pc.Viewer]:
    with pc.launch("fiji", headless=True) as viewer:
        yield viewer
        viewer.quit()


def taken(viewer: pc.Viewer) -> int:
    """Bytes that are the viewer's alone."""
    return int(psutil.Process(viewer.state()["pid"]).memory_full_info().uss)


def show(viewer: pc.Viewer, numbers: range) -> None:
    for t in numbers:
        viewer.show(np.full((SIDE, SIDE), t, "u2"), components={"t": t})
    viewer.settle(timeout=30)


@pytest.mark.parametrize("viewer", ["0"], indirect=True)
def test_what_is_cleared_goes_back_to_the_system(viewer: pc.Viewer) -> None:
    show(viewer, range(400))
    full = taken(viewer)
    viewer.clear()
    poll_until(lambda: taken(viewer) < full - 200 * PLANE, "half of it is given back", 20)


@pytest.mark.parametrize("viewer", ["64m"], indirect=True)
def test_memory_is_prepared_for_what_is_announced_up_to_the_limit(viewer: pc.Viewer) -> None:
    viewer.expect({"t": range(60)})
    before = taken(viewer)
    show(viewer, range(1))
    poll_until(lambda: taken(viewer) > before + 50 * MIB, "memory is prepared", 20)
    assert taken(viewer) < before + 64 * MIB + 24 * MIB  # and what showing takes
    show(viewer, range(1, 60))
    found = viewer.read()
    assert [np.unique(plane).tolist() for plane in found] == [[t] for t in range(60)]


@pytest.mark.parametrize("viewer", ["0"], indirect=True)
def test_nothing_is_prepared_where_that_is_wished(viewer: pc.Viewer) -> None:
    viewer.expect({"t": range(60)})
    show(viewer, range(1))
    before = taken(viewer)
    show(viewer, range(1, 2))
    assert taken(viewer) < before + 24 * MIB
    assert np.array_equal(viewer.read(components={"t": 1}), np.full((SIDE, SIDE), 1, "u2"))


def test_a_reserve_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANECAST_FIJI_RESERVE", "much")
    with pytest.raises(errors.InvalidSetting, match="PLANECAST_FIJI_RESERVE='much'"):
        pc.launch("fiji", headless=True)
