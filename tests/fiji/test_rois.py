"""What is drawn in ImageJ means the same pixels as plain data, and the other way round."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fiji.conftest import Fiji

BOX = [[5.5, 4.5], [5.5, 24.5], [15.5, 24.5], [15.5, 4.5]]
BENT = [(1.0, 2.0), (5.0, 2.0), (5.0, 9.0)]


@pytest.mark.parametrize(
    ("tool", "given", "shape", "corners"),
    [
        ("rectangle", (5, 6, 20, 10), "rectangle", BOX),
        ("oval", (5, 6, 20, 10), "ellipse", BOX),
        ("line", (1.0, 2.0, 3.5, 4.0), "line", [[2, 1], [4, 3.5]]),
        ("arrow", (1.0, 2.0, 8.0, 9.0), "line", [[2, 1], [9, 8]]),
        ("polygon", BENT, "polygon", [[1.5, 0.5], [1.5, 4.5], [8.5, 4.5]]),
        ("freehand", BENT, "polygon", [[1.5, 0.5], [1.5, 4.5], [8.5, 4.5]]),
        ("traced", BENT, "polygon", [[1.5, 0.5], [1.5, 4.5], [8.5, 4.5]]),
        ("segmented line", BENT, "path", [[2, 1], [2, 5], [9, 5]]),
        ("freehand line", BENT, "path", [[2, 1], [2, 5], [9, 5]]),
        ("angle", BENT, "path", [[2, 1], [2, 5], [9, 5]]),
        ("ellipse", (10.0, 10.0, 30.0, 10.0, 0.5), "ellipse",
         [[14.5, 9.5], [4.5, 9.5], [4.5, 29.5], [14.5, 29.5]]),
        ("rotated rectangle", (10.0, 10.0, 30.0, 10.0, 6.0), "polygon",
         [[6.5, 9.5], [6.5, 29.5], [12.5, 29.5], [12.5, 9.5]]),
    ],
)  # fmt: skip
def test_every_tool_makes_a_shape_that_covers_the_same_pixels(
    fiji: Fiji, tool: str, given: Any, shape: str, corners: Any
) -> None:
    ((kind, found, there, spot, _),) = fiji.outlines(tool, *given)
    assert (kind, found, spot) == ("shapes", shape, (0, 0, 0, 0))
    there = np.array(there)
    if shape in ("ellipse", "polygon"):  # where it begins, and which way round, say nothing
        there, corners = (np.array(sorted(map(tuple, one))) for one in (there, corners))
    np.testing.assert_allclose(there, corners, atol=0.01)


def test_a_composite_selection_comes_in_parts_that_say_whether_they_are_holes(fiji: Fiji) -> None:
    parts = fiji.outlines("ring", (0, 0, 20, 20), (5, 5, 5, 5), setName=("ring",))
    found = {features["hole"]: np.array(corners) for _, _, corners, _, features in parts}
    assert len(parts) == 2
    assert (found[False].min(), found[False].max()) == (-0.5, 19.5)
    assert (found[True].min(), found[True].max()) == (4.5, 9.5)
    assert {features["name"] for *_, features in parts} == {"ring"}


def test_a_selection_says_its_name_its_group_and_where_it_lies(fiji: Fiji) -> None:
    ((*_, spot, features),) = fiji.outlines(
        "rectangle", 1, 2, 3, 4, setName=("mitosis",), setGroup=(3,), setPosition=(1, 0, 5),
        setProperty=("by", "Ada"),
    )  # fmt: skip
    assert spot == (1, 0, 5, 0)
    assert features == {"name": "mitosis", "group": 3, "by": "Ada"}
    ((*_, sent),) = fiji.outlines("rectangle", 1, 2, 3, 4, setProperty=("planecast", "3e/1/0"))
    assert sent == {"name": None}
    ((*_, words),) = fiji.outlines("text", 5.0, 6.0, "look here")
    assert words["text"] == "look here"
    ((*_, wide),) = fiji.outlines("line", 1.0, 2.0, 8.0, 9.0, setStrokeWidth=(5.0,))
    assert wide["width"] == 5


def test_points_lie_in_the_middle_of_pixels_and_each_in_its_slice(fiji: Fiji) -> None:
    ((kind, shape, rows, spot, _),) = fiji.outlines("points", (1.0, 3.0), (2.5, 4.0))
    assert (kind, shape, rows, spot) == ("points", "", [[3, 1], [4, 2.5]], (0, 0, 0, 0))
    first, second = fiji.outlines(
        "points", (1.0, 3.0), setCounter=(2,), addPoint=(7.0, 8.0, 5)
    )  # fmt: skip
    assert (first[2], first[3], first[4]["counter"]) == ([[3, 1]], (0, 0, 0, 0), [0])
    assert (second[2], second[3], second[4]["counter"]) == ([[8, 7]], (0, 0, 0, 5), [2])
