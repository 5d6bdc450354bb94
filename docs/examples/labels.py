"""An image and its mask, one over the other. Needs scikit-image: ``planecast[demo]``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import skimage
from skimage import filters, io, measure

import planecast as pc

coins = io.imread(Path(skimage.__file__).parent / "data" / "coins.png")  # in every installation
soft = filters.gaussian(coins, 2, preserve_range=True)
around = filters.gaussian(coins, 40, preserve_range=True)  # the light falls from one side
mask = measure.label(soft > around * 1.1)

viewer_kind = sys.argv[1] if len(sys.argv) > 1 else "napari"
with pc.launch(viewer_kind) as viewer:
    viewer.show(coins, source="coins")
    viewer.show(mask.astype(np.uint16), kind="labels", source="coins")
    viewer.settle()  # both are on the screen
    print(f"{mask.max()} objects, as {viewer} has them: {viewer.read(kind='labels').max()}")
