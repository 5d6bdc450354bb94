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
            viewer.run_macro('selectImage("raw"); makeRectangle(1, 2, 9, 9); roiManager("add");')
        with pytest.raises(pc.MacroError, match="because") as caught:
            viewer.run_macro('x = 1;\nexit("because");')
        assert caught.value.line == 2


# In each of them "cells" is the streamed stack, and what is active at the end is compared.
WITH_OPTIONS = (
    'run("Duplicate...", "title=d duplicate range=2-3");',
    'run("Duplicate...", "title=d duplicate"); run("Gaussian Blur...", "sigma=2 stack");',
    'r = 2; run("Duplicate...", "title=d duplicate"); run("Median...", "radius=r stack");',
    'how = "Max Intensity"; run("Z Project...", "projection=&how");',
    'run("Duplicate...", "title=d"); run("Subtract Background...", "rolling=20");',
    'run("Duplicate...", "title=d"); run("Macro...", "code=v=v+10");',
    'run("Scale...", "x=0.5 y=0.5 z=1.0 interpolation=Bilinear process create title=half");',
    'run("Duplicate...", "title=d duplicate"); run("Set Scale...", "distance=4 known=1 unit=um");',
    'run("Set Measurements...", "area mean redirect=None decimal=3"); run("Measure");',
    'run("Duplicate...", "title=d"); setThreshold(1000, 65535); run("Convert to Mask");'
    'run("Analyze Particles...", "size=10-Infinity show=Masks display clear");',
    'run("Duplicate...", "title=a duplicate"); selectImage("cells");'
    'run("Duplicate...", "title=b duplicate"); run("Concatenate...", "title=c image1=a image2=b");',
    'run("Duplicate...", "title=a duplicate"); selectImage("cells");'
    'run("Image Calculator...", "image1=a operation=Add image2=cells create stack");',
    'run("Duplicate...", "title=d duplicate");'
    'run("Stack to Hyperstack...", "order=xyczt(default) channels=3 slices=1 frames=1");'
    'run("Split Channels"); run("Merge Channels...", "c1=C1-d c2=C3-d create");',
    'run("Duplicate...", "title=d duplicate");'
    'run("Stack to Hyperstack...", "order=xyczt(default) channels=1 slices=1 frames=3");',
)


def test_headless_commands_take_the_options_of_the_macro_as_they_do_with_windows() -> None:
    y, x = np.ogrid[:60, :80]
    stack = np.random.default_rng(3).integers(0, 50, (3, 60, 80), "u2")
    for at in (15, 35, 60):
        stack[:, (y - at // 2) ** 2 + (x - at) ** 2 < 36] += 2000
    found = []
    for headless in (True, False):
        with pc.launch("fiji", headless=headless, virtual=not headless) as viewer:
            viewer.show(stack, axes="ZYX", source="cells")
            viewer.settle()
            for code in WITH_OPTIONS:
                done = viewer.run_macro(f'selectImage("cells"); close("\\\\Others"); {code}')
                left = viewer.active_image()
                found.append((code, left.title, left.axes, left.scale, left.array, done.table))
            assert np.array_equal(viewer.read(source="cells"), stack)
            viewer.quit()
    for one, other in zip(found[: len(WITH_OPTIONS)], found[len(WITH_OPTIONS) :], strict=True):
        assert one[:4] == other[:4]
        assert np.array_equal(one[4], other[4]), one[0]
        assert {name: list(column) for name, column in one[5].items()} == {
            name: list(column) for name, column in other[5].items()
        }


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ('run("Add...")', "asks a person"),
        ('run("Gaussian Blur...")', "asks a person"),
        ('x = getNumber("how many", 3)', "asks a person"),
        ('run("Add...", "value=much stack")', "the option value=much is not valid"),
        ('run("Z Project...", "projection=Best")', "the option projection=Best is not valid"),
        ('run("Histogram", "stack")', "needs a window"),
    ],
)
def test_headless_a_macro_ends_at_a_command_that_would_ask_and_changes_nothing(
    command: str, words: str
) -> None:
    stack = np.full((3, 40, 50), 100, "u1")
    with pc.launch("fiji", headless=True) as viewer:
        viewer.show(stack, axes="ZYX", source="raw")
        viewer.settle()
        with pytest.raises(pc.MacroError, match=words) as told:
            viewer.run_macro(f"x = 1;\n{command};\nsetPixel(1, 1, 9);")
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
            with pytest.raises(pc.MacroError, match="asks a person"):
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


def test_a_macro_whose_turn_does_not_come_says_what_it_waited_for() -> None:
    with pc.launch("fiji", headless=True) as viewer, pc.connect(viewer.port) as other:

        def occupy() -> None:
            with pytest.raises(pc.MacroError, match="it took longer than"):
                other.run_macro(ENDLESS, timeout=30)

        person = threading.Thread(target=occupy)
        person.start()
        until_it_runs(viewer)
        with pytest.raises(pc.TimedOut, match="another macro runs there all that time, and this"):
            viewer.run_macro('newImage("late", "8-bit", 9, 9, 1);', timeout=0.1)
        person.join(60)
        assert viewer.run_macro("return '' + nImages;", timeout=60).value == "0"


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
