"""However a viewer ends, and whatever is open in it: its port is free, and nothing is left."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import numpy as np
import pytest

import planecast as pc
from streaming_core.network.endpoints import LOOPBACK, is_free
from streaming_core.testing import poll_until
from tests.fiji.screen import LIMIT, Screen

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have programs give up a viewer that died soon."""
    monkeypatch.setenv("PLANECAST_RESTART_GRACE", "0.5")


class Stream:
    """A program that sends image after image, until it is told to stop."""

    def __init__(self, port: int) -> None:
        self.viewer = pc.connect(port, stall=1.0)
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        poll_until(lambda: self.sent > 20, "images are sent", LIMIT)

    def _run(self) -> None:
        while not self._stop.is_set():
            plane = np.full((64, 256), self.sent % 65536, "u2")
            self.viewer.show(plane, components={"t": self.sent}, source="stream")
            self.sent += 1

    def end(self) -> None:
        """Stop, and see that the end of the viewer did not stop the program."""
        self._stop.set()
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()
        self.viewer.close(linger=0.0)


def end(screen: Screen, way: str) -> None:
    match way:
        case "quit":
            with pc.connect(screen.port) as viewer:
                viewer.quit()
        case "menu_quit" | "close":
            screen.does(way)
        case _:
            screen.process.send_signal(signal.Signals[way])


@pytest.mark.parametrize("way", ["menu_quit", "close", "SIGTERM", "SIGINT", "quit"])
def test_it_ends_with_painted_images_and_threads_that_hang_while_images_come(
    screen: Screen, run_folder: Path, way: str
) -> None:
    with pc.connect(screen.port) as viewer:
        viewer.show(np.zeros((64, 256), "u1"), source="painted")
        viewer.settle(timeout=30)
    stream = Stream(screen.port)
    screen.does("paint", "hang_threads")
    end(screen, way)
    assert "the viewer ends: " in screen.log()
    assert screen.process.returncode == 0
    screen.leaves_nothing(run_folder)
    stream.end()


@pytest.mark.parametrize("way", ["SIGTERM", "quit"])
@pytest.mark.parametrize("block", ["open_dialog", "hang_window"])
def test_it_ends_though_its_windows_are_blocked(
    screen: Screen, run_folder: Path, block: str, way: str
) -> None:
    with pc.connect(screen.port) as viewer:
        viewer.show(np.zeros((64, 256), "u1"))
        viewer.settle(timeout=30)
        screen.does(block)
        viewer.show(np.ones((64, 256), "u1"))
        viewer.flush()
        end(screen, way)
        screen.log()
    assert screen.process.returncode == 0
    screen.leaves_nothing(run_folder)


def test_it_is_killed_while_images_come_and_its_port_is_free_at_once(
    impatient: None, screen: Screen, run_folder: Path
) -> None:
    stream = Stream(screen.port)
    screen.process.kill()
    screen.process.wait(LIMIT)
    assert is_free(LOOPBACK, screen.port)
    stream.end()
    with pc.launch("fiji", screen.port, headless=True) as viewer:
        assert viewer.state()["groups"] == []
        viewer.quit()
    screen.leaves_nothing(run_folder)


def test_it_asks_about_a_persons_own_image_and_lives_on_meanwhile(
    screen: Screen, run_folder: Path
) -> None:
    with pc.connect(screen.port) as viewer:
        viewer.show(np.zeros((64, 256), "u1"))
        viewer.settle(timeout=30)
        screen.does("duplicate", "menu_quit", "wait_for_question")
        assert viewer.state()["groups"][0]["planes"] == 1
    screen.does("do_not_save")
    assert "its user closed it" in screen.log()
    screen.leaves_nothing(run_folder)


@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "quit"])
def test_without_a_window_it_ends_like_any_other(
    tmp_path: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    screen = Screen(tmp_path, "--headless")
    volume = np.arange(3 * 8 * 9, dtype="f4").reshape(3, 8, 9)
    with pc.connect(screen.port) as viewer:
        viewer.show(volume, axes="ZYX")
        viewer.settle(timeout=30)
        assert np.array_equal(viewer.read(), volume)
    screen.does("hang_threads")
    end(screen, way)
    assert "the viewer ends: " in screen.log()
    assert screen.process.returncode == 0
    screen.leaves_nothing(run_folder)
