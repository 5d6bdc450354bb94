"""Planes that the graphics card cannot hold: seen at once, sharp soon, read back in full."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_plugin.gl import texture_limit
from napari_plugin.pyramids import SMALL, Pyramids, Sizes
from streaming_core.protocol.components import GroupKey, Value
from streaming_core.testing import poll_until
from tests.napari.feed import Stream

HIGH = 640
FULL: dict[str, Any] = {"contrast_limits": (0, 255)}


@pytest.fixture
def wide(stream: Stream) -> int:
    """A width that this machine's OpenGL takes in no texture."""
    limit = texture_limit(stream.viewer)
    assert limit is not None
    return limit + 3000


def halves(wide: int, left: int, right: int, dtype: Any = np.uint8) -> NDArray[Any]:
    plane = np.full((HIGH, wide), left, dtype)
    plane[:, wide // 2 :] = right
    return plane


def look_at(stream: Stream, y: float, x: float, zoom: float) -> None:
    stream.viewer.scene.camera.center, stream.viewer.scene.camera.zoom = (0, y, x), zoom
    stream.canvas()  # napari chooses what to load when it draws


def test_it_is_seen_whole_and_in_every_part(stream: Stream, wide: int) -> None:
    plane = halves(wide, 60, 200)
    plane[40:44, 1000:1004] = 255
    stream.show(plane, components={"z": 0}, **FULL)
    stream.settle()
    layer = stream.viewer.layers[0]
    assert layer.multiscale
    assert max(layer.data[-1].shape) <= SMALL
    look_at(stream, 320, wide / 2, 300 / wide)
    assert [shade[0] for shade in stream.pixels((320, wide / 8), (320, wide * 7 / 8))] == [60, 200]
    look_at(stream, 320, wide / 2, 4)
    assert stream.pixels((320, wide // 2 - 20), (320, wide // 2 + 20)) == [(60,) * 3, (200,) * 3]
    look_at(stream, 42, 1002, 20)
    assert stream.pixels((42, 1002), (42, 1006), (37, 1002)) == [(255,) * 3, (60,) * 3, (60,) * 3]
    np.testing.assert_array_equal(stream.read(components={"z": 0}), plane)
    assert stream.ask("state")[0]["groups"][0]["bytes"] == plane.nbytes


def test_small_things_are_averaged_when_it_is_seen_from_afar(stream: Stream, wide: int) -> None:
    """Every second column is bright: a version of every fourth would be black or white."""
    plane = np.zeros((HIGH, wide), np.uint8)
    plane[:, ::2] = 200
    stream.show(plane, **FULL)
    stream.settle()
    look_at(stream, 320, wide / 2, 300 / wide)
    stream.until(lambda: stream.pixel(320, wide / 3) == (100, 100, 100))
    stream.show(plane // 2, **FULL)  # sent again
    stream.until(lambda: stream.pixel(320, wide / 3) == (50, 50, 50))
    look_at(stream, 320, wide / 2, 4)
    assert {stream.pixel(320, wide // 2 + at)[0] for at in range(2)} == {0, 100}


def test_it_grows_as_small_ones_do_and_stays_in_view(stream: Stream, wide: int) -> None:
    for z in range(3):
        stream.show(halves(wide, 10 * z + 5, 100), components={"z": z}, **FULL)
    stream.settle()
    stream.ask("navigate", components={"z": 1})
    look_at(stream, 320, wide / 4, 5)
    assert stream.pixel(320, wide // 4) == (15, 15, 15)
    stream.show(halves(wide, 30, 100), components={"z": 7, "t": 2}, **FULL)
    stream.show(halves(wide, 40, 100), components={"z": -1}, **FULL)
    stream.settle()
    assert stream.viewer.dims.nsteps[:2] == (1, 5)
    look_at(stream, 320, wide / 4, 5)
    for layer in stream.viewer.layers[1:]:
        layer.visible = False
    assert stream.pixel(320, wide // 4) == (15, 15, 15)
    stream.show(halves(wide, 90, 100), components={"z": 1}, **FULL)  # sent again
    stream.settle()
    assert stream.pixel(320, wide // 4) == (90, 90, 90)


def test_it_is_regrouped_and_cleared_like_any_other(stream: Stream, wide: int) -> None:
    for well in ("A1", "A2"):
        stream.show(halves(wide, 50, 100), components={"well": well}, **FULL)
    stream.settle()
    stream.ask("arrange", modes={"well": "split"})
    stream.until(lambda: len(stream.viewer.layers) == 2)
    assert all(layer.multiscale for layer in stream.viewer.layers)
    stream.ask("arrange", modes={"well": "stack"})
    (layer,) = stream.viewer.layers
    assert layer.data[0].shape == (2, HIGH, wide)
    stream.ask("clear")
    assert not stream.viewer.layers


def test_labels_are_never_mixed(stream: Stream, wide: int) -> None:
    plane = np.zeros((96, wide), np.uint64)
    plane[:, ::2], plane[:, 1::2] = 2**63 + 1, 3
    stream.show(plane, kind="labels", components={"z": 0})
    stream.settle()
    (layer,) = stream.viewer.layers
    assert isinstance(layer, Labels)
    assert layer.multiscale
    assert not layer.editable
    look_at(stream, 48, wide / 2, 300 / wide)
    for level in layer.data:
        assert set(np.unique(level[0])) <= {2**63 + 1, 3}
    np.testing.assert_array_equal(stream.read(kind="labels")[0], plane)


@pytest.mark.filterwarnings("ignore:data shape .* exceeds GL_MAX_TEXTURE_SIZE")
def test_labels_of_that_size_can_be_painted(stream: Stream, wide: int) -> None:
    """napari paints in full size only, and draws every second pixel of it, which it says once."""
    plane = np.zeros((96, wide), np.uint16)
    plane[:, wide // 2 :] = 3
    stream.show(plane, kind="labels", components={"z": 0}, editable=True)
    stream.settle()
    (layer,) = stream.viewer.layers
    assert isinstance(layer, Labels)
    assert layer.editable
    layer.opacity = 1
    look_at(stream, 48, wide / 2, 4)
    left, right = stream.pixels((48, wide // 2 - 20), (48, wide // 2 + 20))
    assert left == (0, 0, 0)
    assert right == shown(layer, 3)
    layer.brush_size = 9
    layer.paint((0, 48, wide // 2 - 20), 7)
    assert stream.pixel(48, wide // 2 - 20) == shown(layer, 7)
    assert stream.pixel(48, wide // 2 + 20) == shown(layer, 3)
    assert layer.get_value((0, 48, wide // 2 - 20), world=True) == 7
    found = stream.read(kind="labels")[0]
    assert found[48, wide // 2 - 20] == 7
    assert found[48, wide // 2 + 20] == 3
    layer.undo()
    np.testing.assert_array_equal(stream.read(kind="labels")[0], plane)
    assert stream.pixel(48, wide // 2 - 20) == (0, 0, 0)
    stream.show(plane // 3 * 5, kind="labels", components={"z": 1}, editable=True)
    stream.settle()
    look_at(stream, 48, wide / 2, 4)
    assert stream.pixel(48, wide // 2 + 20) == shown(layer, 5)


def shown(layer: Labels, label: int) -> tuple[int, ...]:
    return tuple(round(255 * float(part)) for part in layer.get_color(label)[:3])


def test_colours_too(stream: Stream, wide: int) -> None:
    plane = np.zeros((HIGH, wide, 3), np.uint16)
    plane[:, : wide // 2, 2] = plane[:, wide // 2 :, 1] = 4095
    stream.show(plane, "YXS")
    stream.settle()
    plane = plane.copy()
    plane[:, : wide // 2] = 4095, 0, 0
    stream.show(plane, "YXS")  # sent again
    stream.settle()
    layer = stream.viewer.layers[0]
    assert isinstance(layer, Image)
    assert layer.multiscale
    look_at(stream, 320, wide / 2, 4)
    colours = stream.pixels((320, wide // 2 - 20), (320, wide // 2 + 20))
    assert colours == [(255, 0, 0), (0, 255, 0)]


def test_what_the_graphics_card_holds_is_left_as_it_is(stream: Stream, wide: int) -> None:
    stream.show(halves(wide - 3000, 1, 2), **FULL)
    stream.settle()
    assert not stream.viewer.layers[0].multiscale


# -- smaller versions, without a window ----------------------------------------------------


def key(plane: NDArray[Any], kind: str = "image") -> GroupKey:
    return GroupKey("s", kind, plane.dtype.str, plane.shape, (), ())


def made(plane: NDArray[Any], kind: str = "image") -> list[NDArray[Any]]:
    """Return the smaller versions of a plane, when they have been made."""
    pyramids, changed = Pyramids(lambda: 5000), threading.Event()
    pyramids.changed = changed.set
    levels = pyramids.levels(key(plane, kind), {(): plane})
    glance = levels[0][()]
    assert np.shares_memory(glance, plane), "a copy costs time"
    assert changed.wait(20)
    versions = [level[()] for level in levels]
    assert versions[0].shape == glance.shape
    pyramids.close()
    return versions


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_a_pixel_is_the_mean_of_those_that_it_stands_for(dtype: str) -> None:
    high = 2.0**20 if dtype[0] == "f" else np.iinfo(dtype).max
    plane = np.zeros((3001, 9000), dtype)
    plane[::2, ::2], plane[1::2, 1::2] = high, high
    first, *more = made(plane)
    assert first.dtype == plane.dtype
    assert first.shape == (1500, 4500)
    assert np.unique(first).tolist() == [high / 2 if dtype[0] == "f" else high // 2]
    assert more[-1].shape == (1500, 1125)


@pytest.mark.parametrize("kind", ["image", "labels"])
@pytest.mark.parametrize("dtype", ["?", "i8", "u8"])
def test_what_has_no_mean_is_picked(dtype: str, kind: str) -> None:
    plane = np.arange(6000, dtype=np.int64).reshape(1, -1).astype(dtype)
    first, *_ = made(plane, kind)
    np.testing.assert_array_equal(first[0], plane[0, :6000:2])


def test_infinite_and_missing_values_are_no_error() -> None:
    plane = np.full((4, 6000), np.finfo("f8").max)
    plane[0, :2] = np.nan, np.inf
    first = made(plane)[0]
    assert np.isnan(first[0, 0])
    assert np.isinf(first[1, 1])


def test_versions_go_with_their_plane_and_are_counted_until_then() -> None:
    pyramids = Pyramids(lambda: 5000)
    counted: list[int] = []
    pyramids.took = lambda array: counted.append(array.nbytes)
    planes: dict[tuple[Value, ...], NDArray[Any]] = {(): np.ones((4, 9000), np.uint8)}
    levels = pyramids.levels(key(planes[()]), planes)
    levels[0][()]
    poll_until(lambda: not np.shares_memory(levels[0][()], planes[()]), "it is made")
    assert counted == [4 * 4500, 4 * 2250, 4 * 1125]
    planes[()] = np.full((4, 9000), 7, np.uint8)
    assert levels[2][()].tolist() == np.full((4, 1125), 7).tolist(), "that of another plane"
    pyramids.close()
    assert levels[2][()].tolist() == np.full((4, 1125), 7).tolist()


def test_long_sides_are_halved_and_short_ones_are_not() -> None:
    sizes = Sizes.of((30000, 500), averaged=True)
    assert [sizes.shape(step) for step in range(len(sizes.factors))] == [
        (15000, 500), (7500, 500), (3750, 500), (1875, 500),
    ]  # fmt: skip
