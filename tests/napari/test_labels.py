"""Labels of every type: each has its colour and its number, also where they are large."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap, label_colormap
from numpy.typing import NDArray

from napari_plugin.ids import smallest
from napari_plugin.plan import Axes
from napari_plugin.planes import PlaneStack
from tests.napari.feed import Stream

TYPES = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")


def stripes(ids: Sequence[int], dtype: str) -> NDArray[Any]:
    """Return a plane with a stripe of 16 columns for each label."""
    return np.array([ids], dtype).repeat(16, axis=1).repeat(40, axis=0)


def ids_of(dtype: str) -> list[int]:
    """Return background, small labels, and the outermost ones that are all odd in a way."""
    if dtype == "?":
        return [0, 1]
    info = np.iinfo(dtype)
    return [0, 1, 49, 50, 51, 127, *sorted({int(info.min) + 1, int(info.max) - 3} - {1})]


def send(stream: Stream, array: NDArray[Any], **words: Any) -> None:
    components = words.pop("components", {"t": 0})
    stream.show(array, kind="labels", components=components, **words)
    stream.settle()


def layer_of(stream: Stream) -> Labels:
    (layer,) = stream.viewer.layers
    assert isinstance(layer, Labels)
    layer.opacity = 1
    return layer


def colours(ids: Sequence[int], dtype: str) -> list[tuple[int, ...]]:
    """Return the colours that napari gives to labels of a type; black stands behind them."""
    found = label_colormap(49, 0.5).map(np.array(ids, "u1" if dtype == "?" else dtype))
    return [tuple(round(255 * part * rgba[3]) for part in rgba[:3]) for rgba in found.tolist()]


def seen(stream: Stream, count: int) -> list[tuple[int, ...]]:
    return stream.pixels(*((20, 16 * at + 8) for at in range(count)))


def under_cursor(stream: Stream, count: int) -> list[int]:
    layer, lead = layer_of(stream), stream.viewer.dims.point[:-2]
    return [int(layer.get_value((*lead, 20, 16 * at + 8), world=True)) for at in range(count)]


def near(one: Sequence[tuple[int, ...]], other: Sequence[tuple[int, ...]]) -> bool:
    return bool(np.abs(np.array(one) - np.array(other)).max() <= 1)


@pytest.mark.parametrize("editable", [False, True], ids=["", "editable"])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_label_has_its_colour_and_its_number(
    stream: Stream, dtype: str, editable: bool
) -> None:
    """All of a plane are small first; the next plane has the largest of the type."""
    small = [0, 1, 49, 50, 51, 127, 2, 3][: len(ids_of(dtype))]
    for t, ids in enumerate((small, ids_of(dtype), small)):
        plane = stripes(ids, dtype)
        send(stream, plane, components={"t": t}, editable=editable)
        assert under_cursor(stream, len(ids)) == ids
        assert near(seen(stream, len(ids)), colours(ids, dtype))
        found = stream.read(kind="labels", components={"t": t})
        assert found.dtype == plane.dtype
        np.testing.assert_array_equal(found, plane)
    stream.ask("navigate", components={"t": 1})
    assert under_cursor(stream, len(ids_of(dtype))) == ids_of(dtype)
    assert near(seen(stream, len(ids_of(dtype))), colours(ids_of(dtype), dtype))


def test_the_plane_in_view_gets_a_large_label(stream: Stream) -> None:
    send(stream, stripes([0, 1, 2], "i8"), components={})
    send(stream, stripes([0, 2**31, 70_000], "i8"), components={})
    assert under_cursor(stream, 3) == [0, 2**31, 70_000]
    assert near(seen(stream, 3), colours([0, 2**31, 70_000], "i8"))
    send(stream, stripes([0, 2**40 + 5, -9], "i8"), components={})
    layer = layer_of(stream)
    assert layer.get_value((20, 24), world=True) == 2**40 + 5
    assert layer.get_value((20, 40), world=True) == -9
    assert near(seen(stream, 3), colours([0, 2**40 + 5, -9], "i8"))
    assert layer.data.dtype == np.int64
    np.testing.assert_array_equal(np.asarray(layer.data), stripes([0, 2**40 + 5, -9], "i8"))


def test_small_ones_can_become_paintable(stream: Stream) -> None:
    send(stream, stripes([0, 1, 2], "i8"))
    send(stream, stripes([0, 1, 2], "i8"), components={"t": 1}, editable=True)
    layer = layer_of(stream)
    layer.brush_size = 5
    layer.paint((1, 20, 24), 2**40)
    assert stream.read(kind="labels", components={"t": 1})[20, 24] == 2**40
    assert layer.get_value((1, 20, 24), world=True) == 2**40
    assert near(stream.pixels((20, 24)), colours([2**40], "i8"))


def test_one_label_alone_is_seen_when_its_user_asks_for_that(stream: Stream) -> None:
    send(stream, stripes([0, 1, 60_000], "i8"))
    layer = layer_of(stream)
    layer.selected_label = 60_000
    layer.show_selected_label = True
    alone = seen(stream, 3)
    assert alone[:2] == [(0, 0, 0)] * 2
    assert near(alone[2:], colours([60_000], "i8"))
    layer.show_selected_label = False


def test_colours_of_the_user_stay_when_a_large_label_comes(stream: Stream) -> None:
    send(stream, stripes([0, 1, 2], "i4"))
    colors = {None: "red", 0: "black", 1: "blue", 2: "lime"}
    layer_of(stream).colormap = DirectLabelColormap(color_dict=colors)
    blue, lime, red = (0, 0, 255), (0, 255, 0), (255, 0, 0)
    assert seen(stream, 3)[1:] == [blue, lime]
    send(stream, stripes([0, 2, 2**30], "i4"), components={"t": 1})
    assert seen(stream, 3)[1:] == [lime, red]
    stream.ask("navigate", components={"t": 0})
    assert seen(stream, 3)[1:] == [blue, lime]


def test_regrouped_labels_keep_their_numbers(stream: Stream) -> None:
    planes = {"A1": stripes([0, 1, 2], "u8"), "A2": stripes([0, 3, 2**63 + 1], "u8")}
    for well, plane in planes.items():
        send(stream, plane, components={"well": well})
    stream.ask("arrange", modes={"well": "split"})
    stream.until(lambda: len(stream.viewer.layers) == 2)
    for layer, plane in zip(stream.viewer.layers, planes.values(), strict=True):
        np.testing.assert_array_equal(np.asarray(layer.data), plane)


@pytest.mark.parametrize("dtype", ["u4", "i4", "u8", "i8"])
def test_what_fits(dtype: str) -> None:
    plane = np.full((3, 4), 2**16 - 1, dtype)
    for part in (plane, plane[::2, 1:], plane[:0]):
        assert smallest(part) == np.uint16
    plane[1, 1] += 1
    assert smallest(plane) == (np.uint32 if dtype[1] == "8" else None)
    if dtype[1] == "8":
        plane[1, 1] = 2**32
        assert smallest(plane) is None
    if dtype[0] == "i":
        plane[1, 1] = -1
        assert smallest(plane) is None


@pytest.mark.parametrize("dtype", ["i4", "u8"])
def test_colours_can_be_computed_from_memory_that_is_another_programs(dtype: str) -> None:
    """PartSegCore, which napari takes if it is installed, wants memory that it may write to."""
    sent = stripes([0, 1, 2**20], dtype)
    plane = np.frombuffer(sent.tobytes(), dtype).reshape(sent.shape)
    axes = Axes().with_names(["t"])
    axes.values["t"].add(0)
    stack = PlaneStack(axes, ("t",), {(0,): plane}, plane.shape, dtype, labels=True)
    assert stack[0].flags.writeable
    np.testing.assert_array_equal(stack[0], sent)
