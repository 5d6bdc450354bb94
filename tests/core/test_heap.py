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
    planes = [np.ones(40_000, np.uint8) for _ in range(4000)]
    assert not heap.look(1500, 0)
    del planes[::2]  # what stays between them keeps glibc from giving them back by itself
    assert not heap.look(1500, 1), "something has happened"
    before = here.memory_info().rss
    assert heap.look(1500, 1)
    assert before - here.memory_info().rss > 50 * MIB, "of 76"
    assert not heap.look(1500, 1), "once is enough"
    assert sum(map(np.sum, planes)) == 2000 * 40_000
