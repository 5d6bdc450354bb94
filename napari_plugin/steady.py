"""What a stream must not do to the window around its images: have it laid out again and again."""

from __future__ import annotations

from typing import Any, Final

from napari.components import Dims
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QLabel, QMainWindow, QWidget

NUMBER: Final = "slice_label"
"""What napari calls the numbers beside its sliders."""

LATE: Final = 0.2
"""Seconds for which the status bar waits to be drawn with an image."""


class SteadyNumbers(QObject):
    """Gives the numbers beside the sliders a fixed height; napari has given them a fixed width.

    One of them says how long a stack is. Whenever it changes Qt would lay out what is around it,
    up to the docks, and draw the window once more, with each image of a stream. Of a label whose
    size is fixed nothing else depends.

    Parameters
    ----------
    window
        With the sliders of ``dims``.
    """

    def __init__(self, window: QWidget, dims: Dims) -> None:
        super().__init__(window)
        self._window = window
        self._dims = dims
        dims.events.ndim.connect(self._on_sliders, position="last")  # napari has made them anew
        self._on_sliders()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Fit a number into its label again when its font has changed."""
        if isinstance(watched, QLabel) and event and event.type() == QEvent.Type.FontChange:
            _fit(watched)
        return False

    def close(self) -> None:
        """Leave sliders alone that come from now on."""
        self._dims.events.ndim.disconnect(self._on_sliders)

    def _on_sliders(self, event: Any = None) -> None:
        for label in self._window.findChildren(QLabel, NUMBER):
            _fit(label)
            label.installEventFilter(self)


class SteadyStatus(QObject):
    """Has the status bar drawn together with the images of a stream, not once more after each.

    napari says there which value is under the mouse. A thread of its own finds it, so that it
    comes after the image is drawn, and Qt composes the whole window again: 4 to 9 ms with an
    OpenGL of software, as long as for the image. While images come it waits for the next one.

    Parameters
    ----------
    window
        With the status bar; one without, or none, is left alone.
    canvas
        Where the images are drawn.
    """

    def __init__(self, window: QWidget | None, canvas: QOpenGLWidget | None) -> None:
        super().__init__(window)
        self._bar = window.statusBar() if isinstance(window, QMainWindow) else None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(int(LATE * 1000))
        self._rest.timeout.connect(self._draw)
        if canvas is not None:
            canvas.frameSwapped.connect(self._on_drawn)

    def on_image(self) -> None:
        """Draw it with the image that is about to be drawn."""
        self._draw()
        self._rest.start()

    def close(self) -> None:
        """Draw it whenever it changes, from now on."""
        self._rest.stop()
        self._draw()

    def _draw(self) -> None:
        if self._bar is not None:
            self._bar.setUpdatesEnabled(True)

    def _on_drawn(self) -> None:
        if self._bar is not None and self._rest.isActive():
            self._bar.setUpdatesEnabled(False)


def _fit(label: QLabel) -> None:
    label.ensurePolished()
    label.setFixedHeight(label.sizeHint().height())
