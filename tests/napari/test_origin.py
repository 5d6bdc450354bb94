"""Fields of view lie side by side where the stage was."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.napari.feed import Stream

FULL: dict[str, Any] = {"contrast_limits": (0, 255)}
FIELDS = {1: (0, 0), 2: (0, 40), 3: (30, 0), 4: (30, 40)}
"""Field -> the pixel of its first corner, in a mosaic of fields of 30 x 40."""


def send(stream: Stream, size: float = 1.0, start: tuple[float, float] = (0, 0)) -> None:
    for field, corner in FIELDS.items():
        y, x = (size * at + begin for at, begin in zip(corner, start, strict=True))
        words: dict[str, Any] = (
            {"scale": {"Y": size, "X": size}, "units": "um"} if size != 1 else {}
        )
        stream.show(
            np.full((30, 40), 40 * field, np.uint8), components={"site": field},
            origin={"Y": y, "X": x}, **words, **FULL,
        )  # fmt: skip
    stream.settle()


def middles(size: float = 1.0, start: tuple[float, float] = (0, 0)) -> list[tuple[float, float]]:
    return [(start[0] + size * (y + 15), start[1] + size * (x + 20)) for y, x in FIELDS.values()]


def gray(*values: int) -> list[tuple[int, int, int]]:
    return [(value, value, value) for value in values]


def test_layers_of_fields_stand_side_by_side(stream: Stream) -> None:
    stream.ask("arrange", modes={"site": "split"})
    send(stream)
    stream.viewer.fit_to_view()
    assert stream.pixels(*middles()) == gray(40, 80, 120, 160)


def test_they_do_in_micrometres_far_from_zero(stream: Stream) -> None:
    stream.ask("arrange", modes={"site": "split"})
    send(stream, 0.5, (-1200.5, 30400.25))
    stream.viewer.fit_to_view()
    assert stream.pixels(*middles(0.5, (-1200.5, 30400.25))) == gray(40, 80, 120, 160)


def test_a_slider_shows_each_field_at_its_place(stream: Stream) -> None:
    send(stream)
    stream.viewer.scene.camera.center, stream.viewer.scene.camera.zoom = (0, 30, 40), 5
    stream.viewer.layers[0].opacity = 1
    for number, field in enumerate(FIELDS):
        stream.ask("navigate", components={"site": field})
        expected = gray(0, 0, 0, 0)
        expected[number] = gray(40 * field)[0]
        assert stream.pixels(*middles()) == expected
    assert stream.viewer.scene.camera.center[-2:] == (30, 40)
    stream.ask("arrange", modes={"site": "split"})
    assert stream.pixels(*middles()) == gray(40, 80, 120, 160)
    stream.ask("arrange", modes={"site": "stack"})
    stream.ask("navigate", components={"site": 3})
    assert stream.pixels(*middles()) == gray(0, 0, 120, 0)


def test_a_field_sent_from_another_place_moves(stream: Stream) -> None:
    send(stream)
    stream.viewer.scene.camera.center, stream.viewer.scene.camera.zoom = (0, 30, 40), 5
    stream.show(
        np.full((30, 40), 99, np.uint8), components={"site": 4}, origin={"Y": 0, "X": 0}, **FULL
    )
    stream.settle()
    assert stream.pixels(*middles()) == gray(99, 0, 0, 0)


def test_a_layer_that_the_user_moved_is_theirs(stream: Stream) -> None:
    send(stream)
    layer = stream.viewer.layers[0]
    layer.translate = (0, 7, 9)
    stream.ask("navigate", components={"site": 1})
    send(stream)
    assert tuple(layer.translate) == (0, 7, 9)


def test_drawings_come_back_in_pixels_of_the_field_that_they_lie_on(stream: Stream) -> None:
    send(stream, 0.5, (100, 200))
    layer = stream.viewer.add_points(ndim=3, name="mine", units=stream.viewer.layers[0].units)
    # On field 4, whose corner is 30 and 40 pixels further; field 1 is looked at.
    layer.add([3, 100 + 0.5 * (30 + 7), 200 + 0.5 * (40 + 9)])
    for field in (1, 4):
        stream.ask("navigate", components={"site": field})
        (found,) = stream.annotations()
        assert found["components"] == {"site": 4}
        np.testing.assert_allclose(found["data"], [[7, 9]])
        np.testing.assert_allclose(found["world"], [[118.5, 224.5]])


def test_z_and_t_start_where_the_first_image_says(stream: Stream) -> None:
    volume = np.zeros((6, 20, 20), np.uint8) + np.arange(6, dtype=np.uint8)[:, None, None] * 40
    stream.show(
        volume, "ZYX", {"t": 0}, scale={"Z": 0.3, "T": 5}, origin={"Z": -10.3, "T": 60},
        units="um", **FULL,
    )  # fmt: skip
    stream.settle()
    for z in range(6):
        stream.ask("navigate", components={"z": z})
        assert stream.pixel(10, 10) == gray(40 * z)[0]
        t_at, z_at = stream.viewer.dims.point[:2]
        assert t_at == 60
        assert abs(z_at - (-10.3 + 0.3 * z)) < 1e-5
    stream.show(volume, "ZYX", {"t": 1}, origin={"Z": 500, "T": 500}, units="um", **FULL)
    stream.show(volume[0], components={"z": -1, "t": 0}, units="um", **FULL)
    stream.settle()
    assert stream.ask("state")[0]["shown"] == {"t": 0, "z": 5}
    assert stream.pixel(10, 10) == gray(200)[0]
