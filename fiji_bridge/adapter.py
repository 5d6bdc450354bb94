"""`ViewerAdapter` for Fiji: images in, hyperstacks and answers out."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from numpy.typing import NDArray

from fiji_bridge import desktop, pixels
from fiji_bridge.activity import Activity
from fiji_bridge.control import Control, run_job
from fiji_bridge.edt import on_edt
from fiji_bridge.heap import Heap
from fiji_bridge.marks import Marks
from fiji_bridge.pixels import Plane
from fiji_bridge.stacks import Stacks
from fiji_bridge.verbs import Verbs
from fiji_bridge.viewing import Viewing
from streaming_core.errors import InvalidImage, RequestFailed
from streaming_core.fleet.host import Host
from streaming_core.protocol.messages import Image
from streaming_core.protocol.tables import Drawing, unpack
from streaming_core.stream.adapter import Arrival, Call

log = logging.getLogger("planecast.fiji")

TICK: Final = 1 / 60
"""Seconds between two paints of a stream."""

PAUSE: Final = 0.1
"""Seconds that a slow tick is followed by, at most."""

BATCH: Final = 256
"""Images that one tick takes, so that ImageJ's own events get their turn."""


CHORES_EVERY: Final = 1.0
"""Seconds after which the menu and what else tells of the viewer is brought up to date."""

Job: TypeAlias = Callable[[], None]


