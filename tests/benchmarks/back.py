"""Pixels from Java back to numpy, in a process with a Java of its own, beside copying in numpy.

``back.py SIDE TIMES`` prints the seconds that each took, by turns.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Final

import numpy as np

from fiji_bridge import jvm, pixels
from streaming_core.protocol.messages import Image, Inline
from tests.benchmarks.arrays import make, whole

PLANES: Final = 8
"""More than the cache holds at 2048²."""


def main() -> int:
    """Measure."""
    side, times = map(int, sys.argv[1:])
    jvm.start(headless=True)
    sources = make(side, PLANES)
    image = Image(
        sid="", seq=1, run="", shape=(PLANES, side, side), dtype="<u2", axes="ZYX",
        components={"z": tuple(range(PLANES))}, where=Inline(nbytes=0, parts=0),
    )  # fmt: skip
    planes = pixels.own(image, sources, sources.nbytes)
    reads, copies = [], []
    for number in range(times):
        began = time.perf_counter()
        found = planes[number % PLANES].read()
        reads.append(time.perf_counter() - began)
        if not whole(found, number % PLANES):
            raise SystemExit("the pixels are not those that were given to Java")
        del found
        began = time.perf_counter()
        copy = np.array(sources[number % PLANES])
        copies.append(time.perf_counter() - began)
        del copy
    sys.stdout.write(json.dumps({"reads": reads, "copies": copies}) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
