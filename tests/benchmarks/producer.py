"""Producers that run beside what is measured: one that never stops, and brief ones."""

from __future__ import annotations

import argparse
import sys
import threading
import time

import planecast as pc
from tests.benchmarks.arrays import make
from tests.benchmarks.processes import LIMIT, stream

BURST = 32
"""Images between two looks at the standard input."""


def load(port: int, side: int) -> None:
    """Send as fast as the viewer takes, until the standard input ends; say how many."""
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    sources, count = make(side, BURST), 0
    began = time.perf_counter()
    with pc.connect(port) as viewer:
        while not ended.is_set():
            for number in range(BURST):
                words = {"t": count, "z": number}
                viewer.show(sources[number], components=words, source="load")
                count += 1
            if count == BURST:
                sys.stdout.write("streaming\n")
                sys.stdout.flush()
        viewer.flush(LIMIT)
    sys.stdout.write(f"{count} {time.perf_counter() - began}\n")
    sys.stdout.flush()


def brief(port: int, number: int, images: int) -> None:
    """Live for a second, as a job of an array does; the end of the process delivers the rest."""
    sources = make(256, images)
    until = time.monotonic() + 1.0
    viewer = pc.connect(port)
    stream(viewer, sources, images - 1, source=f"job {number}")
    time.sleep(max(0.0, until - time.monotonic()))
    last = images - 1
    viewer.show(sources[last], components={"t": last, "z": last}, source=f"job {number}")


def main() -> int:
    """Be one of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["load", "brief"])
    parser.add_argument("port", type=int)
    parser.add_argument("numbers", type=int, nargs="+")
    given = parser.parse_args()
    if given.what == "load":
        load(given.port, *given.numbers)
    else:
        brief(given.port, *given.numbers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