class FijiAdapter:
    """Shows what arrives in ImageJ windows, one hyperstack a group.

    Java and ImageJ's main window are there already. A thread of its own takes images and
    requests in their order: the first image at once, the others of a stream in ticks, each
    of which grows and paints a hyperstack once.

    Parameters
    ----------
    end
        Ends the viewer, and says why: a producer asked for it, or it cannot go on.
    headless
        Keep images without windows.
    memory
        Bytes that images may take of Java's memory; 0 for most of it.

    Attributes
    ----------
    paused
        Whether its user has paused it: producers wait, and nothing is lost.
    heap
        The memory for images: it belongs to the `Host`. Planes count, drawings and their ROIs,
        and what was painted; what a person makes in ImageJ is seen when it gets full.
    """

    viewer_kind = "fiji"
    keeps_mappings = False  # Java's arrays are Java's own memory

    def __init__(
        self, end: Callable[[str], None], *, headless: bool = False, memory: int = 0
    ) -> None:  # fmt: skip
        self.engine = desktop.engine()
        self.paused = False
        self.heap = Heap(memory)
        self.stacks = Stacks(visible=not headless, take=self.heap.take)
        self.marks = Marks(self.stacks, self.heap.take)
        self._viewing = Viewing(self.stacks)
        self._end = end
        self._verbs = Verbs(
            self.stacks, self.marks, self._viewing, lambda: end("it was asked to quit")
        )
        self._activity = Activity(visible=not headless)
        self._verbs.table.update(self._activity.table)
        self.verbs = frozenset(self._verbs.table)
        self._control = Control(self.stacks, self._do_later, self._pause, self.engine)
        self._queue: deque[Arrival | Call | Job] = deque()
        self._urgents = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="planecast-window", daemon=True)
        self._thread.start()

    # on the receiver's I/O thread

    def own(self, image: Image, pixels_: NDArray[Any]) -> list[Plane] | Drawing:
        """Copy the planes of an array into Java, see `pixels.own`; or read the marks."""
        if image.table is not None:
            return unpack(image, pixels_)
        planes = pixels.own(image, pixels_, self.heap.limit, whole=self.heap.whole)
        for plane in planes:
            self.heap.take(plane)
        return planes

    def post(self, arrival: Arrival) -> None:
        """Queue an image for its window."""
        self._queue_up(arrival)

    def call(self, call: Call) -> None:
        """Queue a request behind the images; only to quit waits for no window."""
        if call.verb == "quit":
            self._answer(call)
        else:
            self._queue_up(call)

    def gui_age(self) -> float:
        """Seconds that ImageJ's window thread has kept us waiting."""
        return on_edt.age()

    def serve(self, host: Host) -> None:
        """Say through which host producers reach it."""
        self._control.serve(host)
        self._queue_up(self._do_chores)  # the main window says on which port

    def close(self) -> None:
        """Stop taking images; what was taken stays on the screen."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=5)
        self._verbs.close()

    def _queue_up(self, item: Arrival | Call | Job) -> None:
        with self._wake:
            self._queue.append(item)
            self._urgents += not isinstance(item, Arrival)
            if self._urgents or len(self._queue) == 1:  # else it waits for its tick anyway
                self._wake.notify()

    # on the event thread, where a person chose something in the menu

    def _do_later(self, job: Job) -> None:
        self._queue_up(job)

    def _pause(self, paused: bool) -> None:
        self.paused = paused  # the I/O thread sees it at its next turn

    # on the bridge's own thread

    def _run(self) -> None:
        try:
            self._take_turns()
        except Exception:  # boundary of the thread: the viewer must not seem alive without it
            log.exception("the bridge's own thread failed")
            self._end("it failed, see its log")

    def _take_turns(self) -> None:
        next_tick = next_chores = 0.0
        while True:
            with self._wake:
                left = 0.0 if self.marks.busy else max(0.0, next_chores - time.monotonic())
                self._wake.wait_for(lambda: self._stopping or self._queue, left)
                if self._queue:
                    # A request does not wait for the tick, a stream of images does.
                    self._wake.wait_for(self._urgent, max(0.0, next_tick - time.monotonic()))
                if self._stopping:
                    return
                batch, item = self._take()
            began = time.monotonic()
            self._show(batch)
            if item is not None:
                self._do(item)
            self.stacks.make_due()
            self.marks.step()
            now = time.monotonic()
            if batch:
                # Half of the time is ImageJ's own, when painting takes long.
                next_tick = max(began + TICK, now + min(now - began, PAUSE))
            self.heap.rest(busy=bool(batch))
            batch.clear()
            if self.stacks.let_go():
                self.heap.collect()
            if now >= next_chores:
                next_chores = now + CHORES_EVERY
                self._do_chores()

    def _show(self, batch: list[Arrival]) -> None:
        images = [arrival for arrival in batch if arrival.image.table is None]
        if images:
            self.stacks.show(images)
        for arrival in batch:
            if arrival.image.table is None:
                continue
            try:
                self.marks.put(arrival.image, arrival.pixels, arrival.shown)
            except InvalidImage as error:
                arrival.shown(str(error))

    def _urgent(self) -> bool:
        return self._stopping or self._urgents > 0

    def _take(self) -> tuple[list[Arrival], Call | Job | None]:
        """Take images up to the next request, and that request."""
        batch: list[Arrival] = []
        while self._queue and len(batch) < BATCH:
            item = self._queue.popleft()
            if not isinstance(item, Arrival):
                self._urgents -= 1
                return batch, item
            batch.append(item)
        return batch, None

    def _do_chores(self) -> None:
        connected = self._control.connected
        if connected is not None:
            self._activity.keep_only({one["sid"] for one in connected})
        if self.stacks.visible:
            run_job(lambda: self._control.refresh(paused=self.paused))
            run_job(self._viewing.keep_up)

    def _do(self, item: Call | Job) -> None:
        if isinstance(item, Call):
            self._answer(item)
        else:
            run_job(item)
            self._do_chores()

    def _answer(self, call: Call) -> None:
        try:
            self.marks.finish()
            self._verbs.table[call.verb](call)
        except RequestFailed as error:
            call.fail(str(error))
        # The thread must outlive a failed request; the asker gets the reason.
        except Exception as error:
            log.exception("request %s", call.verb)
            call.fail(f"{call.verb} failed: {error}")
