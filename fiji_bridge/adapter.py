"""`ViewerAdapter` for Fiji: images in, hyperstacks and answers out."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from numpy.typing import NDArray

from fiji_bridge import desktop, pixels
from fiji_bridge.edt import on_edt
from fiji_bridge.pixels import Plane
from fiji_bridge.stacks import Stacks
from fiji_bridge.verbs import Verbs
from streaming_core.errors import InvalidImage, InvalidKind, RequestFailed
from streaming_core.protocol.messages import MARKS, Image
from streaming_core.stream.adapter import Arrival, Call

log = logging.getLogger("planecast.fiji")

TICK: Final = 1 / 60
"""Seconds between two paints of a stream."""

PAUSE: Final = 0.1
"""Seconds that a slow tick is followed by, at most."""

BATCH: Final = 256
"""Images that one tick takes, so that ImageJ's own events get their turn."""


class FijiAdapter:
    """Shows what arrives in ImageJ windows, one hyperstack a group.

    Java and ImageJ's main window are there already. A thread of its own takes images and
    requests in their order: the first image at once, the others of a stream in ticks, each
    of which grows and paints a hyperstack once.

    Parameters
    ----------
    quit_
        Called when a producer asks the viewer to end.
    headless
        Keep images without windows.
    """

    viewer_kind = "fiji"
    keeps_mappings = False  # Java's arrays are Java's own memory
    paused = False

    def __init__(self, quit_: Callable[[], None], *, headless: bool = False) -> None:
        self.engine = desktop.engine()
        self.stacks = Stacks(visible=not headless)
        self._verbs = Verbs(self.stacks, quit_)
        self.verbs = frozenset(self._verbs.table)
        self._queue: deque[Arrival | Call] = deque()
        self._calls = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="planecast-window", daemon=True)
        self._thread.start()

    # on the receiver's I/O thread

    def own(self, image: Image, pixels_: NDArray[Any]) -> list[Plane]:
        """Copy the planes of an array into Java; see `pixels.own`."""
        if image.kind in MARKS:
            raise InvalidKind(f"ImageJ shows no {image.kind} that are sent: show them in napari")
        if image.keep:
            raise InvalidImage("keep= is not known to Fiji: its hyperstacks hold all; leave it out")
        return pixels.own(image, pixels_)

    def post(self, arrival: Arrival) -> None:
        """Queue an image for its window."""
        self._queue_up(arrival)

    def call(self, call: Call) -> None:
        """Queue a request behind the images."""
        self._queue_up(call)

    def gui_age(self) -> float:
        """Seconds that ImageJ's window thread has kept us waiting."""
        return on_edt.age()

    def close(self) -> None:
        """Stop taking images; what was taken stays on the screen."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=5)

    def _queue_up(self, item: Arrival | Call) -> None:
        with self._wake:
            self._queue.append(item)
            self._calls += isinstance(item, Call)
            if self._calls or len(self._queue) == 1:  # else it waits for its tick anyway
                self._wake.notify()

    # on the bridge's own thread

    def _run(self) -> None:
        next_tick = 0.0
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._queue)
                # A request does not wait for the tick, a stream of images does.
                self._wake.wait_for(self._urgent, max(0.0, next_tick - time.monotonic()))
                if self._stopping:
                    return
                batch, call = self._take()
            began = time.monotonic()
            if batch:
                self.stacks.show(batch)
            if call is not None:
                self._answer(call)
            if batch:
                # Half of the time is ImageJ's own, when painting takes long.
                now = time.monotonic()
                next_tick = max(began + TICK, now + min(now - began, PAUSE))

    def _urgent(self) -> bool:
        return self._stopping or self._calls > 0

    def _take(self) -> tuple[list[Arrival], Call | None]:
        """Take images up to the next request, and that request."""
        batch: list[Arrival] = []
        while self._queue and len(batch) < BATCH:
            item = self._queue.popleft()
            if isinstance(item, Call):
                self._calls -= 1
                return batch, item
            batch.append(item)
        return batch, None

    def _answer(self, call: Call) -> None:
        try:
            self._verbs.answer(call)
        except RequestFailed as error:
            call.fail(str(error))
        # The thread must outlive a failed request; the asker gets the reason.
        except Exception as error:
            log.exception("request %s", call.verb)
            call.fail(f"{call.verb} failed: {error}")
