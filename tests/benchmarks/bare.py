"""Yardsticks: how fast napari is without Planecast, in a process of its own.

Prints a line when it is ready; then, for ``napari``, makes a layer and changes its pixels in
place again and again, and prints the seconds until each was drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from streaming_core.fleet.display import display, has_display


def say(words: object) -> None:
    """Write a line at once."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


class Window:
    """A napari window, and when it was drawn last."""

    def __init__(self) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        self.viewer = napari.Viewer()
        application: Any = QApplication.instance()
        self._draws = 0
        canvas: Any = self.viewer.window._qt_viewer.canvas
        canvas._scene_canvas.events.draw.connect(self._on_draw)
        self._turn = application.processEvents
        for _ in range(2):
            self._turn()

    def _on_draw(self, _: object) -> None:
        self._draws += 1

    def until_drawn(self) -> None:
        """Run Qt until the canvas has been drawn."""
        before = self._draws
        while self._draws == before:
            self._turn()

    def first(self, image: Any) -> float:
        """Seconds to make a layer, until it is drawn."""
        began = time.perf_counter()
        self.layer = self.viewer.add_image(image, contrast_limits=(0, 65535))
        self.until_drawn()
        return time.perf_counter() - began

    def change(self, image: Any) -> float:
        """Seconds to put other pixels into the layer, until they are drawn."""
        began = time.perf_counter()
        self.layer.data[...] = image
        self.layer.refresh(thumbnail=False, extent=False)
        self.until_drawn()
        return time.perf_counter() - began


def napari(count: int) -> None:
    """Be napari."""
    from tests.benchmarks.arrays import make

    with display(not has_display()):
        window = Window()
        say("ready")
        if count:
            images = make(512, 16)
            first = window.first(images[0].copy())
            say({"first": first, "changes": [window.change(images[n % 16]) for n in range(count)]})
        window.viewer.close()


def main() -> int:
    """Be one of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["napari", "recording"])
    parser.add_argument("--changes", type=int, default=0)
    given = parser.parse_args()
    if given.kind == "napari":
        napari(given.changes)
    else:
        import numpy  # noqa: F401
        import zmq  # noqa: F401

        say("ready")
    return 0


if __name__ == "__main__":
    sys.exit(main())
