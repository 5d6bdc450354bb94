"""A volume in napari, plane by plane: ``python first_look.py``, or ``first_look.py fiji``."""

from __future__ import annotations

import sys

import numpy as np

import planecast as pc

rng = np.random.default_rng(0)
z, y, x = np.ogrid[:24, :200, :200]
volume = rng.normal(200, 20, (24, 200, 200))
for _ in range(30):  # beads of different depth and brightness
    at, radius = rng.uniform((0, 0, 0), volume.shape), rng.uniform(4, 12)
    distance = ((z - at[0]) * 3) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2
    volume += rng.uniform(500, 3000) * np.exp(-distance / (2 * radius**2))
volume = volume.astype(np.uint16)

viewer_kind = sys.argv[1] if len(sys.argv) > 1 else "napari"
with pc.launch(viewer_kind) as viewer:  # find my viewer, or start it
    for index, plane in enumerate(volume):
        viewer.show(plane, components={"channel": "beads", "z": index})
# Here every plane is owned by the viewer, which stays when this program has ended.
