"""Live hyperstacks in real ImageJ windows."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming_core.testing import poll_until
from tests.fiji.conftest import Fiji, Refused

KEPT = ("window", "at", "zoom", "roi", "mode")


def plane(value: int, shape: tuple[int, int] = (40, 300), dtype: str = "u2") -> NDArray[Any]:
    """Make a plane that no other value gives, with a gradient to look at."""
    ramp = np.arange(shape[0] * shape[1], dtype=dtype).reshape(shape)
    return (ramp % 251 + value * 3).astype(dtype)


def test_the_first_image_opens_a_window_named_after_its_source(fiji: Fiji) -> None:
    assert fiji.show(plane(1), source="raw") is None
    assert fiji.titles() == ["raw"]
    assert fiji.look("raw")["size"] == [1, 1, 1]


GROWTHS: dict[str, list[dict[str, Any]]] = {
    "T": [{"t": t} for t in range(4)],
    "Z": [{"z": z} for z in (3, 1, 2, 0)],
    "C": [{"channel": c} for c in ("DAPI", "GFP", "w3")],
    "Z then T": [{"z": z, "t": t} for z, t in ((0, 0), (1, 0), (0, 1), (1, 1))],
    "T then Z": [{"z": z, "t": t} for z, t in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0))],
    "C then T": [{"channel": c, "t": t} for c, t in ((0, 0), (1, 0), (0, 1), (1, 1))],
    "T then C": [{"channel": c, "t": t} for c, t in ((0, 0), (0, 1), (2, 0), (1, 1))],
    "C Z T": [
        {"channel": c, "z": z, "t": t}
        for c, z, t in ((1, 4, 2), (0, 4, 2), (1, 1, 2), (1, 4, 0), (3, 2, 1), (2, 9, 5))
    ],
}


@pytest.mark.parametrize("order", GROWTHS)
def test_growth_keeps_window_zoom_roi_look_and_the_picture_that_is_looked_at(
    fiji: Fiji, order: str
) -> None:
    places = GROWTHS[order]
    fiji.show(plane(0), source="live", components=places[0], contrast_limits=(0.0, 255.0))
    fiji.zoom_in("live", 2)
    fiji.draw_roi("live", 5, 6, 20, 10)
    fiji.run("live", "Yellow")
    fiji.contrast("live", 7, 77)
    fiji.call("navigate", components=places[0])  # it is looked at, and does not follow
    before = fiji.look("live")
    seen = fiji.picture(canvas=True)
    for number, place in enumerate(places[1:], 1):
        fiji.show(plane(number), source="live", components=place)
        after = fiji.look("live")
        assert {name: after[name] for name in KEPT} == {name: before[name] for name in KEPT}
        assert fiji.state()["shown"] == places[0]
        channels = sorted({one["channel"] for one in places[: number + 1] if "channel" in one})
        first = channels.index(places[0]["channel"]) if channels else 0
        assert after["ranges"][first] == [7, 77]
        assert after["colors"][first] == before["colors"][0]
        if "channel" not in place:
            assert np.array_equal(fiji.picture(canvas=True), seen)
    assert fiji.titles() == ["live"]
    names = list(places[0])
    counts = {name: len({place[name] for place in places}) for name in names}
    assert after["size"] == [counts.get(name, 1) for name in ("channel", "z", "t")]
    assert after["sliders"] == sum(count > 1 for count in counts.values())
    for number, place in enumerate(places):
        assert np.array_equal(fiji.read(components=place), plane(number))
        fiji.call("navigate", components=place)
        label = " · ".join(
            f"{name} {place[name]}" for name in ("channel", "t", "z") if name in place
        )
        assert label in fiji.look("live")["subtitle"]


def test_growth_keeps_position_contrast_colours_and_switched_off_channels(fiji: Fiji) -> None:
    for channel in (0, 2):
        for z in (0, 2):
            place = {"channel": channel, "z": z, "t": 0}
            fiji.show(plane(channel + z), source="live", components=place)
    fiji.move("live", 2, 2, 1)
    fiji.contrast("live", 7, 77)
    fiji.recolor("live", 1, 9, 200, 30)
    fiji.switch_off("live", 1)
    before = fiji.look("live")
    assert before["ranges"][1] == [7, 77]
    fiji.show(plane(50), source="live", components={"channel": 2, "z": 5, "t": 1})
    after = fiji.look("live")
    assert after["size"] == [2, 3, 2]
    for name in ("window", "position", "ranges", "colors", "active"):
        assert after[name] == before[name], name
    # A channel and a z in between: what was looked at is still looked at.
    fiji.show(plane(500), source="live", components={"channel": 1, "z": 1, "t": 0})
    after = fiji.look("live")
    assert after["size"] == [3, 4, 2]
    assert after["window"] == before["window"]
    assert after["position"] == [3, 3, 1]
    assert "channel 2 · t 0 · z 2" in after["subtitle"]
    assert [after["ranges"][i] for i in (0, 2)] == before["ranges"]
    assert [after["colors"][i] for i in (0, 2)] == before["colors"]
    assert after["active"][:3] == [False, True, True]
    assert after["colors"][1] not in before["colors"]


def test_images_that_came_together_make_the_stack_grow_once(fiji: Fiji) -> None:
    fiji.show(plane(0), source="live", components={"t": 0})
    fiji.hold_window()
    for t in range(1, 200):
        fiji.show(plane(t), source="live", components={"t": t}, wait=False)
    sizes = fiji.sizes_seen("live", 200)
    fiji.settle()
    assert len(sizes) <= 3  # one image was being shown when the others came
    assert np.array_equal(fiji.read(), np.stack([plane(t) for t in range(200)]))


def test_a_whole_stack_opens_in_its_middle(fiji: Fiji) -> None:
    planes = np.stack([plane(number) for number in range(10)]).reshape(2, 5, *plane(0).shape)
    fiji.show(planes, axes="CZYX", source="live")
    assert fiji.look("live")["position"] == [1, 3, 1]


def test_random_order_with_a_person_at_the_sliders(fiji: Fiji) -> None:
    chance = random.Random(7)  # noqa: S311 - a reproducible order
    places = [{"channel": c, "z": z, "t": t} for c in range(2) for z in range(5) for t in range(8)]
    chance.shuffle(places)
    for number, place in enumerate(places):
        fiji.show(plane(number, (20, 30)), source="live", components=place, wait=False)
        if number % 7 == 3:
            fiji.settle()
            size = fiji.look("live")["size"]
            fiji.move("live", *(chance.randint(1, length) for length in size))
    fiji.settle()
    whole = fiji.read(components={})
    assert whole.shape == (2, 8, 5, 20, 30)
    for number, place in enumerate(places):
        at = whole[place["channel"], place["t"], place["z"]]
        assert np.array_equal(at, plane(number, (20, 30)))
    labels = fiji.look("live")["labels"]
    expected = [
        f"channel {c} · t {t} · z {z}" for t in range(8) for z in range(5) for c in range(2)
    ]
    assert labels == expected
    for index, label in enumerate(expected, 1):
        t, z, c = (index - 1) // 10, (index - 1) // 2 % 5, (index - 1) % 2
        number = places.index({"channel": c, "z": z, "t": t})
        assert fiji.value("live", 1, 1, index) == plane(number, (20, 30))[1, 1], label


def test_wells_fold_onto_frames_and_slices_say_which(fiji: Fiji) -> None:
    for well in ("B1", "A10", "A2"):
        for t in (0, 1):
            fiji.show(plane(t), source="plate", components={"well": well, "t": t})
    facts = fiji.look("plate")
    assert facts["size"] == [1, 1, 6]
    wells = [label.split(" · ")[0] for label in facts["labels"]]
    assert wells == ["well A2"] * 2 + ["well A10"] * 2 + ["well B1"] * 2


def test_a_hole_is_blank_and_says_that_it_is_missing(fiji: Fiji) -> None:
    fiji.show(plane(9), source="live", components={"z": 0, "t": 0})
    fiji.show(plane(9), source="live", components={"z": 1, "t": 1})
    facts = fiji.look("live")
    assert facts["labels"][1] == "missing: t 0 · z 1"
    assert fiji.value("live", 3, 3, 2) == 0
    group = fiji.groups()[0]
    assert group["missing"] == [{"t": 0, "z": 1}, {"t": 1, "z": 0}]
    fiji.show(plane(5), source="live", components={"z": 1, "t": 0})
    assert fiji.look("live")["labels"][1] == "t 0 · z 1"
    assert fiji.value("live", 3, 3, 2) == plane(5)[3, 3]


def test_an_image_sent_again_replaces_the_old_one_on_the_screen(fiji: Fiji) -> None:
    fiji.show(plane(0), source="live", components={"channel": "a", "t": 0})
    fiji.show(plane(0), source="live", components={"channel": "b", "t": 0})
    before = fiji.picture(canvas=True)
    fiji.show(plane(0)[:, ::-1], source="live", components={"channel": "a", "t": 0})
    after = fiji.picture(canvas=True)
    assert not np.array_equal(after, before)
    fiji.move("live", 2, 1, 1)  # a slider that moves writes the shown plane back
    fiji.move("live", 1, 1, 1)
    assert np.array_equal(fiji.read(components={"channel": "a"})[0], plane(0)[:, ::-1])
    assert fiji.value("live", 4, 3, 1) == plane(0)[3, -5]


def test_a_late_plane_of_an_older_run_is_not_seen(fiji: Fiji) -> None:
    fiji.show(plane(1), source="live", run="one", components={"z": 0})
    fiji.show(plane(2), source="live", run="two", components={"z": 0})
    before, seen = fiji.look("live"), fiji.picture(canvas=True)
    assert fiji.show(plane(900)[:, ::-1], source="live", run="one", components={"z": 0}) is None
    assert np.array_equal(fiji.picture(canvas=True), seen)
    assert fiji.look("live") == before  # its range too
    assert np.array_equal(fiji.read(components={"z": 0}), plane(2))
    assert fiji.value("live", 4, 3, 1) == plane(2)[3, 4]


def test_of_a_late_stack_only_what_is_new_is_seen(fiji: Fiji) -> None:
    fiji.show(plane(1), source="live", run="one", components={"z": 0})
    fiji.show(plane(2), source="live", run="two", components={"z": 0})
    late = np.stack([plane(7), plane(8)])
    assert fiji.show(late, axes="ZYX", source="live", run="one", components={"z": [0, 1]}) is None
    assert fiji.look("live")["size"] == [1, 2, 1]
    assert [fiji.value("live", 4, 3, z) for z in (1, 2)] == [plane(2)[3, 4], plane(8)[3, 4]]


def test_channels_get_the_colours_of_their_stains(fiji: Fiji) -> None:
    for channel in ("DAPI", "GFP", "mCherry", "something"):
        fiji.show(plane(1), source="cells", components={"channel": channel})
    assert fiji.look("cells")["colors"] == [[0, 0, 255], [0, 255, 0], [255, 0, 0], [255, 0, 255]]
    fiji.show(plane(1), source="one", colormap="yellow", components={"channel": "GFP"})
    assert fiji.look("one")["colors"] == [[255, 255, 0]]
    fiji.show(plane(1), source="gray", components={"z": 0})
    assert fiji.look("gray")["colors"] == [[255, 255, 255]]


def test_the_display_range_comes_from_the_first_planes_and_then_stays(fiji: Fiji) -> None:
    first = np.linspace(100, 200, 12000).reshape(40, 300).astype("u2")
    fiji.show(first, source="live", components={"channel": 0, "t": 0})
    low, high = fiji.look("live")["ranges"][0]
    assert 100 <= low <= 101
    assert 199 <= high <= 200
    fiji.show(first * 10, source="live", components={"channel": 0, "t": 1})
    assert 1990 <= fiji.look("live")["ranges"][0][1] <= 2000
    for t in range(2, 18):
        fiji.show(first * 10, source="live", components={"channel": 0, "t": t}, wait=False)
    fiji.settle()
    settled = fiji.look("live")["ranges"]
    fiji.show(first * 100, source="live", components={"channel": 0, "t": 18})
    assert fiji.look("live")["ranges"] == settled
    limits = {"contrast_limits": (10.0, 20.0), "components": {"channel": 1, "t": 0}}
    fiji.show(first, source="live", **limits)
    assert fiji.look("live")["ranges"][1] == [10, 20]


def test_pixel_size_units_and_origin(fiji: Fiji) -> None:
    fiji.show(
        np.zeros((2, 3, 20, 300), "u1"), axes="TZYX", source="sized", units="um",
        scale={"X": 0.1, "Y": 0.2, "Z": 0.5, "T": 30.0}, origin={"X": 5.0, "Y": -2.0},
    )  # fmt: skip
    facts = fiji.look("sized")
    assert facts["pixel"] == [0.1, 0.2]
    assert facts["depth"] == 0.5
    assert facts["unit"] == "µm"
    assert facts["origin"] == [-50, 10]
    assert facts["interval"] == 30
    fiji.show(plane(0), source="plain")
    assert "Coordinate origin" not in fiji.show_info("plain")


def test_other_sizes_and_dtypes_get_windows_of_their_own(fiji: Fiji) -> None:
    fiji.show(plane(1, (20, 300)), source="raw")
    fiji.show(plane(1, (30, 300)), source="raw")
    fiji.show(plane(1, (20, 300), "u1"), source="raw")
    fiji.show(plane(1, (20, 300)), source="raw", kind="labels")
    fiji.show(np.zeros((20, 300, 3), "u1"), "YXS", source="raw")
    titles = fiji.titles()
    assert len(set(titles)) == 5
    assert titles[0] == "raw"
    assert "raw · RGB" in titles
    assert any("u1" in title for title in titles)
    assert any("labels" in title for title in titles)


def test_windows_do_not_cover_each_other_where_there_is_room(fiji: Fiji) -> None:
    for source in ("a", "b", "c", "d"):
        fiji.show(plane(1, (100, 200)), source=source, components={"z": 0})
    places = [fiji.look(source)["at"] for source in "abcd"]
    for i, (x, y) in enumerate(places):
        for other_x, other_y in places[i + 1 :]:
            assert abs(x - other_x) >= 200 or abs(y - other_y) >= 100


def test_a_window_that_its_user_closed_stays_closed_and_loses_nothing(fiji: Fiji) -> None:
    fiji.show(plane(0), source="live", components={"channel": 0, "t": 0})
    fiji.show(plane(1), source="live", components={"channel": 0, "t": 1})
    fiji.close_window("live")
    poll_until(lambda: not fiji.groups()[0]["window"], "the window closed")
    assert fiji.show(plane(2), source="live", components={"channel": 0, "t": 2}) is None
    assert fiji.show(plane(3), source="live", components={"channel": 1, "t": 0}) is None
    assert fiji.titles() == []
    assert fiji.groups()[0]["window"] is False
    for number, (channel, t) in enumerate(((0, 0), (0, 1), (0, 2), (1, 0))):
        back = fiji.read(components={"channel": channel, "t": t})
        assert np.array_equal(back, plane(number))
    fiji.call("clear", source="live")
    fiji.show(plane(4), source="live", components={"channel": 0, "t": 0})
    assert fiji.titles() == ["live"]


def test_navigate_moves_the_sliders(fiji: Fiji) -> None:
    fiji.show(
        np.zeros((2, 3, 10, 200), "u1"), axes="CZYX", source="live",
        components={"well": "A1", "channel": ["DAPI", "GFP"], "z": [5, 10, 15], "t": 0},
    )  # fmt: skip
    fiji.show(plane(1, (10, 200), "u1"), source="live",
              components={"well": "B1", "channel": "GFP", "z": 10, "t": 0})  # fmt: skip
    fiji.call("navigate", components={"z": 15})
    fiji.call("navigate", components={"well": "B1", "channel": "DAPI"})
    assert fiji.look("live")["position"] == [1, 3, 2]
    with pytest.raises(Refused, match="no z 7; there is: 5, 10, 15"):
        fiji.call("navigate", components={"z": 7})
    with pytest.raises(Refused, match="no component 'site'; there is: 'well', 'channel', 't', 'z'"):
        fiji.call("navigate", components={"site": 1})
    with pytest.raises(Refused, match="navigate needs components"):
        fiji.call("navigate", components={})


def test_clear_closes_the_windows_of_a_source(fiji: Fiji) -> None:
    for source in ("a", "b"):
        fiji.show(plane(1), source=source, components={"channel": 0})
    fiji.paint("a", 7)  # edited: no question whether to save
    assert fiji.call("clear", source="a")[0] == {"removed": 1}
    assert fiji.titles() == ["b"]
    assert [group["source"] for group in fiji.groups()] == ["b"]
    assert fiji.call("clear", source=None)[0] == {"removed": 1}
    assert fiji.titles() == []


def test_edits_stay_when_the_stack_grows(fiji: Fiji) -> None:
    fiji.show(plane(1), source="live", components={"t": 0})
    fiji.show(plane(2), source="live", components={"t": 1})
    fiji.move("live", 1, 1, 1)
    fiji.paint("live", 1234)
    fiji.show(plane(3), source="live", components={"t": 2})
    assert fiji.value("live", 5, 5, 1) == 1234
    assert (fiji.read(components={"t": 0}) == 1234).all()


def test_a_filter_of_the_user_stays_when_planes_come_elsewhere(fiji: Fiji) -> None:
    for t in range(2):
        fiji.show(plane(1), source="live", components={"t": t})
    fiji.move("live", 1, 1, 1)
    fiji.run("live", "Add...", "value=100 slice")
    fiji.show(plane(3), source="live", components={"t": 2})
    assert fiji.value("live", 5, 5, 1) == plane(1)[5, 5] + 100
    assert fiji.value("live", 5, 5, 2) == plane(1)[5, 5]


@pytest.mark.parametrize("planes", [1, 3])
def test_an_image_that_its_user_converted_is_theirs(fiji: Fiji, planes: int) -> None:
    for t in range(planes):
        fiji.show(plane(t), source="live", components={"t": t})
    fiji.run("live", "32-bit")
    fiji.show(plane(9), source="live", components={"t": planes})
    theirs, ours = fiji.titles()
    assert (fiji.look(theirs)["bits"], max(fiji.look(theirs)["size"])) == (32, planes)
    assert (fiji.look(ours)["bits"], max(fiji.look(ours)["size"])) == (16, planes + 1)
    assert np.array_equal(fiji.read(components={"t": 0}), plane(0))
    fiji.discard(theirs)


def test_the_screenshot_shows_the_image_in_its_colour(fiji: Fiji) -> None:
    half = np.zeros((100, 300), "u1")
    half[:, 150:] = 200
    fiji.show(half, source="seen", components={"channel": "GFP"}, contrast_limits=(0.0, 200.0))
    canvas = fiji.picture(canvas=True)
    assert canvas.shape == (100, 300, 3)
    assert (canvas[:, :150] == 0).all()
    assert (canvas[:, 150:] == [0, 255, 0]).all()
    screen = fiji.picture()
    green = (screen == [0, 255, 0]).all(axis=2)
    assert green.sum() >= 150 * 100
    assert screen.shape[1] > 500  # the main window is in the picture
    assert len(np.unique(screen[:60].reshape(-1, 3), axis=0)) > 5  # with its tools
