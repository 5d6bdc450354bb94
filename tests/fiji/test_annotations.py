"""What a person draws in ImageJ comes back to the program, with its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streaming_core.testing import poll_until
from tests.fiji.conftest import Fiji

BOX = [[5.5, 4.5], [5.5, 24.5], [15.5, 24.5], [15.5, 4.5]]


def plate(fiji: Fiji, wells: tuple[str, ...] = ("A1", "B03"), **words: Any) -> None:
    for well in wells:
        fiji.show(
            np.zeros((5, 40, 300), "u1"), "ZYX", components={"well": well}, source="raw", **words
        )


def test_nothing_drawn_is_nothing_told(fiji: Fiji) -> None:
    assert fiji.annotations() == []
    plate(fiji)
    fiji.mark("points", [[5, 5]], source="spots")
    fiji.mark("shapes", [[[5, 5], [9, 9]]], shape="ellipse", source="cells")
    fiji.show(np.ones((40, 300), "u2"), kind="labels", editable=True, source="cells")
    assert fiji.annotations() == []
    fiji.choose("raw", 1)  # which makes what was sent the selection
    assert fiji.look("raw")["roi"] is not None
    assert fiji.annotations() == []


def test_a_selection_comes_back_with_the_place_that_is_looked_at(fiji: Fiji) -> None:
    plate(fiji)
    fiji.call("navigate", components={"well": "B03", "z": 4})
    fiji.draw("raw", "rectangle", 5, 6, 20, 10)
    (found,) = fiji.annotations()
    assert (found["kind"], found["layer"], found["image"]) == ("shapes", "raw", "raw")
    assert found["components"] == {"well": "B03", "z": 4}
    assert found["shapes"] == ["rectangle"]
    np.testing.assert_allclose(found["data"][0], BOX)
    fiji.add_to_list("raw", "mitosis")
    (found,) = fiji.annotations()  # once, though it is still the selection
    assert (found["layer"], found["components"]) == ("ROI Manager", {"well": "B03", "z": 4})
    assert found["features"]["name"] == ["mitosis"]


def test_entries_of_the_list_come_back_by_place(fiji: Fiji) -> None:
    plate(fiji)
    fiji.mark("shapes", [[[5, 5], [9, 9]]], shape="ellipse", source="cells")
    for well, z, name in (("B03", 4, "one"), ("A1", 0, "two"), ("B03", 4, "three")):
        fiji.call("navigate", components={"well": well, "z": z})
        fiji.draw("raw", "oval", 1 + z, 6, 20, 10)
        fiji.add_to_list("raw", name)
    fiji.draw("raw", "line", 1.0, 2.0, 9.0, 9.0)
    window, first, second = fiji.annotations()
    assert (window["layer"], window["shapes"]) == ("raw", ["line"])
    assert (first["components"], first["features"]["name"]) == (
        {"well": "B03", "z": 4}, ["one", "three"],
    )  # fmt: skip
    assert first["shapes"] == ["ellipse", "ellipse"]
    assert (second["components"], second["features"]["name"]) == ({"well": "A1", "z": 0}, ["two"])


def test_channels_that_are_seen_together_are_left_out(fiji: Fiji) -> None:
    fiji.show(
        np.zeros((2, 3, 40, 300), "u1"), "CZYX", source="raw",
        components={"channel": ["DAPI", "GFP"], "z": [0, 1, 2], "well": "A1"},
    )  # fmt: skip
    fiji.call("navigate", components={"channel": "GFP", "z": 2})
    fiji.draw("raw", "rectangle", 5, 6, 20, 10)
    assert fiji.annotations()[0]["components"] == {"well": "A1", "z": 2}
    fiji.one_channel_at_a_time("raw")
    fiji.move("raw", 2, 3, 1)
    fiji.draw("raw", "rectangle", 5, 6, 20, 10)
    assert fiji.annotations()[0]["components"] == {"well": "A1", "channel": "GFP", "z": 2}


def test_each_point_has_the_slice_it_was_clicked_on(fiji: Fiji) -> None:
    plate(fiji)
    # Slices count from 1, wells behind each other: 4 is z 3 of A1, 7 is z 1 of B03.
    fiji.draw("raw", "clicked points", (7.0, 8.0, 4, 0), (3.0, 4.0, 7, 2))
    first, second = fiji.annotations()
    assert (first["kind"], first["components"]) == ("points", {"well": "A1", "z": 3})
    np.testing.assert_allclose(first["data"], [[8, 7]])
    assert second["components"] == {"well": "B03", "z": 1}
    np.testing.assert_allclose(second["data"], [[4, 3]])
    assert second["features"]["counter"] == [2]


@pytest.mark.parametrize("first", [("B03",), ("B03", "C1")])
def test_values_that_come_before_leave_drawings_on_their_image(
    fiji: Fiji, first: tuple[str, ...]
) -> None:
    plate(fiji, wells=first)
    fiji.call("navigate", components={"z": 2, "well": "B03"})
    fiji.draw("raw", "rectangle", 5, 6, 20, 10)
    fiji.add_to_list("raw")
    fiji.draw("raw", "oval", 5, 6, 20, 10)
    fiji.add_to_overlay("raw")
    fiji.draw("raw", "clicked points", (7.0, 8.0, 3, 0))
    before = fiji.annotations()
    assert [one["components"] for one in before] == [{"well": "B03", "z": 2}] * 2
    plate(fiji, wells=("A1",))
    for one, other in zip(before, fiji.annotations(), strict=True):
        assert one["components"] == other["components"]
    fiji.show(np.zeros((40, 300), "u1"), source="raw", components={"well": "A1", "z": -1})
    assert [one["components"] for one in fiji.annotations()] == [{"well": "B03", "z": 2}] * 2
    assert fiji.listed()[0]["at"] == [0, 4, 2]


def test_coordinates_are_pixels_of_the_image_and_of_the_world(fiji: Fiji) -> None:
    words: dict[str, Any] = {"scale": {"Y": 0.5, "X": 0.25}, "units": "um"}
    plate(fiji, **words, origin={"Y": 100.0, "X": -5.0})
    fiji.draw("raw", "line", 4.0, 6.0, 8.0, 10.0)
    (found,) = fiji.annotations()
    np.testing.assert_allclose(found["data"][0], [[6, 4], [10, 8]])
    np.testing.assert_allclose(found["world"][0], [[103, -4], [105, -3]])


def test_what_a_person_made_of_a_sent_shape_is_theirs(fiji: Fiji) -> None:
    plate(fiji, wells=("A1",))
    square = [[5, 5], [5, 20], [20, 20]]
    fiji.mark("shapes", [square, square], components={"z": 0}, source="cells")
    fiji.choose("raw", 0)
    fiji.draw("raw", "polygon", (5.5, 5.5), (30.5, 5.5), (20.5, 20.5))
    fiji.press("update")
    (found,) = fiji.annotations()
    assert (found["layer"], found["components"]["z"]) == ("ROI Manager", 0)
    assert found["data"][0].tolist() == [[5, 5], [5, 30], [20, 20]]


def test_a_selection_of_an_image_that_was_not_streamed_is_not_told(fiji: Fiji) -> None:
    fiji.open_image("mine", 50, 300)
    fiji.draw("mine", "rectangle", 5, 6, 20, 10)
    assert fiji.annotations() == []
    fiji.add_to_list("mine", "there")
    (found,) = fiji.annotations()  # who added it wants it kept
    assert (found["image"], found["components"]) == (None, {})
    fiji.discard("mine")


def add_one_on_each(fiji: Fiji, title: str = "raw") -> None:
    for well, z, x in (("A1", 0, 1), ("B03", 4, 2)):
        fiji.call("navigate", components={"well": well, "z": z})
        fiji.draw(title, "rectangle", x, 6, 20, 10)
        fiji.add_to_list(title, f"{well} {z}")
    fiji.draw(title, "clicked points", (7.0, 8.0, 7, 2), (9.0, 8.0, 8, 0))  # B03, z 1 and z 2
    fiji.add_to_list(title, "points")
    fiji.draw(title, "rectangle", 3, 6, 20, 10)


def entries(fiji: Fiji) -> list[tuple[Any, ...]]:
    """Return what the list's entries are told to be: name, components, image and corners."""
    return sorted(
        (one["features"]["name"], sorted(one["components"].items()), one["image"],
         [corners.tolist() for corners in one["data"]], [at.tolist() for at in one["world"]])
        for one in fiji.annotations()
        if one["layer"] == "ROI Manager"
    )  # fmt: skip


