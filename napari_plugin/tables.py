"""The two tables of the widget *Planecast streams*: programs that send, and what they sent."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

from napari_plugin.layers import Layers
from streaming_core.memory.budget import say_bytes
from streaming_core.protocol.components import GroupKey

K = TypeVar("K", bound=Hashable)

LEAST: Final = 60
"""Height in pixels of a table at its smallest."""


COLUMNS: Final = (
    ("Program", "What sends, and the run that its images belong to"),
    ("/s", "Images in a second"),
    ("Wait", "Images that are here and not shown yet"),
    ("Lost", "Images that were not delivered"),
    ("Gaps", "Images that a viewer on this port had when it died"),
)


class Table(QTreeWidget, Generic[K]):
    """Rows by key, each changed in place: what is selected stays so.

    Parameters
    ----------
    headers
        Of the columns; the first one takes the room that is left, the others are numbers.
    """

    def __init__(self, headers: Sequence[str]) -> None:
        super().__init__()
        self._rows: dict[K, QTreeWidgetItem] = {}
        self.setHeaderLabels(list(headers))
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        header = self.header()
        header.setStyleSheet("QHeaderView::section { background: transparent; border: 0; }")
        for column in range(1, len(headers)):
            self.headerItem().setTextAlignment(column, Qt.AlignmentFlag.AlignRight)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def minimumSizeHint(self) -> QSize:
        """A row or two: the room belongs to the images."""
        return QSize(100, LEAST)

    def show_rows(self, rows: Iterable[tuple[K, Sequence[str]]]) -> None:
        """Bring the texts up to date; rows whose key is not named go."""
        gone = dict(self._rows)
        for key, texts in rows:
            gone.pop(key, None)
            row = self._rows.get(key)
            if row is None:
                row = self._rows[key] = QTreeWidgetItem(self)
                for column in range(1, len(texts)):
                    row.setTextAlignment(column, Qt.AlignmentFlag.AlignRight)
            for column, text in enumerate(texts):
                if row.text(column) != text:
                    row.setText(column, text)
                    row.setToolTip(column, text)
        for key, row in gone.items():
            del self._rows[key]
            self.takeTopLevelItem(self.indexOfTopLevelItem(row))

    def chosen(self) -> list[K]:
        """Keys of the selected rows."""
        selected = {id(row) for row in self.selectedItems()}
        return [key for key, row in self._rows.items() if id(row) in selected]


class Programs(Table[str]):
    """One row for each program that sends: its run, rate, and what did not come."""

    def __init__(self) -> None:
        super().__init__([name for name, _ in COLUMNS])
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        for column, (_, words) in enumerate(COLUMNS):
            self.headerItem().setToolTip(column, words)

    def refresh(self, producers: Iterable[Mapping[str, Any]]) -> None:
        """Show what ``state()["producers"]`` says."""
        self.show_rows(
            (
                one["sid"],
                [
                    f"{one['label'] or one['pid']}\nrun {one['run']}",
                    f"{one['rate']:g}",
                    *(str(one[name]) for name in ("backlog", "undelivered", "gaps")),
                ],
            )
            for one in producers
        )


class Groups(Table[GroupKey]):
    """One row for each group: its layer, planes and memory."""

    def __init__(self) -> None:
        super().__init__(["Layer", "Planes", "Memory"])

    def refresh(self, layers: Layers) -> None:
        """Show what the layers hold."""
        self.show_rows(
            (
                group.key,
                [
                    layers.layer_name(group.key) or _deleted(group.key),
                    str(len(group.planes)),
                    say_bytes(layers.held(group.key)),
                ],
            )
            for group in layers.groups()
        )


def _deleted(key: GroupKey) -> str:
    return f"{key.title() or key.kind} (deleted)"
