"""Any napari can listen: what its user has stays, and what came stays when it ends."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import napari
import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.settings import get_settings
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QLabel, QLineEdit, QPushButton

import planecast as pc
from napari_plugin import listen
from napari_plugin.listening import Listening
from napari_plugin.widgets import StreamsWidget
from streaming_core.errors import PortTaken, ViewerError, WouldDeadlock
from streaming_core.fleet.registry import find
from streaming_core.network.endpoints import DATA_OFFSET, LOOPBACK, is_free
from streaming_core.testing import free_pair
from tests.napari.program import Program


def is_listening(port: int) -> bool:
    return not all(is_free(LOOPBACK, one) for one in (port, port + DATA_OFFSET))


@pytest.fixture
def theirs(new_viewer: Callable[[], napari.Viewer]) -> napari.Viewer:
    """A napari that its user works in."""
    viewer = new_viewer()
    viewer.title = "mine"
    viewer.add_image(np.arange(5 * 40 * 40).reshape(5, 40, 40), name="mine", colormap="magenta")
    return viewer


def test_an_open_napari_becomes_a_viewer_and_is_itself_again(
    theirs: napari.Viewer, program: Program
) -> None:
    before = theirs.layers["mine"].data
    settings = get_settings().model_dump_json()
    listening = listen(theirs, free_pair())
    assert listen(theirs) is listening
    viewer = program(pc.connect, listening.port)
    for z in range(3):
        program(viewer.show, np.full((40, 40), 1000 * z, "u2"), components={"z": z}, source="raw")
    program(viewer.settle)
    assert [layer.name for layer in theirs.layers] == ["mine", "raw"]
    assert program(viewer.read, components={"z": 2})[0, 0] == 2000
    assert program(viewer.state)["viewer_kind"] == "napari"
    listening.stop()
    listening.stop()
    assert not is_listening(listening.port)
    assert find(listening.port) is None
    raw = theirs.layers["raw"]
    assert np.asarray(raw.data)[:, 0, 0].tolist() == [0, 1000, 2000]
    theirs.dims.set_current_step(0, 1)
    raw.colormap = "green"
    assert theirs.layers["mine"].data is before
    assert theirs.layers["mine"].colormap.name == "magenta"
    assert theirs.title == "mine"
    assert get_settings().model_dump_json() == settings
    program(viewer.flush)  # what stays in the window is not lost
    assert viewer.gaps == ()
    program(viewer.close, linger=0.0)


def test_it_can_listen_again(theirs: napari.Viewer, program: Program) -> None:
    for value in (1, 2):
        listening = listen(theirs)
        with program(pc.connect, listening.port) as viewer:
            program(viewer.show, np.full((40, 40), value, "u1"), components={"t": value})
            program(viewer.settle)
            program(viewer.close)
        listening.stop()
    values = [np.asarray(layer.data).max() for layer in theirs.layers if layer.name != "mine"]
    assert values == [1, 2]


def test_quit_of_a_program_leaves_the_window(theirs: napari.Viewer, program: Program) -> None:
    listening = listen(theirs)
    viewer = program(pc.connect, listening.port)
    program(viewer.show, np.ones((40, 40), "u1"), source="raw")
    program(viewer.settle)
    program(viewer.quit)
    assert listening.stopped
    assert not is_listening(listening.port)
    assert theirs.window.main_menu.window().isVisible()
    assert [layer.name for layer in theirs.layers] == ["mine", "raw"]


def test_closing_the_window_frees_the_port(
    theirs: napari.Viewer, program: Program, qtbot: QtBot
) -> None:
    listening = listen(theirs)
    viewer = program(pc.connect, listening.port)
    program(viewer.show, np.ones((40, 40), "u1"))
    program(viewer.settle)
    theirs.close()
    qtbot.waitUntil(lambda: listening.stopped, timeout=10000)
    assert not is_listening(listening.port)
    program(viewer.show, np.ones((40, 40), "u1"), components={"t": 1})
    with pytest.raises(pc.Undelivered, match="2 images not delivered") as report:
        program(viewer.flush)
    assert "an image without components: the viewer was closed" in report.value.images
    program(viewer.close, linger=0.0)


def test_two_windows_have_two_ports(
    theirs: napari.Viewer, new_viewer: Callable[[], napari.Viewer]
) -> None:
    first, second = listen(theirs), listen(new_viewer())
    assert first.port != second.port
    first.stop()
    second.stop()


def test_a_taken_port_leaves_the_napari_as_it_was(
    theirs: napari.Viewer, new_viewer: Callable[[], napari.Viewer]
) -> None:
    listening = listen(theirs)
    other = new_viewer()
    with pytest.raises(PortTaken):
        listen(other, listening.port)
    with pytest.raises(ViewerError, match=f"listens on port {listening.port} already"):
        listen(theirs, free_pair())
    listening.stop()
    assert isinstance(listen(other), Listening)
    listen(other).stop()


def test_who_would_wait_for_himself_is_told(theirs: napari.Viewer, qtbot: QtBot) -> None:
    listening = listen(theirs)
    viewer = pc.connect(listening.port)
    viewer.show(np.full((40, 40), 9, "u1"), source="raw")
    viewer.flush()
    with pytest.raises(WouldDeadlock, match="this thread draws"):
        viewer.settle()
    with pytest.raises(WouldDeadlock):
        viewer.state()
    plane = np.zeros((8, 8), "u1")
    with pytest.raises(WouldDeadlock):
        deque(viewer.show(plane, components={"t": t}, source="fast") for t in range(2000))
    qtbot.waitUntil(lambda: "raw" in theirs.layers)
    assert np.asarray(theirs.layers["raw"].data).max() == 9
    listening.stop()
    viewer.close(linger=0.0)


def test_menu_and_palette_begin_and_end_it(
    theirs: napari.Viewer, program: Program, qtbot: QtBot
) -> None:
    app = get_app_model()
    titles = {item.command.title for item in app.menus.get_menu("napari/file/acquire")}
    assert {"Listen for streams (Planecast)", "Stop listening for streams (Planecast)"} <= titles
    app.commands.execute_command("planecast.listen").result()
    (widget,) = theirs.window.main_menu.window().findChildren(StreamsWidget)
    address = widget.findChild(QLineEdit).text()
    viewer = program(pc.connect, address)
    program(viewer.show, np.ones((40, 40), "u1"), source="raw")
    program(viewer.settle)
    app.commands.execute_command("planecast.stop").result()
    assert not is_listening(viewer.port)
    qtbot.waitUntil(lambda: any("receives no" in one.text() for one in widget.findChildren(QLabel)))
    next(one for one in widget.findChildren(QPushButton) if "Listen" in one.text()).click()
    assert is_listening(int(widget.findChild(QLineEdit).text().rpartition(":")[2]))
    next(one for one in widget.findChildren(QPushButton) if "Stop" in one.text()).click()
    assert not any(one.name == "planecast-receiver" for one in threading.enumerate())
    program(viewer.close, linger=0.0)


def test_who_waits_for_a_window_that_hangs_is_told_so(
    theirs: napari.Viewer, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming_core.stream.route.HANGS", 0.5)
    listening = listen(theirs)
    viewer = program(pc.connect, listening.port)
    program(viewer.show, np.ones((40, 40), "u1"))
    program(viewer.settle)

    def send_and_wait() -> None:
        for t in range(3):
            viewer.show(np.ones((40, 40), "u1"), components={"t": t})
        viewer.settle(3.0)

    # This thread draws the window, and now waits for the program instead.
    waits = program.begin(send_and_wait)
    with pytest.raises(
        pc.TimedOut,
        match=r"^3 images are owned, but not shown .*; its window has not answered for \d s",
    ):
        waits.result()
    program(viewer.settle)
    program(viewer.close)
    listening.stop()