def test_entries_of_the_list_stay_on_their_planes_when_windows_are_regrouped(fiji: Fiji) -> None:
    plate(fiji, scale={"Y": 0.5, "X": 0.25}, units="um")
    fiji.mark("shapes", [[[5, 5], [9, 9]]], shape="ellipse", source="cells")
    add_one_on_each(fiji)
    before = entries(fiji)
    assert [one[1] for one in before] == [
        [("well", "A1"), ("z", 0)], [("well", "B03"), ("z", 4)],
        [("well", "B03"), ("z", 1)], [("well", "B03"), ("z", 2)],
    ]  # fmt: skip
    fiji.call("arrange", modes={"well": "split"})
    assert entries(fiji) == before
    assert {one["name"]: one["at"] for one in fiji.listed() if " " in one["name"]}["B03 4"] == 5
    fiji.call("arrange", modes={"z": "split"})
    assert entries(fiji) == before
    fiji.call("arrange", modes={"well": "stack", "z": "stack"})
    assert entries(fiji) == before
    assert [one["name"] for one in fiji.listed()].count("points") == 1
    row = [one["name"] for one in fiji.listed()].index("B03 4")
    fiji.choose("raw", row)  # a click on an entry shows the plane that it was drawn on
    assert fiji.state()["shown"] == {"well": "B03", "z": 4}


def test_entries_of_a_window_that_was_closed_are_told_and_lie_on_it_when_it_is_back(
    fiji: Fiji,
) -> None:
    plate(fiji)
    add_one_on_each(fiji)
    before = entries(fiji)
    fiji.discard("raw")
    poll_until(lambda: fiji.titles() == [], "the window closed")
    assert [one[:4] for one in entries(fiji)] == [one[:4] for one in before]
    for mode in ("split", "stack"):
        fiji.call("arrange", modes={"well": mode})
        assert [one[:4] for one in entries(fiji)] == [one[:4] for one in before]
    plate(fiji, wells=("A01",))  # which comes before B03, and makes the stack longer
    poll_until(lambda: fiji.menu()["Bring Back Closed Window"] == ["raw"], "it can come back")
    fiji.pick("Bring Back Closed Window", "raw")
    poll_until(lambda: fiji.titles() == ["raw"], "the window is back")
    assert entries(fiji) == before
