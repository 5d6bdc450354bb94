"""The menu Planecast in ImageJ's menu bar."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streaming_core.testing import poll_until
from tests.fiji.conftest import Fiji

BACK = "Bring Back Closed Window"


def plane(number: int) -> NDArray[np.uint16]:
    return (np.arange(30 * 300).reshape(30, 300) + number).astype("u2")


def test_it_offers_what_a_person_may_want(fiji: Fiji) -> None:
    poll_until(lambda: fiji.menu()[BACK] == [], "nothing to bring back")
    fiji.show(plane(0), source="cells", components={"t": 0})
    poll_until(lambda: "cells" in fiji.menu()["Clear"], "the source in the menu")
    poll_until(lambda: fiji.menu()["Follow Newest Image"] is True, "it follows at first")
    menu = fiji.menu()
    assert menu["Pause"] is False
    assert menu["Clear"] == ["All Streamed Images", "Old Runs", "-", "cells"]
    assert {"Screenshot", "Producers", "About Planecast", "Compose All Channels"} < set(menu)


def test_it_comes_back_when_imagej_makes_its_menus_anew(fiji: Fiji) -> None:
    fiji.make_menus_anew()
    poll_until(fiji.has_menu, "the menu in the new menu bar")
    assert fiji.menu()["Pause"] is False


def test_sliders_follow_the_newest_image_until_a_person_moves_one(fiji: Fiji) -> None:
    for t in range(3):
        fiji.show(plane(t), source="live", components={"t": t, "z": 0})
        assert fiji.look("live")["position"] == [1, 1, t + 1]
    assert fiji.state()["shown"] == {"t": 2, "z": 0}
    fiji.move("live", 1, 1, 2)
    fiji.show(plane(5), source="live", components={"t": 3, "z": 1})
    assert fiji.look("live")["position"] == [1, 1, 2]
    state = fiji.state()
    assert (state["follow"], state["shown"]) == (False, {"t": 1, "z": 0})
    poll_until(lambda: fiji.menu()["Follow Newest Image"] is False, "the tick is gone")
    fiji.pick("Follow Newest Image")
    fiji.show(plane(6), source="live", components={"t": 4, "z": 1})
    assert fiji.look("live")["position"] == [1, 2, 5]
    assert fiji.state()["follow"] is True


def test_a_window_opens_at_the_newest_of_the_images_that_came_at_once(fiji: Fiji) -> None:
    shade = np.full((40, 300), 9, "u1")
    for source in ("first", "second", "third"):
        for t in range(12):
            fiji.show(shade, source=source, wait=False, components={"t": t})
    fiji.settle()
    for source in ("first", "second", "third"):
        assert fiji.look(source)["position"] == [1, 1, 12], source


def test_when_all_is_cleared_sliders_follow_again(fiji: Fiji) -> None:
    for t in range(3):
        fiji.show(plane(t), source="live", components={"t": t})
    fiji.move("live", 1, 1, 1)
    assert fiji.state()["follow"] is False
    fiji.call("clear", source=None)
    for t in range(3):
        fiji.show(plane(t), source="live", components={"t": t})
    assert fiji.look("live")["position"] == [1, 1, 3]


def test_of_an_image_with_z_the_slice_that_is_looked_at_is_kept(fiji: Fiji) -> None:
    volume = np.stack([plane(z) for z in range(5)])
    fiji.show(volume, axes="ZYX", source="live", components={"t": 0})
    fiji.show(volume, axes="ZYX", source="live", components={"t": 1})
    z = fiji.look("live")["position"][1]
    assert fiji.look("live")["position"] == [1, z, 2]
    fiji.show(volume[:2], axes="ZYX", source="live", components={"t": 2, "z": [8, 9]})
    assert fiji.state()["shown"] == {"t": 2, "z": 9}


def test_channels_that_come_do_not_move_the_channel_slider(fiji: Fiji) -> None:
    for channel in "abc":
        fiji.show(plane(0), source="live", components={"channel": channel, "t": 0})
    assert fiji.look("live")["position"] == [1, 1, 1]
    assert fiji.state()["follow"] is True


def test_pause_is_the_viewers_pause(fiji: Fiji) -> None:
    assert not fiji.paused()
    fiji.pick("Pause")
    assert fiji.paused()
    fiji.pick("Pause")
    assert not fiji.paused()


def test_clear_one_source_and_all(fiji: Fiji) -> None:
    for source in ("a", "b"):
        fiji.show(plane(0), source=source, components={"t": 0})
    poll_until(lambda: "b" in fiji.menu()["Clear"], "the sources in the menu")
    fiji.pick("Clear", "a")
    poll_until(lambda: fiji.titles() == ["b"], "one window left")
    assert [group["source"] for group in fiji.groups()] == ["b"]
    fiji.pick("Clear", "All Streamed Images")
    poll_until(lambda: fiji.titles() == [], "no window left")


def test_clear_old_runs(fiji: Fiji) -> None:
    for t in range(4):
        fiji.show(plane(t), source="live", run="one", components={"t": t})
    for t in range(2):
        fiji.show(plane(100 + t), source="live", run="two", components={"t": t})
    assert fiji.groups()[0]["old"] == 2
    poll_until(lambda: "live" in fiji.menu()["Clear"], "the source in the menu")
    fiji.pick("Clear", "Old Runs")
    poll_until(lambda: fiji.groups()[0]["old"] == 0, "the old run gone")
    assert fiji.look("live")["size"] == [1, 1, 2]
    assert np.array_equal(fiji.read(), np.stack([plane(100), plane(101)]))


def test_a_closed_window_comes_back_as_it_was(fiji: Fiji) -> None:
    for channel in ("DAPI", "GFP"):
        for t in range(3):
            fiji.show(plane(t), source="live", components={"channel": channel, "t": t})
    fiji.move("live", 2, 1, 2)
    fiji.contrast("live", 11, 77)
    fiji.recolor("live", 1, 9, 200, 30)
    fiji.switch_off("live", 1)
    fiji.draw_roi("live", 5, 6, 20, 10)
    before = fiji.look("live")
    fiji.close_window("live")
    poll_until(lambda: fiji.menu()[BACK] == ["live"], "the closed window in the menu")
    fiji.show(plane(9), source="live", components={"channel": "GFP", "t": 3})
    assert fiji.titles() == []
    fiji.pick(BACK, "live")
    poll_until(lambda: fiji.titles() == ["live"], "the window is back")
    fiji.state()  # answered when it stands where it has to
    after = fiji.look("live")
    for name in ("at", "zoom", "roi", "position", "ranges", "colors", "active"):
        assert after[name] == before[name], name
    assert after["size"] == [2, 1, 4]
    assert fiji.value("live", 3, 3, 8) == plane(9)[3, 3]
    poll_until(lambda: fiji.menu()[BACK] == [], "nothing to bring back")
    fiji.show(plane(10), source="live", components={"channel": "GFP", "t": 4})
    assert fiji.look("live")["size"] == [2, 1, 5]


def test_a_screenshot_is_an_image_of_its_own(fiji: Fiji) -> None:
    bright = np.full((100, 200), 200, "u1")
    look: dict[str, Any] = {"contrast_limits": (0.0, 200.0), "colormap": "green"}
    fiji.show(bright, source="live", components={"t": 0}, **look)
    fiji.pick("Screenshot")
    title = "Planecast screenshot"
    poll_until(lambda: title in fiji.titles(), "the screenshot")
    taken = fiji.active_image()
    assert (taken.title, taken.axes) == (title, "YXS")
    assert (taken.array == [0, 255, 0]).all(axis=2).sum() >= bright.size
    fiji.discard(title)


def test_about_says_how_to_send_and_waits_for_nobody(fiji: Fiji) -> None:
    fiji.pick("About Planecast")
    poll_until(lambda: "About Planecast" in fiji.dialogs(), "the window")
    words = fiji.words("About Planecast")
    assert f"Planecast {version('planecast')}" in words
    assert "viewer = planecast.connect(" in words
    assert fiji.engine in words
    assert fiji.show(plane(0), source="live") is None
    fiji.close_dialogs()


def test_a_new_window_leaves_the_one_that_is_worked_in_alone(fiji: Fiji) -> None:
    fiji.show(plane(0), source="mine", components={"t": 0})
    fiji.click("mine")
    for source in ("other", "third"):
        fiji.show(plane(0), source=source, components={"t": 0})
        fiji.picture()  # everything that comes of a new window has come
        poll_until(lambda: fiji.current() == "mine", "commands act where they did")
        for t in range(1, 4):
            fiji.show(plane(t), source=source, components={"t": t})
        fiji.picture()
        assert fiji.current() == "mine"
