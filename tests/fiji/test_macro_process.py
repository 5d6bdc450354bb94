"""Macros in viewer processes of their own: without windows, and one that Java cannot stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import planecast as pc
from streaming_core.memory.leases import janitor
from streaming_core.testing import poll_until

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")
pytestmark = pytest.mark.usefixtures("viewers_end")


def test_headless_macros_work_on_streamed_stacks() -> None:
    stack = np.random.default_rng(2).integers(0, 200, (3, 40, 50), "u2")
    with pc.launch("fiji", headless=True) as viewer:
        viewer.show(stack, axes="ZYX", source="raw")
        viewer.settle()
        result = viewer.run_macro(
            'print("begun"); setSlice(2); run("Measure");'
            "setPixel(3, 4, 999); return getTitle() + nSlices;"
        )
        expected = stack.copy()
        assert (result.value, result.table["Mean"]) == ("raw3", [expected[1].mean()])
        assert result.log.startswith("begun\n")
        expected[1, 4, 3] = 999
        assert np.array_equal(viewer.read(source="raw"), expected)
        viewer.run_macro('newImage("mine", "8-bit ramp", 30, 20, 1);')
        assert viewer.active_image().title == "mine"
        with pytest.raises(pc.MacroError, match="needs a window, and the viewer is headless"):
            viewer.run_macro(
                'selectImage("raw"); run("Z Project...", "projection=[Max Intensity]");'
            )
        with pytest.raises(pc.MacroError, match="because") as caught:
            viewer.run_macro('x = 1;\nexit("because");')
        assert caught.value.line == 2


@pytest.mark.parametrize("command", ["Add...", "Gaussian Blur...", "Subtract Background..."])
def test_headless_a_command_with_a_dialog_is_an_error_and_changes_nothing(command: str) -> None:
    stack = np.full((3, 40, 50), 100, "u1")
    with pc.launch("fiji", headless=True) as viewer:
        viewer.show(stack, axes="ZYX", source="raw")
        viewer.settle()
        with pytest.raises(pc.MacroError, match=f"'{command}' takes its options .* window") as told:
            viewer.run_macro(
                f'x = 1;\nrun("{command}", "value=7 sigma=9 stack"); setPixel(1, 1, 9);'
            )
        assert told.value.line == 2
        assert np.array_equal(viewer.read(source="raw"), stack)
        viewer.run_macro('run("Invert", "stack"); run("Square Root", "stack");')
        expected = np.full_like(stack, np.sqrt(155).astype("u1"))
        assert np.array_equal(viewer.read(source="raw"), expected)


def test_headless_a_command_that_refuses_an_image_leaves_it_as_it_is() -> None:
    stack = np.random.default_rng(2).integers(20, 200, (3, 40, 50), "u1")
    with pc.launch("fiji", headless=True) as viewer:
        viewer.show(stack, axes="ZYX", source="raw")
        viewer.settle()
        for command in ("Dilate", "Fill Holes", "Skeletonize"):
            with pytest.raises(pc.MacroError, match=r"8-bit binary .* image required") as told:
                viewer.run_macro(f'x = 1;\nrun("{command}", "slice"); setPixel(1, 1, 9);')
            assert told.value.line == 2
            assert np.array_equal(viewer.read(source="raw"), stack)


def test_headless_other_commands_are_known_or_say_what_they_need() -> None:
    with pc.launch("fiji", headless=True) as viewer:
        viewer.show(np.full((3, 40, 50), 100, "u1"), axes="ZYX", source="raw")
        viewer.settle()
        assert viewer.run_macro('run("32-bit"); return "" + bitDepth();').value == "32"
        for command in ("Duplicate...", "Enhance Contrast...", "Z Project...", "Make Binary"):
            with pytest.raises(pc.MacroError, match="needs a window"):
                viewer.run_macro(f'run("{command}");')
        with pytest.raises(pc.MacroError, match="Unrecognized command"):
            viewer.run_macro('run("Nothing of the kind");')


def test_what_java_cannot_stop_is_told_and_the_stream_goes_on() -> None:
    with pc.launch("fiji", virtual=True) as viewer:
        endless = 'newImage("a", "8-bit ramp", 64, 64, 3); run("Reduce...", "reduction=0");'
        with pytest.raises(pc.MacroError, match="Java cannot stop it"):
            viewer.run_macro(endless, timeout=0.5)
        assert viewer.state()["macro"] == "busy"
        with pytest.raises(pc.RequestFailed, match="busy: a macro goes on"):
            viewer.run_macro("return 'x';")
        viewer.show(np.full((9, 200), 3, "u1"), source="raw")
        viewer.settle()
        assert (viewer.read(source="raw") == 3).all()
        old = viewer.state()["pid"]
        viewer.restart()
        assert viewer.state()["pid"] != old
        assert viewer.run_macro("return 'x';").value == "x"
        viewer.quit()
    assert pc.viewers() == []


ENDLESS = "while (true) { wait(10); }"


def until_it_runs(viewer: pc.Viewer) -> None:
    poll_until(lambda: viewer.state()["macro"] == "runs", "the macro has begun", 60)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_the_macro_of_a_program_that_has_ended_keeps_nobody_waiting(
    end: signal.Signals, run_folder: Path
) -> None:
    with pc.launch("fiji", headless=True) as viewer:
        words = (
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            f"import planecast as pc; pc.connect({viewer.port}).run_macro({ENDLESS!r}, timeout=999)"
        )
        command = [sys.executable, "-c", words]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as program:
            try:
                until_it_runs(viewer)
                program.send_signal(end)
                program.wait(60)
            finally:
                program.kill()
        assert viewer.run_macro("return 'next';", timeout=60).value == "next"
    janitor(run_folder)  # as the next program does for one that was killed


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A program that a shell runs in the background ignores SIGINT: hear it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_macro_and_the_program_runs_another() -> None:
    with pc.launch("fiji", headless=True) as viewer, pc.connect(viewer.port) as other:

        def interrupt() -> None:
            until_it_runs(other)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        person = threading.Thread(target=interrupt)
        person.start()
        with pytest.raises(KeyboardInterrupt):
            viewer.run_macro(ENDLESS, timeout=3600)
        person.join(60)
        assert viewer.run_macro("return 'next';", timeout=60).value == "next"
