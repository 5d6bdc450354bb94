"""The viewer process that benchmarks send to: no window, contents checked.

``--keep`` keeps every image in fresh memory, otherwise they go into recycled memory.
``--slow MS`` takes that long for each, to fall behind a producer.
``--fill SIDE`` is the yardstick of ``--keep``: for each line on the standard input, a number, it
fills so many fresh arrays of numpy's, lets go of them, does so again with the memory that viewers
take, and prints the seconds of both.
"""

from __future__ import annotations

import argparse
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import InvalidImage
from streaming_core.fleet.host import Host, run_viewer
from streaming_core.protocol.messages import Image
from streaming_core.stream.adapter import Arrival, Call, copy_pixels
from tests.benchmarks.arrays import Ring, make, marked, whole

TICK: Final = 0.008
"""Seconds: as a window does, SHOWN is said for all images of a tick at once."""

PLACES: Final = 8


class Sink:
    """A `ViewerAdapter` that owns as fast as memory allows.

    Parameters
    ----------
    keep
        Keep each image, instead of copying into recycled memory.
    slow
        Seconds to wait before each.
    on_quit
        Called on the request ``quit``.
    """

    viewer_kind = "sink"
    engine = "memory"
    verbs = frozenset({"clear", "quit", "state"})
    paused = False

    def __init__(self, keep: bool, slow: float, on_quit: Callable[[], None]) -> None:
        self.keeps_mappings = keep
        self._slow = slow
        self._on_quit = on_quit
        self._ring = Ring(PLACES)
        self._kept: list[NDArray[Any]] = []
        self._newest: deque[tuple[int, NDArray[Any]]] = deque(maxlen=PLACES)
        self._places: set[tuple[object, object]] = set()
        self._images = 0
        self._wrong = 0
        self._queue: queue.SimpleQueue[Arrival | Call | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    def own(self, image: Image, pixels: NDArray[Any]) -> NDArray[Any]:
        """Copy; recycled memory is checked now, for the next images will overwrite it."""
        if self._slow:
            self._ended.wait(self._slow)
        if self.keeps_mappings:
            return copy_pixels(pixels)
        kept = self._ring.copy(pixels)
        self._wrong += not marked(kept, number_of(image))
        return kept

    def post(self, arrival: Arrival) -> None:
        """Note and queue the image."""
        number, pixels = number_of(arrival.image), arrival.pixels
        self._newest.append((number, pixels))
        if self.keeps_mappings:
            self._kept.append(pixels)
            self._wrong += not marked(pixels, number)
        self._images += 1
        self._places.add((arrival.image.source, arrival.image.components["t"]))
        self._queue.put(arrival)

    def call(self, call: Call) -> None:
        """Queue a request."""
        self._queue.put(call)

    def gui_age(self) -> float:
        """There is no window."""
        return 0.0

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._queue.put(None)
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._ended.is_set():
            item = self._queue.get()
            if isinstance(item, Arrival):
                self._ended.wait(TICK)
            while item is not None:
                if isinstance(item, Arrival):
                    item.shown()
                else:
                    self._answer(item)
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break

    def _answer(self, call: Call) -> None:
        match call.verb:
            case "state":
                call.reply({"sink": self._report()})
            case "clear":
                removed = len({source for source, _ in self._places})
                self._kept.clear()
                self._newest.clear()
                self._places.clear()
                self._images = self._wrong = 0
                call.reply({"removed": removed})  # behind all that: 2 GiB take a while to unmap
            case "quit":
                call.reply({})
                self._on_quit()

    def _report(self) -> dict[str, int]:
        """What came: images, different places, marks that are wrong, whole images compared."""
        bad = sum(not whole(pixels, number) for number, pixels in self._newest)
        return {
            "images": self._images, "places": len(self._places), "wrong": self._wrong,
            "compared": len(self._newest), "bad": bad,
        }  # fmt: skip


def number_of(image: Image) -> int:
    """Return the number of an image, which benchmarks send as its component z."""
    number = image.components["z"]
    if not isinstance(number, int):
        raise InvalidImage(f"image number {number!r}")
    return number


def fill(count: int, side: int, copy: Callable[[NDArray[Any]], NDArray[Any]]) -> float:
    """Return the seconds that ``count`` copies into fresh arrays take."""
    sources = make(side, PLACES)
    kept: list[NDArray[Any]] = []
    began = time.perf_counter()
    for number in range(count):
        kept.append(copy(sources[number % PLACES]))
    took = time.perf_counter() - began
    if not all(marked(array, number % PLACES) for number, array in enumerate(kept)):
        raise SystemExit("the copies are not the images")
    return took


def main() -> int:
    """Serve until asked to quit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--slow", type=float, default=0.0, metavar="MS")
    parser.add_argument("--fill", type=int, metavar="SIDE")
    given = parser.parse_args()
    if given.fill:
        make(given.fill, PLACES)
        for count in sys.stdin:
            took = [fill(int(count), given.fill, copy) for copy in (np.array, copy_pixels)]
            sys.stdout.write(f"{took[0]} {took[1]}\n")
            sys.stdout.flush()
        return 0
    ended = threading.Event()
    sink = Sink(given.keep, given.slow / 1000, ended.set)
    host = Host(sink)
    sys.stdout.write(f"{host.port}\n")
    sys.stdout.flush()
    ended.wait()
    host.close()
    sink.close()
    return 0


if __name__ == "__main__":
    sys.exit(run_viewer(main))
