"""What a notebook prints of what ImageJ gives back: one line, however much it is."""

from __future__ import annotations

import numpy as np

from streaming_core.macros import ActiveImage, MacroResult


def test_a_result_is_told_in_one_short_line() -> None:
    roi = {"kind": "points", "shape": "", "data": np.zeros((9, 2)), "position": {}, "features": {}}
    table = {f"column {number}": [float(number)] * 1000 for number in range(50)}
    result = MacroResult("a text\nof two lines", table, [roi] * 300, "one\ntwo\nthe end\n")
    assert repr(result) == (
        "<MacroResult value 'a text\\nof two lines'; table of 1000 rows: column 0, column 1, "
        "column 2, column 3, column 4, column 5,…; 300 ROIs; log of 3 lines: 'the end'>"
    )
    assert len(repr(MacroResult("v" * 9999, table, [roi], "l" * 9999))) < 300
    assert repr(MacroResult(table={"Area": [1.0]}, rois=[roi])) == (
        "<MacroResult table of 1 row: Area; 1 ROI>"
    )
    assert repr(MacroResult()) == "<MacroResult empty>"


def test_an_image_is_told_without_its_pixels() -> None:
    pixels = np.zeros((5, 128, 300), np.uint16)
    image = ActiveImage(pixels, "ZYX", "raw", {}, {}, "", ["a label"] * 5, {"Z": 1})
    assert repr(image) == "<ActiveImage 'raw', ZYX (5, 128, 300) uint16>"
