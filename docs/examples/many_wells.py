"""A plate, well by well, as a microscope makes it; one well lacks a plane."""

from __future__ import annotations

import sys

import numpy as np

import planecast as pc

rng = np.random.default_rng(0)
y, x = np.mgrid[:256, :256]


def acquire(well: str, channel: str, z: int) -> np.ndarray:
    """Take an image: grains that are sharpest at z 2."""
    light = np.sin(x / (ord(well[0]) - 55)) * np.cos(y / int(well[1:])) + (channel == "GFP")
    light = 1000 + 400 * light / (1 + abs(z - 2)) + rng.normal(0, 20, x.shape)
    return light.astype(np.uint16)


viewer_kind = sys.argv[1] if len(sys.argv) > 1 else "napari"
with pc.launch(viewer_kind) as viewer:
    for well in (row + str(column) for row in "BCD" for column in (9, 10, 11)):
        for channel in ("DAPI", "GFP"):
            for z in range(5):
                if (well, channel, z) == ("C10", "GFP", 3):
                    continue  # a hole is shown blank
                place = {"well": well, "channel": channel, "z": z}
                viewer.show(acquire(well, channel, z), components=place, source="plate")
    viewer.settle()
    for group in viewer.state()["groups"]:
        print(f"{group['name']}: {group['planes']} planes, missing: {group['missing']}")
