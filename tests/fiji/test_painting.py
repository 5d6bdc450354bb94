"""Labels that a person paints in ImageJ: theirs from then on, in the window and for the program."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming_core.testing import poll_until
from tests.fiji.conftest import Fiji


def masks(value: int = 1, dtype: Any = np.uint16) -> NDArray[Any]:
    """Return labels with one object in the middle."""
    array = np.zeros((40, 300), dtype)
    array[12:28, 12:28] = value
    return array


def send(fiji: Fiji, array: NDArray[Any], **words: Any) -> None:
    components = words.pop("components", {"t": 0})
    given = {"kind": "labels", "source": "cells", "editable": True, **words}
    assert fiji.show(array, components=components, **given) is None


def edited(fiji: Fiji) -> int:
    return sum(int(group["edited"]) for group in fiji.groups())


TITLE = "cells · labels"


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "i2", "i4", "u8"])
def test_what_is_painted_is_seen_and_read_back(fiji: Fiji, dtype: str) -> None:
    label = 1 if dtype == "?" else 7
    levels = {"?": 255, "i2": 32768 + label}  # as ImageJ holds it
    send(fiji, masks(dtype=dtype))
    assert edited(fiji) == 0
    before = fiji.picture(canvas=True)
    fiji.brush(TITLE, 5, 5, levels.get(dtype, label))
    assert (fiji.picture(canvas=True) != before).any()
    found = fiji.read(kind="labels", components={"t": 0})
    assert found.dtype == masks(dtype=dtype).dtype
    assert found[5, 5] == label
    assert found[20, 20] == 1
    assert found[35, 35] == 0
    assert edited(fiji) == 1


def test_later_data_do_not_overwrite_what_was_painted(fiji: Fiji) -> None:
    for t in (0, 1):
        send(fiji, masks(), components={"t": t})
    fiji.call("navigate", components={"t": 0})
    fiji.brush(TITLE, 5, 5, 7)
    for run in ("run", "next"):  # once more, and by the program's next start
        for t in (0, 1):
            send(fiji, masks(3), components={"t": t}, run=run)
    found = fiji.read(kind="labels")
    assert found[0, 5, 5] == 7
    assert found[0, 20, 20] == 1
    assert found[1, 20, 20] == 3
    assert fiji.value(TITLE, 5, 5, 1) == 7
    assert edited(fiji) == 1
    (told,) = fiji.annotations()
    assert (told["kind"], told["layer"], told["source"]) == ("labels", TITLE, "cells")
    assert told["components"] == {"t": 0}
    np.testing.assert_array_equal(told["data"], found[0])
    fiji.brush(TITLE, 15, 35, 9)
    assert fiji.annotations()[0]["data"][35, 15] == 9


def test_a_whole_area_filled_by_a_command_is_noticed(fiji: Fiji) -> None:
    square = np.zeros((256, 256), "u2")
    for z in range(3):
        send(fiji, square, components={"z": z})
    fiji.run(TITLE, "Add...", "value=4096 stack")
    assert edited(fiji) == 3
    assert (fiji.read(kind="labels") == 4096).all()


def test_a_filter_that_exchanges_the_pixels_is_noticed(fiji: Fiji) -> None:
    send(fiji, masks())
    send(fiji, masks(), components={"t": 1})
    fiji.call("navigate", components={"t": 1})
    fiji.exchange_pixels(TITLE, 11)
    assert (fiji.read(kind="labels", components={"t": 1}) == 11).all()
    send(fiji, masks(2), components={"t": 1})
    assert (fiji.read(kind="labels", components={"t": 1}) == 11).all()


def test_looking_at_labels_does_not_make_them_painted(fiji: Fiji) -> None:
    for t in range(4):
        send(fiji, masks(t + 1), components={"t": t})
    send(fiji, masks(9), components={"t": 5, "channel": "a"})
    for t in (3, 0, 2):
        fiji.call("navigate", components={"t": t})
    assert edited(fiji) == 0
    assert fiji.annotations() == []
    for t in range(4):
        send(fiji, masks(20 + t), components={"t": t})
    assert fiji.read(kind="labels", components={"t": 2})[20, 20] == 22


def test_a_place_without_labels_can_be_painted(fiji: Fiji) -> None:
    send(fiji, masks(), components={"t": 0, "z": 0})
    send(fiji, masks(), components={"t": 1, "z": 1})
    fiji.call("navigate", components={"t": 0, "z": 1})
    assert "missing" in fiji.look(TITLE)["subtitle"]
    fiji.brush(TITLE, 5, 5, 7)
    fiji.brush(TITLE, 25, 5, 8)
    found = fiji.read(kind="labels")
    assert (found[0, 1, 5, 5], found[0, 1, 5, 25]) == (7, 8)
    assert found[1, 0].sum() == 0
    assert "missing" not in fiji.look(TITLE)["labels"][1]
    assert fiji.value(TITLE, 5, 5, 3) == 0  # the other hole
    (told,) = fiji.annotations()
    assert told["components"] == {"t": 0, "z": 1}
    send(fiji, masks(5), components={"t": 0, "z": 1})
    assert fiji.read(kind="labels", components={"t": 0, "z": 1})[5, 5] == 7


def test_painted_labels_stay_when_the_stack_grows_and_is_regrouped(fiji: Fiji) -> None:
    send(fiji, masks(), components={"well": "B1"})
    fiji.brush(TITLE, 5, 5, 7)
    for well in ("A1", "C1"):
        send(fiji, masks(2), components={"well": well})
    assert fiji.read(kind="labels", components={"well": "B1"})[5, 5] == 7
    fiji.call("navigate", components={"well": "C1"})
    fiji.brush(TITLE, 5, 5, 8)
    fiji.call("arrange", modes={"well": "split"})
    for well, label in (("B1", 7), ("C1", 8), ("A1", 0)):
        send(fiji, masks(3), components={"well": well})
        assert fiji.read(kind="labels", components={"well": well})[5, 5] == label
    assert edited(fiji) == 2
    fiji.call("arrange", modes={"well": "stack"})


def test_cleared_labels_are_the_producers_again(fiji: Fiji) -> None:
    send(fiji, masks())
    fiji.brush(TITLE, 5, 5, 7)
    fiji.call("clear", source="cells")
    send(fiji, masks())
    assert fiji.read(kind="labels", components={"t": 0})[5, 5] == 0


def test_labels_that_may_not_be_painted_are_replaced(fiji: Fiji) -> None:
    send(fiji, masks(), editable=False)
    fiji.brush(TITLE, 5, 5, 7)
    send(fiji, masks(), editable=False)
    assert fiji.read(kind="labels", components={"t": 0})[5, 5] == 0
    assert edited(fiji) == 0


def test_what_is_painted_counts_in_the_memory_budget(fiji: Fiji) -> None:
    fiji.call("expect", components={"t": 3})
    send(fiji, masks())
    held = fiji.held()
    fiji.brush(TITLE, 5, 5, 7)
    assert edited(fiji) == 1
    assert fiji.held() == held  # as before: the same pixels
    fiji.move(TITLE, 1, 1, 2)  # a hole, which may be painted from now on
    fiji.brush(TITLE, 5, 5, 7)
    assert edited(fiji) == 2
    assert fiji.held() == held + masks().nbytes
    fiji.call("clear", source="cells")
    poll_until(lambda: fiji.held() == held - masks().nbytes, "it counts no more")
