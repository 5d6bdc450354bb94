"""A program whose processes each show a picture and end: ``last_words.py METHOD PORT``."""

from __future__ import annotations

import multiprocessing
import sys

import planecast as pc
from tests.process.programs.stage import send

PROCESSES = 4


def work(viewer: pc.Viewer, t: int) -> None:
    """Show one picture, which is the last thing that this process does."""
    send(viewer, range(t, t + 1))


def main() -> None:
    method, port = sys.argv[1], int(sys.argv[2])
    viewer = pc.connect(port)
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=work, args=(viewer, t)) for t in range(PROCESSES)]  # type: ignore[attr-defined]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


if __name__ == "__main__":
    main()
