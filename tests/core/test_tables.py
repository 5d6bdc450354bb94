"""Points, shapes and tracks: what a user may say, and what a viewer believes."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from streaming_core import errors
from streaming_core.protocol import tables
from streaming_core.protocol.messages import Image, Inline, Table
from streaming_core.protocol.wire import check_image, decode_to_viewer, encode
from streaming_core.stream.image import make_image
from streaming_core.stream.marks import drawing_of, make_marks


def sent(kind: str, data: Any, axes: str = "YX", features: Any = None, shape: Any = "polygon",
         **words: Any) -> tuple[Image, NDArray[Any]]:  # fmt: skip
    """Return what a viewer receives."""
    image, payload = make_marks(
        kind, drawing_of(kind, data, axes, features, shape), run="r", **words
    )
    image = replace(image, sid="s", seq=1, where=Inline(payload.nbytes, 1))
    message = decode_to_viewer(encode(image))
    assert isinstance(message, Image)
    return check_image(message, 1), payload


class Frame(dict[str, Any]):
    """Answers as a DataFrame does, as far as we ask."""


@pytest.mark.parametrize("count", [0, 2, 500])
def test_points_arrive_as_they_were(count: int) -> None:
    rows = np.arange(3.0 * count).reshape(count, 3) / 7
    table = Frame(
        number=np.arange(count),
        large=np.full(count, 2**62),
        share=np.where(np.arange(count) % 2, 0.5, np.nan).astype(np.float32),
        word=["é" if n % 2 else None for n in range(count)],
        good=[bool(n % 2) for n in range(count)],
    )
    drawing = tables.unpack(*sent("points", rows, "ZYX", table, components={"well": "B3"}))
    np.testing.assert_array_equal(drawing.rows, rows)
    assert drawing.columns == ("Z", "Y", "X")
    assert drawing.objects == count
    if count:
        assert drawing.features["number"].tolist() == list(range(count))
        assert drawing.features["large"].tolist() == [2**62] * count
        assert np.isnan(drawing.features["share"][0])
        assert drawing.features["word"].tolist() == [("é" if n % 2 else "") for n in range(count)]
        assert drawing.features["good"].dtype == np.bool_


def test_shapes_arrive_with_their_corners() -> None:
    data = [[[0, 0], [4, 6]], [[0, 0], [0, 4], [4, 4]], [[0, 0], [4, 6]]]
    drawing = tables.unpack(*sent("shapes", data, shape=["line", "polygon", "ellipse"]))
    assert drawing.shapes == ("line", "polygon", "ellipse")
    assert drawing.lengths == (2, 3, 4)
    np.testing.assert_array_equal(drawing.rows[5:], [[0, 0], [0, 6], [4, 6], [4, 0]])


def test_the_sliders_that_rows_reach_are_known() -> None:
    drawing = drawing_of("tracks", [[1, 0, 2.4, 5, 5], [1, 3, 7, 5, 5]], "TZYX", None)
    assert drawing.swept() == {"t": (0, 3), "z": (2, 7)}


@pytest.mark.parametrize(
    ("kind", "data", "words", "error", "text"),
    [
        ("points", [[1, 2, 3]], {}, errors.InvalidArray, "rows of 2 numbers"),
        ("points", [["a", 2]], {}, errors.InvalidArray, "rows of numbers"),
        ("points", [[np.nan, 2]], {}, errors.InvalidArray, "finite"),
        ("points", [[1, 2]], {"axes": "XY"}, errors.InvalidAxes, "TZYX"),
        ("points", [[1, 2]], {"features": [1]}, errors.InvalidImage, "is a table"),
        ("points", [[1, 2]], {"features": {"a": [1, 2]}}, errors.InvalidImage, "2 entries"),
        ("points", [[1, 2]], {"features": {"a": [np.inf]}}, errors.InvalidImage, "infinite"),
        ("points", [[1, 2]], {"features": {"a": [object()]}}, errors.InvalidImage, "numbers"),
        ("points", [[1, 2]], {"features": {3: [1]}}, errors.InvalidImage, "printable"),
        ("points", [[1, 2]], {"features": {"a": ["x" * 2000]}}, errors.InvalidImage, "1024"),
        ("points", [[1, 2]], {"features": {"a": [[1, 2]]}}, errors.InvalidImage, "one column"),
        ("points", [[1, 2]], {"origin": {"Z": 1}}, errors.InvalidImage, "Y and X"),
        ("points", [[1, 2]], {"components": {"c": 1}}, errors.InvalidComponents, "channel"),
        (
            "points", [[1, 2, 3]], {"axes": "ZYX", "components": {"z": 1}},
            errors.InvalidComponents, "column Z",
        ),
        ("shapes", [[[1, 2], [3, 4]]], {}, errors.InvalidArray, "3 to"),
        ("shapes", [[[1, 2]]], {"shape": "circle"}, errors.InvalidKind, "ellipse"),
        ("shapes", [[[1, 2]] * 3], {"shape": ["line"] * 2}, errors.InvalidArray, "2 words"),
        ("tracks", [[1, 2, 3]], {"axes": "TYX"}, errors.InvalidArray, "id, T, Y, X"),
    ],
)  # fmt: skip
def test_bad_marks_are_refused_in_the_callers_line(
    kind: str, data: Any, words: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text) as caught:
        sent(kind, data, **words)
    assert isinstance(caught.value, errors.InvalidImage)


def test_marks_are_not_shown_as_images() -> None:
    with pytest.raises(errors.InvalidKind, match=r"Viewer\.points"):
        make_image(np.zeros((4, 2)), run="r", kind="points")


def bent(tail: Any = None, rows: Any = None, **fields: Any) -> tuple[Image, NDArray[Any]]:
    """Return a message of two shapes, part of which is something else."""
    image, _ = sent("shapes", [[[0, 0], [4, 6]]] * 2, shape="line", features={"a": [1, 2]})
    whole = {"features": {"a": [1, 2]}, "shapes": ["line"] * 2, "lengths": [2, 2]}
    if isinstance(tail, dict):
        whole |= tail
    behind = tail if isinstance(tail, bytes) else msgspec.json.encode(whole)
    numbers = np.zeros(8) if rows is None else np.asarray(rows, np.float64)
    payload = np.frombuffer(numbers.tobytes() + behind, np.uint8)
    image = replace(image, shape=payload.shape, where=Inline(payload.nbytes, 1))
    return replace(image, **fields), payload


def read(image: Image, payload: NDArray[Any]) -> tables.Drawing:
    return tables.unpack(check_image(image, 1), payload)


@pytest.mark.parametrize(
    "fields",
    [
        {"table": None},
        {"features": {"label": [1]}},
        {"kind": "image"},
        {"kind": "labels"},
        {"kind": "tracks"},
        {"kind": "meshes"},
        {"axes": "YX"},
        {"dtype": "|i1"},
        {"editable": True},
        {"components": {"z": [1, 2]}},
        {"table": Table(("Y", "X"), -1)},
        {"table": Table(("Y", "X"), 2**40)},
        {"table": Table(("Y", "X"), 100)},
        {"table": Table(("X", "Y"), 4)},
        {"table": Table(("Y",) * 4, 4)},
        {"table": Table((), 4)},
    ],
)
def test_a_viewer_believes_no_wrong_description(fields: dict[str, Any]) -> None:
    check_image(bent()[0], 1)
    with pytest.raises(errors.WireError):
        check_image(bent(**fields)[0], 1)


@pytest.mark.parametrize(
    ("tail", "rows"),
    [
        (b"", None),
        (b"{", None),
        (b"[1]", None),
        (b'{"features": {"a": [1e999, 2]}}', None),
        ({"shapes": ["line"]}, None),
        ({"shapes": ["line", "star"]}, None),
        ({"lengths": [2, 3]}, None),
        ({"lengths": [-1, 5]}, None),
        ({"lengths": [1, 3]}, None),
        ({"features": {"a": [1]}}, None),
        ({"features": {"a": [1, "b"]}}, None),
        ({"features": {"a": [True, 2]}}, None),
        ({"features": {"a": ["x" * 2000, "b"]}}, None),
        ({"features": {"\0": [1, 2]}}, None),
        ({"features": {"": [1, 2]}}, None),
        ({"features": {"a": [[1], [2]]}}, None),
        ({"features": {str(n): [1, 2] for n in range(300)}}, None),
        ({}, [np.nan] * 8),
        ({}, [np.inf] * 8),
        ({}, [1e300] * 8),
    ],
)
def test_a_viewer_believes_no_wrong_bytes(tail: Any, rows: Any) -> None:
    read(*bent())
    with pytest.raises(errors.WireError):
        read(*bent(tail, rows))
