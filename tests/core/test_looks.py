"""How images look at first, whatever the viewer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming_core.errors import InvalidSetting
from streaming_core.looks import CYCLE, STAINS, colour_of, joined, limits_of, own_colours, sample

rng = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("channel", "colour"),
    [
        ("DAPI", "blue"),
        ("Hoechst 33342", "blue"),
        ("DNA", "blue"),
        ("nuclei", "blue"),
        ("Ph2", "gray"),
        ("Alexa Fluor 488", "green"),
        ("AF-532", "yellow"),
        ("CFP", "cyan"),
        ("mCherry", "red"),
        ("Alexa 647", "magenta"),
        ("DAB", "orange"),
        ("Brightfield", "gray"),
    ],
)
def test_stains_have_the_colours_that_people_expect(channel: str, colour: str) -> None:
    assert colour_of(channel, []) == colour


def test_names_that_say_nothing_get_the_next_colour_and_no_number_is_too_high() -> None:
    given: list[str] = []
    for channel in range(2 * len(CYCLE)):
        given.append(colour_of(channel, given))
    assert given == [*CYCLE, *CYCLE]


def test_a_histone_is_no_phase_contrast() -> None:
    assert colour_of("PH3", []) == CYCLE[0]


def test_a_second_channel_of_one_colour_gets_another_but_gray_stays_gray() -> None:
    assert colour_of("Hoechst", ["blue"]) == "green"
    assert colour_of("phase", ["gray"]) == "gray"


def test_both_viewers_know_every_colour() -> None:
    from fiji_bridge import colours
    from napari_plugin.looks import Palette

    for channel in ("DAPI", "GFP", "YFP", "CFP", "RFP", "Cy5", "DAB", "phase"):
        colour = colour_of(channel, [])
        assert colours.of_channel(channel, []) == colours.NAMED[colour]
        assert Palette().colour(channel).endswith(colour)
    assert {*STAINS.values(), *CYCLE} <= set(colours.NAMED)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4", "f8"])
def test_a_few_hot_pixels_do_not_darken_the_image(dtype: str) -> None:
    plane: NDArray[Any] = rng.integers(50, 100, (600, 700)).astype(dtype)
    plane[:2, :2] = 127
    found = limits_of(sample(plane))
    assert found is not None
    assert 50 <= found[0] < 55
    assert 95 < found[1] <= 100


def test_a_range_is_found_quickly_and_without_nan_in_planes_of_any_size() -> None:
    plane = rng.random((3000, 40), np.float32)
    plane[:100], plane[:, 7] = np.nan, np.inf
    values = sample(plane)
    assert 0 < values.size <= 256 * 256
    assert np.isfinite(values).all()


@pytest.mark.parametrize("plane", [np.full((9, 9), 5), np.full((9, 9), np.nan)])
def test_data_that_say_nothing_have_no_range(plane: NDArray[Any]) -> None:
    assert limits_of(sample(plane)) is None


def test_joined_ranges_hold_both() -> None:
    assert joined((0, 5), (3, 9)) == joined((3, 9), (0, 5)) == (0, 9)


def test_the_users_table_of_colours_comes_first() -> None:
    own = own_colours({"PLANECAST_COLOURS": " DAPI=cyan; m-Neon Green = red;cy5=gray;"})
    assert own == {"dapi": "cyan", "mneongreen": "red", "cy5": "gray"}
    assert colour_of("DAPI 405", [], own) == "cyan"
    assert colour_of("dapi", ["cyan"], own) == "cyan"
    assert colour_of("mNeonGreen", [], own) == "red"
    assert colour_of("GFP", ["cyan"], own) == "green"
    assert own_colours({}) == {}


@pytest.mark.parametrize(
    "text", ["DAPI", "DAPI=", "=red", "DAPI=cyann", "DAPI=red GFP=green", "-=red"]
)
def test_a_table_that_is_none_is_named(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"PLANECAST_COLOURS.*magenta"):
        own_colours({"PLANECAST_COLOURS": text})
