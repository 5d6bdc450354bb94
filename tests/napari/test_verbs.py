"""Requests: state, screenshot, quit, and clear words for what cannot be done."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QMainWindow

from streaming_core.errors import RequestFailed
from tests.napari.feed import Stream


def test_state_of_an_empty_viewer(stream: Stream) -> None:
    state, _ = stream.ask("state")
    assert state == {
        "groups": [],
        "marks": [],
        "modes": {"channel": "split"},
        "unseen": ["channel"],
        "expected": {},
        "follow": True,
        "shown": {},
    }


def test_state_tells_what_is_there(stream: Stream) -> None:
    stream.show(
        np.zeros((2, 32, 48), np.uint16), "CYX", {"channel": ["DAPI", "GFP"], "t": 4}, source="raw"
    )
    stream.show(
        np.zeros((32, 48), np.uint16),
        components={"channel": "DAPI", "t": 6},
        source="raw",
        run="r2",
    )
    stream.settle()
    state, _ = stream.ask("state")
    assert state["shown"] == {"t": 6}
    assert state["groups"][0] == {
        "name": "raw · DAPI",
        "layer": "raw · DAPI",
        "source": "raw",
        "kind": "image",
        "run": "r2",
        "axes": ["t", "Y", "X"],
        "shape": [2, 32, 48],
        "dtype": "uint16",
        "components": {"channel": ["DAPI"], "t": [4, 6]},
        "planes": 2,
        "old": 1,
        "edited": 0,
        "holes": 0,
        "released": 0,
        "missing": [],
        "bytes": 2 * 32 * 48 * 2,
    }
    stream.viewer.layers[1].name = "mine"
    assert stream.ask("state")[0]["groups"][1]["layer"] == "mine"


def test_a_screenshot_of_the_window_has_more_than_the_canvas(stream: Stream) -> None:
    stream.show(np.full((40, 40), 200, np.uint8), contrast_limits=(0, 255))
    stream.settle()
    canvas = stream.canvas()
    _, window = stream.ask("screenshot", canvas=False)
    assert canvas.dtype == window.dtype == np.uint8
    assert canvas.ndim == window.ndim == 3
    assert window.shape[0] > canvas.shape[0]
    assert window.shape[1] > canvas.shape[1]
    for picture in (canvas, window):
        assert (picture[..., :3] == 200).all(axis=-1).any()


def test_unknown_verbs_and_arguments_get_words(stream: Stream) -> None:
    with pytest.raises(RequestFailed, match="source=7"):
        stream.ask("clear", source=7)
    with pytest.raises(RequestFailed, match="nothing is here"):
        stream.read()
    stream.show(np.zeros((8, 8), np.uint8))
    stream.show(np.ones((8, 8), np.uint8), source="cells", kind="labels")
    with pytest.raises(RequestFailed, match="cells: no kind 'image'; there is: 'labels'"):
        stream.read(source="cells")
    with pytest.raises(RequestFailed, match="'zeros' or 'raise'"):
        stream.read(missing="maybe")


def windows() -> int:
    shown = QApplication.topLevelWidgets()
    return sum(isinstance(one, QMainWindow) and one.isVisible() for one in shown)


def test_quit_answers_and_closes_the_window(fresh: Stream) -> None:
    fresh.show(np.zeros((8, 8), np.uint8))
    fresh.settle()
    before = windows()
    assert fresh.ask("quit")[0] == {}
    fresh.until(lambda: windows() == before - 1)
    assert fresh.told == [()]


def test_the_engine_names_what_runs_here(stream: Stream) -> None:
    assert stream.adapter.viewer_kind == "napari"
    assert stream.adapter.engine.startswith("napari 0.")
    assert "Qt" in stream.adapter.engine or "PySide" in stream.adapter.engine


def test_a_window_that_answers_has_no_age(stream: Stream) -> None:
    stream.adapter.gui_age()
    stream.until(lambda: stream.adapter.gui_age() == 0.0)


def test_a_window_that_does_not_answer_grows_old(stream: Stream) -> None:
    stream.adapter.gui_age()  # asks; nobody runs Qt's event loop before the next line
    assert stream.adapter.gui_age() > 0.0
