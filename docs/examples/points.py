"""Spots are found while they are filmed, and lie on the film with a table of what they are."""

from __future__ import annotations

import sys

import numpy as np

import planecast as pc

rng = np.random.default_rng(7)
y, x = np.mgrid[:200, :300]
viewer_kind = sys.argv[1] if len(sys.argv) > 1 else "napari"

with pc.launch(viewer_kind) as viewer:
    for t in range(12):
        there = rng.uniform(10, 190, (8, 2)) * (1, 1.5)
        image = sum(np.exp(-((y - row) ** 2 + (x - col) ** 2) / 20) for row, col in there)
        viewer.show(np.asarray(image, np.float32), components={"t": t}, source="film")
        peak = (image > 0.9) & (image == np.maximum(image, np.roll(image, 1, 0)))
        peak &= (image >= np.roll(image, -1, 0)) & (image >= np.roll(image, 1, 1))
        peak &= image >= np.roll(image, -1, 1)
        table = {"height": image[peak], "bright": image[peak] > 1}
        viewer.points(np.argwhere(peak), components={"t": t}, features=table, source="film")
    viewer.settle()
    print(f"{viewer}: 12 images, and the spots of each")
