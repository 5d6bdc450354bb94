"""Make the pictures of napari in this folder: a plate that streams, and what the widget says.

``python docs/images/pictures.py`` writes them anew; it needs a display, and `./dev run` gives one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QDockWidget

import planecast as pc
from napari_plugin import listen
from napari_plugin.widgets import StreamsWidget
from streaming_core.plate import COLORMAPS, CONTRAST, Plate

SCALE = {"Z": 2.0, "Y": 0.5, "X": 0.5}
WINDOW = (1200, 800)
WIDGET = (360, 400)


def send(port: int) -> pc.Viewer:
    """Stream a plate with the nuclei that were found on it, and say how far it is."""
    plate = Plate()
    viewer = pc.connect(port)
    space = {"scale": SCALE, "units": "um"}
    for plane in plate:
        channel = str(plane.components["channel"])
        viewer.show(
            plane.array, components=plane.components, source="raw", **space,
            colormap=COLORMAPS[channel], contrast_limits=CONTRAST,
        )  # fmt: skip
    for mask in plate.masks("B04"):
        viewer.show(mask.array, kind="labels", components=mask.components, source="nuclei", **space)
        spots = spots_in(mask.array)
        place = {name: mask.components[name] for name in ("well", "site", "t", "z")}
        viewer.points(spots, components=place, source="centres", **space)
    viewer.settle()
    return viewer


def spots_in(mask: np.ndarray) -> np.ndarray:
    """Return the middle of each label, (N, 2)."""
    y, x = np.nonzero(mask)
    count = np.bincount(mask[y, x])
    there = count > 0
    sums = [np.bincount(mask[y, x], at)[there] for at in (y, x)]
    return np.stack(sums, axis=1) / count[there, None]


def wait_for(future: Future[pc.Viewer]) -> pc.Viewer:
    """Let the window live until a program on another thread has ended."""
    until(future.done)
    return future.result()


def until(ready: Callable[[], bool]) -> None:
    """Let the window live until something is so."""
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if ready() else None)
    timer.start(20)
    loop.exec()


def make(folder: Path) -> None:
    """Write the pictures into a folder."""
    window = napari.Viewer(title="Planecast", show_welcome_screen=False)
    window.window.resize(*WINDOW)
    listening = listen(window)
    widget = StreamsWidget(window)
    dock = window.window.add_dock_widget(widget, name="Planecast streams", area="left", tabify=True)
    with ThreadPoolExecutor(1) as thread:
        viewer = wait_for(thread.submit(send, listening.port))
        until(thread.submit(viewer.navigate, well="B04", site=1, t=1, z=2).done)
        labels = window.layers["nuclei · labels"]
        labels.contour = 1
        centres = window.layers["centres · points"]
        centres.visible = False
        window.layers.selection.active = window.layers["raw · Hematoxylin"]
        window.reset_view(margin=0.12)
        dock.raise_()
        widget.refresh()
        until(widget.isVisible)
        Image.fromarray(window.screenshot(canvas_only=False)).save(folder / "napari.png")
        show_widget(widget, dock, folder / "streams.png")
        thread.submit(viewer.close).result()
    listening.stop()
    window.close()


def show_widget(widget: StreamsWidget, dock: QDockWidget, path: Path) -> None:
    """Let the widget stand alone, so that it is seen whole."""
    dock.setFloating(True)
    dock.resize(*WIDGET)
    widget.refresh()
    until(widget.isVisible)
    dock.grab().save(str(path))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
