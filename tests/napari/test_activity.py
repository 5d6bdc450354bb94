"""Progress of a program is seen in napari's activity dock, and never makes the program wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QLabel, QProgressBar

import planecast as pc
from napari_plugin import listen
from tests.napari.program import Program


@pytest.fixture
def window(new_viewer: Callable[[], napari.Viewer]) -> napari.Viewer:
    return new_viewer()


@pytest.fixture
def viewer(window: napari.Viewer, program: Program) -> Iterator[pc.Viewer]:
    listening = listen(window)
    made = program(pc.connect, listening.port)
    yield made
    program(made.close, linger=0.0)
    listening.stop()


def bars(window: napari.Viewer) -> dict[str, tuple[int, int]]:
    """Return each bar on the screen: its words, where it stands, and its end."""
    main = window.window.main_menu.window()
    found = {}
    for bar in main.findChildren(QProgressBar):
        words = [one.text() for one in bar.parentWidget().findChildren(QLabel)]
        if words:
            found[words[0].removesuffix(": ")] = (bar.value(), bar.maximum())
    return found


def test_it_moves_and_goes_when_it_is_done(
    window: napari.Viewer, viewer: pc.Viewer, program: Program, qtbot: QtBot
) -> None:
    program(viewer.progress, "segment", done=3, total=96)
    program(viewer.progress, "share", done=0.25, total=0.5)
    program(viewer.progress, "search", done=7)
    expected = {"segment": (3, 96), "share": (500, 1000)}
    qtbot.waitUntil(lambda: expected.items() <= bars(window).items(), timeout=10000)
    qtbot.waitUntil(lambda: "search" in bars(window), timeout=10000)
    assert bars(window)["search"][1] == 0, "it only says that it goes on"
    program(viewer.progress, "segment", done=50, total=100)
    qtbot.waitUntil(lambda: bars(window)["segment"] == (50, 100), timeout=10000)
    program(viewer.progress, "segment", done=100, total=100)
    qtbot.waitUntil(lambda: "segment" not in bars(window), timeout=10000)
    assert "share" in bars(window)


def test_a_fast_loop_is_not_slowed_and_the_newest_counts(
    window: napari.Viewer, viewer: pc.Viewer, program: Program, qtbot: QtBot
) -> None:
    def loop() -> None:
        for done in range(5000):
            viewer.progress("fast", done=done, total=10_000)

    viewer.flush()
    loop()  # on the thread of the window itself: it cannot answer meanwhile
    assert bars(window) == {}
    qtbot.waitUntil(lambda: bars(window).get("fast") == (4999, 10_000), timeout=10000)


def test_bars_go_with_their_program(
    window: napari.Viewer, viewer: pc.Viewer, program: Program, qtbot: QtBot
) -> None:
    program(viewer.progress, "segment", done=3, total=96)
    qtbot.waitUntil(lambda: "segment" in bars(window), timeout=10000)
    program(viewer.close)
    qtbot.waitUntil(lambda: bars(window) == {}, timeout=10000)


def test_what_cannot_be_is_said_at_once(viewer: pc.Viewer) -> None:
    with pytest.raises(ValueError, match="name is a text"):
        viewer.progress("", done=1)


def test_images_and_progress_go_together(
    window: napari.Viewer, viewer: pc.Viewer, program: Program, qtbot: QtBot
) -> None:
    def work() -> None:
        for t in range(40):
            viewer.show(np.full((40, 40), t, "u1"), components={"t": t})
            viewer.progress("work", done=t, total=40)
        viewer.settle()

    program(work)
    qtbot.waitUntil(lambda: bars(window)["work"] == (39, 40), timeout=10000)
    assert program(viewer.state)["groups"][0]["planes"] == 40
