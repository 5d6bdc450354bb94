"""The canvas's OpenGL: kept current while layers are removed, and asked how much it can hold."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import Any, Final

from napari import Viewer
from qtpy.QtCore import QCoreApplication, QEvent, QObject, Qt
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget
from vispy.gloo import gl

REMOVING: Final = ("removing", "removed", "end_batch")
"""Events of ``viewer.layers`` around the moment in which napari frees a layer's GPU memory."""

LONGEST: Final = 0.25
"""Seconds for which a window is not drawn while layers are made."""

LONG_AGO: Final = 1.0


class ContextGuard(QObject):
    """Makes the canvas's context current before napari deletes OpenGL objects.

    napari 0.9 deletes buffers, textures and programs of a removed layer whatever context
    is current, and after a painting that is Qt's own. With Mesa's software renderer the
    next painting of a layer that was added after the removed one then ends the process
    (SIGSEGV in ``glDrawArrays``, PySide6 and PyQt6 alike), and with it the stream. Vendors'
    drivers are known for the same (napari's issues 5543, 6472 and 7345).

    It belongs to the canvas and lives as long.
    """

    def __init__(self, viewer: Viewer, canvas: QOpenGLWidget) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        for name in REMOVING:
            getattr(viewer.layers.events, name).connect(self._make_current, position="first")

    def _make_current(self, event: Any = None) -> None:
        try:
            self._canvas.makeCurrent()
        except RuntimeError:
            pass  # the window is gone, and nothing will be painted any more


class Curtain(QObject):
    """Keeps the picture of a window as it is while it is down; what came to be drawn comes after.

    Parameters
    ----------
    window
        Of the canvas; None for a viewer without one.
    """

    def __init__(self, window: QWidget | None) -> None:
        super().__init__(window)
        self._window = window
        self._down_at: float | None = None
        self._lifted_at = -inf
        self._first = False

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold back the event with which Qt draws a window; all that is to be drawn is in one."""
        return event is not None and event.type() == QEvent.Type.UpdateRequest

    def let_down(self) -> None:
        """Draw nothing from now on."""
        if self._window is not None and self._down_at is None:
            self._down_at = monotonic()
            self._first = self._down_at - self._lifted_at > LONG_AGO
            self._window.installEventFilter(self)

    def lift(self, *, more: bool = False) -> None:
        """Draw again, and what came meanwhile.

        Where more is to come it may stay down, for 0.25 s: with many layers to draw takes longer
        than to make one more. The first picture after a pause is drawn at once.
        """
        if self._window is None or self._down_at is None:
            return
        now = monotonic()
        if more and not self._first and now - self._down_at < LONGEST:
            return
        self._down_at, self._lifted_at = None, now
        self._window.removeEventFilter(self)
        low = Qt.EventPriority.LowEventPriority.value
        QCoreApplication.postEvent(self._window, QEvent(QEvent.Type.UpdateRequest), low)


def canvas_of(viewer: Viewer) -> QOpenGLWidget | None:
    """Return the canvas of a viewer with a window; public parts of napari lead to it."""
    middle = viewer.window.main_menu.window().centralWidget()
    return None if middle is None else middle.findChild(QOpenGLWidget)


def texture_limit(viewer: Viewer) -> int | None:
    """Return how many pixels the graphics card takes along a side; None where it does not tell."""
    canvas = canvas_of(viewer)
    if canvas is None:
        return None
    canvas.makeCurrent()
    limit = gl.glGetParameter(gl.GL_MAX_TEXTURE_SIZE)
    return int(limit) if limit else None


def guard_context(viewer: Viewer) -> None:
    """Give a viewer with a window its guard, once."""
    canvas = canvas_of(viewer)
    if canvas is not None and canvas.findChild(ContextGuard) is None:
        ContextGuard(viewer, canvas)
