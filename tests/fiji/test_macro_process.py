"""Macros in viewer processes of their own: without windows, and one that Java cannot stop."""

from __future__ import annotations

import numpy as np
import pytest

import planecast as pc

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
