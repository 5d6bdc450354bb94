"""Components become axes or windows while images come, and sliders have room for what will."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming_core.testing import poll_until
from tests.fiji.conftest import Fiji, Refused


def plane(number: int, shape: tuple[int, int] = (30, 300)) -> NDArray[np.uint16]:
    ramp = np.arange(shape[0])[:, None] * 3 + np.arange(shape[1])[None, :]
    return (ramp + number).astype("u2")


def send_plate(fiji: Fiji) -> dict[tuple[str, str, int], NDArray[np.uint16]]:
    sent = {}
    for number, well in enumerate(("A1", "B1")):
        for channel in ("DAPI", "GFP"):
            for t in range(3):
                image = plane(100 * number + 10 * t + (channel == "GFP"))
                sent[well, channel, t] = image
                place = {"well": well, "channel": channel, "t": t}
                fiji.show(image, source="plate", components=place)
    return sent


def all_there(fiji: Fiji, sent: dict[tuple[str, str, int], NDArray[np.uint16]]) -> None:
    for (well, channel, t), image in sent.items():
        back = fiji.read(components={"well": well, "channel": channel, "t": t})
        assert np.array_equal(back, image)


def test_a_component_splits_into_windows_and_stacks_again(fiji: Fiji) -> None:
    sent = send_plate(fiji)
    assert fiji.look("plate")["size"] == [2, 1, 6]
    assert fiji.call("arrange", modes={"well": "split"})[0]["modes"]["well"] == "split"
    assert fiji.state()["modes"] == {"channel": "stack", "t": "stack", "well": "split"}
    assert fiji.titles() == ["plate · A1", "plate · B1"]
    for well in ("A1", "B1"):
        facts = fiji.look(f"plate · {well}")
        assert facts["size"] == [2, 1, 3]
        assert facts["labels"][3] == "channel GFP · t 1"
        assert fiji.value(f"plate · {well}", 4, 2, 4) == sent[well, "GFP", 1][2, 4]
    all_there(fiji, sent)
    sent["C1", "DAPI", 0] = plane(7)
    fiji.show(plane(7), source="plate", components={"well": "C1", "channel": "DAPI", "t": 0})
    assert fiji.titles() == ["plate · A1", "plate · B1", "plate · C1"]
    fiji.call("arrange", modes={"well": "stack"})
    fiji.state()
    assert fiji.titles() == ["plate"]
    facts = fiji.look("plate")
    assert facts["size"] == [2, 1, 9]
    assert facts["labels"][0] == "well A1 · channel DAPI · t 0"
    all_there(fiji, sent)


def test_a_component_that_nothing_has_is_told_apart_from_a_mistyped_one(fiji: Fiji) -> None:
    send_plate(fiji)
    with pytest.raises(Refused, match=r"no image has a component 'wells'.*mean 'well'"):
        fiji.call("arrange", modes={"wells": "split"})
    note = fiji.call("arrange", modes={"plate": "split"})[0]["note"]
    assert note.endswith("there is: 'well', 'channel', 't'")
    assert fiji.titles() == ["plate"]
    state = fiji.state()
    assert (state["modes"]["plate"], state["unseen"]) == ("split", ["plate"])
    answer = fiji.call("clear", source="nothing")[0]
    assert answer == {"removed": 0, "note": "clear: no source 'nothing'; there is: 'plate'"}


def test_channels_and_z_split_too(fiji: Fiji) -> None:
    volume = np.stack([plane(0), plane(50)])
    for channel in ("DAPI", "GFP"):
        fiji.show(volume, axes="ZYX", source="cells", components={"channel": channel})
    fiji.call("arrange", modes={"channel": "split", "z": "split"})
    fiji.state()
    titles = ["cells · DAPI · 0", "cells · DAPI · 1", "cells · GFP · 0", "cells · GFP · 1"]
    assert fiji.titles() == titles
    assert [fiji.look(title)["colors"] for title in titles[::2]] == [[[0, 0, 255]], [[0, 255, 0]]]
    fiji.show(volume + 1, axes="ZYX", source="cells", components={"channel": "Cy5"})
    assert fiji.look("cells · Cy5 · 1")["colors"] == [[255, 0, 255]]
    assert fiji.value("cells · Cy5 · 1", 3, 3, 1) == volume[1, 3, 3] + 1


def test_windows_look_as_those_that_they_come_from(fiji: Fiji) -> None:
    send_plate(fiji)
    fiji.move("plate", 2, 1, 2)
    fiji.contrast("plate", 5, 99)
    fiji.recolor("plate", 1, 9, 200, 30)
    fiji.draw_roi("plate", 5, 6, 20, 10)
    before = fiji.look("plate")
    fiji.call("arrange", modes={"well": "split"})
    fiji.state()
    for title in fiji.titles():
        facts = fiji.look(title)
        for name in ("ranges", "colors", "roi"):
            assert facts[name] == before[name]
        assert facts["position"] == [2, 1, 2]
    fiji.call("arrange", modes={"well": "stack"})
    fiji.state()
    after = fiji.look("plate")
    for name in ("ranges", "colors", "roi", "position"):
        assert after[name] == before[name], name


def test_the_first_window_stands_where_the_one_that_it_comes_from_did(fiji: Fiji) -> None:
    send_plate(fiji)
    before = fiji.look("plate")
    fiji.call("arrange", modes={"well": "split"})
    fiji.state()
    assert fiji.look("plate · A1")["at"] == before["at"]


def test_a_closed_window_stays_closed_when_its_planes_are_regrouped(fiji: Fiji) -> None:
    send_plate(fiji)
    fiji.close_window("plate")
    poll_until(lambda: fiji.titles() == [], "the window closed")
    fiji.call("arrange", modes={"well": "split"})
    fiji.state()
    assert fiji.titles() == []
    poll_until(
        lambda: fiji.menu()["Bring Back Closed Window"] == ["plate · A1", "plate · B1"],
        "both in the menu",
    )
    fiji.pick("Bring Back Closed Window", "plate · B1")
    poll_until(lambda: fiji.titles() == ["plate · B1"], "it is back")


def test_an_image_that_is_the_users_by_now_is_not_closed(fiji: Fiji) -> None:
    send_plate(fiji)
    fiji.run("plate", "32-bit")
    fiji.call("arrange", modes={"well": "split"})
    fiji.state()
    assert fiji.titles() == ["plate", "plate · A1", "plate · B1"]
    assert fiji.look("plate")["bits"] == 32
    fiji.discard("plate")


def test_too_many_windows_are_refused_in_words(fiji: Fiji) -> None:
    stack = np.zeros((300, 4, 4), "u1")
    fiji.show(stack, axes="TYX", source="long")
    with pytest.raises(Refused, match="t would make more than 256 layers or windows"):
        fiji.call("arrange", modes={"t": "split"})
    assert fiji.look("long")["size"] == [1, 1, 300]


def test_sizes_that_are_expected_are_used_at_once(fiji: Fiji) -> None:
    fiji.call("expect", components={"channel": ["DAPI", "GFP"], "z": 4, "t": 3})
    fiji.show(plane(1), source="live", components={"channel": "GFP", "z": 2, "t": 1})
    before = fiji.look("live")
    assert before["size"] == [2, 4, 3]
    assert before["position"] == [2, 3, 2]
    assert before["labels"][0] == "missing: channel DAPI · t 0 · z 0"
    assert fiji.state()["expected"] == {
        "channel": ["DAPI", "GFP"],
        "z": [0, 1, 2, 3],
        "t": [0, 1, 2],
    }
    assert fiji.groups()[0]["holes"] == 23
    for t in range(3):
        for z in range(4):
            for channel in ("DAPI", "GFP"):
                place = {"channel": channel, "z": z, "t": t}
                fiji.show(plane(z + t), source="live", components=place)
    after = fiji.look("live")
    assert (after["size"], after["window"]) == ([2, 4, 3], before["window"])
    assert not any("missing" in label for label in after["labels"])
    assert after["colors"] == [[0, 0, 255], [0, 255, 0]]
    fiji.show(plane(0), source="live", components={"channel": "DAPI", "z": 0, "t": 9})
    assert fiji.look("live")["size"] == [2, 4, 4]  # more may come than was said
    assert fiji.look("live")["window"] == before["window"]


def test_a_window_that_is_there_gets_the_sizes_too(fiji: Fiji) -> None:
    fiji.show(plane(1), source="live", components={"t": 0, "z": 0})
    before = fiji.look("live")
    fiji.call("expect", components={"z": 5})
    after = fiji.look("live")
    assert after["size"] == [1, 5, 1]
    assert after["window"] == before["window"]
    fiji.call("clear", source=None)
    fiji.show(plane(1), source="live", components={"t": 0, "z": 0})
    assert fiji.look("live")["size"] == [1, 1, 1]  # clearing all forgets it


def test_an_expected_channel_gets_its_range_and_colour_from_its_first_image(fiji: Fiji) -> None:
    fiji.call("expect", components={"channel": ["a", "b"]})
    fiji.show(plane(0), source="live", components={"channel": "a"})
    wish = {"colormap": "yellow", "contrast_limits": (10.0, 60.0)}
    fiji.show(plane(0), source="live", components={"channel": "b"}, **wish)
    facts = fiji.look("live")
    assert facts["colors"][1] == [255, 255, 0]
    assert facts["ranges"][1] == [10, 60]


def isolate(fiji: Fiji, **words: Any) -> Any:
    given = {"source": None, "kind": None, "components": {}} | words
    return fiji.call("isolate", **given)[0]


def test_isolate_hides_the_other_windows_and_shows_one_channel(fiji: Fiji) -> None:
    for source in ("raw", "clean"):
        for channel in ("DAPI", "GFP"):
            for z in range(2):
                place = {"channel": channel, "z": z}
                fiji.show(plane(z), source=source, components=place)
    assert isolate(fiji, source="raw") == {"windows": ["raw"]}
    assert fiji.on_screen() == ["raw"]
    assert fiji.current() == "raw"
    isolate(fiji, components={"channel": "GFP", "z": 0})
    assert fiji.on_screen() == ["clean", "raw"]
    for title in ("clean", "raw"):
        assert fiji.look(title)["active"][:2] == [False, True]
        assert fiji.look(title)["position"] == [2, 1, 1]
    canvas = fiji.picture(canvas=True)
    assert (canvas[..., 2] == 0).all()  # no blue
    assert canvas[..., 1].any()
    isolate(fiji)
    assert fiji.look("raw")["active"][:2] == [True, True]
    with pytest.raises(Refused, match="no source 'nothing'; there is: 'raw', 'clean'"):
        isolate(fiji, source="nothing")


def contrast(fiji: Fiji, limits: Any, **words: Any) -> Any:
    given = {"source": None, "components": {}} | words
    return fiji.call("contrast", limits=limits, **given)[0]["windows"]


def test_contrast_sets_the_range_of_images_or_one_channel(fiji: Fiji) -> None:
    for channel in ("DAPI", "GFP"):
        fiji.show(plane(0), source="raw", components={"channel": channel, "t": 0})
    fiji.show((plane(0) - 100).astype("i2"), source="signed", components={"t": 0})
    assert contrast(fiji, [20, 90], components={"channel": "GFP"}) == {"raw · GFP": [20, 90]}
    assert fiji.look("raw")["ranges"][1] == [20, 90]
    assert fiji.look("raw")["ranges"][0] != [20, 90]
    assert contrast(fiji, [-50, 50], source="signed") == {"signed": [-50, 50]}
    found = contrast(fiji, "once", source="raw")
    low, high = found["raw · DAPI"]
    assert (low, high) == tuple(fiji.look("raw")["ranges"][0])
    assert 0 < low < 20 < 300 < high < 387
    for t in range(1, 4):  # what comes does not change it
        fiji.show(plane(900), source="raw", components={"channel": "GFP", "t": t})
    assert fiji.look("raw")["ranges"] == [found["raw · DAPI"], found["raw · GFP"]]
    with pytest.raises(Refused, match=r"give \(lowest, highest\), or 'once'"):
        contrast(fiji, [9, 1])


def test_contrast_follows_what_is_in_view_until_it_is_switched_off(fiji: Fiji) -> None:
    for t in range(2):
        fiji.show(plane(1000 * t), source="raw", components={"t": t})
    contrast(fiji, "continuous")
    fiji.move("raw", 1, 1, 1)
    poll_until(lambda: fiji.look("raw")["ranges"][0][1] < 400, "the range of the dark plane")
    fiji.move("raw", 1, 1, 2)
    poll_until(lambda: fiji.look("raw")["ranges"][0][0] > 900, "the range of the bright plane")
    contrast(fiji, "off")
    fiji.contrast("raw", 3, 4)
    fiji.menu()
    assert fiji.look("raw")["ranges"] == [[3, 4]]


def test_navigate_finds_a_window_by_what_sets_it_apart(fiji: Fiji) -> None:
    send_plate(fiji)
    fiji.call("arrange", modes={"well": "split"})
    fiji.call("navigate", components={"well": "B1", "t": 2})
    assert fiji.current() == "plate · B1"
    fiji.picture()  # everything that comes of new windows and of this has come
    assert fiji.current() == "plate · B1"
    assert fiji.look("plate · B1")["position"][2] == 3
    with pytest.raises(Refused, match="no well 'Z9'; there is: 'A1', 'B1'"):
        fiji.call("navigate", components={"well": "Z9"})
