"""Shows an image to nobody: Java and JPype load what they need at its first use, and are slow."""

from __future__ import annotations

import gc
from typing import Final

import numpy as np

from fiji_bridge import jvm, pixels
from fiji_bridge.edt import on_edt
from fiji_bridge.hyperstack import Hyperstack
from fiji_bridge.opening import Fresh
from fiji_bridge.pixels import Plane
from fiji_bridge.scene import Scene
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.messages import Image, Inline

SIDE: Final = 16
WINDOW_CLASSES: Final = ("ImageWindow", "StackWindow", "ImageLayout", "ScrollbarWithLabel")


def rehearse(*, windows: bool) -> None:
    """Make, grow and paint a small hyperstack that is never seen.

    After it the first image is on the screen 0.1 s after it came, not 0.4 s.

    Parameters
    ----------
    windows
        Whether there will be windows.
    """
    catalog: Catalog[Plane] = Catalog()
    first, second = (_put(catalog, t) for t in range(2))
    (group,) = catalog.groups.values()
    stack = Hyperstack(group, "", Scene(visible=False))
    stack.update(first)
    stack.update(second)
    if windows:
        for name in WINDOW_CLASSES:
            jvm.java(f"ij.gui.{name}")
        imp = stack.imp
        on_edt(imp, lambda: jvm.java("ij.gui.ImageCanvas")(imp))
        on_edt(imp, imp.getImage)
    stack.close()
    gc.collect()
    gc.freeze()  # what is here now is not looked at again: 25 ms each time otherwise


def _put(catalog: Catalog[Plane], t: int) -> list[Fresh]:
    image = Image(
        sid="", seq=1, run="", shape=(2, SIDE, SIDE), dtype="<u2", axes="CYX",
        components={"channel": (0, 1), "t": t}, where=Inline(nbytes=0, parts=0),
    )  # fmt: skip
    kept = pixels.own(image, np.arange(2 * SIDE**2, dtype="<u2").reshape(image.shape))
    fresh = []
    for (key, inside, _), plane in zip(catalog.locate(image), kept, strict=True):
        put = catalog.put(image, key, inside, plane)
        fresh.append(Fresh(image, put.place, plane, bool(put.grew)))
    return fresh
