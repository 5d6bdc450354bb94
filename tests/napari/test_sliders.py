"""Sliders: one set for all layers, following the newest image until somebody moves one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming_core.errors import RequestFailed
from tests.napari.feed import Stream


def shade(value: int, dtype: Any = np.uint8) -> NDArray[Any]:
    return np.full((40, 40), value, dtype)


def show(stream: Stream, value: int, source: str = "raw", **components: Any) -> None:
    stream.show(shade(value), source=source, components=components, contrast_limits=(0, 255))
    stream.settle()


def shown(stream: Stream) -> Any:
    return stream.ask("state")[0]["shown"]


def test_sliders_follow_the_newest_image_until_somebody_moves_one(stream: Stream) -> None:
    for z in (0, 5, 2):
        show(stream, z, z=z)
        assert shown(stream) == {"z": z}
    assert stream.ask("state")[0]["follow"]
    stream.viewer.dims.set_current_step(0, 0)
    for z in (7, 1):
        show(stream, z, z=z)
        assert shown(stream) == {"z": 0}
    assert not stream.ask("state")[0]["follow"]
    stream.adapter.layers.sliders.follow = True
    show(stream, 9, z=9)
    assert shown(stream) == {"z": 9}


def test_when_all_is_cleared_sliders_follow_again(stream: Stream) -> None:
    for z in (0, 5):
        show(stream, z, z=z)
        show(stream, z, source="other", z=z)
    stream.ask("navigate", components={"z": 0})
    stream.ask("clear", source="other")
    show(stream, 7, z=7)
    assert shown(stream) == {"z": 0}
    stream.ask("clear")
    for z in (0, 5):
        show(stream, z, z=z)
    assert shown(stream) == {"z": 5}


def test_following_does_not_end_by_itself(stream: Stream) -> None:
    for well in ("B", "A", "C"):
        for channel in ("x", "y"):
            show(stream, 1, well=well, channel=channel)
    show(stream, 1, well="D", t=4)
    stream.show(np.ones((3, 4, 40, 40), np.uint8), "TZYX", {"well": "D"}, kind="labels")
    stream.settle()
    stream.viewer.layers.remove(stream.viewer.layers[0])
    stream.ask("clear", source="raw")
    stream.viewer.add_image(np.zeros((2, 3, 4, 5, 40, 40)), contrast_limits=(0, 1))
    show(stream, 1, t=9, z=2)
    assert stream.ask("state")[0]["follow"]
    assert shown(stream) == {"well": "D", "t": 9, "z": 2}


def test_images_of_one_tick_take_each_slider_to_its_newest_value(stream: Stream) -> None:
    for z in range(6):
        stream.show(shade(z), source="raw", components={"well": "A1", "z": z})
    stream.show(shade(1), kind="labels", source="raw", components={"well": "A1"})
    stream.settle()
    assert shown(stream) == {"well": "A1", "z": 5}


def test_a_volume_is_shown_in_its_middle_and_then_where_the_user_was(stream: Stream) -> None:
    volume = np.stack([shade(z) for z in range(9)])
    stream.show(volume, "ZYX", {"t": 0})
    stream.settle()
    assert shown(stream) == {"t": 0, "z": 4}
    stream.show(volume, "ZYX", {"t": 1})
    stream.settle()
    assert shown(stream) == {"t": 1, "z": 4}


def test_layers_with_other_components_share_the_sliders(stream: Stream) -> None:
    for well in ("A1", "A2"):
        for z in (0, 1):
            show(stream, 10 + z, "stack", well=well, z=z)
        show(stream, 40, "per well", well=well)
    show(stream, 80, "overview")
    show(stream, 120, "film", t=0, well="A1")
    show(stream, 130, "film", t=1, well="A1")
    assert stream.viewer.dims.axis_labels == ("well", "t", "z", "y", "x")
    assert stream.viewer.dims.nsteps[:3] == (2, 2, 2)
    assert all(layer.ndim == 5 for layer in stream.viewer.layers)

    def seen(source: str, **components: Any) -> int:
        stream.ask("navigate", components=components)
        for layer in stream.viewer.layers:
            layer.visible = layer.name == source
        return stream.pixel(20, 20)[0]

    assert seen("stack", well="A2", t=0, z=1) == 11
    assert seen("stack", well="A2", t=1, z=0) == 10  # repeats along t
    assert seen("per well", well="A1", t=1, z=1) == 40
    assert seen("overview", well="A2", t=1, z=1) == 80
    assert seen("film", well="A1", t=1, z=1) == 130
    assert seen("film", well="A2", t=1, z=1) == 0  # a hole


def test_a_new_axis_leaves_view_and_image_as_they_are(stream: Stream) -> None:
    for well in ("A1", "A2", "A3"):
        for z in range(4):
            show(stream, 10 * int(well[1]) + z, well=well, z=z)
    viewer = stream.viewer
    stream.ask("navigate", components={"well": "A2", "z": 3})
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 20, 21), 7.25
    assert stream.pixel(20, 20) == (23, 23, 23)
    show(stream, 200, "film", t=5, z=1)
    viewer.layers["film"].visible = False
    assert shown(stream) == {"well": "A2", "t": 5, "z": 3}
    assert stream.pixel(20, 20) == (23, 23, 23)
    assert (viewer.scene.camera.center, viewer.scene.camera.zoom) == ((0, 20, 21), 7.25)
    show(stream, 210, "film", t=5, z=1, site=9)
    show(stream, 220, "film", t=3, z=0, site=1)
    viewer.layers[-1].visible = False
    assert viewer.dims.axis_labels == ("well", "site", "t", "z", "y", "x")
    assert shown(stream) == {"well": "A2", "site": 9, "t": 5, "z": 3}
    assert stream.pixel(20, 20) == (23, 23, 23)


def test_dimensions_that_the_user_has_turned_stay_turned(stream: Stream) -> None:
    for z in range(6):
        show(stream, 20 * z + 20, z=z)
    viewer = stream.viewer
    viewer.dims.order = (1, 0, 2)  # z is drawn downwards, y has the slider
    zoom = viewer.scene.camera.zoom
    assert [stream.pixel(z, 20)[0] for z in range(6)] == [20, 40, 60, 80, 100, 120]
    show(stream, 255, "film", t=0, z=5)
    viewer.layers["film"].visible = False
    names = [viewer.dims.axis_labels[at] for at in viewer.dims.order]
    assert names == ["t", "y", "z", "x"]
    assert viewer.scene.camera.zoom == zoom
    show(stream, 140, z=6)
    assert [stream.pixel(z, 20)[0] for z in range(7)] == [20, 40, 60, 80, 100, 120, 140]


def test_in_3d_images_keep_coming(stream: Stream) -> None:
    for z in range(3):
        show(stream, 50, z=z)
    viewer = stream.viewer
    viewer.dims.ndisplay = 3
    angles = viewer.scene.camera.angles
    for z in range(3, 6):
        show(stream, 250, z=z)
    assert viewer.dims.ndisplay == 3
    assert viewer.scene.camera.angles == angles
    assert stream.canvas()[..., :3].max() >= 245


def test_scale_and_units_are_one_set_for_all_layers(stream: Stream) -> None:
    shape = (5, 40, 40)
    stream.show(np.ones(shape, np.uint8), "ZYX", source="bare")
    scale = {"Z": 0.3, "Y": 0.1, "X": 0.1, "T": 60}
    stream.show(np.ones(shape, np.uint8), "ZYX", {"t": 2}, source="um", scale=scale, units="um")
    nano = {"Z": 900, "Y": 200, "X": 200}
    stream.show(np.ones(shape, np.uint8), "ZYX", {"t": 3}, source="nm", scale=nano, units="nm")
    stream.settle()
    viewer = stream.viewer
    assert [str(unit) for unit in viewer.dims.units or ()] == ["second", *["micrometer"] * 3]
    assert viewer.dims.nsteps[:2] == (2, 5)
    np.testing.assert_allclose([layer.scale for layer in viewer.layers], [
        [60, 0.3, 1, 1], [60, 0.3, 0.1, 0.1], [60, 0.3, 0.2, 0.2],
    ])  # fmt: skip
    for z in range(5):
        stream.ask("navigate", components={"t": 2, "z": z})
        assert shown(stream) == {"t": 2, "z": z}
        assert viewer.dims.current_step[:2] == (0, z)


def test_names_and_units_of_axes_survive_every_growth(stream: Stream) -> None:
    scale, names = {"Z": 0.5, "Y": 0.1, "X": 0.1, "T": 2.0}, ["z", "y", "x"]
    steps: list[dict[str, Any]] = [{}, {"t": 0}, {"t": 1}, {"well": "B2"}, {"well": "A1", "t": 5}]
    for more in steps:
        names = [*(name for name in ("well", "t") if name in more and name not in names), *names]
        names.sort(key=("well", "t", "z", "y", "x").index)
        for z in (1, 3, 2):
            stream.show(shade(1), components={"z": z, **more}, scale=scale, units="um")
            stream.settle()
            assert list(stream.viewer.dims.axis_labels) == names
            kinds = {"well": "pixel", "t": "second"}
            wanted = [kinds.get(name, "micrometer") for name in names]
            assert [str(unit) for unit in stream.viewer.dims.units or ()] == wanted
            for layer in stream.viewer.layers:
                assert list(layer.axis_labels) == names


def test_a_step_that_comes_late_leaves_the_sliders_where_they_are(stream: Stream) -> None:
    stream.show(np.stack([shade(20 * z) for z in range(9)]), "ZYX", contrast_limits=(0, 255))
    stream.settle()
    stream.ask("navigate", components={"z": 3})
    stream.show(shade(0), source="late", components={"z": 5}, scale={"Z": 0.25}, units="mm")
    stream.settle()
    stream.viewer.layers["late"].visible = False
    assert shown(stream) == {"z": 3}
    assert stream.pixel(20, 20) == (60, 60, 60)
    assert stream.viewer.dims.point[0] == 0.75


def test_units_that_nobody_knows_are_pixels(stream: Stream) -> None:
    stream.show(shade(1), units="furlongs per fortnight", scale={"Y": 2.0, "X": 2.0})
    stream.settle()
    assert [str(unit) for unit in stream.viewer.layers[0].units] == ["pixel", "pixel"]
    assert list(stream.viewer.layers[0].scale) == [2, 2]


def test_every_index_of_a_long_axis_can_be_reached(stream: Stream) -> None:
    stream.show(np.zeros((49, 8, 8), np.uint8), "ZYX", scale={"Z": 0.65})
    stream.settle()
    stream.ask("navigate", components={"z": 48})
    assert stream.viewer.dims.nsteps[0] == 49
    assert stream.viewer.dims.current_step[0] == 48


@pytest.mark.parametrize(
    ("components", "words"),
    [
        ({"q": 1}, "no component 'q'; there is: 'well', 'z', 'channel'"),
        ({"z": 77}, "no z 77; there is: 0, 1"),
        ({"well": "A1", "z": None}, "'z' is None"),
        ({"channel": "GFP", "z": 0}, "no channel 'GFP'; there is: 'DAPI'"),
        (["z"], "names and values"),
    ],
)
def test_navigate_says_what_is_wrong(stream: Stream, components: Any, words: str) -> None:
    show(stream, 1, well="A1", z=0, channel="DAPI")
    show(stream, 1, well="A1", z=1, channel="DAPI")
    with pytest.raises(RequestFailed, match=words):
        stream.ask("navigate", components=components)
    assert shown(stream) == {"well": "A1", "z": 1}
    assert stream.ask("state")[0]["follow"]


def test_navigate_to_what_is_a_layer_selects_it(stream: Stream) -> None:
    for channel in ("DAPI", "GFP"):
        for z in range(2):
            show(stream, 1, well="A1", z=z, channel=channel)
    for channel in ("DAPI", "GFP"):
        stream.ask("navigate", components={"channel": channel, "z": 0})
        assert [str(layer.name) for layer in stream.viewer.layers.selection] == [f"raw · {channel}"]
        assert shown(stream) == {"well": "A1", "z": 0}
    assert all(layer.visible for layer in stream.viewer.layers)


def test_navigate_says_where_it_went(stream: Stream) -> None:
    for z in (4, 2):
        show(stream, 1, well="A1", z=z)
    answer = {"components": {"well": "A1", "z": 4}}
    assert stream.ask("navigate", components={"z": 4})[0] == answer
    with pytest.raises(RequestFailed, match="navigate needs components"):
        stream.ask("navigate", components={})
