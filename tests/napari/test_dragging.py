"""A person drags sliders and contrast with the mouse while images arrive.

10 seconds of it, or as long as ``--drag SECONDS`` says.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from time import monotonic

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QScrollBar, QWidget
from superqt import QDoubleRangeSlider

from tests.napari.feed import Stream

NO, LEFT = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton
CHANNELS = ("DAPI", "GFP")


class Person:
    """Presses the mouse on a widget, drags it to and fro, and lets go; on a thread of its own."""

    def __init__(self, widgets: list[QWidget]) -> None:
        self._widgets = widgets
        self._random = Random(7)  # noqa: S311
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="person")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            widget = self._random.choice(self._widgets)
            x = self._random.random()
            self._mouse(widget, QEvent.Type.MouseButtonPress, x, LEFT, LEFT)
            for _ in range(self._random.randrange(3, 12)):
                x = min(max(x + self._random.uniform(-0.2, 0.2), 0.02), 0.98)
                self._mouse(widget, QEvent.Type.MouseMove, x, NO, LEFT)
                self._stop.wait(0.015)  # a hand is not faster
            self._mouse(widget, QEvent.Type.MouseButtonRelease, x, LEFT, NO)

    def _mouse(
        self, widget: QWidget, kind: QEvent.Type, x: float, button: Qt.MouseButton,
        buttons: Qt.MouseButton,
    ) -> None:  # fmt: skip
        at = QPointF(x * widget.width(), widget.height() / 2)
        everywhere = QPointF(widget.mapToGlobal(QPoint(int(at.x()), int(at.y()))))
        event = QMouseEvent(kind, at, everywhere, button, buttons, Qt.KeyboardModifier.NoModifier)
        QApplication.postEvent(widget, event)  # the one call that any thread may make


@contextmanager
def person(*widgets: QWidget) -> Iterator[None]:
    hand = Person(list(widgets))
    try:
        yield
    finally:
        hand.stop()


def send(stream: Stream, t: int) -> None:
    for at, channel in enumerate(CHANNELS):
        for z in range(3):
            plane = np.full((64, 64), (31 * t + 7 * z + at) % 200 + 20, np.uint8)
            stream.show(plane, components={"t": t, "z": z, "channel": channel})


def test_a_person_and_a_stream_do_not_disturb_each_other(
    stream: Stream, request: pytest.FixtureRequest
) -> None:
    for t in range(12):
        send(stream, t)
    stream.settle()
    viewer, main = stream.viewer, stream.viewer.window.main_menu.window()
    layer = viewer.layers[0]
    assert isinstance(layer, Image)
    viewer.layers.selection.active = layer
    sliders = [
        one for one in main.findChildren(QScrollBar) if one.isVisible() and one.width() > 100
    ]
    contrast = [one for one in main.findChildren(QDoubleRangeSlider) if one.isVisible()]
    assert len(sliders) == 2, "t and z"
    assert len(contrast) == 1
    places: set[tuple[int, ...]] = set()
    limits: set[tuple[float, ...]] = set()
    t, end = 12, monotonic() + float(request.config.getoption("--drag"))
    with person(*sliders, *contrast):
        while monotonic() < end:
            send(stream, t)
            stream.settle()  # Qt's events, those of the mouse too, have their turn in here
            places.add(viewer.dims.current_step[:2])
            limits.add(tuple(layer.contrast_limits))
            t += 1
    stream.qtbot.wait(1)  # what the mouse did last has its turn in Qt
    assert len(places) > 5
    assert len(limits) > 5
    assert not stream.ask("state")[0]["follow"]

    where, contrast_then = viewer.dims.current_step, tuple(layer.contrast_limits)
    shown = stream.ask("state")[0]["shown"]
    for more in range(t, t + 20):
        send(stream, more)
    stream.settle()
    assert viewer.dims.current_step == where
    assert tuple(layer.contrast_limits) == contrast_then
    assert stream.ask("state")[0]["shown"] == shown

    groups = stream.ask("state")[0]["groups"]
    assert [group["planes"] for group in groups] == [3 * (t + 20)] * 2
    stream.ask("contrast", limits=[0, 255])
    stream.ask("isolate", components={"channel": "GFP"})
    viewer.layers[1].colormap = "gray"
    for at in (0, t // 2, t + 19):
        stream.ask("navigate", components={"t": at, "z": 2})
        assert stream.pixel(32, 32) == ((31 * at + 15) % 200 + 20,) * 3
