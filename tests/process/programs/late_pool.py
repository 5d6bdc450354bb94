"""A program whose pool gets its first tasks after the viewer was closed: METHOD PORT."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

import planecast as pc
from streaming_core.testing import poll_until
from tests.process.programs.stage import send


def work(viewer: pc.Viewer, t: int) -> int:
    """Show one picture to nobody; return how many this call reported."""
    before = len(viewer.undelivered)
    (delivery,) = send(viewer, range(t, t + 1))
    poll_until(lambda: delivery.state == "undelivered", "it is reported")
    return len(viewer.undelivered) - before


def wait(viewer: pc.Viewer) -> None:
    """Show pictures until the viewer, which is back, has one; then one more."""
    poll_until(lambda: send(viewer, range(999, 1000))[0].state != "undelivered", "it is fed")
    send(viewer, range(1000, 1001))
    viewer.close()


def main() -> None:
    method, port = sys.argv[1], int(sys.argv[2])
    viewer = pc.connect(port)
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    sys.stdin.readline()
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        done = sum(pool.map(work, [viewer] * 6, range(6)))
        sys.stdout.write(f"reported {done} of 6\n")
        sys.stdout.flush()
        sys.stdin.readline()
        pool.submit(wait, viewer).result()
    sys.stdout.write("fed\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
