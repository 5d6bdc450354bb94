from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming_core.errors import InvalidComponents
from streaming_core.protocol.components import (
    Values,
    check_components,
    describe,
    group_of,
    planes,
    stack_order,
)


def test_scalars_are_plain_python_and_axes_get_their_values() -> None:
    checked = check_components(
        {"well": "B03", "t": np.int32(4), "channel": ["DAPI", "GFP"]}, "CZYX", (2, 3, 8, 8)
    )
    assert checked == {"well": "B03", "t": 4, "channel": ("DAPI", "GFP"), "z": (0, 1, 2)}
    assert type(checked["t"]) is int


@pytest.mark.parametrize(
    ("components", "words"),
    [
        ({"c": 1}, "'channel'"),
        ({"Z": 1}, "'z'"),
        ({"x": 1}, "origin="),
        ({"source": "a"}, "source="),
        ({"kind": "a"}, "kind="),
        ({"Big": 1}, "small letters"),
        ({"": 1}, "small letters"),
        ({3: 1}, "small letters"),
        ({"well": True}, "bool"),
        ({"well": np.bool_(True)}, "bool"),
        ({"t": float("nan")}, "finite"),
        ({"t": float("inf")}, "finite"),
        ({"t": 2**64}, "64 bits"),
        ({"well": None}, "is None"),
        ({"well": ["A", "B"]}, "one value per image"),
        ({"z": [1, 2]}, "no axis Z"),
        ({"well": ""}, "1 to 256"),
        ({"well": "x" * 300}, "1 to 256"),
        ([1], "mapping"),
    ],
)
def test_unusable_components_are_refused_with_the_right_word(components: Any, words: str) -> None:
    with pytest.raises(InvalidComponents, match=words):
        check_components(components, "YX", (4, 4))


@pytest.mark.parametrize(
    ("components", "words"),
    [
        ({"channel": "DAPI"}, "not the single"),
        ({"channel": ["DAPI"]}, "has 1 values, axis C has length 2"),
        ({"channel": ["DAPI", "DAPI"]}, "twice"),
        ({"channel": [1, float("nan")]}, "finite"),
        ({"channel": {"GFP", "DAPI"}}, r"a set, which has no order: .* \['DAPI', 'GFP'\]"),
        ({"channel": frozenset({1, 2})}, "a set, which has no order"),
    ],
)
def test_sequences_must_fit_their_axis(components: Any, words: str) -> None:
    with pytest.raises(InvalidComponents, match=words):
        check_components(components, "CYX", (2, 4, 4))


def test_an_array_is_cut_into_planes_with_their_places() -> None:
    components = check_components({"well": "B03", "z": [10, 20]}, "TZYX", (2, 2, 4, 4))
    cut = {index: dict(place) for place, index in planes("TZYX", (2, 2, 4, 4), components)}
    assert cut[1, 0] == {"t": 1, "well": "B03", "z": 10}
    assert len(cut) == 4


def test_images_alike_share_a_group_and_others_do_not() -> None:
    place = (("channel", "DAPI"), ("well", "B03"), ("z", 1))
    words: dict[str, Any] = {"source": "raw", "kind": "image", "dtype": "<u2", "plane": (8, 8)}
    split = frozenset({"channel"})
    key, inside = group_of(place, **words, split=split)
    assert inside == (("well", "B03"), ("z", 1))
    assert key.title() == "raw · DAPI"
    other = (("channel", "DAPI"), ("well", "C04"), ("z", 2))
    assert group_of(other, **words, split=split)[0] == key
    for changed in ({"dtype": "<f4"}, {"plane": (8, 9)}, {"source": "b"}, {"kind": "labels"}):
        assert group_of(place, **(words | changed), split=split)[0] != key
    assert group_of(place[:2], **words, split=split)[0] != key


def test_wells_sort_by_row_and_column_numbers_by_value_names_by_arrival() -> None:
    wells = Values("well")
    for well in ("B10", "A2", "AA1", "B9", "A10"):
        wells.add(well)
    assert list(wells) == ["A2", "A10", "B9", "B10", "AA1"]
    z = Values("z")
    for value in (10, 2, 1.5, 9):
        z.add(value)
    assert list(z) == [1.5, 2, 9, 10]
    channels = Values("channel")
    for channel in ("GFP", "DAPI", "A1"):
        channels.add(channel)
    assert list(channels) == ["GFP", "DAPI", "A1"]


def test_one_and_one_point_zero_are_one_place_and_text_is_another() -> None:
    values = Values("z")
    assert values.add(1) == 0
    assert values.add(1.0) is None
    assert values.add("1") == 1


@given(st.lists(st.one_of(st.integers(-99, 99), st.text("AB1", min_size=1, max_size=3))))
def test_positions_stay_true_whatever_the_order_of_arrival(items: list[int | str]) -> None:
    values = Values("well")
    for item in items:
        values.add(item)
    assert len(values) == len(set(items))
    assert all(values[values.position(item)] == item for item in items)
    numbers = [item for item in values if not isinstance(item, str)]
    assert numbers == sorted(numbers)


def test_words_for_people() -> None:
    assert describe({"well": "B03", "z": 4}) == "well B03 · z 4"
    assert describe({"z": tuple(range(50))}) == "z 0 to 49 (50)"
    assert stack_order(["z", "t", "well", "site"]) == ["well", "site", "t", "z"]
