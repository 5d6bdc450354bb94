"""Points, shapes and tracks lie on the planes they belong to, in a real ImageJ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streaming_core.testing import poll_until
from tests.fiji.conftest import Fiji

BLACK = (0, 0, 0)
SQUARE = [[10, 10], [10, 50], [50, 50], [50, 10]]


def plate(fiji: Fiji, wells: tuple[str, ...] = ("A1", "B3"), depth: int = 3) -> None:
    """Show black images, with a frame for each well."""
    for well in wells:
        fiji.show(
            np.zeros((depth, 60, 300), np.uint8), "ZYX", source="raw", components={"well": well},
            contrast_limits=(0.0, 255.0),
        )  # fmt: skip


def seen(fiji: Fiji, y: int, x: int, **place: Any) -> tuple[int, ...]:
    """Return the colour of a pixel on the screen, where the sliders are put."""
    if place:
        fiji.call("navigate", components=place)
    return tuple(int(value) for value in fiji.picture(canvas=True)[y, x])


def names(found: list[dict[str, Any]] | None) -> list[str]:
    return [one["name"] for one in found or ()]


def spots(found: list[dict[str, Any]] | None) -> list[Any]:
    return [one["at"] for one in found or ()]


def test_points_of_a_well_lie_on_each_z_and_on_no_other_well(fiji: Fiji) -> None:
    plate(fiji)
    assert fiji.mark("points", [[20, 20], [40, 45]], components={"well": "B3"}) is None
    for z in range(3):
        assert seen(fiji, 20, 20, well="B3", z=z) != BLACK
        assert seen(fiji, 40, 45) != BLACK
        assert seen(fiji, 20, 20, well="A1", z=z) == BLACK
    (points,) = fiji.listed()
    assert points["name"] == "points · well B3"
    assert points["at"] == [0, 0, 2]
    assert points["corners"] == [[[20, 20], [40, 45]]]
    assert fiji.overlay("raw")[0] == points


def test_points_with_z_and_t_are_one_roi_for_each_plane(fiji: Fiji) -> None:
    fiji.show(
        np.zeros((2, 2, 3, 60, 200), "u1"), "TCZYX", source="raw",
        components={"channel": ["DAPI", "GFP"], "z": [5, 6, 7], "t": [0, 1]},
    )  # fmt: skip
    rows = [[1, 5, 9, 9], [0, 7, 20, 20], [1, 5.2, 30, 30], [1, 6.9, 5, 5]]
    fiji.mark("points", rows, "TZYX", components={"channel": "GFP"}, source="spots")
    found = fiji.overlay("raw")
    assert sorted(spots(found)) == [[2, 1, 2], [2, 3, 1], [2, 3, 2]]
    by_spot = {tuple(one["at"]): one for one in found}
    assert by_spot[2, 1, 2]["corners"] == [[[9, 9], [30, 30]]]
    assert by_spot[2, 3, 1]["name"] == "spots · channel GFP · t 0 · z 7"
    assert sorted(map(str, fiji.listed())) == sorted(map(str, found))


@pytest.mark.parametrize(
    ("shape", "corners", "on", "off"),
    [
        ("polygon", SQUARE, (10, 30), (30, 30)),
        ("rectangle", [[10, 10], [50, 50]], (30, 10), (30, 30)),
        ("rectangle", [[10, 30], [30, 50], [50, 30], [30, 10]], (20, 40), (10, 10)),
        ("ellipse", [[10, 10], [50, 50]], (10, 30), (12, 12)),
        ("ellipse", [[20, 10], [20, 50], [40, 50], [40, 10]], (20, 30), (12, 30)),
        ("ellipse", [[10.2, 10.2], [49.7, 49.7]], (10, 30), (12, 12)),
        ("line", [[30, 10], [30, 50]], (30, 30), (35, 30)),
        ("path", [[10, 10], [30, 10], [30, 50]], (30, 30), (20, 30)),
    ],
)
def test_every_shape_is_drawn_where_it_was_sent(
    fiji: Fiji, shape: str, corners: Any, on: tuple[int, int], off: tuple[int, int]
) -> None:
    plate(fiji, wells=("A1",))
    fiji.mark("shapes", [corners], shape=shape, components={"z": 1}, source="cells")
    fiji.zoom_in("raw", 3)  # to 4 pixels a pixel, nearly
    fiji.call("navigate", components={"z": 1})
    red, green, blue = fiji.colour("raw", *on)
    assert (red, green) == (0, blue)
    assert blue > 100
    assert fiji.colour("raw", *off) == [0, 0, 0]
    fiji.call("navigate", components={"z": 0})
    assert fiji.colour("raw", *on) == [0, 0, 0]


def test_what_was_sent_covers_the_same_pixels_when_it_is_told_back(fiji: Fiji) -> None:
    plate(fiji, wells=("A1",))
    given: dict[str, list[list[float]]] = {
        "polygon": [[1.5, 2], [3, 9.25], [8, 4]],
        "path": [[1, 2], [3.5, 9], [8, 4], [9, 9]],
        "line": [[1, 2], [8, 4.5]],
        "rectangle": [[1.5, 2.5], [1.5, 6.5], [5.5, 6.5], [5.5, 2.5]],
        "ellipse": [[1.5, 2.5], [1.5, 6.5], [5.5, 6.5], [5.5, 2.5]],
    }
    fiji.mark("shapes", list(given.values()), shape=list(given))
    for one, corners in zip(fiji.overlay("raw"), given.values(), strict=True):
        np.testing.assert_allclose(one["corners"][0], corners, atol=0.01)


def test_marks_have_names_a_colour_for_each_source_and_their_features(fiji: Fiji) -> None:
    plate(fiji)
    table = {"area": [310.5, np.nan], "class": ["a: b", None], "good": [True, False]}
    for source in ("cells", "nuclei"):
        fiji.mark(
            "shapes", [SQUARE, SQUARE], source=source, components={"well": "B3", "z": 2},
            features=table,
        )  # fmt: skip
    fiji.mark("points", [[1, 2], [3, 4]], source="cells", features={"score": [0.5, 2]})
    found = fiji.listed()
    assert names(found) == [
        "cells · well B3 · z 2 · 1", "cells · well B3 · z 2 · 2",
        "nuclei · well B3 · z 2 · 1", "nuclei · well B3 · z 2 · 2", "cells",
    ]  # fmt: skip
    assert [one["colour"] for one in found[:3]] == [[0, 255, 255], [0, 255, 255], [255, 0, 255]]
    assert found[0]["properties"] == {"area": "310.5", "class": "a: b", "good": "True"}
    assert found[1]["properties"] == {"area": "NaN", "good": "False"}
    assert found[4]["properties"] == {"score": "0.5,2"}


def test_marks_sent_again_replace_those_before_and_no_rows_empty_them(fiji: Fiji) -> None:
    plate(fiji)
    for spot in (20, 40):
        fiji.mark("points", [[spot, spot]], components={"well": "B3"})
    fiji.mark("points", [[30, 10]], components={"well": "A1"})
    assert seen(fiji, 40, 40, well="B3", z=0) != BLACK
    assert seen(fiji, 20, 20) == BLACK
    assert [one["corners"] for one in fiji.listed()] == [[[[40, 40]]], [[[30, 10]]]]
    fiji.mark("points", [], components={"well": "B3"})
    assert seen(fiji, 40, 40) == BLACK
    assert seen(fiji, 30, 10, well="A1") != BLACK
    assert names(fiji.listed()) == names(fiji.overlay("raw")) == ["points · well A1"]


def test_an_old_run_does_not_come_back(fiji: Fiji) -> None:
    plate(fiji)
    for run, spot in (("one", 20), ("two", 40), ("one", 20)):
        fiji.mark("points", [[spot, spot]], components={"well": "B3"}, run=run)
    assert [one["corners"] for one in fiji.overlay("raw")] == [[[[40, 40]]]]


GROWTHS: dict[str, list[dict[str, Any]]] = {
    "wells before": [{"well": "A1", "z": 0}, {"well": "B1", "z": 0}],
    "z before and behind": [{"well": "C1", "z": -1}, {"well": "C1", "z": 7}],
    "all": [{"well": "A1", "z": -4}, {"well": "D1", "z": 9}, {"well": "B2", "z": 1}],
}


@pytest.mark.parametrize("order", GROWTHS)
def test_marks_stay_on_their_image_when_the_stack_grows(fiji: Fiji, order: str) -> None:
    black = np.zeros((60, 300), "u1")
    words: dict[str, Any] = {"source": "raw", "contrast_limits": (0.0, 255.0)}
    fiji.show(black, components={"well": "C1", "z": 0}, **words)
    fiji.mark("points", [[20, 20]], components={"well": "C1", "z": 0})
    fiji.mark("points", [[10, 30]], components={"well": "C1"})
    for place in GROWTHS[order]:
        fiji.show(black, components=place, **words)
    places = [{"well": "C1", "z": 0}, *GROWTHS[order]]
    wells, depth = (sorted({place[name] for place in places}) for name in ("well", "z"))
    for place in places:
        assert (seen(fiji, 20, 20, **place) != BLACK) is (place == places[0])
        assert (seen(fiji, 10, 30) != BLACK) is (place["well"] == "C1")
    if len(wells) > 1 and len(depth) > 1:
        frame = wells.index("C1") + 1
        assert spots(fiji.listed()) == [[0, depth.index(0) + 1, frame], [0, 0, frame]]
    else:
        index = (wells if len(wells) > 1 else depth).index("C1" if len(wells) > 1 else 0) + 1
        assert spots(fiji.listed()) == [index, index if len(wells) > 1 else 0]
    assert spots(fiji.listed()) == spots(fiji.overlay("raw"))


def test_marks_of_a_well_lie_on_all_its_time_points(fiji: Fiji) -> None:
    for well, t in (("A1", 0), ("A1", 1), ("B1", 0), ("B1", 1)):
        fiji.show(np.zeros((60, 300), "u1"), source="raw", components={"well": well, "t": t})
    fiji.mark("points", [[20, 20]], components={"well": "B1"})
    assert spots(fiji.overlay("raw")) == [3, 4]
    assert spots(fiji.listed()) == [3]
    fiji.show(np.zeros((60, 300), "u1"), source="raw", components={"well": "B1", "t": 2})
    assert fiji.call("state")[0]["marks"][0]["waiting"] == 0
    assert spots(fiji.overlay("raw")) == [4, 5, 6]


def test_marks_wait_for_their_image(fiji: Fiji) -> None:
    assert fiji.mark("points", [[20, 20]], components={"well": "B3", "z": 1}) is None
    (mark,) = fiji.call("state")[0]["marks"]
    assert (mark["windows"], mark["waiting"]) == ([], 1)
    assert fiji.listed() is None
    plate(fiji, wells=("A1",))
    assert fiji.call("state")[0]["marks"][0]["waiting"] == 1
    plate(fiji, wells=("B3",))
    (mark,) = fiji.call("state")[0]["marks"]
    assert (mark["windows"], mark["waiting"]) == (["raw"], 0)
    assert spots(fiji.listed()) == [[0, 2, 2]]
    assert seen(fiji, 20, 20, well="B3", z=1) != BLACK


def test_marks_lie_on_every_window_that_has_their_components(fiji: Fiji) -> None:
    plate(fiji, wells=("B3",))
    fiji.show(np.zeros((60, 300), "u2"), kind="labels", source="cells", components={"well": "B3"})
    fiji.mark("shapes", [SQUARE], components={"well": "B3"}, source="cells")
    fiji.mark("shapes", [SQUARE], components={"well": "B3", "z": 2}, source="deep")
    assert names(fiji.overlay("raw")) == ["cells · well B3 · 1", "deep · well B3 · z 2 · 1"]
    assert names(fiji.overlay("cells · labels")) == ["cells · well B3 · 1"]
    fiji.call("clear", source="raw")
    state = {mark["source"]: mark for mark in fiji.call("state")[0]["marks"]}
    assert state["cells"]["windows"] == ["cells · labels"]
    assert state["deep"]["waiting"] == 1
    assert names(fiji.listed()) == ["cells · well B3 · 1"]


def test_marks_are_in_state_and_can_be_cleared(fiji: Fiji) -> None:
    plate(fiji)
    fiji.mark("points", [[2, 20, 20], [0, 1, 1]], "ZYX", source="spots", components={"well": "B3"})
    fiji.mark("shapes", [[[1, 1], [5, 5]]], shape="line", source="cells")
    points, shapes = fiji.call("state")[0]["marks"]
    assert (points["name"], points["windows"]) == ("spots · points", ["raw"])
    assert (points["kind"], points["source"], points["run"]) == ("points", "spots", "run")
    assert points["components"] == {"well": ["B3"], "z": [0, 2]}
    assert (points["places"], points["objects"]) == (1, 2)
    assert shapes["objects"] == 1
    assert fiji.call("clear", source="spots")[0] == {"removed": 1}
    assert [mark["source"] for mark in fiji.call("state")[0]["marks"]] == ["cells"]
    assert names(fiji.listed()) == names(fiji.overlay("raw")) == ["cells · 1"]


def test_what_the_user_put_there_stays_theirs(fiji: Fiji) -> None:
    plate(fiji)
    fiji.mark("shapes", [SQUARE] * 3, components={"well": "B3"}, source="cells")
    fiji.draw("raw", "oval", 5, 6, 20, 10)
    fiji.add_to_list("raw", "mine")
    fiji.add_to_overlay("raw")
    fiji.mark("shapes", [SQUARE], components={"well": "A1"}, source="cells")
    fiji.choose("raw", 3)
    fiji.move("raw", 1, 2, 1)
    before = fiji.look("raw")
    fiji.mark("shapes", [SQUARE], components={"well": "B3"}, source="cells")
    after = fiji.look("raw")
    assert (after["position"], after["roi"]) == (before["position"], before["roi"])
    assert names(fiji.listed()) == ["mine", "cells · well A1 · 1", "cells · well B3 · 1"]
    assert fiji.selected() == [0]
    assert [one["type"] for one in fiji.overlay("raw")].count("Oval") == 1
    fiji.call("clear", source="cells")
    assert names(fiji.listed()) == ["mine"]
    assert [one["type"] for one in fiji.overlay("raw")] == ["Oval"]


def test_a_list_that_was_opened_for_marks_goes_with_them(fiji: Fiji) -> None:
    plate(fiji)
    fiji.mark("shapes", [SQUARE] * 3, components={"well": "B3"}, source="cells")
    fiji.mark("points", [[20, 20]], components={"well": "B3"}, source="spots")
    fiji.call("clear", source="cells")
    assert names(fiji.listed()) == ["spots · well B3"]
    fiji.call("clear", source="spots")
    assert fiji.listed() is None
    fiji.mark("points", [[20, 20]], components={"well": "B3"}, source="spots")
    assert names(fiji.listed()) == ["spots · well B3"]


def test_a_list_that_its_user_opened_stays_when_marks_go(fiji: Fiji) -> None:
    plate(fiji)
    fiji.draw("raw", "oval", 5, 6, 20, 10)
    fiji.add_to_list("raw", "mine")
    fiji.press("reset")
    fiji.mark("points", [[20, 20]], components={"well": "B3"}, source="spots")
    fiji.call("clear", source="spots")
    assert fiji.listed() == []


def test_what_the_user_closed_or_removed_stays_so(fiji: Fiji) -> None:
    plate(fiji)
    fiji.mark("shapes", [SQUARE], components={"well": "B3"}, source="cells")
    fiji.close_list()
    fiji.remove_overlay("raw")
    fiji.mark("shapes", [SQUARE], components={"well": "A1"}, source="cells")
    assert fiji.listed() is None
    assert fiji.overlay("raw") == []
    fiji.call("clear", source="cells")
    fiji.mark("shapes", [SQUARE], components={"well": "A1"}, source="cells")
    assert names(fiji.listed()) == names(fiji.overlay("raw")) == ["cells · well A1 · 1"]


def test_many_shapes_come_in_pieces_between_which_imagej_answers(fiji: Fiji) -> None:
    plate(fiji, wells=("A1",))
    corners = np.array([[0, 0], [0, 3], [3, 3], [3, 0]])
    squares = [corners + np.array((5 * (i // 60 % 10), i % 60)) for i in range(10000)]
    fiji.mark("shapes", squares, components={"z": 0}, features={"n": range(10000)}, wait=False)
    assert len(fiji.lengths_seen(10000)) > 10
    fiji.settle()
    found = fiji.overlay("raw")
    assert [one["properties"]["n"] for one in found] == [str(i) for i in range(10000)]
    assert [one["properties"]["n"] for one in fiji.listed()] == [str(i) for i in range(10000)]


def test_a_track_ends_where_the_slider_stands(fiji: Fiji) -> None:
    for well in ("A1", "B2"):
        fiji.show(
            np.zeros((8, 60, 300), "u1"), "TYX", source="raw", components={"well": well},
            contrast_limits=(0.0, 255.0),
        )  # fmt: skip
    rows = [[7, t, 30, 5 + 6 * t] for t in range(8)] + [[8, 3, 10, 10], [8, 4, 10, 30]]
    fiji.mark("tracks", rows, "TYX", components={"well": "A1"}, source="cells")
    fiji.zoom_in("raw", 3)

    def there(y: int, x: int, **place: Any) -> bool:
        if place:
            fiji.call("navigate", components=place)
        return bool(fiji.colour("raw", y, x) != [0, 0, 0])

    assert there(30, 20, well="A1", t=4)
    assert there(10, 20)
    assert not there(30, 40)
    assert there(30, 40, t=7)
    assert not there(10, 20, t=2)
    assert not there(30, 20, well="B2", t=4)
    first, second = fiji.listed()
    assert (first["name"], first["at"]) == ("cells · well A1 · track 7", 1)
    assert first["corners"] == [[[30, 5 + 6 * t] for t in range(8)]]
    assert (second["name"], second["at"]) == ("cells · well A1 · track 8", 4)


def test_marks_in_micrometres_lie_on_images_in_micrometres(fiji: Fiji) -> None:
    fiji.show(np.zeros((60, 300), "u1"), source="raw", scale={"Y": 0.5, "X": 0.5}, units="um",
              origin={"Y": 10.0, "X": 0.0})  # fmt: skip
    fiji.mark("points", [[20, 20]], source="pixels")
    fiji.mark("points", [[20, 20]], source="same", scale={"Y": 0.5, "X": 0.5})
    fiji.mark("points", [[20, 20]], source="finer", scale={"Y": 0.25, "X": 0.25})
    fiji.mark("points", [[0, 0]], source="moved", scale={"Y": 0.5, "X": 0.5},
              origin={"Y": 20.0, "X": 10.0})  # fmt: skip
    found = {one["name"]: one["corners"][0][0] for one in fiji.overlay("raw")}
    assert found == {
        "pixels": [20, 20], "same": [20, 20], "finer": [10, 10], "moved": [20, 20],
    }  # fmt: skip


def test_marks_follow_their_images_into_other_windows(fiji: Fiji) -> None:
    plate(fiji)
    for well in ("A1", "B3"):
        fiji.mark("shapes", [SQUARE], components={"well": well, "z": 1}, source="cells")
    assert spots(fiji.overlay("raw")) == [[0, 2, 1], [0, 2, 2]]
    fiji.call("arrange", modes={"well": "split"})
    fiji.state()
    for well in ("A1", "B3"):
        title = f"raw · {well}"
        assert names(fiji.overlay(title)) == [f"cells · well {well} · z 1 · 1"]
        assert spots(fiji.overlay(title)) == [2]
    assert sorted(spots(fiji.listed())) == [2, 2]
    fiji.call("arrange", modes={"well": "stack"})
    fiji.state()
    assert sorted(spots(fiji.overlay("raw"))) == [[0, 2, 1], [0, 2, 2]]
    assert sorted(spots(fiji.listed())) == [[0, 2, 1], [0, 2, 2]]


MANY = {"many shapes": (20_000, 4), "long shapes": (4_000, 100), "points": (600_000, 1)}
"""Of so many objects with so many corners each: 10 MB and more, so that little else matters."""


@pytest.mark.parametrize("what", MANY)
def test_marks_count_in_the_memory_budget_about_as_much_as_they_take(fiji: Fiji, what: str) -> None:
    number, corners = MANY[what]
    fiji.show(np.zeros((40, 300), "u1"), source="raw")
    fiji.mark("shapes", [[[1, 1], [9, 9], [1, 9]]], source="cells")
    held, used = fiji.held(), fiji.used()
    places = np.random.default_rng(3).uniform(0, 40, (number, corners, 2))
    if what == "points":
        fiji.mark("points", places[:, 0], source="many")
    else:
        fiji.mark("shapes", list(places), source="many")
    counted, taken = fiji.held() - held, fiji.used() - used
    assert taken / 2 < counted < 2 * taken, (counted, taken)
    fiji.call("clear", source="many")
    poll_until(lambda: fiji.held() == held, "they count no more")
