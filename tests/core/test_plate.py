"""The demo's plate is complete, real, the same each time, and needs no network."""

from __future__ import annotations

import importlib
import socket
import sys
from itertools import islice
from typing import Any

import numpy as np
import pytest

from streaming_core.errors import InvalidSetting, MissingDependency
from streaming_core.plate import CONTRAST, STORY, Plane, Plate

pytest.importorskip("scipy", reason="the extra `demo` is not installed")
pytest.importorskip("skimage", reason="the extra `demo` is not installed")

SMALL = Plate(wells=("B03", "C04"), sites=2, times=2, depth=3, size=64)


@pytest.fixture(scope="module")
def planes() -> list[Plane]:
    return list(SMALL)


def find(planes: list[Plane], **components: str | int) -> np.ndarray:
    (found,) = [plane for plane in planes if components.items() <= plane.components.items()]
    return found.array.astype(float)


def detail(array: np.ndarray) -> float:
    """How much neighbours differ in the mean of 2 x 2 pixels, where noise is small."""
    side = len(array) // 2
    coarse = array.reshape(side, 2, side, 2).mean(axis=(1, 3))
    return float(np.abs(np.diff(coarse, axis=0)).mean())


def test_it_holds_each_place_once(planes: list[Plane]) -> None:
    assert len(planes) == len(SMALL) == 2 * 2 * 2 * 3 * 2
    places = {tuple(sorted(plane.components.items())) for plane in planes}
    assert len(places) == len(planes)
    assert {plane.kind for plane in planes} == {"image"}
    for name, values in {
        "well": {"B03", "C04"},
        "site": {1, 2},
        "t": {0, 1},
        "z": {0, 1, 2},
        "channel": {"Hematoxylin", "DAB"},
    }.items():
        assert {plane.components[name] for plane in planes} == values


def test_it_comes_in_the_order_of_a_microscope(planes: list[Plane]) -> None:
    names = ("well", "site", "t", "z", "channel")
    first = [tuple(plane.components[name] for name in names) for plane in planes[:4]]
    assert first == [
        ("B03", 1, 0, 0, "Hematoxylin"),
        ("B03", 1, 0, 0, "DAB"),
        ("B03", 1, 0, 1, "Hematoxylin"),
        ("B03", 1, 0, 1, "DAB"),
    ]
    assert planes[-1].components == {"well": "C04", "site": 2, "t": 1, "z": 2, "channel": "DAB"}


def test_planes_can_be_shown_as_they_are(planes: list[Plane]) -> None:
    for plane in planes:
        assert plane.array.dtype == np.uint16
        assert plane.array.shape == (64, 64)
        assert plane.array.flags.c_contiguous


def test_one_contrast_suits_every_plane(planes: list[Plane]) -> None:
    low, high = CONTRAST
    for plane in planes:
        assert plane.array.min() > low
        assert np.percentile(plane.array, 99.5) < high
    for channel in ("Hematoxylin", "DAB"):
        brightest = max(
            np.percentile(plane.array, 99)
            for plane in planes
            if plane.components["channel"] == channel
        )
        assert brightest > 0.4 * high


def test_no_two_planes_are_alike(planes: list[Plane]) -> None:
    assert len({plane.array.tobytes() for plane in planes}) == len(planes)


def test_it_is_the_same_each_time(planes: list[Plane]) -> None:
    again = Plate(wells=("B03", "C04"), sites=2, times=2, depth=3, size=64)
    for plane, other in islice(zip(planes, again, strict=True), 8):
        np.testing.assert_array_equal(plane.array, other.array)


def test_z_is_sharpest_in_the_middle(planes: list[Plane]) -> None:
    below, focus, above = (
        detail(find(planes, well="B03", site=1, t=0, z=z, channel="DAB")) for z in (0, 1, 2)
    )
    assert focus > 1.1 * below
    assert focus > 1.1 * above


def test_t_bleaches_and_drifts(planes: list[Plane]) -> None:
    place: dict[str, str | int] = {"well": "B03", "site": 1, "z": 1, "channel": "DAB"}
    before, after = (find(planes, t=t, **place) for t in (0, 1))
    assert after.mean() < 0.9 * before.mean()
    still = np.corrcoef(before.ravel(), after.ravel())[0, 1]
    moved = np.corrcoef(before[3:, 5:].ravel(), after[:-3, :-5].ravel())[0, 1]
    assert moved > 0.9 > still


def test_masks_fit_the_images_place_by_place() -> None:
    plate = Plate(wells=("B03", "C04"), sites=1, times=1, depth=2)
    masks = list(plate.masks("C04"))
    images = {
        plane.components["z"]: plane.array
        for plane in plate
        if plane.components["well"] == "C04" and plane.components["channel"] == "Hematoxylin"
    }
    assert [mask.components for mask in masks] == [
        {"well": "C04", "site": 1, "t": 0, "z": z} for z in (0, 1)
    ]
    for mask in masks:
        assert mask.kind == "labels"
        assert mask.array.max() > 10
        image = images[mask.components["z"]]
        assert image[mask.array > 0].mean() > 1.5 * image[mask.array == 0].mean()


def test_the_story_says_how_it_was_made() -> None:
    for word in ("ihc.png", "scikit-image", "channels", "wells", "sites", "z", "t"):
        assert word in STORY


def test_more_wells_than_quarters_are_still_different() -> None:
    plate = Plate(wells=[f"B{n:02d}" for n in range(1, 9)], sites=1, times=1, depth=1, size=32)
    assert len({plane.array.tobytes() for plane in plate}) == len(plate) == 16


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the plate wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert next(iter(Plate(size=32))).array.any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"wells": ()},
        {"sites": 0},
        {"sites": 5},
        {"times": 0},
        {"depth": 0},
        {"size": 8},
        {"channels": ["GFP"]},
    ],
)
def test_a_plate_that_cannot_be_made_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        Plate(**wrong)
    with pytest.raises(InvalidSetting, match="A01"):
        next(Plate().masks("A01"))


@pytest.mark.parametrize("package", ["skimage", "scipy"])
def test_without_the_extra_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "streaming_core.plate")
    with pytest.raises(MissingDependency, match=r"planecast\[demo\]"):
        importlib.import_module("streaming_core.plate")
