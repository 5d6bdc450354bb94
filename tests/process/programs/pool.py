"""A program whose pool of workers streams: ``pool.py METHOD PORT``."""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

import planecast as pc
from tests.process.programs.stage import send

TASKS = 40


def work(viewer: pc.Viewer, t: int) -> tuple[str, int, str]:
    """Show one picture from a worker, which may end then; say who showed it on which connection."""
    send(viewer, range(t, t + 1))
    return viewer.run, os.getpid(), viewer.route().sid


def main() -> None:
    method, port = sys.argv[1], int(sys.argv[2])
    viewer = pc.connect(port)
    send(viewer, range(1))
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        done = set(pool.map(work, [viewer] * TASKS, range(1, TASKS + 1)))
    assert {run for run, _, _ in done} == {viewer.run}
    workers, connections = {pid for _, pid, _ in done}, {sid for _, _, sid in done}
    assert len(connections) == len(workers), "each worker connects once"
    send(viewer, range(TASKS + 1, TASKS + 2))  # and the program ends


if __name__ == "__main__":
    main()
