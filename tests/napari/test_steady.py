"""What is around the images does not stir while they come."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QLabel, QWidget
from vispy.gloo import gl

from napari_plugin.gl import canvas_of
from tests.napari.feed import Stream


class Layouts(QObject):
    """Counts how often a widget lays out what is in it."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        self.count += event is not None and event.type() == QEvent.Type.LayoutRequest
        return False


def window_of(stream: Stream) -> QWidget:
    canvas = canvas_of(stream.viewer)
    assert canvas is not None
    return canvas.window()


def numbers(stream: Stream) -> list[QLabel]:
    found = window_of(stream).findChildren(QLabel, "slice_label")
    return [label for label in found if label.isVisible()]


@pytest.fixture
def large_font() -> Iterator[None]:
    appearance = get_settings().appearance
    before = appearance.font_size
    yield
    appearance.font_size = before


def test_a_stack_that_grows_does_not_have_the_window_laid_out_anew(stream: Stream) -> None:
    def show(z: int) -> None:
        stream.show(np.full((8, 8), z, np.uint8), components={"z": z})
        stream.settle()

    for z in range(12):
        show(z)
    layouts = Layouts(window_of(stream))
    for z in range(12, 40):
        show(z)
    assert [one.text() for one in numbers(stream)] == ["39"]
    assert layouts.count < 4  # what the first ones asked for may come late


def test_another_text_on_the_canvas_needs_no_other_program_for_the_graphics_card(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, built = gl.glLinkProgram, []

    def count(handle: int) -> None:
        built.append(handle)
        link(handle)

    def show(t: int) -> None:
        stream.show(np.full((8, 8), t, np.uint16), components={"t": t}, contrast_limits=(0, 9))
        stream.settle()
        stream.canvas()

    monkeypatch.setattr(gl, "glLinkProgram", count)
    for t in range(3):
        show(t)
    assert stream.viewer.canvas.overlays.text.visible
    built.clear()
    for t in (10, 200, 3000, 40000):
        show(t)
        assert stream.viewer.canvas.overlays.text.text == f"t {t}"
    assert built == []


def test_the_status_bar_is_drawn_with_the_images_and_not_after_each(stream: Stream) -> None:
    canvas, frames = canvas_of(stream.viewer), []
    assert canvas is not None
    canvas.frameSwapped.connect(lambda: frames.append(0))

    def show(t: int) -> None:
        stream.show(np.full((8, 8), t, np.uint8), components={"t": t}, contrast_limits=(0, 9))
        stream.settle()
        stream.viewer.status = f"value {t}"
        stream.qtbot.wait(25)  # the pace of the stream

    for t in range(5):
        show(t)
    frames.clear()
    for t in range(5, 35):
        show(t)
    assert 20 <= len(frames) < 45
    seen = len(frames)
    stream.until(lambda: len(frames) > seen)  # its last text, when the stream rests
    (text,) = [one for one in window_of(stream).findChildren(QLabel) if "value 34" in one.text()]
    assert text.isVisible()
    assert text.updatesEnabled()


def test_a_larger_font_fits_the_numbers_beside_the_sliders(
    stream: Stream, large_font: None
) -> None:
    for z in range(2):
        stream.show(np.full((8, 8), z, np.uint8), components={"z": z})
    stream.settle()
    (number,) = numbers(stream)
    before = number.height()
    get_settings().appearance.font_size = 20
    stream.until(lambda: number.height() >= number.fontMetrics().height() > before)
