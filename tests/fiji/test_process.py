"""The viewer process: found, used and ended like any other, or clear words why it cannot start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

import planecast as pc
from streaming_core import errors
from streaming_core.memory.leases import janitor
from streaming_core.testing import free_pair, poll_until

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")

QUITS_BY_ITSELF = """
import runpy, sys, threading
from fiji_bridge import jvm

def person():
    line = sys.stdin.readline()
    jvm.java("ij.IJ").getInstance().quit()  # File > Quit

threading.Thread(target=person, daemon=True).start()
sys.argv = ["fiji", "--virtual", "--port", "{port}"]
runpy.run_module("fiji_bridge", run_name="__main__")
"""

FAILS = """
import gc, runpy, sys, threading
from fiji_bridge.adapter import FijiAdapter
from streaming_core.stream.adapter import Arrival

def trouble():
    sys.stdin.readline()
    adapter = next(one for one in gc.get_objects() if isinstance(one, FijiAdapter))
    adapter.post(Arrival(None, None, print))  # what no program can send

threading.Thread(target=trouble, daemon=True).start()
sys.argv = ["fiji", "--headless", "--port", "{port}"]
runpy.run_module("fiji_bridge", run_name="__main__")
"""


SEGMENTS = """
import sys, planecast
planecast.connect({port}).progress("segment", done=3, total=96)
sys.stdin.readline()
"""


@pytest.fixture
def viewer() -> Iterator[pc.Viewer]:
    """Start an ImageJ viewer."""
    with pc.launch("fiji", virtual=True) as viewer:
        yield viewer
        if pc.viewers():
            viewer.quit()


def test_show_on_the_command_line_counts_what_is_there(viewer: pc.Viewer, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="the extra 'files' is not installed")
    deep = np.zeros((9, 9, 3), np.uint16)  # ImageJ has RGB of 8 bits alone
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb")
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((9, 9), np.uint16))
    program = str(Path(sys.executable).with_name("planecast"))
    command = [program, "show", str(tmp_path), "--to", "fiji"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "RGB in ImageJ has 8 bits a sample" in done.stderr
    assert f"1 plane of 2 files is in the fiji viewer on port {viewer.port}" in done.stdout
    assert sum(group["planes"] for group in viewer.state()["groups"]) == 1


def test_planes_stream_in_and_come_back_and_quit_leaves_nothing(viewer: pc.Viewer) -> None:
    volume = np.random.default_rng(1).integers(0, 60000, (2, 3, 64, 256), dtype="u2")
    for c, channel in enumerate(("DAPI", "GFP")):
        for z in (2, 0, 1):
            viewer.show(volume[c, z], components={"channel": channel, "z": z}, source="raw")
    viewer.settle(timeout=30)
    assert np.array_equal(viewer.read(source="raw"), volume)
    state = viewer.state()
    assert state["viewer_kind"] == "fiji"
    assert state["engine"].startswith("ImageJ 1.5")
    assert ", Java " in state["engine"]
    assert state["memory"]["held"] == volume.nbytes
    assert state["memory"]["budget"] > volume.nbytes
    (group,) = state["groups"]
    assert (group["planes"], group["missing"]) == (6, [])
    viewer.navigate(channel="GFP", z=2)
    picture = viewer.screenshot()
    assert picture.shape[2] == 3
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
    with pytest.raises(errors.RequestFailed, match="no z 9; there is: "):
        viewer.navigate(z=9)
    process = psutil.Process(state["pid"])
    viewer.quit()
    poll_until(lambda: not process.is_running(), "the process ended", 10)
    assert pc.viewers() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_frees_the_port(viewer: pc.Viewer, number: signal.Signals) -> None:
    viewer.show(np.ones((8, 200), "u1"))
    viewer.settle(timeout=30)
    process = psutil.Process(viewer.state()["pid"])
    displays = [child for child in process.children() if "Xvfb" in child.name()]
    assert len(displays) == 1
    process.send_signal(number)
    poll_until(lambda: not process.is_running(), "the process ended", 10)
    poll_until(lambda: not displays[0].is_running(), "its display ended", 10)
    assert pc.viewers() == []


def test_quitting_in_imagej_ends_it_like_any_other_way(run_folder: Path, tmp_path: Path) -> None:
    port = free_pair()
    process = subprocess.Popen(
        [sys.executable, "-c", QUITS_BY_ITSELF.format(port=port)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"_JAVA_OPTIONS": f"-Duser.home={tmp_path}"},  # where it saves settings
        text=True,
    )
    poll_until(lambda: bool(pc.viewers()), "the viewer is ready", 30)
    with pc.connect(port) as viewer:
        viewer.show(np.ones((8, 200), "u1"), components={"z": 0})
        viewer.settle(timeout=30)
    _, log = process.communicate("\n", timeout=20)
    assert process.returncode == 0
    assert "its user closed it" in log
    assert pc.viewers() == []


def test_a_viewer_whose_own_thread_fails_ends_instead_of_seeming_alive(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_pair()
    process = subprocess.Popen(
        [sys.executable, "-c", FAILS.format(port=port)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    poll_until(lambda: bool(pc.viewers()), "the viewer is ready", 30)
    with pc.connect(port) as viewer:
        viewer.show(np.ones((8, 9), "u1"))
        viewer.settle(timeout=30)
        _, log = process.communicate("\n", timeout=20)
        poll_until(lambda: "it failed, see its log" in caplog.text, "its program is told")
    assert "the bridge's own thread failed" in log
    assert pc.viewers() == []


def test_headless_keeps_and_returns_images_without_a_window() -> None:
    with pc.launch("fiji", headless=True) as viewer:
        stack = np.arange(2 * 3 * 8 * 9, dtype="f4").reshape(2, 3, 8, 9)
        viewer.show(stack, axes="CZYX")
        viewer.settle(timeout=30)
        assert np.array_equal(viewer.read(), stack)
        with pytest.raises(errors.RequestFailed, match="headless"):
            viewer.screenshot()
        with pytest.raises(errors.RequestFailed, match="headless"):
            viewer.navigate(z=1)
        assert viewer.state()["groups"][0]["window"] is False
        viewer.quit()


def test_a_java_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(errors.StartFailed, match=r"JAVA_HOME=.* there is no .*libjvm"):
        pc.launch("fiji", virtual=True)


def test_a_size_of_memory_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANECAST_FIJI_MEMORY", "lots")
    with pytest.raises(errors.InvalidSetting, match="PLANECAST_FIJI_MEMORY='lots'"):
        pc.launch("fiji", headless=True)


def test_a_port_that_another_program_has_is_named() -> None:
    port = free_pair()
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(errors.PortTaken, match=str(port)):
            pc.launch("fiji", port, virtual=True)


def test_a_display_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(errors.NoDisplay, match=":4711"):
        pc.launch("fiji")


def test_marks_come_as_images_do(viewer: pc.Viewer) -> None:
    viewer.show(np.zeros((16, 16), "u1"), source="raw")
    viewer.points([[1, 2]], source="spots")
    viewer.shapes([[[1, 2], [3, 4]]], shape="line", source="cells")
    viewer.tracks([[1, 0, 5, 5]], source="paths")
    viewer.flush()
    viewer.settle()
    state = viewer.state()
    assert [group["source"] for group in state["groups"]] == ["raw"]
    assert [(mark["source"], mark["windows"]) for mark in state["marks"]] == [
        ("spots", ["raw"]), ("cells", ["raw"]), ("paths", []),
    ]  # fmt: skip


def test_all_that_was_made_of_images_comes_back_to_the_program(viewer: pc.Viewer) -> None:
    volume = np.random.default_rng(4).integers(0, 60000, (3, 1024, 1024), dtype="u2")
    viewer.show(volume, axes="ZYX", source="raw")
    viewer.settle(timeout=30)
    done = viewer.run_macro(
        'run("Set Measurements...", "mean redirect=None decimal=3"); setSlice(2);'
        'makeOval(100, 200, 40, 20); roiManager("add"); run("Select None"); run("Measure");'
        'print("said"); run("Add...", "value=7 slice"); return "answer";'
    )
    assert (done.value, done.log) == ("answer", "said\n")
    assert done.table == viewer.results()
    assert done.table["Mean"] == [pytest.approx(volume[1].mean(), abs=0.001)]
    (drawn,) = viewer.annotations()
    assert (drawn["layer"], drawn["components"]) == ("ROI Manager", {"z": 1})
    assert (drawn["shapes"], done.rois[0]["shape"]) == (["ellipse"], "ellipse")
    for corners in (drawn["data"][0], done.rois[0]["data"]):
        assert corners.min(axis=0).tolist() == [199.5, 99.5]
        assert corners.max(axis=0).tolist() == [219.5, 139.5]
    volume[1] += 7
    assert np.array_equal(viewer.read(source="raw"), volume)
    top = viewer.active_image()
    assert (top.title, top.axes) == ("raw", "ZYX")
    assert np.array_equal(top.array, volume)


def test_progress_is_read_in_the_status_bar_until_its_program_goes(
    viewer: pc.Viewer, run_folder: Path
) -> None:
    def read() -> str:
        return viewer.run_macro('return call("ij.ImageJ.getStatusBarText");').value

    viewer.progress("upload", done=1)
    script = [sys.executable, "-c", SEGMENTS.format(port=viewer.port)]
    with subprocess.Popen(script, stdin=subprocess.PIPE) as other:
        poll_until(lambda: read() == "upload: 1 · segment: 3 of 96", "both are there")
        other.kill()
    poll_until(lambda: read() == "upload: 1", "that of the program that died is not")
    janitor(run_folder)  # as the next program does for one that was killed


def test_marks_need_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    with pc.launch("fiji", headless=True) as viewer:
        viewer.show(np.zeros((2, 16, 16), "u1"), axes="ZYX", source="raw")
        viewer.points([[1, 2]], components={"z": 1}, source="spots")
        viewer.settle()
        assert viewer.state()["marks"][0]["windows"] == ["raw"]
        viewer.quit()


def test_a_program_is_told_once_what_is_not_shown_as_it_was_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exact = np.arange(12, dtype="f8").reshape(3, 4)
    with pc.launch("fiji", headless=True) as viewer:
        viewer.show(exact, components={"t": 0}, source="raw")
        viewer.settle()
        assert not caplog.records
        for t in (1, 2):
            viewer.show(exact + 1e-12, components={"t": t}, source="raw")
        viewer.settle()
        assert np.array_equal(viewer.read(source="raw", components={"t": 2}), exact + 1e-12)
        for t in range(2):
            viewer.show(exact, components={"t": t}, source="hot", colormap="inferno")
        viewer.settle()
        said = [record.getMessage() for record in caplog.records]
        viewer.quit()
    inexact, colour = said
    assert "raw · t 1: ImageJ shows float64 as float32" in inexact
    assert "hot · t 0: ImageJ has no colour 'inferno', and takes its own; there is: " in colour


EXACT = {"?": 1, "u1": 255, "i1": -128, "u2": 65535, "i2": -32768, "f4": 0.1}
WIDE = {"i4": 2**24, "u4": 2**24, "i8": -(2**24), "u8": 2**24, "f8": 0.5}
"""The dtypes that ImageJ has no pixels for, and a value that float32 holds."""


def test_a_program_is_told_of_every_dtype_whose_values_are_not_exact(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pc.launch("fiji", headless=True) as viewer:
        for dtype, value in (EXACT | WIDE).items():
            viewer.show(np.full((3, 4), value, dtype), components={"t": 0}, source=dtype)
        viewer.settle()
        assert not caplog.records
        for dtype, value in WIDE.items():
            beyond = np.full((3, 4), value, dtype)
            beyond[1, 2] += np.array(1e-12 if dtype == "f8" else np.sign(value), dtype)
            viewer.show(beyond, components={"t": 1}, source=dtype)
            viewer.settle()
            assert np.array_equal(viewer.read(source=dtype, components={"t": 1}), beyond)
        said = [record.getMessage() for record in caplog.records]
        viewer.quit()
    for dtype, words in zip(WIDE, said, strict=True):
        assert f"{dtype} · t 1: ImageJ shows {np.dtype(dtype).name} as float32" in words


def test_a_program_is_told_once_that_imagej_shows_no_table_of_labels(
    caplog: pytest.LogCaptureFixture,
) -> None:
    labels, table = np.eye(9, dtype="u1"), {"label": [1], "area": [9.0]}
    with pc.launch("fiji", headless=True) as viewer:
        viewer.show(labels, kind="labels", components={"t": 0}, source="cells")
        viewer.settle()
        assert not caplog.records
        for t in (1, 2):
            viewer.show(labels, kind="labels", components={"t": t}, source="cells", features=table)
            viewer.settle()
        assert np.array_equal(
            viewer.read(source="cells", kind="labels", components={"t": 2}), labels
        )
        said = [record.getMessage() for record in caplog.records]
        viewer.quit()
    (warning,) = said
    assert "t 1: ImageJ has no place for the table of these labels" in warning


def test_a_program_is_told_which_labels_of_16_bits_have_no_colour_in_imagej(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pc.launch("fiji", headless=True) as viewer:
        for t, largest in enumerate((511, 600, 700)):
            labels = np.full((3, 4), largest, "u2")
            viewer.show(labels, kind="labels", components={"t": t}, source="cells")
            viewer.show(labels.astype("u4"), kind="labels", components={"t": t}, source="wide")
            viewer.settle()
        said = [record.getMessage() for record in caplog.records]
        viewer.quit()
    (warning,) = said
    assert "t 1: where labels of 16 bits go beyond 511 the least look like background" in warning


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8"])
def test_a_program_is_told_once_that_labels_below_0_look_like_background_in_imagej(
    dtype: str, caplog: pytest.LogCaptureFixture
) -> None:
    labels = np.arange(12, dtype=dtype).reshape(3, 4)
    with pc.launch("fiji", headless=True) as viewer:
        for t, lowest in enumerate((0, 1, 2)):
            labels = labels - np.array(lowest, dtype)
            viewer.show(labels, kind="labels", components={"t": t}, source="cells")
            viewer.settle()
        assert np.array_equal(
            viewer.read(source="cells", kind="labels", components={"t": 2}), labels
        )
        said = [record.getMessage() for record in caplog.records]
        viewer.quit()
    (warning,) = said
    assert "t 1: labels below 0 look like background in ImageJ" in warning
