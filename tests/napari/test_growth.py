"""Growth is cheap, coalesced, and works without napari's private method too."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.settings import get_settings
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_plugin import growth
from napari_plugin.growth import announce_growth
from napari_plugin.plan import Axes
from napari_plugin.planes import PlaneStack
from tests.napari.feed import Stream, add


def shade(value: int) -> NDArray[np.uint8]:
    return np.full((40, 40), value, np.uint8)


class Counting(PlaneStack):
    """A stack that counts how often it is read."""

    reads = 0

    def __getitem__(self, key: Any) -> Any:
        self.reads += 1
        return super().__getitem__(key)


def grown_viewer() -> tuple[ViewerModel, list[Counting]]:
    axes = Axes().with_names(["z"])
    add(axes, {"z": 0})
    viewer = ViewerModel()
    stacks = [Counting(axes, ("z",), {}, (8, 8), "|u1") for _ in range(3)]
    for number, stack in enumerate(stacks):
        viewer.add_image(stack, contrast_limits=(0, 1), projection_mode="none", visible=number != 1)
        stack.reads = 0
    for z in range(1, 20):
        add(axes, {"z": z})
    return viewer, stacks


def test_sliders_grow_without_reading_any_pixel() -> None:
    """Fails when napari changes the private method that makes growth cheap."""
    viewer, stacks = grown_viewer()
    announce_growth(viewer, viewer.layers)
    assert viewer.dims.nsteps[0] == 20
    assert [stack.reads for stack in stacks] == [0, 0, 0]


def test_sliders_grow_without_the_private_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "CHEAP", "a method that napari does not have")
    viewer, _ = grown_viewer()
    announce_growth(viewer, viewer.layers)
    assert viewer.dims.nsteps[0] == 20


def test_without_the_private_method_images_are_shown_too(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "CHEAP", "a method that napari does not have")
    for z in range(30):
        stream.show(shade(8 * z), components={"z": z}, contrast_limits=(0, 255))
    stream.settle()
    assert stream.viewer.dims.nsteps[0] == 30
    assert stream.pixel(20, 20) == (232, 232, 232)


def test_the_window_gets_its_turn_between_two_new_layers(stream: Stream) -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1

    at: list[int] = []
    inserted = stream.viewer.layers.events.inserted
    note = inserted.connect(lambda event: at.append(turns))
    timer = QTimer()
    timer.timeout.connect(turn)
    timer.start(0)
    stream.show(np.ones((6, 40, 40), np.uint8), "CYX")
    stream.settle()
    timer.stop()
    inserted.disconnect(note)
    assert len(at) == 6
    assert all(after > before for before, after in pairwise(at))


def test_the_window_gets_its_turn_between_new_sliders_and_their_first_layer(stream: Stream) -> None:
    dims, turns = stream.viewer.dims, 0

    def turn() -> None:
        nonlocal turns
        turns += 1

    at: list[tuple[str, int]] = []
    made = dims.events.ndim.connect(lambda event: at.append((str(dims.ndim), turns)))
    inserted = stream.viewer.layers.events.inserted
    note = inserted.connect(lambda event: at.append(("layer", turns)))
    timer = QTimer()
    timer.timeout.connect(turn)
    timer.start(0)
    stream.show(np.full((3, 2, 40, 40), 200, np.uint8), "TZYX", contrast_limits=(0, 255))
    stream.settle()
    timer.stop()
    inserted.disconnect(note)
    dims.events.ndim.disconnect(made)
    assert [what for what, _ in at] == ["4", "layer"]
    assert at[1][1] > at[0][1]
    assert dims.nsteps[:2] == (3, 2)
    assert dims.axis_labels == ("t", "z", "y", "x")
    assert stream.pixel(20, 20) == (200, 200, 200)


def test_a_flood_is_shown_in_few_ticks_and_the_window_stays_alive(stream: Stream) -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1

    stream.show(np.zeros((64, 64), np.uint8), components={"z": 0}, contrast_limits=(0, 255))
    stream.settle()
    grown: list[int] = []
    dims = stream.viewer.dims
    note = dims.events.range.connect(lambda event: grown.append(dims.nsteps[0]))
    timer = QTimer()
    timer.timeout.connect(turn)
    timer.start(0)
    for z in range(2000):
        stream.show(np.full((64, 64), z % 251, np.uint8), components={"z": z})
    stream.settle()
    timer.stop()
    dims.events.range.disconnect(note)
    assert grown[-1] == 2000
    assert len(grown) < 400  # not one for each image
    assert turns > 2
    assert stream.pixel(32, 32) == (1999 % 251,) * 3


def test_requests_are_answered_behind_the_images_before_them(stream: Stream) -> None:
    for z in range(50):
        stream.show(shade(5 * z), components={"z": z}, contrast_limits=(0, 255))
    picture = stream.canvas()
    middle = picture[picture.shape[0] // 2, picture.shape[1] // 2]
    assert tuple(middle[:3]) == (245, 245, 245)
    stream.settle()


def test_many_bytes_are_read_without_the_windows_thread(stream: Stream) -> None:
    volume = np.random.default_rng(0).integers(0, 255, (40, 512, 512)).astype(np.uint8)
    stream.show(volume, "ZYX")
    stream.settle()
    np.testing.assert_array_equal(stream.read(), volume)
    np.testing.assert_array_equal(stream.read(components={"z": 7}), volume[7])
    with pytest.raises(Exception, match="no z 99"):
        stream.read(components={"z": 99})


def test_pixels_belong_to_the_viewer_and_stay_as_sent(stream: Stream) -> None:
    stream.show(shade(5))
    stream.settle()
    plane = np.asarray(stream.viewer.layers[0].data[...])
    with pytest.raises(ValueError, match="read-only"):
        plane[0, 0] = 1


def test_a_closed_adapter_says_so_and_leaves_the_layers(fresh: Stream) -> None:
    fresh.show(shade(5), components={"z": 0})
    fresh.settle()
    for z in range(1, 4):
        fresh.show(shade(5), components={"z": z})
    fresh.adapter.close()
    fresh.show(shade(5), components={"z": 4})
    fresh.until(lambda: len(fresh.told) == 5)
    assert fresh.told[1:] == [("the napari window was closed",)] * 4
    assert len(fresh.viewer.layers) == 1
    with pytest.raises(Exception, match="the napari window was closed"):
        fresh.ask("state")
    fresh.adapter.close()


def test_it_works_with_asynchronous_slicing_too(fresh: Stream) -> None:
    """A user may have switched it on in napari's preferences."""
    experimental = get_settings().experimental
    experimental.async_ = True
    try:
        for z in range(40):
            fresh.show(shade(6 * z), components={"z": z}, contrast_limits=(0, 255))
        fresh.settle()
        layer = fresh.viewer.layers[0]
        for z in (39, 4, 20):
            fresh.ask("navigate", components={"z": z})
            fresh.until(lambda: layer.loaded)
            assert fresh.pixel(20, 20) == (6 * z,) * 3
    finally:
        experimental.async_ = False
