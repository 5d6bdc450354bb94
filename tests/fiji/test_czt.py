"""Where planes stand in a hyperstack, whatever the order in which they come."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

from fiji_bridge.czt import Czt, Grid, plan
from streaming_core.protocol.components import Value, Values

PLATE: dict[str, list[Value]] = {
    "well": ["A1", "B2"],
    "channel": ["DAPI", "GFP"],
    "t": [0, 5],
    "z": [1, 2, 10],
}


def grid(**values: list[Value]) -> Grid:
    return Grid.of(tuple(values), values)


def test_channel_z_and_t_are_c_z_and_frames() -> None:
    stack = grid(channel=["DAPI", "GFP"], t=[0, 1], z=[0, 1, 2])
    assert stack.size == Czt(2, 3, 2)
    assert stack.position(("GFP", 1, 2)) == Czt(1, 2, 1)
    assert stack.index(Czt(1, 2, 1)) == 11


def test_other_components_fold_onto_frames_with_t_fastest() -> None:
    plate = grid(**PLATE)
    assert plate.size == Czt(2, 3, 4)
    assert plate.folded == ("well", "t")
    frames = [plate.position((well, "DAPI", t, 1)).t for well, t in product(["A1", "B2"], [0, 5])]
    assert frames == [0, 1, 2, 3]


def test_an_image_without_components_is_one_plane() -> None:
    single = grid()
    assert single.size == Czt(1, 1, 1)
    assert single.position(()) == Czt(0, 0, 0)
    assert single.place(Czt(0, 0, 0)) == ()


def test_place_is_the_inverse_of_position() -> None:
    plate = grid(**PLATE)
    seen = {plate.index(plate.position(place)) for place in product(*PLATE.values())}
    assert seen == set(range(plate.planes))
    for place in product(*PLATE.values()):
        position = plate.position(place)
        assert plate.place(position) == place
        assert plate.czt(plate.index(position)) == position


def test_a_slice_says_its_components() -> None:
    assert grid(**PLATE).label(("B2", "GFP", 5, 10)) == "well B2 · channel GFP · t 5 · z 10"


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_arrival_ends_at_the_same_places(seed: int) -> None:
    places = list(product(*PLATE.values()))
    random.Random(seed).shuffle(places)  # noqa: S311 - a reproducible order
    values = {name: Values(name) for name in PLATE}
    stack: list[tuple[Value, ...] | None] = []
    before: Grid | None = None
    for place in places:
        for name, value in zip(PLATE, place, strict=True):
            values[name].add(value)
        now = Grid.of(tuple(PLATE), values)
        if before is not None:
            growth = plan(before, now)
            moved: list[tuple[Value, ...] | None] = [None] * now.planes
            for source, target, length in growth.runs:
                moved[target : target + length] = stack[source : source + length]
            covered = {t + i for _, t, length in growth.runs for i in range(length)}
            assert covered.isdisjoint(growth.fresh.tolist())
            assert covered | set(growth.fresh.tolist()) == set(range(now.planes))
            stack = moved
        else:
            stack = [None] * now.planes
        stack[now.index(now.position(place))] = place
        before = now
    assert before is not None
    assert [values[name].items for name in ("well", "t", "z")] == [["A1", "B2"], [0, 5], [1, 2, 10]]
    for place in places:
        assert stack[before.index(before.position(place))] == place


def test_frames_that_are_added_at_the_end_move_nothing() -> None:
    old = grid(channel=["a", "b"], t=list(range(100)))
    new = grid(channel=["a", "b"], t=list(range(101)))
    growth = plan(old, new)
    assert growth.runs == ((0, 0, 200),)
    assert growth.fresh.tolist() == [200, 201]


def test_a_value_in_the_middle_moves_what_comes_after() -> None:
    growth = plan(grid(z=[0, 2]), grid(z=[0, 1, 2]))
    assert growth.runs == ((0, 0, 1), (1, 2, 1))
    assert growth.fresh.tolist() == [1]


def test_channels_keep_their_colours_when_one_comes_in_between() -> None:
    assert grid(channel=[0, 2]).channels(grid(channel=[0, 1, 2])) == (0, 2)


def test_moves_are_told_for_every_plane() -> None:
    old, new = grid(channel=["a"], z=[1, 3]), grid(channel=["a", "b"], z=[1, 2, 3])
    assert np.array_equal(old.moves(new), [0, 4])
