"""Labels that a person paints: theirs from then on, in the window and for the program."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from numpy.typing import NDArray

from streaming_core.protocol.tables import cells_of
from tests.napari.feed import Stream


def masks(value: int = 1, size: int = 40, dtype: Any = np.uint16) -> NDArray[Any]:
    """Return labels with one object in the middle."""
    array = np.zeros((size, size), dtype)
    array[12:28, 12:28] = value
    return array


def send(stream: Stream, array: NDArray[Any], **words: Any) -> None:
    components = words.pop("components", {"t": 0})
    stream.show(array, kind="labels", components=components, editable=True, **words)
    stream.settle()


def labels_of(stream: Stream) -> Labels:
    (layer,) = (one for one in stream.viewer.layers if isinstance(one, Labels))
    return layer


def cells(table: dict[str, Any]) -> dict[str, Any]:
    return {name: cells_of(np.asarray(column)) for name, column in table.items()}


def paint(stream: Stream, y: int, x: int, label: int = 7) -> None:
    """Draw one dab with the brush where the sliders stand, as a click does."""
    layer = labels_of(stream)
    layer.mode = "paint"
    layer.brush_size = 5
    at = (*(int(step) for step in stream.viewer.dims.current_step[:-2]), y, x)
    layer.paint(at, label)


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "i4", "u8"])
def test_what_is_painted_is_seen_and_read_back(stream: Stream, dtype: str) -> None:
    label = 1 if dtype == "?" else 7
    send(stream, masks(dtype=dtype))
    before = stream.pixel(5, 5)
    paint(stream, 5, 5, label)
    assert stream.pixel(5, 5) != before
    expected = masks(dtype=dtype)
    found = stream.read(kind="labels", components={"t": 0})
    assert found.dtype == expected.dtype
    assert found[5, 5] == label
    assert found[20, 20] == expected[20, 20]
    assert found[35, 35] == 0


def test_later_data_do_not_overwrite_what_was_painted(stream: Stream) -> None:
    send(stream, masks())
    send(stream, masks(), components={"t": 1})
    stream.ask("navigate", components={"t": 0})
    paint(stream, 5, 5)
    seen = stream.pixel(5, 5)
    for run in ("r1", "r2"):  # once more, and by the program's next start
        for t in (0, 1):
            send(stream, masks(3), components={"t": t}, run=run)
    read = stream.read(kind="labels")
    assert read[0, 5, 5] == 7
    assert read[0, 20, 20] == 1
    assert read[1, 20, 20] == 3
    stream.ask("navigate", components={"t": 0})
    assert stream.pixel(5, 5) == seen
    assert stream.ask("state")[0]["groups"][0]["edited"] == 1


def test_cleared_labels_are_the_producers_again(stream: Stream) -> None:
    send(stream, masks())
    paint(stream, 5, 5)
    stream.ask("clear")
    send(stream, masks())
    assert stream.read(kind="labels", components={"t": 0})[5, 5] == 0


def test_a_place_without_labels_can_be_painted(stream: Stream) -> None:
    send(stream, masks())
    stream.show(np.full((40, 40), 9, np.uint8), components={"t": 3}, source="raw")
    stream.settle()
    stream.ask("navigate", components={"t": 3})
    paint(stream, 5, 5)
    assert stream.pixel(5, 5) != stream.pixel(35, 35)
    assert stream.read(kind="labels", components={"t": 3})[5, 5] == 7
    assert stream.read(kind="labels", components={"t": 0})[5, 5] == 0


def test_labels_without_z_are_painted_once_for_all_z(stream: Stream) -> None:
    stream.show(np.zeros((3, 40, 40), np.uint8), "ZYX", source="raw")
    send(stream, masks(), components={})
    stream.ask("navigate", components={"z": 2})
    paint(stream, 5, 5)
    stream.ask("navigate", components={"z": 0})
    assert stream.pixel(5, 5) != stream.pixel(35, 35)
    assert stream.read(kind="labels")[5, 5] == 7


@pytest.mark.parametrize("components", [{"t": 0}, {}], ids=["a slider", "no slider"])
def test_every_tool_works_and_can_be_undone(stream: Stream, components: dict[str, int]) -> None:
    send(stream, masks(), components=components)
    layer = labels_of(stream)
    lead = (0,) * len(components)

    def now() -> NDArray[Any]:
        return stream.read(kind="labels", components=components)

    layer.fill((*lead, 20, 20), 5)
    assert now()[13, 13] == 5
    layer.paint_polygon([(*lead, 1, 1), (*lead, 1, 9), (*lead, 9, 9)], 6)
    assert now()[2, 5] == 6
    paint(stream, 35, 35)
    assert now()[35, 35] == 7
    painted = now().copy()
    for _ in range(3):
        layer.undo()
    np.testing.assert_array_equal(now(), masks())
    for _ in range(3):
        layer.redo()
    np.testing.assert_array_equal(now(), painted)


@pytest.mark.parametrize(
    "more", [{"t": -1}, {"t": 5, "well": "A1"}], ids=["a value before", "a new slider"]
)
def test_undo_after_growth_writes_nowhere_else(stream: Stream, more: dict[str, Any]) -> None:
    send(stream, masks())
    paint(stream, 5, 5)
    stream.show(np.zeros((40, 40), np.uint8), components=more, source="raw")
    send(stream, masks(2), components={"t": -1})
    layer = labels_of(stream)
    assert layer.mode == "paint"  # the brush stays in the hand
    assert layer.editable
    layer.undo()
    assert stream.read(kind="labels", components={"t": 0})[5, 5] == 7
    np.testing.assert_array_equal(stream.read(kind="labels", components={"t": -1}), masks(2))


def test_undo_still_works_after_values_at_the_end(stream: Stream) -> None:
    send(stream, masks())
    paint(stream, 5, 5)
    for t in (1, 2):
        send(stream, masks(2), components={"t": t})
    labels_of(stream).undo()
    np.testing.assert_array_equal(stream.read(kind="labels", components={"t": 0}), masks())


def test_labels_can_become_paintable_later(stream: Stream) -> None:
    stream.show(masks(), kind="labels", components={"t": 0})
    stream.settle()
    assert not labels_of(stream).editable
    with pytest.raises(TypeError, match="editable=True"):
        labels_of(stream).paint((0, 5, 5), 7)
    send(stream, masks(), components={"t": 1})
    assert labels_of(stream).editable
    paint(stream, 5, 5)
    assert stream.read(kind="labels", components={"t": 1})[5, 5] == 7


def test_labels_have_the_table_of_the_plane_that_is_seen(stream: Stream) -> None:
    for t in range(2):
        table = {"label": np.array([3, 5]), "area": [1.5, t], "name": ["a", None]}
        send(stream, masks(3), components={"t": t}, features=cells(table))
    send(stream, masks(3), components={"t": 2})
    layer = labels_of(stream)
    for t, lines in ((0, 2), (1, 2), (2, 0), (1, 2)):
        stream.ask("navigate", components={"t": t})
        assert len(layer.features) == lines
        if lines:
            assert layer.features["index"].tolist() == [3, 5]
            assert layer.features["area"].tolist() == [1.5, t]
            shown = layer.get_status((t, 20, 20))["coordinates"]
            assert "area: 1.5" in shown
    send(stream, masks(3), components={"t": 1})
    assert len(layer.features) == 0  # sent again without a table


def test_the_producers_array_is_never_written_to(stream: Stream) -> None:
    sent = masks()
    send(stream, sent)
    before = stream.read(kind="labels", components={"t": 0})
    paint(stream, 5, 5)
    assert before[5, 5] == sent[5, 5] == 0
