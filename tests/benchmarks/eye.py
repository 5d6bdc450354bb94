"""An eye on one pixel of the screen, in a process of its own: when did which image appear?"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tests.benchmarks.arrays import Wrong
from tests.benchmarks.processes import LIMIT, child, line
from tests.benchmarks.screen import CODES, Screen, Spot, code_of

BLINK: Final = 0.0005
"""Seconds between two looks."""

LINGER: Final = 0.5
"""Seconds to look on: what is painted is painted soon after it is shown."""

Sights = list[tuple[float, int]]
"""When (`time.perf_counter`, which Linux has one of for all processes), and the grey level then."""


@contextmanager
def watching(spot: Spot) -> Iterator[Sights]:
    """Look at a place on the screen; what was seen is in the list once the context is left."""
    seen: Sights = []
    with child("eye", *spot) as process:
        line(process)
        yield seen
        time.sleep(LINGER)
        said, _ = process.communicate(timeout=LIMIT)
    seen += [(when, grey) for when, grey in json.loads(said)]


def appeared(seen: Sights, began: Sequence[float], first: int = 0) -> list[float]:
    """Return when each image was painted: it, or a newer one that made it needless.

    Parameters
    ----------
    began
        When each was sent, in order; their numbers go on from ``first``.

    Raises
    ------
    Wrong
        When the last one was never seen.
    """
    painted: list[float] = []
    for when, grey in seen:
        code = code_of(grey)
        if code is None or when < began[0]:
            continue
        ahead = (code - first - len(painted)) % CODES
        until = len(painted) + ahead + 1
        if until <= len(began) and when >= began[until - 1]:
            painted += [when] * (ahead + 1)
    if len(painted) < len(began):
        raise Wrong(f"{len(painted)} of {len(began)} images came onto the screen")
    return painted


def main() -> int:
    """Look until the standard input ends, then tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("spot", type=int, nargs=2)
    x, y = parser.parse_args().spot
    screen, ended = Screen(), threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    seen, last = [], -1
    sys.stdout.write("looking\n")
    sys.stdout.flush()
    while not ended.is_set():
        grey = int(screen.part(x, y)[0, 0, 0])
        if grey != last:
            seen.append((time.perf_counter(), grey))
            last = grey
        time.sleep(BLINK)
    screen.close()
    sys.stdout.write(json.dumps(seen) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
