from __future__ import annotations

import ctypes
import sys

import numpy as np
import psutil
import pytest

from streaming_core.memory.heap import Heap

MIB = 1 << 20


@pytest.mark.skipif(
    sys.platform == "win32" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc"
)
def test_what_was_freed_goes_back_to_the_system_once_nothing_happens_any_more() -> None:
    heap, here = Heap(), psutil.Process()
    planes, between = [], []
    for _ in range(1500):  # what stays between them keeps glibc from giving them back by itself
        planes.append(np.ones(100_000, np.uint8))
        between.append(np.ones(1000, np.uint8))
    assert not heap.look(1500, 0)
    planes.clear()
    assert not heap.look(1500, 1), "something has happened"
    before = here.memory_info().rss
    assert heap.look(1500, 1)
    assert before - here.memory_info().rss > 100 * MIB
    assert not heap.look(1500, 1), "once is enough"
    assert sum(map(np.sum, between)) == 1500 * 1000
