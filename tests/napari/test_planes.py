from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_plugin.plan import Axes
from napari_plugin.planes import PlaneStack
from streaming_core.protocol.components import Value
from tests.napari.feed import add

Planes = dict[tuple[Value, ...], NDArray[Any]]


def axes_of(**values: Any) -> Axes:
    axes = Axes().with_names(list(values))
    for name, items in values.items():
        for item in items:
            axes.values[name].add(item)
    return axes


@pytest.fixture
def grid() -> tuple[PlaneStack, Planes, NDArray[Any]]:
    """A stack over well and z with a hole at (B, 2), and what it should read as."""
    whole = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5) + 1
    whole[1, 2] = 0
    axes = axes_of(well="AB", z=range(3))
    planes: Planes = {
        (z, "AB"[w]): whole[w, z] for w in range(2) for z in range(3) if (w, z) != (1, 2)
    }
    return PlaneStack(axes, ("z", "well"), planes, (4, 5), "<u2"), planes, whole


KEYS: list[Any] = [
    (0, 1),
    (1, 2),
    (-1, -2),
    0,
    slice(None),
    ...,
    (),
    (..., 3),
    (1, ..., slice(1, 3)),
    (slice(0, 1), slice(1, 2)),
    (slice(None), 2),
    (0, 1, 2, 3),
    (slice(None, None, -1), slice(0, 3, 2), 1),
    (slice(None), slice(None), slice(None), 2),
    (slice(5, 9), 0),
    (np.int64(1), np.uint8(0), slice(2, None)),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_it_reads_like_the_array_it_stands_for(
    grid: tuple[PlaneStack, Planes, NDArray[Any]], key: Any
) -> None:
    stack, _, whole = grid
    got = stack[key]
    assert got.dtype == whole.dtype
    np.testing.assert_array_equal(got, whole[key])


def test_it_says_what_an_array_says(grid: tuple[PlaneStack, Planes, NDArray[Any]]) -> None:
    stack, _, whole = grid
    assert (stack.shape, stack.ndim, stack.size) == (whole.shape, whole.ndim, whole.size)
    assert stack.dtype == whole.dtype
    np.testing.assert_array_equal(np.asarray(stack), whole)
    assert np.asarray(stack, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        np.array(stack, copy=False)


@pytest.mark.parametrize("key", [(0, 3), (2, 0), (-3, 0), (0, 0, 9), (0, 0, 0, 0, 0), (..., ...)])
def test_a_wrong_index_is_an_index_error(
    grid: tuple[PlaneStack, Planes, NDArray[Any]], key: Any
) -> None:
    with pytest.raises(IndexError):
        grid[0][key]


def test_what_it_cannot_index_with_it_says(
    grid: tuple[PlaneStack, Planes, NDArray[Any]],
) -> None:
    with pytest.raises(TypeError, match="asarray"):
        grid[0][[0, 1]]  # type: ignore[index]


def test_one_plane_is_read_without_a_copy(
    grid: tuple[PlaneStack, Planes, NDArray[Any]],
) -> None:
    stack, planes, _ = grid
    assert np.shares_memory(stack[0, 1], planes[1, "A"])
    assert np.shares_memory(stack[0, 1, 1:3], planes[1, "A"])


def test_a_blank_plane_has_no_memory_of_its_own() -> None:
    stack = PlaneStack(axes_of(z=range(4)), ("z",), {}, (10**5, 10**5), "<f4", blank=-2.5)
    blank = stack[3]
    assert blank.shape == (10**5, 10**5)
    assert blank.strides == (0, 0)
    assert blank[7, 7] == -2.5


def test_a_stack_repeats_along_axes_that_it_does_not_have() -> None:
    axes = axes_of(well="AB", z=range(3))
    label = np.ones((2, 2), np.uint8)
    stack = PlaneStack(axes, ("well",), {("B",): label}, (2, 2), "|u1")
    assert stack.shape == (2, 3, 2, 2)
    assert all(np.shares_memory(stack[1, z], label) for z in range(3))
    assert not stack[0].any()


def test_it_grows_with_the_axes_and_places_keep_their_planes() -> None:
    axes = axes_of(z=[5])
    planes: Planes = {(5,): np.full((2, 2), 5, np.uint8)}
    stack = PlaneStack(axes, ("z",), planes, (2, 2), "|u1")
    add(axes, {"z": 1})
    planes[1,] = np.full((2, 2), 1, np.uint8)
    assert stack.shape == (2, 2, 2)
    assert [int(stack[i, 0, 0]) for i in range(2)] == [1, 5]


def test_on_other_axes_it_shows_the_same_planes() -> None:
    planes: Planes = {(1,): np.ones((2, 2), bool)}
    old = PlaneStack(axes_of(z=[1]), ("z",), planes, (2, 2), "|b1")
    new = old.on(axes_of(well="AB", z=[1]))
    assert new.shape == (2, 1, 2, 2)
    assert new[1, 0].all()
    assert old.shape == (1, 2, 2)


def test_bool_planes_read_as_uint8_over_the_same_memory() -> None:
    plane = np.eye(3, dtype=bool)
    stack = PlaneStack(axes_of(z=[0]), ("z",), {(0,): plane}, (3, 3), "|b1")
    assert stack.dtype == np.uint8
    assert stack[0].dtype == np.uint8
    assert np.shares_memory(stack[0], plane)


def test_rgb_planes_keep_their_samples() -> None:
    plane = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    stack = PlaneStack(axes_of(t=[0, 1]), ("t",), {(1,): plane}, (2, 4, 3), "|u1")
    assert stack.shape == (2, 2, 4, 3)
    np.testing.assert_array_equal(stack[1, ..., 0], plane[..., 0])


def test_it_can_be_read_while_it_grows() -> None:
    axes = axes_of(z=[0])
    planes: Planes = {(0,): np.zeros((4, 4), np.int32)}
    stack = PlaneStack(axes, ("z",), planes, (4, 4), "<i4")
    wrong: list[Any] = []

    def read() -> None:
        while len(planes) < 3000:
            last = stack.shape[0] - 1
            value = stack[last, 0, 0]
            if value not in (0, last):  # blank, as long as the plane is not there
                wrong.append((last, value))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for z in range(1, 3000):
        add(axes, {"z": z})
        planes[z,] = np.full((4, 4), z, np.int32)
    for reader in readers:
        reader.join()
    assert wrong == []


def test_the_ten_thousandth_plane_costs_what_the_tenth_did() -> None:
    axes, plane = axes_of(z=[]), np.zeros((4, 4), np.uint8)
    planes: Planes = {}
    stack = PlaneStack(axes, ("z",), planes, (4, 4), "|u1")
    for z in range(10_000):
        add(axes, {"z": z})
        planes[z,] = plane
    assert stack.shape == (10_000, 4, 4)
    assert np.shares_memory(stack[9_999], plane)
