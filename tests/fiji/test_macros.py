"""Macros in a real ImageJ: what they give back, what goes wrong, and what they leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import planecast as pc
from streaming_core.testing import poll_until
from tests.fiji.conftest import Fiji, Refused

LONG = 8.0
"""Seconds that a macro of the tests may take at most."""


def volume(planes: int = 3, dtype: str = "u2") -> NDArray[Any]:
    """Make a volume whose maximum is in no plane alone."""
    return np.random.default_rng(1).integers(0, 200, (planes, 40, 300)).astype(dtype)


@pytest.fixture
def desk(fiji: Fiji) -> Iterator[Fiji]:
    """Give a test an ImageJ, and clear away afterwards what macros opened."""
    yield fiji
    fiji.answer_dialogs()
    poll_until(lambda: not fiji.at_work(), "all commands ended")  # cancelling one cancels macros
    fiji.run_macro(
        'if (roiManager("count") > 0) { roiManager("reset"); } run("Clear Results");'
        ' close("*"); print("\\\\Clear");'
    )
    assert fiji.dialogs() == []


def stream(fiji: Fiji, planes: NDArray[Any], **words: Any) -> None:
    for z, plane in enumerate(planes):
        assert fiji.show(plane, components={"z": z}, **{"source": "raw", **words}) is None


def test_a_macro_gets_its_argument_and_returns_a_value(desk: Fiji) -> None:
    assert desk.run_macro('return "<" + getArgument() + ">";', "a µm\n").value == "<a µm\n>"
    result = desk.run_macro("x = 1;")
    assert (result.value, result.log) == ("", "")


def test_a_macro_tells_what_it_wrote_to_the_log_and_no_more(desk: Fiji) -> None:
    desk.run_macro('print("before");')
    assert desk.run_macro('print("one"); print("two\\nthree");').log == "one\ntwo\nthree\n"
    assert desk.run_macro('print("\\\\Clear"); print("new");').log == "new\n"


def test_measurements_come_back_as_a_table(desk: Fiji) -> None:
    planes = volume()
    stream(desk, planes)
    result = desk.run_macro(
        'run("Set Measurements...", "mean display redirect=None decimal=3");'
        'for (i = 1; i <= nSlices; i++) { setSlice(i); run("Measure"); }'
        'setResult("note", 1, "second"); setResult("ratio", 2, 1/0); updateResults();'
    )
    assert result.table["Mean"] == [plane.mean() for plane in planes]
    assert result.table["Label"] == [f"raw:z {z}" for z in range(3)]
    assert result.table["note"][1] == "second"
    assert result.table["ratio"][2] == float("inf")
    assert desk.results() == result.table
    assert desk.run_macro('run("Clear Results");').table == desk.results() == {}


def test_a_table_of_another_title(desk: Fiji) -> None:
    desk.run_macro('Table.create("Mine"); Table.set("x", 0, 1.25); Table.set("x", 1, -3);')
    assert desk.results("Mine") == {"x": [1.25, -3.0]}
    with pytest.raises(Refused, match="there is no table 'Other'; there is: Results, Mine"):
        desk.results("Other")
    desk.run_macro('selectWindow("Mine"); run("Close");')


def test_the_rois_of_the_manager_come_back(desk: Fiji) -> None:
    stream(desk, volume())
    result = desk.run_macro(
        'setSlice(2); makeRectangle(10, 20, 5, 3); roiManager("add");'
        'roiManager("select", 0); roiManager("rename", "cell");'
        'run("Select None"); makePoint(7, 9); roiManager("add");'
    )
    box, point = result.rois
    assert (box["kind"], box["shape"], box["features"]["name"]) == ("shapes", "rectangle", "cell")
    assert box["position"] == {"slice": 2}
    assert box["data"].tolist() == [[19.5, 9.5], [19.5, 14.5], [22.5, 14.5], [22.5, 9.5]]
    assert (point["kind"], point["data"].tolist()) == ("points", [[9.0, 7.0]])


def test_a_projection_of_the_stream_is_numpys_maximum(desk: Fiji) -> None:
    planes = volume()
    stream(desk, planes, scale={"Y": 0.5, "X": 0.25, "Z": 2.0}, units="um")
    top = desk.active_image()
    assert (top.title, top.axes, top.labels) == ("raw", "ZYX", ["z 0", "z 1", "z 2"])
    assert np.array_equal(top.array, planes)
    desk.run_macro('run("Z Project...", "projection=[Max Intensity]");')
    top = desk.active_image()
    assert (top.title, top.axes) == ("MAX_raw", "YX")
    assert np.array_equal(top.array, planes.max(axis=0))
    assert (top.scale, top.units) == ({"Y": 0.5, "X": 0.25}, "µm")


IMAGES = {
    "8-bit": ("u1", "CYX", 2), "16-bit": ("u2", "ZYX", 3), "32-bit": ("f4", "TYX", 4),
}  # fmt: skip


@pytest.mark.parametrize("bits", IMAGES)
def test_an_image_of_a_macros_comes_back_with_its_axes(desk: Fiji, bits: str) -> None:
    dtype, axes, count = IMAGES[bits]
    c, z, t = (count if axes.startswith(axis) else 1 for axis in "CZT")
    desk.run_macro(
        f'newImage("mine", "{bits} grayscale-mode", 20, 10, {c}, {z}, {t});'
        f"for (i = 1; i <= {count}; i++) {{ Stack.setPosition("
        + ", ".join("i" if axes.startswith(axis) else "1" for axis in "CZT")
        + "); setPixel(3, 4, 10 * i); }"
    )
    top = desk.active_image()
    assert (top.title, top.axes, top.array.dtype.str[1:]) == ("mine", axes, dtype)
    assert top.array.shape == (count, 10, 20)
    assert top.array[:, 4, 3].tolist() == [10 * (i + 1) for i in range(count)]


def test_colours_and_signed_pixels_come_back(desk: Fiji) -> None:
    signed = (volume(1)[0].astype("i2") - 100) * 300
    desk.show(signed, source="signed", components={"z": 0})
    assert np.array_equal(desk.active_image().array, signed)
    desk.run_macro('newImage("rgb", "RGB black", 20, 10, 1); setPixel(2, 1, 0x102030);')
    top = desk.active_image()
    assert (top.axes, top.array.shape) == ("YXS", (10, 20, 3))
    assert top.array[1, 2].tolist() == [0x10, 0x20, 0x30]


def test_no_image_is_told(desk: Fiji) -> None:
    with pytest.raises(Refused, match="no image is open"):
        desk.active_image()


WRONG: dict[str, tuple[str, str, int | None]] = {
    "syntax": ("a = 3;\nb = (a;", r"'\)' expected", 2),
    "undefined variable": ("x = 1;\n\ny = nobody + 1;", "Undefined variable", 3),
    "no image": ("x = 1;\nreturn getTitle();", "no images open", 2),
    "no image for a command": ('run("Invert");', "no images open", 1),
    "exit": ("exit;", "ended itself with exit", 1),
    "exit with a text": ('x = 1;\nexit("because of x");', "because of x", 2),
    "unknown command": ('run("Nothing of the kind");', "Unrecognized command", 1),
    "missing file": ('open("/nowhere/at all.tif");', "/nowhere/at all.tif", 1),
    "its own dialog": (
        'Dialog.create("Size"); Dialog.addNumber("n", 3); Dialog.show(); print("on");',
        "it asks a person.*'Size': n", 1,
    ),
    "a command's dialog": (
        'newImage("a", "8-bit ramp", 64, 64, 1);\nrun("Gaussian Blur..."); print("on");',
        "it asks a person.*'Gaussian Blur...'", 2,
    ),
    "a message": ('showMessage("Hear", "me"); print("on");', "it asks a person.*'Hear': me", 1),
    "a file to choose": ('open(); print("on");', "it asks a person", 1),
    "a folder to choose": ('getDirectory("Where"); print("on");', "asks a person.*'Where'", 1),
    "waits for a person": (
        '\nwaitForUser("Draw", "one box"); print("on");', "it asks a person.*'Draw': one box", 2,
    ),
    "index": ("a = newArray(3);\nb = a[3];", "out of 0-2 range", 2),
    "slice": ('newImage("a", "8-bit ramp", 64, 64, 2); setSlice(9);', ">=1 and <=2", 1),
    "number as value": ("return 3;", "only return strings", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_goes_wrong_is_told_with_its_line_and_nothing_is_left_open(
    desk: Fiji, name: str
) -> None:
    code, text, line = WRONG[name]
    with pytest.raises(pc.MacroError, match=text) as caught:
        desk.run_macro('print("begun");' + code, timeout=LONG)
    assert caught.value.line == line
    assert caught.value.log == "begun\n"  # it went no further
    poll_until(lambda: desk.dialogs() == [], "no dialog is on the screen")
    assert desk.run_macro('return "next";').value == "next"


ENDLESS = {
    "while": "while (true) { x = 1; }",
    "for": "for (;;) { x = 1; }",
    "function": "function f() { while (true) x = 1; }\nf();",
    "sleep": "wait(1000000);",
    "batch": "setBatchMode(true); while (true) x = 1;",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_macro_is_ended_and_the_next_one_works(desk: Fiji, name: str) -> None:
    with pytest.raises(pc.MacroError, match=r"longer than 0\.3 s, and was ended"):
        desk.run_macro(ENDLESS[name], timeout=0.3)
    newest = desk.run_macro('newImage("seen", "8-bit ramp", 64, 64, 1); return getTitle();')
    assert newest.value == "seen"
    assert desk.titles() == ["seen"]


def test_a_command_that_crashes_is_told_and_its_window_with_the_trace_goes(desk: Fiji) -> None:
    code = 'newImage("a", "8-bit ramp", 64, 64, 3);\nrun("Bin...", "x=0 y=0 bin=Average");'
    with pytest.raises(pc.MacroError, match=r"a command crashed: .*ArithmeticException"):
        desk.run_macro(code, timeout=LONG)
    assert "Exception" not in desk.run_macro('return String.join(getList("window.titles"));').value


def test_a_long_filter_is_ended_and_its_image_can_be_used(desk: Fiji) -> None:
    desk.run_macro('newImage("big", "32-bit noise", 1000, 1000, 40);')
    with pytest.raises(pc.MacroError, match="and was ended"):
        desk.run_macro('run("Gaussian Blur...", "sigma=200 stack");', timeout=0.2)
    assert desk.run_macro('run("Invert", "slice"); return getTitle();').value == "big"


def test_images_go_on_arriving_while_a_macro_runs(desk: Fiji) -> None:
    stream(desk, volume(1))
    desk.begin("run_macro", code="wait(60000);", timeout=1.0)
    poll_until(lambda: desk.call("state")[0]["macro"] == "runs", "the macro runs")
    stream(desk, volume(6))
    assert desk.look("raw")["size"] == [1, 6, 1]
    assert desk.call("state")[0]["macro"] == "runs"
    assert "was ended" in desk.finish()[0]["error"]["text"]


def test_macros_wait_for_their_turn(desk: Fiji) -> None:
    desk.begin("run_macro", code='wait(300); print("first"); return "1";', timeout=LONG)
    desk.begin("run_macro", code='print("second"); return "2";', timeout=LONG)
    desk.finish()
    desk.finish()
    assert desk.run_macro('return getInfo("log");').value == "first\nsecond\n"


def test_a_dialog_that_a_person_opened_stays(desk: Fiji) -> None:
    stream(desk, volume(1))
    desk.command("Gaussian Blur...")
    poll_until(lambda: desk.dialogs() == ["Gaussian Blur..."], "the dialog opened")
    with pytest.raises(pc.MacroError, match="'Hear': me"):
        desk.run_macro('showMessage("Hear", "me");', timeout=LONG)
    assert desk.dialogs() == ["Gaussian Blur..."]


def test_a_dialog_that_a_person_opens_meanwhile_stays(desk: Fiji) -> None:
    stream(desk, volume(1))
    desk.begin("run_macro", code='wait(1500); showMessage("Hear", "me");', timeout=LONG)
    desk.command("Gaussian Blur...")
    poll_until(lambda: desk.dialogs() == ["Gaussian Blur..."], "the dialog opened")
    assert "'Hear': me" in desk.finish()[0]["error"]["text"]
    assert desk.dialogs() == ["Gaussian Blur..."]


def test_other_languages_need_another_imagej(desk: Fiji) -> None:
    if "embedded" not in desk.engine:
        assert desk.run_macro("args + 1", "a", language="groovy").value == "a1"
        return
    with pytest.raises(Refused, match="language='groovy': this viewer runs the embedded ImageJ"):
        desk.run_macro("1 + 1", language="groovy")


def test_what_is_no_macro_is_refused_in_the_callers_line(desk: Fiji) -> None:
    with pytest.raises(TypeError, match="code= is a text"):
        desk.run_macro(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout= is a number of seconds above 0"):
        desk.run_macro("x = 1;", timeout=0)
    with pytest.raises(ValueError, match="at most 500000"):
        desk.run_macro("x" * 500_001)
