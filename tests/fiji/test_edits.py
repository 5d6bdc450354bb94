"""What macros and a person's commands do to streamed pixels stays, and comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming_core.testing import poll_until
from tests.fiji.conftest import Fiji

FILTERS = {
    "one slice": 'setSlice(2); run("Add...", "value=7 slice");',
    "the whole stack": 'run("Add...", "value=7 stack");',
    "pixels": 'setSlice(2); setPixel(3, 4, 77); setSlice(3); setPixel(5, 6, 78);',
    "a drawing": 'setSlice(3); setColor(99); makeRectangle(2, 2, 9, 9); fill();',
    "in other arrays": 'run("Reverse");',
    "in another stack": 'run("Median 3D...", "x=1 y=1 z=1");',
    "back and forth": 'setSlice(2); run("Invert", "slice"); run("Undo"); setPixel(1, 1, 99);',
}  # fmt: skip


def volume(dtype: str = "u2", planes: int = 3) -> NDArray[Any]:
    return np.random.default_rng(5).integers(0, 200, (planes, 40, 300)).astype(dtype)


def stream(fiji: Fiji, planes: NDArray[Any]) -> None:
    for z, plane in enumerate(planes):
        assert fiji.show(plane, components={"z": z}, source="raw") is None


@pytest.mark.parametrize("name", FILTERS)
def test_an_edit_is_read_back_and_stays_when_planes_come_elsewhere(fiji: Fiji, name: str) -> None:
    stream(fiji, volume())
    fiji.run_macro(FILTERS[name])
    edited = fiji.active_image().array
    assert not np.array_equal(edited, volume())
    assert np.array_equal(fiji.read(), edited)
    new = volume()[0] + 1000
    for z in (-1, 7):
        fiji.show(new, components={"z": z}, source="raw")
    assert fiji.titles() == ["raw"]
    assert np.array_equal(fiji.read()[1:4], edited)
    assert np.array_equal(fiji.active_image().array, [new, *edited, new])
    fiji.show(new, components={"z": 1}, source="raw")  # the plane is sent again
    assert np.array_equal(fiji.read(), [new, edited[0], new, edited[2], new])


def test_planes_that_imagej_mixes_up_are_put_right(fiji: Fiji) -> None:
    planes = np.stack([volume(planes=4), volume(planes=4) + 1000])
    assert fiji.show(planes, "CZYX", components={"channel": ["a", "b"]}, source="raw") is None
    fiji.show(planes[0, 3], components={"channel": "a", "z": 9}, source="raw")  # "b" has a hole
    for index, other in ((1, 5), (6, 2), (7, 10), (3, 8), (8, 4)):  # a row of two at the end
        fiji.mix_up("raw", index, other)
    sent = np.concatenate([planes, np.stack([planes[:1, 3], np.zeros_like(planes[:1, 3])])], 1)
    assert np.array_equal(fiji.read(), sent)
    seen = fiji.active_image().array.reshape(5, 2, 40, 300)
    assert np.array_equal(seen.swapaxes(0, 1), sent)


def test_a_filter_that_moves_planes_into_holes_loses_none(fiji: Fiji) -> None:
    fiji.call("expect", components={"z": 4})
    for z, value in enumerate((10, 90, 200)):
        plane = np.full((40, 300), value, "u1")
        fiji.show(plane, source="raw", components={"z": z}, contrast_limits=(0, 255))
    fiji.call("navigate", components={"z": 0})
    fiji.run("raw", "Reverse")
    assert fiji.read()[:, 20, 150].tolist() == [10, 200, 90]
    assert fiji.active_image().array[:, 20, 150].tolist() == [10, 200, 90, 0]
    assert fiji.picture(canvas=True)[20, 150].tolist() == [10, 10, 10]


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i2", "i4", "f8"])
def test_an_edit_comes_back_in_the_dtype_that_was_sent(fiji: Fiji, dtype: str) -> None:
    planes = volume(dtype)
    if dtype in ("i4", "f8"):
        planes += np.array(2**24 + 1 if dtype == "i4" else 0.1, dtype)  # not exact in float32
    stream(fiji, planes)
    fiji.run_macro("setSlice(2); setPixel(3, 4, 77);")
    back = fiji.read()
    value = 77 - 32768 if dtype == "i2" else 77  # setPixel() writes raw pixels
    planes[1, 4, 3] = value
    assert back.dtype == planes.dtype
    assert np.array_equal(back, planes)


def test_what_is_drawn_into_a_hole_is_not_seen_in_the_others(fiji: Fiji) -> None:
    for z in (0, 3):
        fiji.show(volume()[0], components={"z": z, "t": z}, source="raw")
    fiji.run_macro('run("Add...", "value=50 stack");')
    expected = fiji.read()
    assert np.array_equal(expected[0, 0], volume()[0] + 50)
    assert not expected[0, 1].any()
    assert np.array_equal(fiji.active_image().array, expected)


def test_edits_are_kept_when_the_window_is_closed_and_nobody_asks(fiji: Fiji) -> None:
    stream(fiji, volume())
    fiji.run("raw", "Reverse")
    fiji.paint("raw", 7)
    fiji.close_window("raw")
    poll_until(lambda: not fiji.groups()[0]["window"], "the window closed")
    assert fiji.dialogs() == []
    back = fiji.read()
    painted = (back == 7).all(axis=(1, 2))
    assert painted.sum() == 1
    assert np.array_equal(back[~painted], volume()[::-1][~painted])


def test_an_image_that_a_macro_made_smaller_is_theirs(fiji: Fiji) -> None:
    stream(fiji, volume())
    fiji.run_macro('run("Delete Slice");')
    fiji.show(volume()[0] + 1, components={"z": 3}, source="raw")
    assert len(fiji.titles()) == 2
    assert np.array_equal(fiji.read(), [*volume(), volume()[0] + 1])
    fiji.run_macro('close("*");')


def test_a_filter_of_the_stack_holds_while_it_grows(fiji: Fiji) -> None:
    planes = volume("f4", 24)
    for t, plane in enumerate(planes[:12]):
        fiji.show(plane, components={"t": t}, source="raw")
    fiji.begin("run_macro", code='run("Gaussian Blur...", "sigma=90 stack");', timeout=20.0)
    poll_until(lambda: fiji.call("state")[0]["macro"] == "runs", "the macro runs")
    for t, plane in enumerate(planes[12:], 12):
        fiji.show(plane, components={"t": t}, source="raw")
    fiji.finish()
    back = fiji.read()
    smooth = back.std(axis=(1, 2)) < 20  # 58 before
    assert smooth[:12].all()
    assert np.array_equal(back[~smooth], planes[~smooth])
    assert np.array_equal(fiji.active_image().array, back)


@pytest.mark.parametrize(
    ("dtype", "command"), [("u1", "8-bit"), ("u2", "16-bit"), ("f4", "32-bit")]
)
def test_a_conversion_to_the_type_that_it_has_changes_nothing(
    fiji: Fiji, dtype: str, command: str
) -> None:
    planes = volume(dtype)
    stream(fiji, planes)
    labels = fiji.look("raw")["labels"]
    fiji.run("raw", command)
    assert np.array_equal(fiji.read(), planes)
    fiji.show(planes[0], components={"z": 3}, source="raw")
    assert fiji.look("raw")["labels"] == [*labels, "z 3"]
    fiji.call("clear", source=None)
    assert fiji.titles() == []
