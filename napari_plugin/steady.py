"""What a stream must not do to the window around its images: have it laid out again and again."""

from __future__ import annotations

from typing import Any, Final

from napari.components import Dims
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QLabel, QWidget

NUMBER: Final = "slice_label"
"""What napari calls the numbers beside its sliders."""


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


def _fit(label: QLabel) -> None:
    label.ensurePolished()
    label.setFixedHeight(label.sizeHint().height())
