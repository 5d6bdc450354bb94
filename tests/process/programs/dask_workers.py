"""A program whose dask workers stream: ``dask_workers.py PORT``."""

from __future__ import annotations

import sys

from distributed import Client, LocalCluster

import planecast as pc
from tests.process.programs.stage import send

TASKS = 20


def work(viewer: pc.Viewer, t: int) -> str:
    """Show one picture from a worker."""
    send(viewer, range(t, t + 1))
    return viewer.run


def main() -> None:
    viewer = pc.connect(int(sys.argv[1]))
    cluster = LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None,
        host="127.0.0.1",
    )  # fmt: skip
    with cluster, Client(cluster) as client:  # type: ignore[no-untyped-call]
        tasks = [client.submit(work, viewer, t, pure=False) for t in range(TASKS)]
        assert {task.result() for task in tasks} == {viewer.run}


if __name__ == "__main__":
    main()
