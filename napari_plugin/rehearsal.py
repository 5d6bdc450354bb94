"""What the first layer would pay for: done while the viewer starts, or not at all."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streaming_core.memory.drafts import private_folder
from streaming_core.memory.places import run_folder
from streaming_core.protocol.messages import Image, Inline

if TYPE_CHECKING:
    from napari import Viewer

    from napari_plugin.adapter import NapariAdapter
    from napari_plugin.layers import Layers

log = logging.getLogger("planecast.napari")

AHEAD: Final = ("scipy.ndimage", "OpenGL.GL", "vispy.scene", "napari.layers")
"""What napari imports anyway, at the latest with its first layer.

Before Qt: PySide reads the source of every module that is imported after it.
"""

LATER: Final = ("pandas", "skimage.color")
"""What napari imports with the first layer that has a table: labels, points, shapes and tracks."""

SIDE: Final = 16

EACH_DIGIT: Final = (1, 1023456789)
"""Values whose text on the canvas has every digit: to draw a new one takes 7 ms."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Inside, garbage is not collected; what was made there is not looked at afterwards either.

    A start makes 400,000 objects that stay. Looking for garbage among them takes 0.3 s while
    it lasts, and later stops the window for 0.2 s every few minutes and with each layer that
    is removed.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()


def import_ahead() -> None:
    """Import what the first layer needs, and read the list of all units."""
    try:
        read_units()  # before napari, which may hold on to units
    except OSError as error:
        log.warning("the list of units could not be kept: %s", error)
    for name in AHEAD:
        import_module(name)


def import_later() -> None:
    """Import on a thread what the first image does not need, but the first labels: 0.3 s less."""
    threading.Thread(target=_import_later, name="planecast-imports").start()


def _import_later() -> None:
    for name in LATER:
        try:
            import_module(name)
        except ImportError as error:  # napari will say so to whom it concerns
            log.warning("%s could not be imported: %s", name, error)


def read_units() -> None:
    """Give napari pint's list of units as it was kept at the first start: 0.1 s less.

    It is kept in the run folder, in which only the user can write.
    """
    import pint

    folder = run_folder() / f"units-{sys.implementation.cache_tag}-{pint.__version__}"
    if not folder.exists():
        # At one stroke, for viewers that start at the same time or are killed meanwhile.
        with private_folder(folder.parent, "units-") as making:
            made = making / "made"
            made.mkdir(0o700)
            pint.UnitRegistry(cache_folder=made)
            with suppress(OSError):  # another viewer was faster
                made.rename(folder)
    try:
        registry: Any = pint.UnitRegistry(cache_folder=folder)
    # The boundary to pickle, which raises anything: napari reads the text, the next start anew.
    except Exception as error:
        log.warning("the list of units could not be read: %s", error)
        rmtree(folder, ignore_errors=True)
        return
    pint.set_application_registry(registry)  # type: ignore[no-untyped-call]  # pint's


@contextmanager
def without_xarray() -> Iterator[None]:
    """Inside, napari finds that xarray is not installed, unless somebody has imported it.

    With each layer napari asks whether its data are xarray's, and imports xarray and pandas
    to know: 0.4 s, for planes of ours that never are. None in `sys.modules` makes an import
    fail; Python's documentation of it says so.
    """
    name = "xarray"
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # as documented
    try:
        yield
    finally:
        if sys.modules.get(name, name) is None:
            del sys.modules[name]


def rehearse(viewer: Viewer, adapter: NapariAdapter) -> None:
    """Make, grow, draw and remove a layer, as a stream does. Between two frames of the window.

    Qt and vispy make much when it is first needed. After it the first image is on the screen
    0.1 s after it came, not 0.8 s.
    """
    from napari_plugin.layers import Layers

    layers, labels = Layers(viewer), viewer.dims.axis_labels
    bar = viewer.canvas.overlays.scale_bar
    shown, bar.visible = bar.visible, True
    with adapter.layers.sliders.ours():
        for t in EACH_DIGIT:
            _put(layers, t)
        layers.settle()
        viewer.screenshot(flash=False)
        gc.freeze()  # napari collects garbage whenever a layer goes
        layers.clear(None)
        viewer.dims.axis_labels = labels
    layers.close()
    bar.visible = shown


def _put(layers: Layers, t: int) -> None:
    plane = np.arange(SIDE**2, dtype=np.uint16).reshape(SIDE, SIDE)
    image = Image(
        sid="", seq=1, run="", shape=plane.shape, dtype=plane.dtype.str, axes="YX",
        components={"z": 0, "t": t}, where=Inline(nbytes=0, parts=0),
    )  # fmt: skip
    layers.begin(image)
    for key, inside, _ in layers.catalog.locate(image):
        layers.put(image, key, inside, plane)
