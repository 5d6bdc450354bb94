"""What the viewer holds: pixels, places and producers, as plain data."""

from __future__ import annotations

import sys

import numpy as np

import planecast as pc

rng = np.random.default_rng(0)
sent = rng.integers(0, 4096, (2, 3, 128, 128), np.uint16)

viewer_kind = sys.argv[1] if len(sys.argv) > 1 else "napari"
with pc.launch(viewer_kind) as viewer:
    for t in range(2):
        for z in range(3):
            delivery = viewer.show(sent[t, z], source="noise", components={"t": t, "z": z})
    delivery.wait(shown=True)  # this one is on the screen; settle() waits for all
    viewer.settle()

    series = viewer.read(source="noise")  # components that are left out become axes
    plane = viewer.read(source="noise", components={"t": 1, "z": 2})
    assert np.array_equal(series, sent)
    assert np.array_equal(plane, sent[1, 2])

    state = viewer.state()
    print(f"{state['engine']} on port {state['port']}")
    for group in state["groups"]:
        print(group["name"], group["axes"], group["shape"], group["dtype"], group["components"])
