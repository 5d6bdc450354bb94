"""The dock widget *Planecast streams*: where this viewer is reached, what it holds and does."""

from __future__ import annotations

from typing import Any, Final

from napari.utils.notifications import show_warning
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QCheckBox,
    QDockWidget,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QStackedLayout,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_plugin.adapter import NapariAdapter, adapter_of
from napari_plugin.forms import MB, Modes, budget_form
from napari_plugin.listening import begin, end, listening_of
from napari_plugin.pages import LayersPage, button, row
from napari_plugin.tables import Programs
from streaming_core.errors import InvalidComponents
from streaming_core.memory.budget import Budget, say_bytes
from streaming_core.protocol.components import Mode

EVERY: Final = 500
"""Milliseconds between two looks at the figures, while the widget can be seen."""

FULL: Final = (
    "Beyond it programs wait, and nothing is lost. Clear or release what is not needed, set it "
    "higher, or let programs send with keep=N."
)

SILENT: Final = (
    "This napari receives no streams. Let it listen, and connect to it, "
    "or start one that does, in a terminal:\n\n"
    "  planecast napari\n\n"
    "or in Python:\n\n"
    "  import planecast\n"
    '  viewer = planecast.launch("napari")\n'
    "  viewer.show(image)"
)


class StreamsWidget(QWidget):
    """What this viewer receives; napari makes it from its menu, the viewer process by itself.

    Parameters
    ----------
    napari_viewer
        napari recognises the name and hands over its viewer.
    """

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._said: Budget | None = None
        self._dock: QDockWidget | None = None
        self._make_parts()
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._make_silent())
        self._stack.addWidget(self._make_streams())
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY)
        self._timer.timeout.connect(self.refresh)
        self.refresh()

    def sizeHint(self) -> QSize:
        """Small: the room belongs to the images."""
        return QSize(300, 420)

    def minimumSizeHint(self) -> QSize:
        """Small enough to stand under the layer list."""
        return QSize(180, 80)

    def showEvent(self, event: Any) -> None:
        """Look at the figures while they can be seen."""
        self._on_seen(True)
        dock = _dock_of(self)
        if dock is not None and dock is not self._dock:
            self._dock = dock
            dock.visibilityChanged.connect(self._on_seen)  # behind another tab it is not hidden
        super().showEvent(event)

    def hideEvent(self, event: Any) -> None:
        """Look no more."""
        self._on_seen(False)
        super().hideEvent(event)

    def refresh(self) -> None:
        """Bring all figures up to date."""
        adapter = adapter_of(self._viewer)
        self._stack.setCurrentIndex(0 if adapter is None else 1)
        if adapter is None:
            return
        layers = adapter.layers
        self._address.setText(adapter.address)
        self._stop.setVisible(listening_of(self._viewer) is not None)
        self._follow.setChecked(layers.sliders.follow)
        self._pause.setChecked(adapter.paused)
        self._pause.setText("Go on" if adapter.paused else "Pause")
        self._show_memory(adapter)
        self._programs.refresh(adapter.producers)
        self._layers.refresh(adapter)
        self._modes.refresh({name: str(mode) for name, mode in layers.modes().items()})

    def _show_memory(self, adapter: NapariAdapter) -> None:
        budget = self._budget()
        held, limit = (budget.held, budget.limit) if budget else (0, 1)
        self._memory.setValue(min(100, round(100 * held / limit)))
        self._memory.setFormat(f"{say_bytes(held)} of {say_bytes(limit)}" if budget else "")
        if budget is not None and budget is not self._said:
            self._said = budget  # what is typed meanwhile stays
            self._form.megabytes.value = max(1, budget.limit // MB)
        why = adapter.host.intake.why if adapter.host else ""
        self._why.setVisible(bool(why))
        if why:
            self._why.setText(f"Programs wait: {why}.")

    def _make_parts(self) -> None:
        self._address = QLineEdit()
        self._address.setReadOnly(True)
        self._copy = button("Copy", "Copy the address, for planecast.connect()", self._on_copy)
        self._stop = button("Stop", "Free the port; the layers stay", self._on_stop)
        self._memory = QProgressBar()
        self._memory.setRange(0, 100)
        self._why = QLabel()
        self._why.setWordWrap(True)
        self._pause = button("Pause", "Take no more images; nothing is lost", self._on_pause)
        self._pause.setCheckable(True)
        self._follow = QCheckBox("Follow the newest image")
        self._follow.setToolTip("Sliders go to the newest image until you move one")
        self._follow.clicked.connect(self._on_follow)
        self._programs = Programs()
        self._layers = LayersPage(lambda: adapter_of(self._viewer))
        self._modes = Modes(self._on_arrange)

    def _make_silent(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        words = QLabel(SILENT)
        words.setWordWrap(True)
        words.setAlignment(Qt.AlignmentFlag.AlignTop)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(words, stretch=1)
        column.addWidget(button("Listen for streams", "On a port of this machine", self._on_listen))
        return page

    def _make_streams(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        form = QFormLayout()
        form.setSpacing(6)
        form.addRow("Address", row(self._address, self._copy, self._stop))
        form.addRow("Memory", self._memory)
        column.addLayout(form)
        column.addWidget(self._why)
        column.addLayout(row(self._pause, self._follow))
        self._form = budget_form(self._budget)
        tabs = QTabWidget()
        tabs.setStyleSheet("QTabWidget::pane { border: 0; }")
        tabs.tabBar().setDrawBase(False)
        for title, words, content in (
            ("Layers", "What came, and what it holds", self._layers),
            ("Programs", "What sends, how fast, and what did not come", self._programs),
            ("Sliders", "What is a slider, and what makes layers", _at_top(self._modes)),
            ("Budget", "The memory that images may fill", _at_top(self._form.native, FULL)),
        ):
            tabs.setTabToolTip(tabs.addTab(content, title), words)
        column.addWidget(tabs, stretch=1)
        scroll = QScrollArea()  # where there is little room nothing is squeezed
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(page)
        return scroll

    def _budget(self) -> Budget | None:
        adapter = adapter_of(self._viewer)
        return adapter.host.intake.budget if adapter and adapter.host else None

    def _on_seen(self, seen: bool) -> None:
        if seen:
            self.refresh()
            self._timer.start()
        else:
            self._timer.stop()

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._address.text())

    def _on_listen(self) -> None:
        begin(self._viewer)
        self.refresh()

    def _on_stop(self) -> None:
        end(self._viewer)
        self.refresh()

    def _on_pause(self, checked: bool) -> None:
        adapter = adapter_of(self._viewer)
        if adapter is not None:
            adapter.paused = checked
            self.refresh()

    def _on_follow(self, checked: bool) -> None:
        adapter = adapter_of(self._viewer)
        if adapter is not None:
            adapter.layers.sliders.follow = checked

    def _on_arrange(self, name: str, mode: str) -> None:
        adapter = adapter_of(self._viewer)
        if adapter is not None:
            try:
                adapter.layers.arrange({name: Mode(mode)})
            except InvalidComponents as error:
                show_warning(str(error))
            self.refresh()


def _dock_of(widget: QWidget) -> QDockWidget | None:
    around = widget.parentWidget()
    while around is not None and not isinstance(around, QDockWidget):
        around = around.parentWidget()
    return around


def _at_top(content: QWidget, words: str = "") -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 4, 0, 0)
    column.addWidget(content)
    if words:
        label = QLabel(words)
        label.setWordWrap(True)
        column.addWidget(label)
    column.addStretch(1)
    return page
