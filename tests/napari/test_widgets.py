"""The dock widget says what is there, and its controls work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QCheckBox, QDockWidget, QLabel, QLineEdit, QPushButton, QWidget

from napari_plugin.__main__ import add_streams
from napari_plugin.gl import canvas_of
from napari_plugin.tables import Groups
from napari_plugin.widgets import StreamsWidget
from tests.napari.feed import Stream


@pytest.fixture
def widget(fresh: Stream) -> StreamsWidget:
    fresh.adapter.address = "127.0.0.1:5555"
    made = StreamsWidget(fresh.viewer)
    fresh.viewer.window.add_dock_widget(made, name="Planecast streams")
    return made


def part(widget: QWidget, kind: type[Any]) -> Any:
    return next(one for one in widget.findChildren(kind) if one.isVisible())


def groups(widget: QWidget) -> Groups:
    return cast("Groups", widget.findChild(Groups))


def button(widget: QWidget, word: str) -> QPushButton:
    return next(one for one in widget.findChildren(QPushButton) if word in one.text())


def rows(widget: QWidget) -> list[tuple[str, ...]]:
    tree = groups(widget)
    items = [tree.topLevelItem(at) for at in range(tree.topLevelItemCount())]
    return [tuple(item.text(column) for column in range(3)) for item in items if item]


class FirstSight(QObject):
    """What the list of layers says when it is painted next."""

    def __init__(self, widget: StreamsWidget) -> None:
        super().__init__(widget)
        self.rows: list[tuple[str, ...]] | None = None
        self._widget = widget
        groups(widget).viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if self.rows is None and event is not None and event.type() == QEvent.Type.Paint:
            self.rows = rows(self._widget)
        return False


def test_it_shows_address_groups_and_memory(fresh: Stream, widget: StreamsWidget) -> None:
    for z in range(5):
        fresh.show(np.zeros((100, 100), np.uint16), source="raw", components={"z": z})
    fresh.show(np.zeros((100, 100), np.uint8), source="raw", kind="labels")
    fresh.settle()
    fresh.until(lambda: len(rows(widget)) == 2)
    assert rows(widget) == [("raw", "5", "100.0 kB"), ("raw · labels", "1", "10.0 kB")]
    assert part(widget, QLineEdit).text() == "127.0.0.1:5555"
    fresh.viewer.layers.remove(fresh.viewer.layers["raw"])
    fresh.until(lambda: rows(widget)[0][0] == "raw (deleted)")


def test_copy_puts_the_address_on_the_clipboard(
    fresh: Stream, widget: StreamsWidget, qtbot: QtBot
) -> None:
    button(widget, "Copy").click()
    assert QGuiApplication.clipboard().text() == "127.0.0.1:5555"


def test_follow_tells_and_sets(fresh: Stream, widget: StreamsWidget) -> None:
    for z in range(3):
        fresh.show(np.zeros((40, 40), np.uint8), components={"z": z})
    fresh.settle()
    follow = part(widget, QCheckBox)
    assert follow.isChecked()
    fresh.viewer.dims.set_current_step(0, 0)
    fresh.until(lambda: not follow.isChecked())
    follow.click()
    fresh.show(np.zeros((40, 40), np.uint8), components={"z": 9})
    fresh.settle()
    assert fresh.ask("state")[0]["shown"] == {"z": 9}
    follow.click()
    fresh.show(np.zeros((40, 40), np.uint8), components={"z": 10})
    fresh.settle()
    assert fresh.ask("state")[0]["shown"] == {"z": 9}


def test_clear_takes_the_chosen_source_or_all(
    fresh: Stream, widget: StreamsWidget, qtbot: QtBot
) -> None:
    for source in ("a", "b", "c"):
        fresh.show(np.zeros((40, 40), np.uint8), source=source)
    fresh.settle()
    fresh.until(lambda: len(rows(widget)) == 3)
    tree = groups(widget)
    second = tree.topLevelItem(1)
    assert second is not None
    second.setSelected(True)
    assert "'b'" in button(widget, "Clear").text()
    button(widget, "Clear").click()
    assert [row[0] for row in rows(widget)] == ["a", "c"]
    tree.clearSelection()
    button(widget, "Clear all").click()
    assert rows(widget) == []
    assert len(fresh.viewer.layers) == 0
    assert not button(widget, "Clear all").isEnabled()


def test_contrast_is_found_once_or_continuously_for_the_chosen_layers(
    fresh: Stream, widget: StreamsWidget
) -> None:
    for source in ("a", "b"):
        for z in range(2):
            plane = np.arange(1600, dtype=np.uint16).reshape(40, 40) * (1 + 5 * z)
            fresh.show(plane, source=source, components={"z": z}, contrast_limits=(0, 9))
    fresh.settle()
    first, second = fresh.viewer.layers
    fresh.until(lambda: len(rows(widget)) == 2)
    row = groups(widget).topLevelItem(1)
    assert row is not None
    row.setSelected(True)
    button(widget, "Once").click()
    assert (list(first.contrast_limits), list(second.contrast_limits)) == ([0, 9], [0, 9594])
    groups(widget).clearSelection()
    button(widget, "Continuous").click()
    fresh.ask("navigate", components={"z": 0})
    assert list(first.contrast_limits) == list(second.contrast_limits) == [0, 1599]
    assert button(widget, "Continuous").isChecked()
    button(widget, "Continuous").click()
    fresh.ask("navigate", components={"z": 1})
    assert list(first.contrast_limits) == [0, 1599]
    first.auto_contrast = second.auto_contrast = True  # by napari's own buttons
    fresh.until(lambda: button(widget, "Continuous").isChecked())


def test_marks_are_in_the_list_and_are_brought_back(fresh: Stream, widget: StreamsWidget) -> None:
    fresh.show(np.zeros((40, 40), np.uint8), source="raw")
    fresh.mark("points", [[1.0, 2.0], [3.0, 4.0]], source="spots")
    fresh.settle()
    fresh.until(lambda: [row[0] for row in rows(widget)] == ["raw", "spots · points"])
    layer = fresh.viewer.layers["spots · points"]
    layer.name, layer.opacity, layer.face_color, layer.size = "mine", 0.4, "red", 20
    fresh.viewer.layers.remove(layer)
    fresh.until(lambda: rows(widget)[1][0].endswith("(deleted)"))
    row = groups(widget).topLevelItem(1)
    assert row is not None
    row.setSelected(True)
    assert not button(widget, "Release").isEnabled()
    button(widget, "Bring back").click()
    fresh.until(lambda: "mine" in fresh.viewer.layers)
    back = fresh.viewer.layers["mine"]
    fresh.until(lambda: back.data.tolist() == [[1, 2], [3, 4]])
    assert (back.opacity, back.size.tolist()) == (0.4, [20, 20])
    assert (back.face_color == (1, 0, 0, 1)).all()


def test_behind_another_tab_it_is_up_to_date_when_it_comes_to_the_front(fresh: Stream) -> None:
    add_streams(fresh.viewer)
    canvas = canvas_of(fresh.viewer)
    assert canvas is not None
    (made,) = canvas.window().findChildren(StreamsWidget)
    (dock,) = (one for one in canvas.window().findChildren(QDockWidget) if one.isAncestorOf(made))
    fresh.until(lambda: made.isVisible() and made.visibleRegion().isEmpty())
    fresh.show(np.zeros((100, 100), np.uint16), source="raw")
    fresh.settle()
    first = FirstSight(made)
    dock.raise_()
    fresh.until(lambda: first.rows is not None)
    assert first.rows == [("raw", "1", "20.0 kB")]


def test_in_a_napari_without_streams_it_says_how_to_start_one(
    new_viewer: Callable[[], napari.Viewer], qtbot: QtBot
) -> None:
    viewer = new_viewer()
    widget = StreamsWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Planecast streams")
    qtbot.waitUntil(lambda: any(one.isVisible() for one in widget.findChildren(QLabel)))
    words = part(widget, QLabel).text()
    assert "planecast napari" in words
    assert 'planecast.launch("napari")' in words


def test_napari_makes_the_widget_from_its_menu(
    new_viewer: Callable[[], napari.Viewer],
) -> None:
    viewer = new_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("planecast", "Planecast streams")
    assert isinstance(widget, StreamsWidget)
