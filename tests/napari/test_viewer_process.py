"""The viewer process: found, reached, and ended in every way, from another program."""

from __future__ import annotations

import os
import re
import signal
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import planecast as pc
from streaming_core.errors import InvalidComponents
from streaming_core.fleet.registry import find
from streaming_core.testing import free_pair, poll_until


@pytest.fixture
def viewer(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pc.Viewer]:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.delenv("NAPARI_CONFIG")
    launched = pc.launch("napari", free_pair(), virtual=True)
    connection = find(launched.port)
    assert connection is not None
    yield launched
    if connection.alive():
        os.kill(connection.pid, signal.SIGKILL)
        poll_until(lambda: not connection.alive(), "the viewer is gone")
    assert [path for path in home.rglob("*") if path.is_file()] == [], "napari's settings"


def test_a_plate_streams_into_a_viewer_of_its_own(
    viewer: pc.Viewer, caplog: pytest.LogCaptureFixture
) -> None:
    volume = np.random.default_rng(0).integers(0, 4000, (2, 3, 64, 80)).astype(np.uint16)
    for well in ("B02", "B03"):
        viewer.show(volume, axes="CZYX", components={"well": well, "channel": ["DAPI", "GFP"]})
    viewer.settle()
    got = viewer.read(components={"well": "B03", "channel": "GFP"})
    np.testing.assert_array_equal(got, volume[1])
    state = viewer.state()
    assert state["viewer_kind"] == "napari"
    assert [group["name"] for group in state["groups"]] == ["DAPI", "GFP"]
    viewer.expect({"well": np.array(["B02", "B03", "B04"]), "z": np.int64(5)})
    assert viewer.state()["expected"] == {"well": ["B02", "B03", "B04"], "z": [0, 1, 2, 3, 4]}
    viewer.arrange(well="split", channel="stack")
    assert [group["components"]["well"] for group in viewer.state()["groups"]] == [["B02"], ["B03"]]
    viewer.arrange(well="stack", channel="split")
    viewer.isolate(components={"channel": "GFP"})
    viewer.contrast((0, 4000), components={"channel": "GFP"})
    with pytest.raises(InvalidComponents):
        viewer.arrange(well="slider")  # type: ignore[arg-type]
    with pytest.raises(pc.RequestFailed, match="'wells'"):
        viewer.arrange(wells="split")
    with caplog.at_level("WARNING", "planecast.client"):
        viewer.arrange(plate="split")
        assert viewer.clear("typo") == 0
    assert f"port {viewer.port}>: arrange: no image has a component 'plate'" in caplog.text
    assert "clear: no source 'typo'" in caplog.text
    viewer.navigate(well="B02", z=1)
    assert viewer.screenshot(canvas=True)[..., :3].max() > 100
    assert viewer.clear() == 2
    assert viewer.state()["groups"] == []
    viewer.quit()
    assert pc.viewers() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(viewer: pc.Viewer, number: signal.Signals) -> None:
    viewer.show(np.zeros((64, 64), np.uint8))
    viewer.settle()
    connection = find(viewer.port)
    assert connection is not None
    os.kill(connection.pid, number)
    poll_until(lambda: not connection.alive(), "the viewer ends")
    poll_until(lambda: find(viewer.port) is None, "its connection file is gone")
    viewer.close(linger=0.0)


def test_a_notebook_shows_its_window_and_what_it_holds(viewer: pc.Viewer) -> None:
    viewer.show(np.zeros((3, 64, 80), "u2"), axes="ZYX", source="raw", components={"t": 1})
    viewer.settle()
    shown = viewer._repr_mimebundle_()
    assert shown["text/plain"] == repr(viewer)
    for words in ("raw", "t 1, z 3, Y 64, X 80", "uint16", "3 planes", "30.7 kB of"):
        assert words in shown["text/html"]
    data = re.search(r"data:image/png;base64,([^\"]+)", shown["text/html"])
    assert data is not None
    with Image.open(BytesIO(b64decode(data[1]))) as picture:
        assert picture.width > 500
        assert np.asarray(picture)[..., :3].std() > 10
    viewer.quit()
    gone = viewer._repr_mimebundle_()
    assert "text/html" not in gone
    assert gone["text/plain"].startswith(f"<planecast.Viewer napari, port {viewer.port}>: ")
