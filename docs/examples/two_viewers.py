"""The same images in two viewers: one copy into shared memory, which both read.

``python two_viewers.py napari fiji``; a word may name a port too: ``napari napari:5600``.
"""

from __future__ import annotations

import sys

import numpy as np

import planecast as pc


def launch(word: str) -> pc.Viewer:
    """Find or start the viewer that a word such as "napari" or "napari:5600" means."""
    viewer_kind, _, port = word.partition(":")
    return pc.launch(viewer_kind, int(port) if port else None)


rng = np.random.default_rng(0)
viewers = [launch(word) for word in sys.argv[1:] or ("napari", "fiji")]
both = pc.tee(*viewers)
for t in range(20):
    image = rng.poisson(40 + 10 * t, (400, 400)).astype(np.uint16)
    both.show(image, components={"t": t}, source="counter")
both.settle()
for viewer in viewers:
    print(viewer, "holds", viewer.read(source="counter").shape)
    viewer.close()
