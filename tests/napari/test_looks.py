from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_plugin.looks import Palette, contrast_of, is_flat, white_of
from streaming_core.protocol.components import Value

rng = np.random.default_rng(3)


def test_a_few_hot_pixels_do_not_darken_the_image() -> None:
    plane = rng.integers(100, 1000, (512, 512)).astype(np.uint16)
    plane[:3, :3] = 65535
    low, high = contrast_of(plane).limits
    assert 100 <= low < 150
    assert 950 < high <= 1000


def test_small_bright_structures_keep_their_shades() -> None:
    plane = np.full((512, 512), 100, np.uint16)
    plane[200:240, 200:240] = np.arange(1600).reshape(40, 40) + 1000
    assert contrast_of(plane).limits[1] > 2000


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64, np.float32, np.float64])
def test_the_slider_has_room_on_both_sides_of_the_contrast(dtype: type) -> None:
    plane: NDArray[Any] = rng.integers(0, 120, (64, 64)).astype(dtype)
    contrast = contrast_of(plane)
    assert contrast.range[0] <= contrast.limits[0] < contrast.limits[1] < contrast.range[1]


def test_nan_and_infinity_are_left_out_of_account_without_a_word() -> None:
    plane = rng.random((32, 32), np.float32)
    plane[0], plane[1], plane[2] = np.nan, np.inf, -np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = contrast_of(plane).limits
    assert 0 <= low < high <= 1


@pytest.mark.parametrize(
    "plane",
    [
        np.zeros((8, 8), np.uint16),
        np.full((8, 8), 500, np.uint16),
        np.full((8, 8), -3.0, np.float32),
        np.full((8, 8), np.nan, np.float32),
        np.zeros((1, 1), np.uint8),
        np.full((4, 4), 2**63, np.uint64),
    ],
)
def test_flat_data_get_limits_that_napari_takes_and_are_called_flat(plane: NDArray[Any]) -> None:
    contrast = contrast_of(plane)
    assert contrast.flat
    assert contrast.limits[0] < contrast.limits[1]
    assert contrast.range[0] <= contrast.limits[0] < contrast.limits[1] <= contrast.range[1]
    other = contrast_of(np.arange(64, dtype=np.uint16).reshape(8, 8))
    assert contrast.joined(other) == other.joined(contrast) == other


def test_bool_images_are_black_and_white() -> None:
    assert contrast_of(np.eye(4, dtype=bool)).limits == (0.0, 1.0)


def test_what_the_producer_asks_for_is_taken() -> None:
    contrast = contrast_of(np.zeros((8, 8), np.uint16), (10.0, 70000.0))
    assert contrast.limits == (10.0, 70000.0)
    assert not contrast.flat
    assert contrast.range[1] >= 70000


@pytest.mark.parametrize(
    ("channel", "colour"),
    [
        ("DAPI", "blue"),
        ("Hoechst 33342", "blue"),
        ("hematoxylin", "blue"),
        ("GFP", "green"),
        ("FITC", "green"),
        ("Alexa Fluor 488", "green"),
        ("mCherry", "red"),
        ("Cy5", "magenta"),
        ("Brightfield", "gray"),
    ],
)
def test_known_channels_have_their_usual_colour(channel: str, colour: str) -> None:
    assert Palette().colour(channel) == colour


def test_the_users_own_colours_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANECAST_COLOURS", "DAPI=cyan; Nuclei=orange")
    palette = Palette()
    names = ("Nuclei", "DAPI", "Hoechst")
    assert [palette.colour(name) for name in names] == ["bop orange", "cyan", "blue"]


def test_channels_of_one_viewer_differ_and_keep_their_colour() -> None:
    palette = Palette()
    names: list[Value] = ["DAPI", "Hoechst", "GFP", 1, 2, "something", 0.5]
    colours = [palette.colour(name) for name in names]
    assert len(set(colours)) == len(names)
    assert [palette.colour(name) for name in names] == colours
    assert all(palette.colour(number) for number in range(100))
    palette.keep([])
    assert palette.colour("Hoechst") == "blue"


@pytest.mark.parametrize(
    ("plane", "limits", "white"),
    [
        (np.full((2, 2, 3), 7, np.uint8), None, None),
        (np.full((2, 2, 3), 7, np.uint16), None, 255),
        (np.full((2, 2, 3), 256, np.uint16), None, 4095),
        (np.full((2, 2, 3), 4096, np.int32), None, 65535),
        (np.full((2, 2, 3), 70000, np.int32), None, 70000),
        (np.full((2, 2, 3), 0.3, np.float32), None, 1),
        (np.full((2, 2, 3), 1.5, np.float32), None, 255),
        (np.full((2, 2, 3), np.nan, np.float32), None, 1),
        (np.ones((2, 2, 3), bool), None, 1),
        (np.full((2, 2, 3), 7, np.uint16), (0.0, 1000.0), 1000),
    ],
)
def test_white_of_rgb(plane: NDArray[Any], limits: Any, white: float | None) -> None:
    assert white_of(plane, limits) == white


def test_flat_planes_are_found_without_looking_at_every_pixel() -> None:
    assert is_flat(np.zeros((500, 500)))
    assert is_flat(np.ones((1, 1)))
    assert not is_flat(rng.random((500, 500)))
