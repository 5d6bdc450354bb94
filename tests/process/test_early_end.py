"""A viewer that is asked to end while it still starts: it does, and leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from streaming_core.fleet.registry import running
from streaming_core.network.endpoints import DATA_OFFSET, LOOPBACK, is_free
from streaming_core.testing import free_pair, poll_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

Stage = Callable[[psutil.Process], bool]


def begun(process: psutil.Process) -> bool:
    return True


def has_display(process: psutil.Process) -> bool:
    return any("Xvfb" in child.name() for child in process.children())


def has_loaded(library: str) -> Stage:
    return lambda process: any(library in file.path for file in process.memory_maps())


def can_be_found(process: psutil.Process) -> bool:
    return bool(list(running()))


STAGES: dict[str, tuple[str, str, Stage]] = {
    "fiji: begun": ("fiji_bridge", "--virtual", begun),
    "fiji: display": ("fiji_bridge", "--virtual", has_display),
    "fiji: Java": ("fiji_bridge", "--virtual", has_loaded("libjvm.so")),
    "fiji: window": ("fiji_bridge", "--virtual", has_loaded("libawt_xawt.so")),
    "fiji: found": ("fiji_bridge", "--virtual", can_be_found),
    "headless fiji: Java": ("fiji_bridge", "--headless", has_loaded("libjvm.so")),
    "headless fiji: found": ("fiji_bridge", "--headless", can_be_found),
    "napari: begun": ("napari_plugin", "--virtual", begun),
    "napari: display": ("napari_plugin", "--virtual", has_display),
    "napari: Qt": ("napari_plugin", "--virtual", has_loaded("libQt6Core")),
    "napari: OpenGL": ("napari_plugin", "--virtual", has_loaded("libGLX")),
    "napari: found": ("napari_plugin", "--virtual", can_be_found),
}
"""Viewer and moment -> module, option, and how to see that it has come so far."""


@pytest.mark.parametrize("name", STAGES)
def test_it_ends_at_once_and_leaves_nothing(name: str, run_folder: Path) -> None:
    module, option, reached = STAGES[name]
    pytest.importorskip({"fiji_bridge": "scyjava", "napari_plugin": "napari"}[module])
    port = free_pair()
    with subprocess.Popen(
        [sys.executable, "-P", "-E", "-m", module, "--port", str(port), option],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as viewer:  # fmt: skip
        process = psutil.Process(viewer.pid)
        poll_until(lambda: viewer.poll() is not None or reached(process), name, 60)
        assert viewer.poll() is None, viewer.communicate()[1]
        helpers = process.children(recursive=True)
        viewer.send_signal(signal.SIGTERM)
        log = viewer.communicate(timeout=10)[1]
    assert viewer.returncode in (0, -signal.SIGTERM), log
    assert is_free(LOOPBACK, port)
    assert is_free(LOOPBACK, port + DATA_OFFSET)
    assert not list(running())
    for helper in helpers:
        poll_until(lambda: not helper.is_running(), "what it started has ended", 10)  # noqa: B023
    left = {path.name for path in run_folder.iterdir()}
    # Keys are for those who wait for it to come back, the units for the next napari.
    assert {one for one in left if not one.startswith("units-")} <= {f"viewer-{port}.keys", "logs"}
    assert not Path(tempfile.gettempdir(), f".java_pid{viewer.pid}").exists()


BEFORE_ITS_LOOP = """
import os, signal, sys
import napari
run = napari.run
def run_late():
    os.kill(os.getpid(), int(sys.argv[2]))
    run()
napari.run = run_late
from napari_plugin.__main__ import main
sys.exit(main(["--virtual", "--port", sys.argv[1]]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_just_before_the_loop_of_napari_ends_it(number: signal.Signals) -> None:
    pytest.importorskip("napari")
    done = subprocess.run(
        [sys.executable, "-c", BEFORE_ITS_LOOP, str(free_pair()), str(int(number))],
        stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -number, done.stderr
    assert not list(running())


SWALLOWS = """
import os, signal, sys
import napari_plugin.__main__ as viewer
def swallow():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        import this
    except BaseException:
        pass
viewer.import_ahead = swallow
sys.exit(viewer.main(["--virtual", "--port", sys.argv[1]]))
"""


def test_ctrl_c_while_napari_is_imported_is_not_swallowed() -> None:
    pytest.importorskip("napari")
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWS, str(free_pair())],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGINT, done.stderr
