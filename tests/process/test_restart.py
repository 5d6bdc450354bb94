"""`Viewer.restart`: another process takes the place of a viewer."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest

import planecast as pc
from streaming_core.testing import free_pair, poll_until, recording_viewer
from tests.process.programs.stage import Stage, fed, held, numbers, send

IMAGE = np.arange(64 * 64, dtype="u2").reshape(64, 64)


def test_another_process_takes_its_port_and_what_was_lost_is_named(
    stage: Stage, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with pc.connect(port) as viewer:
        viewer.show(IMAGE, source="before")
        viewer.settle()
        old = viewer.state()["pid"]
        viewer.restart()
        state = viewer.state()
        assert state["pid"] != old
        assert state["groups"] == []
        assert len(viewer.gaps) == 1
        assert "before" in viewer.gaps[0]
        assert caplog.messages == []  # who asked for it knows
        viewer.show(IMAGE, source="after")
        viewer.settle()
        assert np.array_equal(viewer.read(source="after"), IMAGE)


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be frozen there")
def test_a_viewer_that_hangs_is_replaced(
    stage: Stage, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming_core.fleet.process.PATIENCE", 0.5)
    with pc.connect(port) as viewer:
        pid = viewer.state()["pid"]
        os.kill(pid, signal.SIGSTOP)
        viewer.show(IMAGE, source="on its way")
        viewer.restart()
        assert viewer.state()["pid"] != pid
        viewer.settle()
        assert np.array_equal(viewer.read(source="on its way"), IMAGE)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_viewer_that_died_is_started_again(stage: Stage, port: int) -> None:
    with pc.connect(port) as viewer:
        pid = viewer.state()["pid"]
        os.kill(pid, signal.SIGKILL)
        poll_until(lambda: pc.viewers() == [], "its end is seen")
        viewer.restart()
        assert viewer.state()["pid"] != pid


def test_other_programs_go_on_and_are_told_what_went(stage: Stage, port: int) -> None:
    # A stall of its own gives a connection of its own, as another program has.
    with pc.connect(port) as one, pc.connect(port, stall=11.0) as other:
        send(other, range(3))
        other.settle()
        one.restart()
        back = fed(other, 3)
        with pytest.raises(pc.Undelivered) as report:
            other.flush()
        assert numbers(report.value.images) == list(range(back))
        assert report.value.images[0] == "t 0: the viewer was closed"
        other.settle()
        assert held(other) == [back]


def test_a_window_that_a_person_opened_is_not_ended() -> None:
    with recording_viewer(free_pair()) as (port, _):  # as napari does that listens
        with pc.connect(port) as viewer, pytest.raises(pc.RequestFailed, match="a person opened"):
            viewer.restart()
        with pc.connect(port) as viewer:
            assert viewer.state()["pid"] == os.getpid()
