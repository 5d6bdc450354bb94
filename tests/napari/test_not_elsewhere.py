"""What goes wrong in other live viewers, case by case: it must not here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from numpy.typing import NDArray

from tests.elsewhere import MIXED
from tests.napari.feed import Stream


def shade(value: float, dtype: Any = np.uint8) -> NDArray[Any]:
    return np.full((64, 64), value, dtype)


def alone(stream: Stream, name: str) -> Image:
    """Show one layer, and hide the others."""
    for layer in stream.viewer.layers:
        layer.visible = layer.name == name
    layer = stream.viewer.layers[name]
    assert isinstance(layer, Image)
    return layer


def test_a_stream_that_never_pauses_is_seen_while_it_runs(stream: Stream) -> None:
    seen = []
    for t in range(200):
        stream.show(shade(t), components={"t": t}, contrast_limits=(0, 255))
        if t % 40 == 39:
            seen.append(stream.pixel(32, 32)[0])
    assert seen == [39, 79, 119, 159, 199]


def test_an_update_makes_no_layer_anew_and_loses_no_setting(stream: Stream) -> None:
    for source in ("below", "above"):
        stream.show(shade(50), source=source, components={"t": 0})
    stream.settle()
    below, above = stream.viewer.layers
    assert isinstance(below, Image)
    stream.viewer.layers.move(1, 0)
    below.opacity, below.gamma, below.colormap = 0.4, 1.7, "viridis"
    below.contrast_limits, below.name = (3, 77), "mine"
    made: list[Any] = []
    note = stream.viewer.layers.events.inserted.connect(made.append)
    for t in range(1, 30):
        for source in ("below", "above"):
            stream.show(shade(250), source=source, components={"t": t})
    stream.settle()
    stream.viewer.layers.events.inserted.disconnect(note)
    assert not made
    assert list(stream.viewer.layers) == [above, below]
    assert (below.opacity, below.gamma, below.colormap.name) == (0.4, 1.7, "viridis")
    assert (list(below.contrast_limits), below.name) == ([3, 77], "mine")


def test_a_hole_in_a_grid_stops_nothing(stream: Stream) -> None:
    for t, z in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 1)):
        stream.show(
            shade(40 * t + 10 * z + 9), components={"t": t, "z": z}, contrast_limits=(0, 255)
        )
    stream.settle()
    for t, z, value in ((0, 1, 19), (1, 1, 0), (1, 2, 69), (2, 0, 0), (2, 1, 99)):
        stream.ask("navigate", components={"t": t, "z": z})
        assert stream.pixel(32, 32) == (value,) * 3
    missing = stream.ask("state")[0]["groups"][0]["missing"]
    assert [(one["t"], one["z"]) for one in missing] == [(1, 1), (2, 0), (2, 2)]


def test_a_value_that_nobody_announced_is_shown(stream: Stream) -> None:
    stream.ask("expect", components={"z": 3})
    stream.show(shade(20), components={"z": 0}, contrast_limits=(0, 255))
    stream.show(shade(90), components={"z": 7, "t": 4}, contrast_limits=(0, 255))
    stream.settle()
    alone(stream, stream.viewer.layers[1].name)
    assert stream.pixel(32, 32) == (90, 90, 90)


@pytest.mark.parametrize(("first", "then", "value"), MIXED)
def test_another_dtype_in_the_same_stream_keeps_its_values(
    stream: Stream, first: str, then: str, value: float
) -> None:
    """60000 became 96, 0.5 became 0: the first image had given the layer its type."""
    stream.show(shade(7, first), source="raw", components={"z": 0}, contrast_limits=(0, 255))
    limits = (value - abs(value), value + abs(value))
    stream.show(shade(value, then), source="raw", components={"z": 1}, contrast_limits=limits)
    stream.settle()
    assert len(stream.viewer.layers) == 2
    name = stream.viewer.layers[1].name
    alone(stream, name)
    assert stream.pixel(32, 32) in {(127,) * 3, (128,) * 3}, "in the middle of its contrast"
    groups = stream.ask("state")[0]["groups"]
    assert [group["dtype"] for group in groups] == [np.dtype(one).name for one in (first, then)]
    layer = stream.viewer.layers[1]
    assert isinstance(layer, Image)
    assert np.unique(np.asarray(layer.data)[layer.data.shape[0] - 1]).tolist() == [value]
    alone(stream, "raw")
    stream.ask("navigate", components={"z": 0})
    assert stream.pixel(32, 32) == (7, 7, 7)


def test_images_of_another_size_are_neither_cut_nor_padded(stream: Stream) -> None:
    stream.show(shade(50), source="raw", components={"z": 0}, contrast_limits=(0, 255))
    larger = np.full((96, 80), 120, np.uint8)
    stream.show(larger, source="raw", components={"z": 1}, contrast_limits=(0, 255))
    stream.settle()
    shapes = [group["shape"] for group in stream.ask("state")[0]["groups"]]
    assert shapes == [[1, 64, 64], [1, 96, 80]]
    alone(stream, stream.viewer.layers[1].name)
    stream.viewer.reset_view()
    assert stream.pixels((90, 75), (32, 32)) == [(120,) * 3, (120,) * 3]
