"""The dock widget says what is there, and its three controls work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QCheckBox, QLabel, QLineEdit, QPushButton, QTreeWidget, QWidget

from napari_plugin.widgets import StreamsWidget, say_bytes
from tests.napari.feed import Stream


@pytest.fixture
def widget(stream: Stream) -> Iterator[StreamsWidget]:
    stream.adapter.address = "127.0.0.1:5555"
    made = StreamsWidget(stream.viewer)
    stream.viewer.window.add_dock_widget(made, name="Planecast streams")
    yield made
    stream.viewer.window.remove_dock_widget(made)
    made.deleteLater()


def part(widget: QWidget, kind: type[Any]) -> Any:
    return next(one for one in widget.findChildren(kind) if one.isVisible())


def button(widget: QWidget, word: str) -> QPushButton:
    return next(one for one in widget.findChildren(QPushButton) if word in one.text())


def rows(widget: QWidget) -> list[tuple[str, ...]]:
    tree = part(widget, QTreeWidget)
    items = [tree.topLevelItem(at) for at in range(tree.topLevelItemCount())]
    return [tuple(item.text(column) for column in range(3)) for item in items]


def test_it_shows_address_groups_and_memory(stream: Stream, widget: StreamsWidget) -> None:
    for z in range(5):
        stream.show(np.zeros((100, 100), np.uint16), source="raw", components={"z": z})
    stream.show(np.zeros((100, 100), np.uint8), source="raw", kind="labels")
    stream.settle()
    stream.until(lambda: len(rows(widget)) == 2)
    assert rows(widget) == [("raw", "5", "100.0 kB"), ("raw · labels", "1", "10.0 kB")]
    assert part(widget, QLineEdit).text() == "127.0.0.1:5555"
    assert "110.0 kB" in {label.text() for label in widget.findChildren(QLabel)}
    stream.viewer.layers.remove(stream.viewer.layers["raw"])
    stream.until(lambda: rows(widget)[0][0] == "raw (deleted)")


def test_copy_puts_the_address_on_the_clipboard(
    stream: Stream, widget: StreamsWidget, qtbot: QtBot
) -> None:
    qtbot.mouseClick(button(widget, "Copy"), Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "127.0.0.1:5555"


def test_follow_tells_and_sets(stream: Stream, widget: StreamsWidget, qtbot: QtBot) -> None:
    for z in range(3):
        stream.show(np.zeros((40, 40), np.uint8), components={"z": z})
    stream.settle()
    follow = part(widget, QCheckBox)
    assert follow.isChecked()
    stream.viewer.dims.set_current_step(0, 0)
    stream.until(lambda: not follow.isChecked())
    follow.click()
    stream.show(np.zeros((40, 40), np.uint8), components={"z": 9})
    stream.settle()
    assert stream.ask("state")[0]["shown"] == {"z": 9}
    follow.click()
    stream.show(np.zeros((40, 40), np.uint8), components={"z": 10})
    stream.settle()
    assert stream.ask("state")[0]["shown"] == {"z": 9}


def test_clear_takes_the_chosen_source_or_all(
    stream: Stream, widget: StreamsWidget, qtbot: QtBot
) -> None:
    for source in ("a", "b", "c"):
        stream.show(np.zeros((40, 40), np.uint8), source=source)
    stream.settle()
    stream.until(lambda: len(rows(widget)) == 3)
    tree = part(widget, QTreeWidget)
    tree.setCurrentItem(tree.topLevelItem(1))
    assert "'b'" in button(widget, "Clear").text()
    qtbot.mouseClick(button(widget, "Clear"), Qt.MouseButton.LeftButton)
    assert [row[0] for row in rows(widget)] == ["a", "c"]
    tree.clearSelection()
    qtbot.mouseClick(button(widget, "Clear all"), Qt.MouseButton.LeftButton)
    assert rows(widget) == []
    assert len(stream.viewer.layers) == 0
    assert not button(widget, "Clear all").isEnabled()


def test_in_a_napari_without_streams_it_says_how_to_start_one(
    make_napari_viewer: Any, qtbot: QtBot
) -> None:
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    widget = StreamsWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Planecast streams")
    words = part(widget, QLabel).text()
    assert "planecast napari" in words
    assert 'planecast.launch("napari")' in words
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()


def test_napari_makes_the_widget_from_its_menu(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("planecast", "Planecast streams")
    assert isinstance(widget, StreamsWidget)


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (15_728_640, "15.7 MB"), (2e15, "2000.0 TB")],
)
def test_bytes_in_words(number: float, words: str) -> None:
    assert say_bytes(number) == words
