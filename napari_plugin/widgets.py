"""The dock widget *Planecast streams*: where this viewer is reached, and what it holds."""

from __future__ import annotations

from typing import Any, Final

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedLayout,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_plugin.adapter import NapariAdapter, adapter_of
from napari_plugin.listening import begin, end, listening_of
from streaming_core.protocol.catalog import Group
from streaming_core.protocol.components import GroupKey

EVERY: Final = 500
"""Milliseconds between two looks at the figures, while the widget can be seen."""

SILENT: Final = (
    "This napari receives no streams. Let it listen, and connect to it, "
    "or start one that does, in a terminal:\n\n"
    "  planecast napari\n\n"
    "or in Python:\n\n"
    "  import planecast\n"
    '  viewer = planecast.launch("napari")\n'
    "  viewer.show(image)"
)

UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def say_bytes(number: float) -> str:
    """Return bytes in words for a person: "15.7 MB"."""
    for unit in UNITS[:-1]:
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} {UNITS[-1]}"


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
        self._rows: dict[GroupKey, QTreeWidgetItem] = {}
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
        return QSize(260, 220)

    def minimumSizeHint(self) -> QSize:
        """Small enough to stand under the layer list."""
        return QSize(180, 80)

    def showEvent(self, event: Any) -> None:
        """Look at the figures while they can be seen."""
        self.refresh()
        self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event: Any) -> None:
        """Look no more."""
        self._timer.stop()
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
        self._held.setText(say_bytes(layers.held))
        groups = layers.catalog.groups
        for key in [key for key in self._rows if key not in groups]:
            self._tree.takeTopLevelItem(self._tree.indexOfTopLevelItem(self._rows.pop(key)))
        for key, group in groups.items():
            self._show_row(adapter, key, group)
        self._clear.setEnabled(bool(groups))
        self._on_selected()

    def _make_parts(self) -> None:
        self._address = QLineEdit()
        self._address.setReadOnly(True)
        self._copy = QPushButton("Copy")
        self._copy.setToolTip("Copy the address, for planecast.connect()")
        self._copy.clicked.connect(self._on_copy)
        self._stop = QPushButton("Stop")
        self._stop.setToolTip("Free the port; the layers stay")
        self._stop.clicked.connect(self._on_stop)
        self._follow = QCheckBox("Follow the newest image")
        self._follow.setToolTip("Sliders go to the newest image until you move one")
        self._follow.clicked.connect(self._on_follow)
        self._held = QLabel()
        self._clear = QPushButton()
        self._clear.clicked.connect(self._on_clear)
        self._tree = QTreeWidget()
        self._tree.setHeaderLabels(["Layer", "Planes", "Memory"])
        self._tree.setRootIsDecorated(False)
        header = self._tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._tree.setUniformRowHeights(True)
        self._tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._tree.itemSelectionChanged.connect(self._on_selected)

    def _make_silent(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        words = QLabel(SILENT)
        words.setWordWrap(True)
        words.setAlignment(Qt.AlignmentFlag.AlignTop)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        listen = QPushButton("Listen for streams")
        listen.clicked.connect(self._on_listen)
        column.addWidget(words, stretch=1)
        column.addWidget(listen)
        return page

    def _make_streams(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        form = QFormLayout()
        address = QHBoxLayout()
        address.addWidget(self._address)
        address.addWidget(self._copy)
        address.addWidget(self._stop)
        form.addRow("Address", address)
        form.addRow("Memory held", self._held)
        column.addLayout(form)
        column.addWidget(self._follow)
        column.addWidget(self._tree, stretch=1)
        column.addWidget(self._clear)
        return page

    def _show_row(self, adapter: NapariAdapter, key: GroupKey, group: Group[Any]) -> None:
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = QTreeWidgetItem(self._tree)
            for column in (1, 2):
                row.setTextAlignment(column, Qt.AlignmentFlag.AlignRight)
        name = adapter.layers.layer_name(key)
        texts = (
            name or f"{key.title() or key.kind} (deleted)",
            str(len(group.planes)),
            say_bytes(len(group.planes) * group.plane_bytes),
        )
        for column, text in enumerate(texts):
            if row.text(column) != text:
                row.setText(column, text)

    def _source(self) -> str | None:
        """Source of the selected row; None when no row is selected."""
        chosen = self._tree.selectedItems()
        return next((key.source for key, row in self._rows.items() if row in chosen), None)

    def _on_selected(self) -> None:
        source = self._source()
        self._clear.setText("Clear all" if source is None else f"Clear source {source!r}")

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._address.text())

    def _on_listen(self) -> None:
        begin(self._viewer)
        self.refresh()

    def _on_stop(self) -> None:
        end(self._viewer)
        self.refresh()

    def _on_follow(self, checked: bool) -> None:
        adapter = adapter_of(self._viewer)
        if adapter is not None:
            adapter.layers.sliders.follow = checked

    def _on_clear(self) -> None:
        adapter = adapter_of(self._viewer)
        if adapter is not None:
            adapter.clear(self._source())
            self.refresh()
