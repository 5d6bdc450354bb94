"""What does not fit Java's memory is told by name, and the viewer lives on."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pytest

import planecast as pc

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
