"""Yardsticks: how fast napari is without Planecast, in a process of its own.

Prints a line when it is ready. ``napari`` then reads lines: ``new N`` makes a layer of image N,
``next N`` puts image N in the place of the one before; it prints when it began with each.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from typing import Any, Final

from streaming_core.fleet.display import display, has_display
from tests.benchmarks.screen import CODES, coded

SIDE: Final = 512


def say(words: object) -> None:
    """Write a line at once."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def napari() -> None:
    """Be napari."""
    with display(not has_display()):
        import napari
        from qtpy.QtCore import QObject, QTimer, Signal

        class Numbers(QObject):
            came = Signal(str)

        viewer = napari.Viewer()
        images = coded(SIDE)
        numbers = Numbers()
        layers: list[Any] = []

        def show(words: str) -> None:
            if not words:
                viewer.close()
                return
            how, number = words.split()
            image = images[int(number) % CODES]
            began = time.perf_counter()
            if how == "new":
                layers.append(viewer.add_image(image.copy(), contrast_limits=(0, 65535)))
            else:
                layers[-1].data[...] = image
                layers[-1].refresh(thumbnail=False, extent=False)
            say(began)

        def read() -> None:
            for words in sys.stdin:
                numbers.came.emit(words.strip())
            numbers.came.emit("")

        numbers.came.connect(show)
        threading.Thread(target=read, daemon=True).start()
        QTimer.singleShot(0, lambda: QTimer.singleShot(0, lambda: say("ready")))
        napari.run()


def main() -> int:
    """Be one of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["napari", "recording"])
    if parser.parse_args().kind == "napari":
        napari()
    else:
        import numpy  # noqa: F401
        import zmq  # noqa: F401

        say("ready")
    return 0


if __name__ == "__main__":
    sys.exit(main())
