from __future__ import annotations

import subprocess
import sys

import numpy as np
import psutil
import pytest

from streaming_core.memory.budget import Budget
from streaming_core.memory.fresh import fresh, huge_page
from streaming_core.stream.adapter import copy_pixels

PLANE = (1000, 1100)
"""Just above the 2 MiB of a huge page, in uint16."""


def held() -> int:
    return int(psutil.Process().memory_info().rss)


@pytest.mark.parametrize("shape", [(3, 4), (1024, 1024), PLANE, (2, 3, 1500, 1500)])
def test_a_copy_is_an_array_of_its_own_like_any_other(shape: tuple[int, ...]) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    pixels.flags.writeable = False
    kept = copy_pixels(pixels)
    assert kept.shape == shape
    assert kept.dtype == pixels.dtype
    assert kept.flags.c_contiguous
    assert kept.flags.writeable
    assert not np.shares_memory(kept, pixels)
    np.testing.assert_array_equal(kept, pixels)
    kept[...] = 0
    assert pixels.flat[-1] == (pixels.size - 1) % 65536


@pytest.mark.skipif(not huge_page(), reason="this system gives programs no huge pages")
def test_a_large_array_begins_where_a_huge_page_does() -> None:
    arrays = [fresh(PLANE, np.dtype(np.uint16)) for _ in range(20)]
    assert {array.ctypes.data % huge_page() for array in arrays} == {0}


def test_memory_is_taken_for_the_pixels_alone_and_goes_back_with_the_last_view() -> None:
    before = held()
    planes = [copy_pixels(np.full(PLANE, number, np.uint16)) for number in range(50)]
    size = sum(plane.nbytes for plane in planes)
    taken = held() - before
    assert 0.9 * size < taken < 1.1 * size
    views = [plane[:, :1] for plane in planes]
    del planes
    assert held() - before > 0.9 * size, "views keep it"
    assert [int(view[-1, 0]) for view in views] == list(range(50))
    del views
    assert held() - before < 0.1 * size


def test_a_budget_counts_the_pixels_and_not_the_pages_around_them() -> None:
    budget = Budget(1 << 30)
    plane = copy_pixels(np.ones(PLANE, np.uint16))
    budget.take(plane)
    budget.take(plane[:10])
    assert budget.held == plane.nbytes
    del plane
    assert budget.held == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_where_there_is_no_memory_that_is_a_memory_error() -> None:
    program = (
        "import resource, numpy as np\n"
        "from streaming_core.memory.fresh import fresh\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))\n"
        "kept = [fresh((1 << 23,), np.dtype('u1'))]\n"
        "try:\n"
        "    while True:\n"
        "        kept.append(fresh((1 << 28,), np.dtype('u1')))\n"
        "except MemoryError:\n"
        "    print('refused after', len(kept))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.startswith("refused after "), said
    assert int(said.stdout.split()[-1]) > 1
