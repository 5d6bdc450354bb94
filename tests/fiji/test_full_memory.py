"""What does not fit Java's memory is told by name, and the viewer lives on."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

import planecast as pc
from streaming_core.testing import poll_until

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> Iterator[pc.Viewer]:
    """Start an ImageJ viewer with little memory: about 190 MB of it for images."""
    monkeypatch.setenv("PLANECAST_FIJI_MEMORY", "300m")
    with pc.launch("fiji", virtual=True) as viewer:
        yield viewer
        viewer.quit()


def lives(viewer: pc.Viewer) -> None:
    """Check that it shows the next image."""
    viewer.show(np.eye(50, dtype="u1"), source="next")
    viewer.settle(timeout=30)
    assert np.array_equal(viewer.read(source="next"), np.eye(50))
    viewer.screenshot(canvas=True)


@pytest.mark.parametrize("side", [11_000, 8_500])
def test_a_plane_that_does_not_fit_is_refused_by_name(viewer: pc.Viewer, side: int) -> None:
    # 242 MB; 145 MB, and as much for the holes
    viewer.show(np.zeros((side, side), "u2"), source="huge")
    with pytest.raises(pc.Undelivered, match=r"huge: it takes .*PLANECAST_FIJI_MEMORY"):
        viewer.flush()
    assert viewer.state()["groups"] == []
    lives(viewer)


def test_a_window_that_does_not_fit_is_told_and_its_planes_are_kept(
    viewer: pc.Viewer, caplog: pytest.LogCaptureFixture
) -> None:
    channels = np.empty((3, 6_500, 6_500), "u1")
    channels[:] = np.arange(3)[:, None, None]
    viewer.show(channels, axes="CYX", source="wide")  # 127 MB, and 170 MB for the picture of it
    with caplog.at_level(logging.WARNING):
        viewer.settle(timeout=60)
    assert "is not shown: ImageJ could not show it: Java's memory for images" in caplog.text
    assert np.array_equal(viewer.read(source="wide"), channels)
    viewer.clear()
    lives(viewer)


FILLS_MEMORY = {
    "an image": 'newImage("big", "32-bit black", 20000, 20000, 1);',
    "a stack": 'newImage("big", "32-bit black", 3000, 3000, 40);',
    "copies": 'for (i = 0; i < 100; i++) run("Duplicate...", "title=x duplicate");',
    "an array": "a = newArray(200000000);",
    "a larger stack": 'run("Size...", "width=30000 height=30000 depth=3 interpolation=None");',
}


def test_a_macro_for_which_there_is_no_memory_is_an_error_and_all_else_goes_on(
    viewer: pc.Viewer,
) -> None:
    stack = np.full((3, 1000, 1000), 3, "u2")
    viewer.show(stack, axes="ZYX", source="raw")
    viewer.settle(timeout=30)
    for code in FILLS_MEMORY.values():
        with pytest.raises(pc.MacroError, match=r"(?i)memory"):
            viewer.run_macro(code, timeout=30)
        closed = 'selectImage("raw"); close("\\\\Others"); return "" + nImages;'
        assert viewer.run_macro(closed).value == "1"
    assert np.array_equal(viewer.read(source="raw"), stack)
    lives(viewer)


def large(t: int) -> NDArray[np.uint16]:
    """Return an image of 18 MB: there is room for about 10 of them."""
    return np.full((3000, 3000), 1000 + t, np.uint16)


def test_producers_wait_for_room_in_java_and_clear_lets_them_go_on(
    viewer: pc.Viewer, caplog: pytest.LogCaptureFixture
) -> None:
    with pc.connect(viewer.port, stall=1.0) as producer:
        sent = [producer.show(large(t), components={"t": t}, source="old") for t in range(20)]
        poll_until(lambda: producer.state()["paused"], "it waits for its user", 60.0)
        state = producer.state()
        held, budget = state["memory"]["held"], state["memory"]["budget"]
        assert held <= budget < held + 2 * large(0).nbytes
        for words in ("full", "clear", "close images of yours", "PLANECAST_FIJI_MEMORY"):
            assert words in state["why"]
        with pytest.raises(pc.TimedOut):
            sent[-1].wait(2.5)  # longer than its stall: the clock stands
        assert state["why"] in " ".join(one.getMessage() for one in caplog.records)
        owned = sum(one.owned for one in sent)
        kept = producer.read(source="old")
        assert np.array_equal(kept, np.stack([large(t) for t in range(owned)]))
        producer.clear("old")
        producer.settle(timeout=60)
        rest = producer.read(source="old")
        assert np.array_equal(rest, np.stack([large(t) for t in range(owned, 20)]))
        assert not producer.state()["paused"]
        assert not producer.undelivered
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]
