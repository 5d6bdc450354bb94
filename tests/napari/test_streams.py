"""The widget *Planecast streams* beside real programs: figures, pause, budget, memory, grouping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import napari
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import (
    QComboBox,
    QLabel,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
)
from superqt import QLargeIntSpinBox

import planecast as pc
from napari_plugin import listen
from napari_plugin.listening import Listening
from napari_plugin.tables import Groups, Programs
from napari_plugin.widgets import StreamsWidget
from tests.napari.program import Program

MB = 1_000_000


@dataclass
class Desk:
    """A napari that listens with the widget in it, and a program that sends."""

    window: napari.Viewer
    widget: StreamsWidget
    listening: Listening
    viewer: pc.Viewer
    program: Program
    qtbot: QtBot

    def show(self, value: int, side: int = 40, **words: Any) -> Any:
        return self.program(self.viewer.show, np.full((side, side), value, "u1"), **words)

    def settle(self) -> None:
        self.program(self.viewer.settle)

    def state(self) -> dict[str, Any]:
        return dict(self.program(self.viewer.state))

    def until(self, ready: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(ready, timeout=10000)

    def button(self, word: str) -> QPushButton:
        return next(one for one in self.widget.findChildren(QPushButton) if word == one.text())

    def click(self, word: str) -> None:
        assert self.button(word).isEnabled()
        self.button(word).click()

    def rows(self, kind: type[QTreeWidget]) -> list[list[str]]:
        table = self.widget.findChildren(kind)[0]
        return [[item.text(at) for at in range(table.columnCount())] for item in items(table)]

    def choose(self, *at: int) -> None:
        table = self.widget.findChildren(Groups)[0]
        table.clearSelection()
        for row in at:
            items(table)[row].setSelected(True)

    def words(self) -> str:
        return " ".join(one.text() for one in self.widget.findChildren(QLabel) if one.isVisible())


def items(table: QTreeWidget) -> list[QTreeWidgetItem]:
    found = [table.topLevelItem(at) for at in range(table.topLevelItemCount())]
    return [item for item in found if item is not None]


@pytest.fixture
def desk(new_viewer: Callable[[], napari.Viewer], program: Program, qtbot: QtBot) -> Iterator[Desk]:
    window = new_viewer()
    window.window.resize(900, 900)
    listening = listen(window)
    widget = StreamsWidget(window)
    window.window.add_dock_widget(widget, name="Planecast streams")
    viewer = program(pc.connect, listening.port, stall=1.0)
    made = Desk(window, widget, listening, viewer, program, qtbot)
    yield made
    program(viewer.close, linger=0.0)
    made.listening.stop()


def test_it_names_the_programs_and_the_memory(desk: Desk) -> None:
    for t in range(4):
        desk.show(t, components={"t": t}, source="raw")
    desk.settle()
    desk.until(lambda: len(desk.rows(Programs)) == 1)
    desk.until(lambda: [row[2:] for row in desk.rows(Programs)] == [["0", "0", "0"]])
    label, run = desk.rows(Programs)[0][0].split("\nrun ")
    (producer,) = desk.state()["producers"]
    assert (label, run) == (producer["label"], desk.viewer.run)
    bar = desk.widget.findChildren(QProgressBar)[0]
    desk.until(lambda: bar.text().startswith("6.4 kB of "))
    assert desk.rows(Groups) == [["raw", "4", "6.4 kB"]]


def test_it_tells_what_was_lost_and_that_layers_which_stay_are_not(desk: Desk) -> None:
    desk.show(0)
    desk.settle()
    spin: Any = desk.widget.findChildren(QLargeIntSpinBox)[0]
    spin.setValue(1)
    desk.click("Set")
    desk.until(lambda: desk.state()["memory"]["budget"] == MB)
    with pytest.raises(pc.Undelivered, match=r"the whole memory budget of this viewer is 1\.0 MB"):
        desk.program(desk.show(1, 2000).wait)
    desk.until(lambda: [row[2:] for row in desk.rows(Programs)] == [["0", "1", "0"]])
    desk.click("Stop")
    desk.listening = listen(desk.window, desk.listening.port)
    desk.until(lambda: [row[2:] for row in desk.rows(Programs)] == [["0", "1", "0"]])
    assert desk.viewer.gaps == ()


def test_pause_makes_programs_wait_and_nothing_is_lost(desk: Desk) -> None:
    desk.show(0, components={"t": 0})
    desk.settle()
    desk.click("Pause")
    desk.until(lambda: bool(desk.state()["paused"]))
    assert desk.state()["why"] == "its user has paused it"
    sent = [desk.show(t, components={"t": t}) for t in range(1, 9)]
    with pytest.raises(pc.TimedOut):
        desk.program(sent[-1].wait, 2.5)  # longer than its stall
    assert desk.state()["groups"][0]["planes"] == 1
    desk.until(lambda: "its user has paused it" in desk.words())
    desk.click("Go on")
    desk.settle()
    assert desk.state()["groups"][0]["planes"] == 9
    assert not desk.state()["paused"]
    assert not desk.viewer.undelivered


def test_a_full_budget_says_what_to_do_and_release_makes_room(desk: Desk) -> None:
    spin: Any = desk.widget.findChildren(QLargeIntSpinBox)[0]
    spin.setValue(5)
    desk.click("Set")
    sent = [desk.show(t, 1000, components={"t": t}, source="big") for t in range(8)]
    desk.until(lambda: "its memory budget is full (5.0 MB of 5.0 MB)" in desk.words())
    assert "keep=N" in desk.words()
    desk.until(lambda: any("budget is full" in one.message for one in notification_manager.records))
    assert not sent[-1].owned
    desk.choose(0)
    desk.click("Release memory")
    desk.settle()
    assert [layer.name for layer in desk.window.layers] == ["big"]
    (group,) = desk.state()["groups"]
    assert (group["planes"], group["released"]) == (3, 5)
    assert desk.program(desk.viewer.read, components={"t": 6})[0, 0] == 6
    desk.until(lambda: "budget is full" not in desk.words())


def test_a_raised_budget_lets_them_go_on(desk: Desk) -> None:
    spin: Any = desk.widget.findChildren(QLargeIntSpinBox)[0]
    spin.setValue(3)
    desk.click("Set")
    for t in range(6):
        desk.show(t, 1000, components={"t": t})
    desk.until(lambda: "3.0 MB of 3.0 MB" in desk.words())
    spin.setValue(20)
    desk.click("Set")
    desk.settle()
    assert desk.state()["memory"] == {"held": 6 * MB, "budget": 20 * MB}


def test_what_was_let_go_of_is_blank_on_the_screen(desk: Desk) -> None:
    for t in range(4):
        desk.show(200, components={"t": t}, keep=2, contrast_limits=(0, 255))
    desk.settle()

    def middle() -> int:
        picture = desk.program(desk.viewer.screenshot, canvas=True)
        return int(picture[picture.shape[0] // 2, picture.shape[1] // 2, 0])

    assert middle() == 200
    desk.program(desk.viewer.navigate, t=1)
    assert middle() == 0
    desk.program(desk.viewer.navigate, t=2)
    assert middle() == 200
    for t in (4, 5):
        desk.show(200, components={"t": t}, keep=2, contrast_limits=(0, 255))
    desk.settle()
    assert middle() == 0, "it went while it was looked at"


def test_old_runs_are_cleared_and_the_newest_stays(desk: Desk) -> None:
    for t in range(3):
        desk.show(t, components={"t": t}, source="seg")
    desk.show(9, 30, source="seg")
    desk.settle()
    again = desk.program(pc.connect, desk.listening.port)
    desk.program(again.show, np.full((40, 40), 99, "u1"), components={"t": 1}, source="seg")
    desk.program(again.settle)
    desk.until(lambda: [row[1] for row in desk.rows(Groups)] == ["3", "1"])
    desk.click("Clear old runs")
    assert [row[1] for row in desk.rows(Groups)] == ["1"]
    (group,) = desk.state()["groups"]
    assert group["components"] == {"t": [1]}
    assert desk.program(again.read).tolist() == np.full((1, 40, 40), 99).tolist()
    assert len(desk.window.layers) == 1
    desk.program(again.close)


def test_a_deleted_layer_is_brought_back(desk: Desk) -> None:
    desk.show(7, source="raw")
    desk.settle()
    desk.window.layers["raw"].colormap = "magenta"
    desk.window.layers.remove("raw")
    desk.until(lambda: [row[0] for row in desk.rows(Groups)] == ["raw (deleted)"])
    assert not desk.button("Bring back").isEnabled()
    desk.choose(0)
    desk.click("Bring back")
    assert desk.window.layers["raw"].colormap.name == "magenta"
    desk.until(lambda: [row[0] for row in desk.rows(Groups)] == ["raw"])


def test_components_become_layers_and_sliders(desk: Desk) -> None:
    for well in ("A1", "A2", "B1"):
        desk.show(7, components={"well": well, "z": 0}, source="raw")
    desk.settle()
    desk.until(lambda: len(desk.widget.findChildren(QComboBox)) == 3)
    boxes = {box.property("component"): box for box in desk.widget.findChildren(QComboBox)}
    assert {name: box.currentText() for name, box in boxes.items()} == {
        "well": "slider", "z": "slider", "channel": "layers",
    }  # fmt: skip
    boxes["well"].setCurrentText("layers")
    boxes["well"].activated.emit(1)
    desk.until(lambda: len(desk.window.layers) == 3)
    assert {layer.name for layer in desk.window.layers} == {"raw · A1", "raw · A2", "raw · B1"}
    assert desk.state()["modes"]["well"] == "split"
