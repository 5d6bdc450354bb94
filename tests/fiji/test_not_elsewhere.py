"""What goes wrong in other live viewers, case by case: it must not here.

A volume shown as its middle slice, a float stack whose first slice is a hole, and uint8 then
uint16 are in `tests.fiji.test_pixels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.elsewhere import MIXED
from tests.fiji.conftest import Fiji


def shade(value: float, dtype: Any = np.uint8) -> NDArray[Any]:
    return np.full((40, 300), value, dtype)


def seen(fiji: Fiji) -> int:
    """Return the brightness in the middle of the image on the screen."""
    red, green, blue = (int(one) for one in fiji.picture(canvas=True)[20, 150])
    assert red == green == blue
    return red


def test_a_stream_that_never_pauses_is_seen_while_it_runs(fiji: Fiji) -> None:
    brightness = []
    for t in range(200):
        fiji.show(
            shade(t),
            source="live",
            wait=t % 40 == 39,
            components={"t": t},
            contrast_limits=(0, 255),
        )
        if t % 40 == 39:
            brightness.append(seen(fiji))
    assert brightness == [39, 79, 119, 159, 199]


def test_an_update_opens_no_window_anew_and_loses_no_setting(fiji: Fiji) -> None:
    for source in ("below", "above"):
        for t in range(2):
            fiji.show(shade(50), source=source, components={"channel": 0, "t": t})
    fiji.zoom_in("below", 2)
    fiji.draw_roi("below", 5, 6, 20, 10)
    fiji.move("below", 1, 1, 1)
    fiji.contrast("below", 3, 77)
    fiji.recolor("below", 1, 9, 200, 30)
    fiji.click("below")
    kept = ("window", "at", "zoom", "roi", "position", "ranges", "colors", "mode")
    before = {source: fiji.look(source) for source in ("below", "above")}
    assert before["below"]["ranges"] == [[3, 77]]
    for t in range(2, 30):
        for source in ("below", "above"):
            fiji.show(shade(250), source=source, components={"channel": 0, "t": t}, wait=False)
    fiji.settle()
    assert fiji.titles() == ["above", "below"]
    assert fiji.current() == "below"
    after = {source: fiji.look(source) for source in ("below", "above")}
    assert {name: after["below"][name] for name in kept} == {
        name: before["below"][name] for name in kept
    }
    assert after["above"]["window"] == before["above"]["window"]
    assert [one["size"] for one in after.values()] == [[1, 1, 30]] * 2


def test_a_hole_in_a_grid_stops_nothing(fiji: Fiji) -> None:
    places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 1)]
    for t, z in places:
        place = {"t": t, "z": z}
        assert (
            fiji.show(shade(40 * t + 10 * z + 9), components=place, contrast_limits=(0, 255))
            is None
        )
    (title,) = fiji.titles()
    assert fiji.look(title)["size"] == [1, 3, 3]
    for t in range(3):
        for z in range(3):
            value = 40 * t + 10 * z + 9 if (t, z) in places else 0
            fiji.call("navigate", components={"t": t, "z": z})
            assert seen(fiji) == value
            assert fiji.value(title, 150, 20, 3 * t + z + 1) == value
            assert (fiji.read(components={"t": t, "z": z}) == value).all()
    missing = fiji.groups()[0]["missing"]
    assert [(one["t"], one["z"]) for one in missing] == [(1, 1), (2, 0), (2, 2)]


def test_a_value_that_nobody_announced_is_shown(fiji: Fiji) -> None:
    fiji.call("expect", components={"z": 3})
    fiji.show(shade(20), source="live", components={"z": 0, "t": 0}, contrast_limits=(0, 255))
    fiji.show(shade(90), source="live", components={"z": 7, "t": 4}, contrast_limits=(0, 255))
    fiji.call("navigate", components={"z": 7, "t": 4})
    assert "t 4 · z 7" in fiji.look("live")["subtitle"]
    assert seen(fiji) == 90
    assert (fiji.read(components={"z": 7, "t": 4}) == 90).all()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [pytest.param(70000, "i4", id="int32 70000"), pytest.param(-5, "i2", id="int16 -5")],
)
def test_a_signed_number_is_not_folded_into_16_bits(fiji: Fiji, value: int, dtype: str) -> None:
    """70000 became 4464, and -5 became 65531."""
    for t in range(3):
        fiji.show(shade(value + t, dtype), source="live", components={"t": t})
    assert [fiji.value("live", 150, 20, index) for index in (1, 2, 3)] == [
        value + t for t in range(3)
    ]
    back = fiji.read(components={})
    assert back.dtype == np.dtype(dtype)
    assert np.unique(back).tolist() == [value, value + 1, value + 2]


@pytest.mark.parametrize(("first", "then", "value"), MIXED)
def test_another_dtype_in_the_same_stream_keeps_its_values(
    fiji: Fiji, first: str, then: str, value: float
) -> None:
    """60000 became 0, and 0.5 became 0: the first image had given the window its type."""
    fiji.show(shade(7, first), source="raw", components={"z": 0})
    fiji.show(shade(value, then), source="raw", components={"z": 1})
    titles = fiji.titles()
    assert len(titles) == 2
    (other,) = set(titles) - {"raw"}
    assert fiji.value("raw", 150, 20, 1) == 7
    assert fiji.value(other, 150, 20, 1) == value
    assert [group["dtype"] for group in fiji.groups()] == [
        np.dtype(one).name for one in (first, then)
    ]
    assert (fiji.read(source="raw", components={"z": 0}) == 7).all()
    back = fiji.read(source="raw", components={"z": 1})
    assert back.dtype == np.dtype(then)
    assert (back == value).all()
