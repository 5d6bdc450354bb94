"""A whole stack in one call: two channels by z, with its well, its time and its size."""

from __future__ import annotations

import sys

import numpy as np

import planecast as pc

z, y, x = np.ogrid[-1:1:20j, -1:1:200j, -1:1:300j]
nuclei = np.exp(-8 * (z**2 + y**2 + x**2))
membrane = np.exp(-80 * (np.sqrt(z**2 + y**2 + x**2) - 0.7) ** 2)
stack = (40_000 * np.stack([nuclei, membrane])).astype(np.uint16)

viewer_kind = sys.argv[1] if len(sys.argv) > 1 else "napari"
with pc.launch(viewer_kind) as viewer:
    for t in range(3):
        viewer.show(
            stack // (t + 1),
            axes="CZYX",  # what the dimensions are; any other coordinate is a scalar below
            components={"well": "B03", "t": t, "channel": ["DAPI", "GFP"]},
            source="deconvolved",  # who made it
            scale={"Z": 0.5, "Y": 0.1, "X": 0.1, "T": 30.0},
            units="um",  # of space; T is in seconds
        )
