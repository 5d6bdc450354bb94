"""Yardsticks: how fast napari is without Planecast, in a process of its own.

Prints a line when it is ready. ``napari`` then reads lines: ``open N`` makes a stack and shows
image N in it, ``next N`` shows another one, at place N of its slider, ``new N`` makes a layer of
image N; it prints a line when napari has been told. Its window is as large as ours: to draw a
larger one takes longer.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from typing import Final

import numpy as np

from streaming_core.fleet.display import display, has_display
from tests.benchmarks.screen import CODES, coded

SIDE: Final = 512
PLACES: Final = 1000
"""On the slider; memory is taken when images come."""

RANGE: Final = (0, 65535)


def say(words: object) -> None:
    """Write a line at once."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def napari() -> None:
    """Be napari."""
    with display(not has_display()):
        import napari
        from qtpy.QtCore import QObject, QTimer, Signal

        from napari_plugin.__main__ import SIZE

        class Numbers(QObject):
            came = Signal(str)

        viewer = napari.Viewer()
        viewer.window.resize(*SIZE)
        images = coded(SIDE)
        numbers = Numbers()
        stack = np.zeros((PLACES, SIDE, SIDE), np.uint16)

        def show(words: str) -> None:
            if not words:
                viewer.close()
                return
            how, number = words.split()
            place = int(number)
            image = images[place % CODES]
            if how == "new":
                viewer.add_image(image.copy(), contrast_limits=RANGE)
            elif how == "open":
                stack[place] = image
                viewer.add_image(stack, contrast_limits=RANGE)
                viewer.dims.set_current_step(0, place)
            else:
                stack[place] = image
                viewer.dims.set_current_step(0, place)
            say("told")

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
