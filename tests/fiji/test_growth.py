"""5,000 planes in random order, while a person works in the window all the time."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.fiji.conftest import Fiji

CHANNELS, SLICES, FRAMES, SIDE = 4, 25, 50, 32
STRETCH = 500
"""Planes in a row; before the next ones come the person has done everything once more."""


@pytest.mark.parametrize("slide", ["move", "drag"])
def test_planes_in_random_order_and_a_busy_person_do_not_disturb_each_other(
    fiji: Fiji, slide: str
) -> None:
    places = [(c, t, z) for c in range(CHANNELS) for t in range(FRAMES) for z in range(SLICES)]
    random.Random(5).shuffle(places)  # noqa: S311 - a reproducible order
    places.sort(key=lambda place: place not in ((0, 20, 10), (1, 20, 10)))  # these come first
    sent = np.arange(len(places), dtype="u2").reshape(CHANNELS, FRAMES, SLICES, 1, 1)
    planes = sent + np.arange(SIDE * SIDE, dtype="u2").reshape(SIDE, SIDE)

    def show(place: tuple[int, int, int], wait: bool = False) -> None:
        components = dict(zip(("channel", "t", "z"), place, strict=True))
        assert fiji.show(planes[place], "YX", wait, source="live", components=components) is None

    for place in places[:2]:
        show(place, wait=True)
    fiji.zoom_in("live", 2)
    tool = fiji.tool()
    fiji.choose_tool("oval")
    fiji.call("navigate", components={"t": 20, "z": 10})  # it is looked at, and does not follow
    before = fiji.look("live")
    fiji.begin_work("live", slide == "drag")
    for number, place in enumerate(places[2:]):
        show(place)
        if number in (5, 40):
            fiji.settle()  # the stack grows in steps
        elif number % STRETCH == STRETCH - 1:
            fiji.wait_for_work(slide, "draw", "recolor", "contrast")
    fiji.settle()
    assert fiji.end_work() == []

    after = fiji.look("live")
    assert fiji.titles() == ["live"]
    for name in ("window", "at", "zoom", "mode"):
        assert after[name] == before[name], name
    assert after["size"] == [CHANNELS, SLICES, FRAMES]
    assert fiji.tool() == "oval"
    fiji.choose_tool(tool)
    assert np.array_equal(fiji.read(components={}), planes)
    in_stack = planes.transpose(1, 2, 0, 3, 4)[..., 3, 7].ravel()
    assert fiji.values("live", 7, 3) == in_stack.tolist()
