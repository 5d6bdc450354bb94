"""Every pixel comes back as it was sent, and is shown with its true value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fiji.conftest import Fiji, Refused

INTEGERS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")


def extremes(dtype: str) -> NDArray[Any]:
    """All the values that are hard for a dtype, and many others."""
    chance = np.random.default_rng(3)
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return chance.integers(0, 2, (30, 40)).astype(bool)
    if kind.kind == "f":
        many = chance.normal(0, 1e3, (30, 40)).astype(kind)
        hard = [0.0, -0.0, np.nan, np.inf, -np.inf, 0.1, 1e30, -1e-30, 5e-324, 16777217, 1e300]
        with np.errstate(over="ignore"):
            many.flat[: len(hard)] = np.array(hard).astype(kind)
        return many
    info = np.iinfo(kind)
    many = np.frombuffer(chance.bytes(30 * 40 * kind.itemsize), kind).reshape(30, 40).copy()
    many.flat[:4] = [info.min, info.max, 0, 1]
    return many


@pytest.mark.parametrize("dtype", ["?", *INTEGERS, "f4", "f8"])
def test_every_dtype_comes_back_bit_by_bit(fiji: Fiji, dtype: str) -> None:
    sent = extremes(dtype)
    assert fiji.show(sent, source=dtype, components={"z": 0}) is None
    assert fiji.show(sent[::-1].copy(), source=dtype, components={"z": 1}) is None
    back = fiji.read(source=dtype, components={})
    assert back.dtype == sent.dtype
    assert back.tobytes() == sent.tobytes() + sent[::-1].tobytes()


def test_a_whole_volume_is_shown_not_its_middle(fiji: Fiji) -> None:
    volume = np.arange(2 * 5 * 20 * 30, dtype="u2").reshape(2, 5, 20, 30)
    fiji.show(volume, axes="CZYX", source="volume")
    assert fiji.look("volume")["size"] == [2, 5, 1]
    assert np.array_equal(fiji.read(components={}), volume)
    for c in range(2):
        for z in range(5):
            assert fiji.value("volume", 7, 3, z * 2 + c + 1) == volume[c, z, 3, 7]


def test_time_stands_before_channel_and_z(fiji: Fiji) -> None:
    stack = np.arange(3 * 2 * 4 * 10 * 10, dtype="f4").reshape(3, 2, 4, 10, 10)
    fiji.show(stack, axes="TCZYX", source="tczyx", components={"t": [0, 10, 20]})
    assert fiji.look("tczyx")["size"] == [2, 4, 3]
    back, axes = fiji.read(components={}), fiji.call("read", components={})[0]["axes"]
    for t in range(3):
        for c in range(2):
            at = {"t": t, "channel": c}
            index = tuple(at[name] for name in axes[:2])
            assert np.array_equal(back[index], stack[t, c])


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("u1", 200),
        ("u2", 60000),
        ("u4", 2**24),
        ("u8", 2**32),
        ("?", 255),
        ("i1", -128),
        ("i2", -5),
        ("i4", 70000),
        ("i8", -(2**40)),
        ("f4", 0.5),
        ("f8", 0.5),
    ],
)
def test_the_value_under_the_mouse_is_the_true_one(fiji: Fiji, dtype: str, value: float) -> None:
    pixels = np.zeros((10, 200), dtype)
    pixels[2, 3] = value
    fiji.show(pixels, source="exact", components={"z": 0})
    fiji.show(pixels, source="exact", components={"z": 1})
    assert fiji.value("exact", 3, 2, 1) == value
    assert fiji.value("exact", 0, 0, 2) == 0


def test_a_float_stack_stays_float_when_its_first_slice_is_a_hole(fiji: Fiji) -> None:
    half = np.full((10, 200), 0.5, "f4")
    fiji.show(half, source="holes", components={"z": 3, "t": 1})
    fiji.show(half, source="holes", components={"z": 1, "t": 1})
    fiji.show(half, source="holes", components={"z": 3, "t": 0})
    facts = fiji.look("holes")
    assert facts["labels"][0].startswith("missing")
    assert facts["bits"] == 32
    assert fiji.value("holes", 1, 1, 2) == 0.5


def test_uint8_then_uint16_are_windows_of_their_own(fiji: Fiji) -> None:
    fiji.show(np.full((10, 200), 96, "u1"), source="mixed", components={"t": 0})
    fiji.show(np.full((10, 200), 60000, "u2"), source="mixed", components={"t": 1})
    small, large = fiji.titles()
    assert (fiji.look(small)["bits"], fiji.look(large)["bits"]) == (8, 16)
    assert fiji.value(large, 1, 1, 1) == 60000


@pytest.mark.parametrize("samples", [3, 4])
def test_rgb_is_shown_in_its_colours(fiji: Fiji, samples: int) -> None:
    chance = np.random.default_rng(5)
    rgb = chance.integers(0, 256, (3, 40, 200, samples), dtype="u1")
    fiji.show(rgb, axes="ZYXS", source="rgb")
    facts = fiji.look("rgb")
    assert (facts["bits"], facts["size"]) == (24, [1, 3, 1])
    assert np.array_equal(fiji.read(components={}), rgb)
    fiji.call("navigate", components={"z": 1})
    assert np.array_equal(fiji.picture(canvas=True), rgb[1, ..., :3])
    fiji.show(rgb[0][None], axes="CYXS", source="stains", components={"channel": ["a"]})
    fiji.show(rgb[1][None], axes="CYXS", source="stains", components={"channel": ["b"]})
    assert fiji.look("stains")["size"] == [2, 1, 1]
    assert np.array_equal(fiji.read(source="stains", components={"channel": "b"}), rgb[1])


def test_rgb_that_imagej_cannot_hold_is_refused(fiji: Fiji) -> None:
    with pytest.raises(Refused, match="RGB in ImageJ has 8 bits a sample, this array is uint16"):
        fiji.show(np.zeros((4, 5, 3), "u2"), axes="YXS")


def test_labels_have_colours_and_exact_numbers(fiji: Fiji) -> None:
    labels = np.zeros((20, 200), "u4")
    labels[5:, 50:] = 1
    labels[5:, 120:] = 2**24
    fiji.show(labels, source="cells", kind="labels", components={"t": 0})
    fiji.show(labels, source="cells", kind="labels", components={"t": 1})
    assert fiji.value("cells · labels", 150, 10, 2) == 2**24
    assert np.array_equal(fiji.read(kind="labels", components={"t": 1}), labels)
    assert fiji.groups()[0]["kind"] == "labels"
    few = np.minimum(labels, 2).astype("u1")
    fiji.show(few, source="few", kind="labels")
    colors = {tuple(pixel) for pixel in fiji.picture(canvas=True).reshape(-1, 3)}
    assert len(colors) == 3
    assert (0, 0, 0) in colors


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [("u1", 255), ("u2", 511), *(("i4", size) for size in (3, 255, 256, 1000, 70_000, 2**24))],
)
def test_every_label_is_seen_however_large_others_are(fiji: Fiji, dtype: str, largest: int) -> None:
    labels = np.zeros((40, 300), dtype)
    for stripe, label in enumerate((1, 2, largest)):
        labels[:, 100 + 50 * stripe :] = label
    fiji.show(labels, source="cells", kind="labels")
    seen = fiji.picture(canvas=True)[20].max(axis=1)
    assert (seen[5:95] == 0).all()
    assert (seen[105:295] > 0).all()


SIZES = {"T": 3, "C": 2, "Z": 4, "Y": 6, "X": 5}


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i2"])
@pytest.mark.parametrize(
    "axes", ["YX", "ZYX", "CYX", "TYX", "CZYX", "TZYX", "TCYX", "TCZYX", "ZCTYX", "CTYX"]
)
def test_every_shape_is_there_by_value_as_imagej_and_the_program_see_it(
    fiji: Fiji, axes: str, dtype: str
) -> None:
    shape = tuple(SIZES[axis] for axis in axes)
    sent = np.arange(np.prod(shape)).reshape(shape).astype(dtype) - np.array(40, dtype)
    assert fiji.show(sent, axes, source="all") is None
    places = {"T": "t", "C": "channel", "Z": "z"}
    told, back = fiji.call("read", components={})
    names = {name: axis for axis, name in places.items()}
    order = "".join(names.get(axis, axis) for axis in told["axes"])
    assert back.tobytes() == np.transpose(sent, [axes.index(axis) for axis in order]).tobytes()
    top = fiji.active_image()
    assert set(top.axes) == set(axes)
    assert top.array.dtype == sent.dtype
    assert np.array_equal(top.array, np.transpose(sent, [axes.index(axis) for axis in top.axes]))


def test_labels_that_would_be_shown_wrong_are_refused(fiji: Fiji) -> None:
    with pytest.raises(Refused, match="label 16777217: ImageJ holds labels up to 16777216"):
        fiji.show(np.full((4, 5), 2**24 + 1, "i4"), kind="labels")
    with pytest.raises(Refused, match="label -16777217: ImageJ holds labels up to 16777216"):
        fiji.show(np.full((4, 5), -(2**24) - 1, "i8"), kind="labels")
    assert fiji.groups() == []


def test_views_that_are_not_contiguous_and_sizes_of_one(fiji: Fiji) -> None:
    base = np.arange(60 * 80, dtype="u2").reshape(60, 80)
    fiji.show(base[::2, ::-3], source="view")
    assert np.array_equal(fiji.read(source="view"), base[::2, ::-3])
    for shape in ((1, 1), (1, 70), (70, 1)):
        one = np.arange(shape[0] * shape[1], dtype="f4").reshape(shape)
        fiji.show(one, source=f"one{shape}")
        assert np.array_equal(fiji.read(source=f"one{shape}"), one)


def test_what_is_constant_or_not_a_number_is_shown_too(fiji: Fiji) -> None:
    for value in (0.0, 7.0, np.nan, np.inf):
        same = np.full((10, 200), value, "f4")
        assert fiji.show(same, source=f"all {value}", components={"channel": 0}) is None
        assert fiji.read(source=f"all {value}").tobytes() == same.tobytes()


def test_a_missing_plane_is_zeros_or_an_error_as_asked(fiji: Fiji) -> None:
    fiji.show(np.ones((4, 5), "i2"), source="a", components={"z": 0, "t": 0})
    fiji.show(np.ones((4, 5), "i2"), source="a", components={"z": 1, "t": 1})
    assert fiji.read(components={}).sum() == 40
    with pytest.raises(Refused, match="no plane at t 0 · z 1"):
        fiji.call("read", components={}, missing="raise")
    with pytest.raises(Refused, match="image: no z 9; there is: "):
        fiji.call("read", components={"z": 9})
