"""A real napari window on the screen, fed by a producer."""

from __future__ import annotations

import gc
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

# Before napari is imported: its test fixture would else reset the settings of the user, and
# qtpy would take another binding than pytest-qt when there are two.
os.environ["NAPARI_CONFIG"] = ""
os.environ.setdefault("QT_API", "pyside6")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of napari's own imports
    import napari
    import scipy.ndimage  # noqa: F401
    import xarray  # noqa: F401
    from qtpy.QtWidgets import QApplication

    from napari_plugin.adapter import NapariAdapter
    from napari_plugin.widgets import StreamsWidget
    from tests.napari.feed import Stream
    from tests.napari.program import Program


@pytest.fixture(scope="session")
def window(qapp_cls: Any) -> Iterator[napari.Viewer]:
    """One napari window for most tests: a new one takes longer than what they do with it."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(700, 520)
    gc.collect()
    gc.freeze()  # napari collects garbage whenever a layer goes: 0.2 s each time otherwise
    yield viewer
    viewer.close()


@pytest.fixture
def stream(window: napari.Viewer, qtbot: QtBot) -> Iterator[Stream]:
    """A napari window on the screen that receives; empty, and looking at the start."""
    feed = Stream(NapariAdapter(window), window, qtbot)
    yield feed
    window.layers.clear()
    feed.close()
    window.dims.ndisplay = 2
    window.scene.camera.angles = (0, 0, 90)
    window.canvas.overlays.scale_bar.visible = False
    qtbot.wait(1)  # what Qt deletes later goes
    assert no_threads()


@pytest.fixture
def new_viewer(window: napari.Viewer, qtbot: QtBot) -> Iterator[Callable[[], napari.Viewer]]:
    """Make windows that end with the test; nothing of them may be seen then, or be ours."""
    before = set(map(id, QApplication.topLevelWidgets()))
    viewers: list[napari.Viewer] = []

    def make() -> napari.Viewer:
        viewers.append(napari.Viewer(show=True, show_welcome_screen=False))
        return viewers[-1]

    yield make
    for viewer in viewers:
        viewer.close()
    viewers.clear()

    def left() -> list[object]:
        gc.collect()
        new = [one for one in QApplication.topLevelWidgets() if id(one) not in before]
        return [one for one in new if one.isVisible() or isinstance(one, StreamsWidget)]

    qtbot.waitUntil(lambda: not left(), timeout=5000)


@pytest.fixture
def fresh(new_viewer: Callable[[], napari.Viewer], qtbot: QtBot) -> Iterator[Stream]:
    """A window of its own that receives."""
    viewer = new_viewer()
    feed = Stream(NapariAdapter(viewer), viewer, qtbot)
    yield feed
    feed.close()
    assert no_threads()


@pytest.fixture
def program(qtbot: QtBot) -> Iterator[Program]:
    """A program on a thread of its own, that streams to a napari which listens."""
    made = Program(qtbot)
    yield made
    made.close()


def no_threads() -> bool:
    return not any(thread.name.startswith("planecast") for thread in threading.enumerate())
