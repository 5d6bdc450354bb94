"""What a person draws and paints comes back to the program, with its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streaming_core.errors import WireError
from streaming_core.protocol.annotated import pack, unpack
from tests.napari.feed import Stream


def plate(stream: Stream, **words: Any) -> None:
    for well in ("A1", "B03"):
        stream.show(np.zeros((5, 40, 40), np.uint8), "ZYX", {"well": well}, source="raw", **words)
    stream.settle()


def at(stream: Stream, *inside: float) -> list[float]:
    """Return data coordinates of a point of the plane that is shown, in a new layer."""
    return [*map(float, stream.viewer.dims.current_step[:-2]), *inside]


def test_nothing_drawn_is_nothing_told(stream: Stream) -> None:
    assert stream.annotations() == []
    plate(stream)
    stream.mark("points", [[5, 5]], source="spots")
    stream.show(np.ones((40, 40), np.uint8), kind="labels", editable=True)
    stream.settle()
    assert stream.annotations() == []


def test_a_polygon_comes_back_with_its_place(stream: Stream) -> None:
    plate(stream)
    stream.ask("navigate", components={"well": "B03", "z": 4})
    layer = stream.viewer.add_shapes(ndim=4, name="mine")
    corners = [[5.0, 5.0], [5.0, 20.0], [20.0, 20.5]]
    layer.add([at(stream, *corner) for corner in corners], shape_type="polygon")
    box = [[3, 3], [3, 9], [9, 9], [9, 3]]
    layer.add([at(stream, *corner) for corner in box], shape_type="rectangle")
    stream.ask("navigate", components={"well": "A1", "z": 0})
    layer.add([at(stream, 1, 2), at(stream, 3, 4)], shape_type="line")
    first, second = stream.annotations()
    assert (first["kind"], first["layer"], first["image"]) == ("shapes", "mine", "raw")
    assert first["components"] == {"well": "B03", "z": 4}
    assert first["shapes"] == ["polygon", "rectangle"]
    np.testing.assert_allclose(first["data"][0], corners)
    assert first["data"][1].shape == (4, 2)
    assert second["components"] == {"well": "A1", "z": 0}
    np.testing.assert_allclose(second["data"][0], [[1, 2], [3, 4]])


def test_points_come_back_by_place_with_their_table(stream: Stream) -> None:
    plate(stream)
    rows = [[1, 4, 5, 6], [0, 2, 7, 8], [1, 4, 9, 10]]
    table = {"score": [0.5, np.nan, 2.0], "word": ["a", "b", "c"]}
    stream.viewer.add_points(rows, features=table, name="mine")
    first, second = stream.annotations()
    assert first["components"] == {"well": "B03", "z": 4}
    np.testing.assert_allclose(first["data"], [[5, 6], [9, 10]])
    assert first["features"] == {"score": [0.5, 2.0], "word": ["a", "c"]}
    assert second["components"] == {"well": "A1", "z": 2}
    assert second["features"] == {"score": [None], "word": ["b"]}


def test_values_that_come_before_leave_drawings_on_their_image(stream: Stream) -> None:
    for well in ("B03", "C1"):
        stream.show(np.zeros((2, 40, 40), np.uint8), "ZYX", {"well": well}, scale={"Z": 0.5})
    stream.settle()
    points = stream.viewer.add_points([[0, 0.5, 5, 6], [1, 0, 7, 8]], size=3, face_color="red")
    shapes = stream.viewer.add_shapes(
        [[[0, 0, 1, 1], [0, 0, 1, 9], [0, 0, 9, 9]], [[1, 0, 2, 2], [1, 0, 4, 4]]],
        shape_type=["polygon", "line"], edge_color="blue", edge_width=2,
    )  # fmt: skip
    flat = stream.viewer.add_points([[5, 6]])
    for well in ("A1", "B7", "A2"):
        stream.show(np.zeros((2, 40, 40), np.uint8), "ZYX", {"well": well}, scale={"Z": 0.5})
    stream.settle()
    found = stream.annotations()
    assert [(one["kind"], one["components"]) for one in found] == [
        ("points", {"well": "B03", "z": 1}), ("points", {"well": "C1", "z": 0}),
        ("shapes", {"well": "B03", "z": 0}), ("shapes", {"well": "C1", "z": 0}),
        ("points", {}),
    ]  # fmt: skip
    np.testing.assert_allclose(found[0]["data"], [[5, 6]])
    assert [one["shapes"] for one in found[2:4]] == [["polygon"], ["line"]]
    assert (points.face_color == (1, 0, 0, 1)).all()
    assert (shapes.edge_color == (0, 0, 1, 1)).all()
    assert list(shapes.edge_width) == [2, 2]
    assert flat.data.tolist() == [[5, 6]]


def test_coordinates_are_pixels_of_the_image_and_of_the_world(stream: Stream) -> None:
    plate(stream, scale={"Y": 0.5, "X": 0.25, "Z": 2.0}, units="um")
    stream.viewer.add_points(
        [[1, 6.0, 10, 5]], scale=(1, 1, 1, 1), units=("pixel", "um", "um", "um")
    )
    (found,) = stream.annotations()
    assert found["components"] == {"well": "B03", "z": 3}
    np.testing.assert_allclose(found["world"], [[10, 5]])
    np.testing.assert_allclose(found["data"], [[20, 20]])


def test_a_drawing_without_sliders_lies_everywhere(stream: Stream) -> None:
    plate(stream)
    stream.viewer.add_points([[5, 6]])
    (found,) = stream.annotations()
    assert found["components"] == {}
    np.testing.assert_allclose(found["data"], [[5, 6]])


def test_a_drawing_in_a_viewer_without_images(stream: Stream) -> None:
    stream.viewer.add_points([[5, 6]], scale=(2, 2))
    (found,) = stream.annotations()
    assert (found["components"], found["image"]) == ({}, None)
    np.testing.assert_allclose(found["data"], [[5, 6]])
    np.testing.assert_allclose(found["world"], [[10, 12]])


def test_painted_labels_come_back_with_their_place(stream: Stream) -> None:
    for t in range(3):
        stream.show(
            np.zeros((40, 40), np.uint16), kind="labels", source="cells", editable=True,
            components={"t": t, "channel": "DAPI"},
        )  # fmt: skip
    stream.settle()
    layer = stream.viewer.layers[0]
    for t in (2, 0):
        layer.paint((t, 20, 20), 7)
    found = stream.annotations()
    assert [one["components"] for one in found] == [
        {"channel": "DAPI", "t": 0}, {"channel": "DAPI", "t": 2},
    ]  # fmt: skip
    for one in found:
        assert (one["kind"], one["source"], one["layer"]) == ("labels", "cells", layer.name)
        assert one["data"].dtype == np.uint16
        assert one["data"].shape == (40, 40)
        assert one["data"][20, 20] == 7


@pytest.mark.parametrize(
    ("at", "shape"), [(-1, (2, 2)), (0, (200, 2)), (1 << 60, (2, 2)), (0, (2,) * 9)]
)
def test_a_program_believes_no_wrong_annotations(at: int, shape: tuple[int, ...]) -> None:
    entry = {
        "kind": "labels", "layer": "a", "source": "b", "components": {},
        "data": [np.zeros((2, 2), np.uint8)],
    }  # fmt: skip
    result, array = pack([entry])
    assert unpack(result, array)[0]["data"].shape == (2, 2)
    text = array.tobytes().replace(b'"at":0', f'"at":{at}'.encode())
    text = text.replace(b"[2,2]", str(list(shape)).encode())
    results: list[Any] = [result, {"text": len(text) - 4}, {"text": 10**9}, {"text": -1}, None, []]
    for wrong in results:
        with pytest.raises(WireError):
            unpack(wrong, np.frombuffer(text[:-4] if wrong is result else text, np.uint8))
