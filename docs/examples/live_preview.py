"""A camera that does not wait: an image that was not sent yet gives way to a newer one."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np

import planecast as pc

rng = np.random.default_rng(0)
viewer_kind = sys.argv[1] if len(sys.argv) > 1 else "napari"
with pc.launch(viewer_kind, mode="latest") as viewer:
    deliveries = []
    for _ in range(500):
        frame = rng.integers(0, 255, (480, 640), np.uint8)
        deliveries.append(viewer.show(frame, source="camera"))  # always at the same place
    viewer.settle()
print(Counter(str(delivery.state) for delivery in deliveries))
assert deliveries[-1].shown
