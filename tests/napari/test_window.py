"""What a person sees in a real napari window while images arrive."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
import pytest
from napari.layers import Image, Labels
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_plugin.gl import canvas_of
from streaming_core.errors import InvalidKind
from tests.napari.feed import Stream, message


def quarters(*values: int, size: int = 64, dtype: Any = np.uint8) -> NDArray[Any]:
    """Return an image of four squares: upper left, upper right, lower left, lower right."""
    half = size // 2
    return np.kron(np.array(values, dtype).reshape(2, 2), np.ones((half, half), dtype))


def gray(*values: int) -> list[tuple[int, int, int]]:
    return [(value, value, value) for value in values]


CORNERS = ((16, 16), (16, 48), (48, 16), (48, 48))
FULL: dict[str, Any] = {"contrast_limits": (0, 255)}


@pytest.mark.parametrize("planes", [10, 100, 5000])
def test_a_known_image_is_at_its_place(stream: Stream, planes: int) -> None:
    def shades(z: int) -> tuple[int, ...]:
        return z % 200 + 50, 250 - z % 200, 0, z * 7 % 256

    for z in range(planes):
        stream.show(quarters(*shades(z)), components={"z": z}, **FULL)
    stream.settle()
    assert stream.viewer.dims.nsteps[0] == planes
    for z in (0, planes // 3, planes - 1):
        stream.ask("navigate", components={"z": z})
        assert stream.pixels(*CORNERS) == gray(*shades(z))
    np.testing.assert_array_equal(
        stream.read(components={"z": planes // 2}), quarters(*shades(planes // 2))
    )
    state, _ = stream.ask("state")
    assert state["groups"][0]["planes"] == planes
    assert state["groups"][0]["bytes"] == planes * 64 * 64


def test_what_is_known_about_an_image_is_with_its_layer(stream: Stream) -> None:
    stream.show(quarters(1, 2, 3, 4), metadata={"objective": "20x", "exposure": [1, 2.5]})
    stream.settle()
    assert stream.viewer.layers[0].metadata == {"objective": "20x", "exposure": [1, 2.5]}


def test_images_are_seen_while_the_stream_runs(stream: Stream) -> None:
    for t in range(12):
        stream.show(quarters(20 * t, 0, 0, 255), components={"t": t}, **FULL)
        stream.settle()
        assert stream.pixels(*CORNERS) == gray(20 * t, 0, 0, 255)


def test_nobody_sees_a_new_layer_before_the_sliders_are_at_its_image(stream: Stream) -> None:
    canvas = canvas_of(stream.viewer)
    assert canvas is not None
    seen: list[tuple[int, float]] = []

    def on_drawn() -> None:
        seen.append((len(stream.viewer.layers), stream.viewer.dims.point[0]))

    stream.show(quarters(1, 2, 3, 4), components={"t": 0}, source="first")
    stream.settle()
    canvas.aboutToCompose.connect(on_drawn)
    for number in (1, 2, 3):
        stream.show(quarters(1, 2, 3, 4), components={"t": number}, source=f"new {number}")
        stream.settle()
        stream.qtbot.waitUntil(lambda: (number + 1, number) in seen)  # noqa: B023
    canvas.aboutToCompose.disconnect(on_drawn)
    assert all(layers == t + 1 for layers, t in seen), seen


def view_of(viewer: napari.Viewer) -> dict[str, Any]:
    """Everything about the view that belongs to the user."""
    camera, dims = viewer.scene.camera, viewer.dims
    return {
        "camera": (camera.center, camera.zoom, camera.angles),
        "ndisplay": dims.ndisplay,
        "selected": {layer.name for layer in viewer.layers.selection},
        "active": viewer.layers.selection.active,
        "layers": [
            {
                "name": layer.name,
                "visible": layer.visible,
                "opacity": layer.opacity,
                "blending": layer.blending,
                "gamma": layer.gamma,
                "colormap": layer.colormap.name,
                "contrast": layer.contrast_limits,
                "range": layer.contrast_limits_range,
                "interpolation": layer.interpolation2d,
            }
            for layer in viewer.layers
            if isinstance(layer, Image)
        ],
    }


def send_plate(stream: Stream, wells: str, sites: range, bright: int) -> None:
    for well in wells:
        for site in sites:
            for channel in ("DAPI", "GFP", "Cy5"):
                plane = (
                    np.random.default_rng(site + 5).integers(0, bright, (48, 64)).astype(np.uint16)
                )
                stream.show(
                    plane, components={"well": well, "site": site, "channel": channel}, source="raw"
                )
    stream.settle()


def test_the_view_is_the_users(stream: Stream) -> None:
    send_plate(stream, "BD", range(2), 300)
    viewer = stream.viewer
    viewer.layers.move(0, 2)
    for number, layer in enumerate(viewer.layers):
        layer.contrast_limits = (10 + number, 200 + number)
        layer.gamma = 0.5 + number / 10
        layer.opacity = 0.3 + number / 10
        layer.colormap = ["viridis", "red", "gray"][number]
        layer.blending = "translucent"
        layer.interpolation2d = "linear"
        layer.name = f"mine {number}"
    viewer.layers[1].visible = False
    viewer.layers.selection.active = viewer.layers[1]
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 11, 17), 9.5
    stream.ask("navigate", components={"well": "D", "site": 1})
    before = view_of(viewer)

    send_plate(stream, "ABCDE", range(-1, 4), 60000)
    assert view_of(viewer) == before
    assert stream.ask("state")[0]["shown"] == {"well": "D", "site": 1}
    stream.show(np.ones((48, 64), np.float32), components={"t": 3, "channel": "new"})
    stream.show(np.ones((48, 64), np.uint8), kind="labels", components={"well": "A"})
    stream.settle()
    after = view_of(viewer)
    assert after.pop("layers")[:3] == before.pop("layers")
    assert after == before
    assert stream.ask("state")[0]["shown"] == {"well": "D", "site": 1, "t": 3}


def test_a_hole_is_blank_and_no_error(stream: Stream) -> None:
    for well, channels in {"E07": ("w1", "w2"), "E08": ("w1",)}.items():
        for channel in channels:
            components = {"well": well, "channel": channel}
            stream.show(quarters(255, 255, 255, 255), components=components, **FULL)
    stream.settle()
    stream.ask("navigate", components={"well": "E07"})
    assert stream.pixel(32, 32) == (255, 255, 255)  # green and magenta
    stream.ask("navigate", components={"well": "E08"})
    assert stream.pixel(32, 32) == (0, 255, 0)
    group = stream.ask("state")[0]["groups"][1]
    assert (group["name"], group["planes"], group["missing"]) == ("w2", 1, [])


def test_a_hole_is_black_where_zero_would_be_gray(stream: Stream) -> None:
    plane = np.full((64, 64), -100, np.int16)
    plane[:32] = 100
    for channel, z in [("a", 0), ("b", 0), ("a", 1)]:
        stream.show(plane, components={"z": z, "channel": channel}, contrast_limits=(-100, 100))
    stream.settle()
    next(layer for layer in stream.viewer.layers if layer.name == "a").visible = False
    assert stream.pixels((16, 32), (48, 32)) == gray(0, 0)
    read = stream.ask("read", components={"channel": "b"})[1]
    assert read.shape == (1, 64, 64)


def test_a_value_inserted_before_the_shown_one_keeps_the_image(stream: Stream) -> None:
    for z in (5, 9):
        stream.show(quarters(z * 20, 0, 0, 0), components={"z": z}, **FULL)
    stream.settle()
    stream.ask("navigate", components={"z": 5})
    for z in (7, 1, 3, 12):
        stream.show(quarters(z * 20, 0, 0, 0), components={"z": z}, **FULL)
        stream.settle()
        assert stream.pixel(16, 16) == (100, 100, 100)
    assert stream.ask("state")[0]["shown"] == {"z": 5}
    assert stream.viewer.dims.current_step[0] == 2


def test_wells_stand_by_row_and_column_and_numbers_by_value(stream: Stream) -> None:
    for well in ("B10", "A2", "B2"):
        for z in (10, 9, 100):
            stream.show(quarters(1, 2, 3, 4), components={"z": z, "well": well})
    stream.settle()
    group = stream.ask("state")[0]["groups"][0]
    assert group["components"] == {"well": ["A2", "B2", "B10"], "z": [9, 10, 100]}
    assert stream.viewer.dims.axis_labels == ("well", "z", "y", "x")


def test_alike_images_of_other_dtypes_become_layers_with_exact_pixels(stream: Stream) -> None:
    rng = np.random.default_rng(1)
    sent: dict[str, NDArray[Any]] = {
        "uint8": rng.integers(0, 256, (32, 32)).astype(np.uint8),
        "uint16": rng.integers(0, 65536, (32, 32)).astype(np.uint16),
        "int16": rng.integers(-32768, 32768, (32, 32)).astype(np.int16),
        "int64": rng.integers(-(2**62), 2**62, (32, 32)),
        "uint64": rng.integers(0, 2**64, (32, 32), dtype=np.uint64),
        "float32": rng.normal(0, 1e-3, (32, 32)).astype(np.float32),
        "float64": rng.normal(0, 1e200, (32, 32)),
        "bool": rng.random((32, 32)) > 0.5,
    }
    for array in sent.values():
        stream.show(array, source="raw", components={"z": 1})
    stream.settle()
    assert len(stream.viewer.layers) == len(sent)
    groups = {group["dtype"]: group for group in stream.ask("state")[0]["groups"]}
    assert {groups[name]["layer"] for name in sent} == {
        "raw", *(f"raw · {name}" for name in sent if name != "uint8")
    }  # fmt: skip
    for layer, array in zip(stream.viewer.layers, sent.values(), strict=True):
        np.testing.assert_array_equal(np.asarray(layer.data)[0], array)
        stream.ask("clear", source="other")
    with pytest.raises(Exception, match="fits 8 groups"):
        stream.read(source="raw")


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"])
def test_read_returns_exactly_what_was_sent(stream: Stream, dtype: str) -> None:
    rng = np.random.default_rng(2)
    if dtype[0] == "f":
        array = rng.normal(0, 1, (3, 16, 24)).astype(dtype)
        array[0, :2, :2] = [[np.nan, np.inf], [-np.inf, 1e30]]
    else:
        array = rng.integers(0, 2**64, (3, 16, 24), dtype=np.uint64).astype(dtype)
    stream.show(array, "ZYX", components={"well": "B2", "z": [4, 2, 3]})
    stream.settle()
    got = stream.read(components={"well": "B2"})
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array[[1, 2, 0]])


def test_a_plane_sent_again_replaces_the_old_one(stream: Stream) -> None:
    for shade in (10, 200):
        stream.show(quarters(shade, 0, 0, 0), components={"z": 1}, **FULL)
        stream.settle()
        assert stream.pixel(16, 16) == (shade, shade, shade)
    assert stream.read().tolist() == [quarters(200, 0, 0, 0).tolist()]
    assert stream.ask("state")[0]["groups"][0]["bytes"] == 64 * 64


def test_labels_lie_on_images_and_cannot_be_painted(stream: Stream) -> None:
    stream.show(quarters(1, 0, 0, 2, dtype=np.uint32), kind="labels", components={"well": "B3"})
    for z in range(3):
        stream.show(quarters(0, 90, 90, 90), components={"well": "B3", "z": z}, **FULL)
    stream.settle()
    image, labels = stream.viewer.layers
    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    assert not labels.editable
    for z in range(3):
        stream.ask("navigate", components={"z": z})
        colours = stream.pixels(*CORNERS)
        assert colours[1:3] == gray(90, 90)
        assert colours[0] not in gray(*range(256))
        assert colours[3] != colours[0]
    np.testing.assert_array_equal(
        stream.read(kind="labels")[0], quarters(1, 0, 0, 2, dtype=np.uint32)
    )


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "u4", "i8", "u8"])
def test_labels_of_every_size(stream: Stream, dtype: str) -> None:
    top = np.array([2**63 + 5 if dtype == "u8" else 120]).astype(dtype)[0]
    array = np.zeros((64, 64), dtype)
    array[:32] = top
    stream.show(array, kind="labels", components={"t": 0})
    stream.settle()
    assert stream.pixel(48, 32) == (0, 0, 0)
    assert stream.pixel(16, 32) != (0, 0, 0)
    np.testing.assert_array_equal(stream.read(kind="labels")[0], array)


def test_labels_that_are_no_labels_are_refused_before_they_are_owned(stream: Stream) -> None:
    wrong: list[tuple[NDArray[Any], str]] = [
        (np.ones((4, 4)), "YX"),
        (np.ones((4, 4, 3), np.uint8), "YXS"),
    ]
    for array, axes in wrong:
        with pytest.raises(InvalidKind, match="whole numbers"):
            stream.adapter.own(message(array, axes, kind="labels"), array)


@pytest.mark.parametrize(
    ("dtype", "top"),
    [("u1", 255), ("u2", 4095), ("u2", 65535), ("i4", 255), ("f4", 1), ("f8", 255), ("?", 1)],
)
def test_rgb_images_show_their_colours(stream: Stream, dtype: Any, top: float) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (102, 204, 51)]
    if dtype == "?":
        colours[3] = (255, 255, 0)
    array = np.zeros((64, 64, 3), dtype)
    for (y, x), colour in zip(CORNERS, colours, strict=True):
        array[y - 16 : y + 16, x - 16 : x + 16] = (
            np.array(colour) * top // 255 if dtype[0] in "ui?" else np.array(colour) / 255 * top
        )
    for t in range(3):
        stream.show(array if t == 1 else np.zeros_like(array), "YXS", components={"t": t})
    stream.settle()
    stream.ask("navigate", components={"t": 1})
    for got, colour in zip(stream.pixels(*CORNERS), colours, strict=True):
        np.testing.assert_allclose(got, colour, atol=2)
    np.testing.assert_array_equal(stream.read(components={"t": 1}), array)


def test_a_layer_deleted_by_the_user_stays_deleted(stream: Stream) -> None:
    send_plate(stream, "A", range(2), 100)
    stream.viewer.layers.remove(stream.viewer.layers[1])
    send_plate(stream, "AB", range(3), 100)
    assert [layer.name for layer in stream.viewer.layers] == ["raw · DAPI", "raw · Cy5"]
    groups = stream.ask("state")[0]["groups"]
    assert [group["layer"] for group in groups] == ["raw · DAPI", None, "raw · Cy5"]
    assert [group["planes"] for group in groups] == [6, 6, 6]
    assert stream.read(components={"channel": "GFP"}).shape == (2, 3, 48, 64)
    stream.ask("clear", source="raw")
    send_plate(stream, "A", range(2), 100)
    assert len(stream.viewer.layers) == 3


def test_clear_takes_one_source_with_its_values(stream: Stream) -> None:
    for z in range(4):
        stream.show(quarters(1, 2, 3, 4), source="a", components={"z": z, "well": "B1"})
    stream.show(quarters(9, 0, 0, 0), source="b", components={"z": 2}, **FULL)
    stream.settle()
    assert stream.ask("clear", source="a")[0] == {"removed": 1}
    assert [layer.name for layer in stream.viewer.layers] == ["b"]
    assert stream.viewer.dims.axis_labels == ("z", "y", "x")
    assert stream.viewer.dims.nsteps[0] == 1
    assert stream.pixel(16, 16) == (9, 9, 9)
    assert stream.ask("clear")[0] == {"removed": 1}
    assert len(stream.viewer.layers) == 0
    assert stream.ask("state")[0]["groups"] == []
    stream.show(quarters(7, 0, 0, 0), source="a", **FULL)
    stream.settle()
    assert stream.pixel(16, 16) == (7, 7, 7)


def test_clearing_in_the_middle_of_an_image_shows_the_rest_of_it(stream: Stream) -> None:
    volume = np.stack([quarters(z, 0, 0, 255) for z in range(150)])
    inserted = stream.viewer.layers.events.inserted

    def clear_soon(event: Any) -> None:
        inserted.disconnect(clear_soon)
        # A tick ends with a new layer: this comes before the next tick, and the other planes.
        QTimer.singleShot(0, stream.adapter.clear)

    inserted.connect(clear_soon)
    stream.show(volume, "ZYX", {"well": "A1"}, **FULL)
    stream.settle()
    (group,) = stream.ask("state")[0]["groups"]
    assert group["components"]["z"] == list(range(1, 150))
    stream.ask("navigate", components={"z": 149})
    assert stream.pixel(16, 16) == (149, 149, 149)


def test_contrast_comes_from_the_first_images_and_then_stays(stream: Stream) -> None:
    rng = np.random.default_rng(0)
    for z, bright in enumerate([0, 100, 1000] + [100] * 40):
        plane = rng.integers(0, bright + 1, (64, 64)).astype(np.uint16)
        stream.show(plane, components={"z": z})
    stream.settle()
    layer = stream.viewer.layers[0]
    limits = layer.contrast_limits
    assert 900 < limits[1] <= 1000
    stream.show(np.full((64, 64), 60000, np.uint16), components={"z": 99})
    stream.settle()
    assert layer.contrast_limits == limits


def test_a_late_plane_of_an_older_run_is_not_seen(stream: Stream) -> None:
    stream.show(quarters(0, 9, 9, 9), run="one", components={"z": 0})
    stream.show(quarters(0, 100, 50, 100), run="two", components={"z": 0})
    stream.settle()
    limits, seen = stream.viewer.layers[0].contrast_limits, stream.canvas()
    stream.show(quarters(250, 250, 0, 0), run="one", components={"z": 0})
    stream.settle()
    assert stream.viewer.layers[0].contrast_limits == limits
    np.testing.assert_array_equal(stream.canvas(), seen)


def test_contrast_that_the_user_sets_among_the_first_images_stays(stream: Stream) -> None:
    for z in range(4):
        stream.show(np.full((64, 64), 100 * z, np.uint16), components={"z": z})
        stream.settle()
        if z == 1:
            stream.viewer.layers[0].contrast_limits = (3, 33)
    assert stream.viewer.layers[0].contrast_limits == [3, 33]


def test_channels_get_colours_and_a_lone_image_is_gray(stream: Stream) -> None:
    for channel in ("DAPI", "GFP"):
        stream.show(quarters(0, 9, 9, 9), source="raw", components={"channel": channel})
    stream.show(quarters(0, 9, 9, 9), source="mask")
    stream.show(quarters(0, 9, 9, 9), source="x", components={"channel": "GFP"}, colormap="viridis")
    stream.show(quarters(0, 9, 9, 9), source="y", components={"channel": "GFP"}, colormap="nope")
    stream.settle()
    assert [
        (layer.name, layer.colormap.name, layer.blending) for layer in stream.viewer.layers
    ] == [
        ("raw · DAPI", "blue", "additive"),
        ("raw · GFP", "green", "additive"),
        ("mask", "gray", "translucent"),
        ("x · GFP", "viridis", "additive"),
        ("y · GFP", "green", "additive"),
    ]
    assert stream.notes == ["napari has no colormap 'nope', and takes its own"]


def test_the_table_of_colours_is_the_users(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("PLANECAST_COLOURS", "DAPI=cyan; mNeon=red")
    stream: Stream = request.getfixturevalue("stream")
    for channel in ("DAPI", "mNeonGreen", "GFP"):
        stream.show(quarters(0, 9, 9, 9), components={"channel": channel})
    stream.settle()
    assert [layer.colormap.name for layer in stream.viewer.layers] == ["cyan", "red", "green"]


def test_a_unit_that_nobody_knows_is_told_and_stands_for_pixels(stream: Stream) -> None:
    for unit in ("um", "furlongz", ""):
        stream.show(quarters(0, 9, 9, 9), source=f"in {unit}", scale={"X": 2.0}, units=unit)
    stream.settle()
    assert stream.notes == ["units='furlongz' is no length that is known, and stands for pixels"]


def test_layers_of_others_are_left_alone(stream: Stream) -> None:
    viewer = stream.viewer
    mine = viewer.add_image(np.ones((3, 20, 20)), name="raw", contrast_limits=(0, 1))
    points = viewer.add_points(np.zeros((1, 2)), name="points")
    viewer.scene.camera.zoom = 3.5
    stream.show(quarters(1, 2, 3, 4), source="raw", components={"well": "A1", "z": 0})
    stream.show(quarters(1, 2, 3, 4), source="raw", components={"well": "A1", "z": 1})
    stream.settle()
    assert [layer.name for layer in viewer.layers] == ["raw", "points", "raw · uint8"]
    assert viewer.scene.camera.zoom == 3.5
    assert viewer.layers.selection.active is points
    stream.ask("clear")
    assert list(viewer.layers) == [mine, points]


def test_an_image_that_napari_refuses_is_reported_and_the_next_one_comes(stream: Stream) -> None:
    stream.viewer.layers.events.inserting.connect(refuse)
    stream.show(quarters(1, 2, 3, 4), source="bad")
    stream.until(lambda: len(stream.told) == 1)
    assert "no room" in stream.told[0][0]
    stream.viewer.layers.events.inserting.disconnect(refuse)
    stream.viewer.layers.events.inserting.connect(refuse_without_a_word)
    stream.show(quarters(1, 2, 3, 4), source="worse")
    stream.until(lambda: len(stream.told) == 2)
    assert stream.told[1][0].endswith("OverflowError")
    stream.viewer.layers.events.inserting.disconnect(refuse_without_a_word)
    stream.show(quarters(1, 2, 3, 4), source="good")
    stream.until(lambda: len(stream.told) == 3)
    assert stream.told[2] == ()


def refuse(event: Any) -> None:
    raise ValueError("no room")


def refuse_without_a_word(event: Any) -> None:
    raise OverflowError
