"""Images from worker processes: a viewer pickles as its address and run, never its keys."""

from __future__ import annotations

import multiprocessing
import sys

import numpy as np

import planecast as pc


def process(viewer: pc.Viewer, well: str) -> str:
    """Work on a well, in a process of its own, and show the result."""
    rng = np.random.default_rng(int(well[1:]))
    for t in range(4):
        image = rng.gamma(2 + t, 500, (300, 300)).astype(np.float32)
        viewer.show(image, components={"well": well, "t": t}, source="worker")
    viewer.flush()  # here, so that an image that was not delivered fails this task
    return well


if __name__ == "__main__":
    viewer_kind = sys.argv[1] if len(sys.argv) > 1 else "napari"
    with (
        pc.launch(viewer_kind) as viewer,
        multiprocessing.get_context("spawn").Pool(2) as pool,
    ):
        for well in pool.starmap(process, [(viewer, f"B{column}") for column in range(2, 8)]):
            print(well, "is with", viewer)
        pool.close()
        pool.join()
