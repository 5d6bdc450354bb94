"""Array in, message out: one session of this process, with a route to each viewer."""

from __future__ import annotations

import logging
import operator
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from streaming_core.errors import InvalidArray, OutOfSharedMemory, WireError
from streaming_core.memory.leases import Lease
from streaming_core.memory.pool import Pool, Slot
from streaming_core.memory.segments import SUPPORTED
from streaming_core.network.transport import Hub
from streaming_core.protocol.axes import check_dtype
from streaming_core.protocol.messages import Image
from streaming_core.protocol.wire import check_array, split
from streaming_core.settings import Settings
from streaming_core.stream.changes import Changes
from streaming_core.stream.loans import Loans
from streaming_core.stream.outcome import Deliveries, Delivery
from streaming_core.stream.pixels import Pixels, SlotPixels
from streaming_core.stream.route import Route
from streaming_core.stream.target import Target
from streaming_core.stream.windows import is_ours, refuse_to_wait

log = logging.getLogger("planecast.publisher")

TURN: Final = 0.05
"""Seconds between two looks at what is due."""

STOPPED: Final = 0.5
"""Seconds between two looks after which our process did not run: no viewer is to blame for them."""

THIN_EVERY: Final = 20.0
"""Seconds between two looks for slots that nobody needs: memory that lies idle for so long, twice
at most, is given back. To make it anew takes a few times as long as to fill it."""

PATIENCE: Final = 1.0
"""Seconds that the thread of a window waits for room in that window's own backlog."""


class Publisher:
    """This process's session: its identity, its pool, its I/O thread and its routes.

    Public methods may be called from any thread. One lock guards pool and links; the I/O
    thread alone touches sockets.

    Parameters
    ----------
    settings
        Limits and waiting times.
    folder
        The run folder, where the lease of the session stands.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.pid = os.getpid()
        self.sid = os.urandom(8).hex()  # `secrets` would bring in OpenSSL: 4 ms of each import
        self.label = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
        self.routes: list[Route] = []
        self._kept: set[Route] = set()
        self.lock = threading.RLock()
        self.changed = Changes(self.lock)
        self.pool = Pool(f"pc{self.sid}", settings.pool_bytes)
        self.loans = Loans()
        self._lease = Lease.take(
            folder / f"producer-{self.sid}.lease",
            {"pid": self.pid, "prefixes": [f"pc{self.sid}"] if SUPPORTED else []},
        )
        self._hub = Hub()
        self._outbox: deque[tuple[Route, Any]] = deque()
        self._opened = 0
        self._stopping = self._wanted = False
        self._turned_at = self._thinned_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="planecast-publisher", daemon=True)
        self._thread.start()

    def open(self, target: Target, *, run: str, latest: bool, stall: float) -> Route:
        """Return the route to a viewer, a new one if there is none with these settings.

        `Route.await_ready` waits for the viewer's answer. Call `Route.leave` when done with it.
        """
        with self.lock:
            for route in self.routes:
                same = (route.target.address, route.latest, route.stall)
                if same == (target.address, latest, stall) and route.revive():
                    route.users, route.run, route.trouble = route.users + 1, run, None
                    return route
            self._opened += 1
            route = Route(
                self, self._hub, target, self._opened, run,
                probe=self._probe(), latest=latest, stall=stall,
            )  # fmt: skip
            self.routes.append(route)  # the I/O thread connects it
        self.wake()
        return route

    def keep(self, route: Route) -> None:
        """Leave a route open though all leave it: for the tasks that come later."""
        with self.lock:
            if route not in self._kept:
                self._kept.add(route)
                route.users += 1

    @property
    def ended(self) -> bool:
        """Whether its I/O thread has stopped: it was closed, or failed."""
        return not self._thread.is_alive()

    def _probe(self) -> tuple[str, str]:
        try:
            return self.pool.probe() if SUPPORTED else ("", "")
        except OutOfSharedMemory:
            return "", ""

    def wait_for(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        """Wait, with the lock held by the caller, until ``ready()``; False on time-out."""
        return self.changed.wait_for(ready, timeout)

    def publish(self, routes: Sequence[Route], array: NDArray[Any], image: Image) -> Delivery:
        """Send one array to each route. Waits for room at each viewer, then copies.

        Parameters
        ----------
        routes
            Of this publisher.
        array
            Any memory layout and byte order; ``image.shape`` and ``image.dtype`` (native) are
            those of the message.
        image
            Template; session, number and place of the pixels are filled in when it is sent.

        Raises
        ------
        WouldDeadlock
            On the thread that would have to make the room.
        """
        nbytes = _bytes_of(image.shape, image.dtype)
        with self.lock:
            for route in routes:
                if not route.link.room(nbytes):
                    self._await_room(routes, nbytes)
                    break
            pixels: Pixels | None = None
            if array.dtype.str == image.dtype:
                pixels = self.loans.redeem(array, len(routes))
            by_memory = pixels is None and self._by_memory(nbytes, routes)
            slot = self._take(nbytes, routes) if by_memory else None
        if pixels is None:
            pixels = self._copy(slot, array, image.dtype, len(routes))
        with self.lock:
            parts = [route.queue(pixels, image, nbytes) for route in routes]
        self._hub.wake()
        return parts[0] if len(parts) == 1 else Deliveries(parts, self.changed)

    def _await_room(self, routes: Sequence[Route], nbytes: int) -> None:
        ours = [route.link.vid for route in routes if is_ours(route.link.vid)]
        limit = PATIENCE if ours else None
        if not self.wait_for(lambda: all(one.link.roomy(nbytes) for one in routes), limit):
            refuse_to_wait(ours[0], "show()")

    def _by_memory(self, nbytes: int, routes: Sequence[Route]) -> bool:
        if nbytes < self.settings.inline_below:
            return False
        for route in routes:  # any() would call a generator: see `make_image`
            if route.shm and route.link.attached:
                return True
        return False

    def allocate(
        self, routes: Sequence[Route], shape: Sequence[int], dtype: DTypeLike
    ) -> NDArray[Any]:
        """Return an array, of zeros or not, in memory that `publish` sends without a copy.

        Where the viewers do not see our memory, or there is none, it is ordinary memory.

        Raises
        ------
        InvalidArray
            For a dtype that does not travel as it is, or a shape without pixels.
        """
        try:
            whole = tuple(map(operator.index, shape))
        except TypeError:
            text = f"shape= is a sequence such as (512, 512), not {shape!r:.80}"
            raise InvalidArray(text) from None
        try:
            kind = np.dtype(dtype)
        except TypeError as error:
            raise InvalidArray(f"dtype={dtype!r:.80}: {error}") from None
        nbytes = _checked(whole, kind)
        with self.lock:
            self.loans.collect(self.pool)
            if not self._by_memory(nbytes, routes):
                return self.loans.ordinary(whole, kind)
            hand_over = nbytes >= self.settings.hand_over_from
            slot = self._take(nbytes, routes, one_off=hand_over)
            if slot is None:
                return self.loans.ordinary(whole, kind)
            return self.loans.lend(slot, whole, kind)

    def _copy(self, slot: Slot | None, array: NDArray[Any], dtype: str, users: int) -> Pixels:
        if slot is None:
            return Pixels(split(np.asarray(array, dtype=np.dtype(dtype))), users)
        try:
            return SlotPixels.fill(slot, array, dtype, users)
        except BaseException:  # also Ctrl-C in a long copy: the slot goes back, the error goes on
            with self.lock:
                self.pool.retire(slot)
            raise

    def _take(self, nbytes: int, routes: Sequence[Route], *, one_off: bool = False) -> Slot | None:
        """Take a slot, waiting while the pool is in use; None: send inline."""
        while True:
            try:
                slot = self.pool.take(nbytes, one_off=one_off)
            except OutOfSharedMemory as error:
                log.info("pixels travel inline: %s", error)
                return None
            if slot is not None:
                return slot
            self.loans.collect(self.pool)
            if self.loans.fill(self.pool):
                log.info("pixels travel inline: arrays of allocate() fill the pool")
                return None
            before = self.pool.returns
            self.wait_for(lambda: self.pool.returns != before, TURN)  # noqa: B023 - waits here
            if not any(route.link.attached for route in routes):
                return None

    def post(self, route: Route, what: Any) -> None:
        """Send something in the I/O thread's next turn; `wake` makes it come now."""
        self._outbox.append((route, what))

    def wake(self) -> None:
        """Let the I/O thread take its turn. Best without the lock, which it will want."""
        self._wanted = True
        self._hub.wake()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._hub.wait(0.0 if self._outbox else TURN)
                now = time.monotonic()
                if self._hub.only_rung and not self._wanted and now - self._turned_at < TURN:
                    self._send()  # all that there is to do after a `publish`
                else:
                    self._wanted = False
                    self._turn(now)
        except Exception:  # boundary of the thread: unreported, all waits would last for ever
            log.exception("the I/O thread failed; images are not delivered any more")
        finally:
            with self.lock:
                for route in self.routes:
                    route.hang_up()
                self.routes.clear()
                self.changed.notify_all()
            self._hub.close()

    def _turn(self, now: float) -> None:
        since, self._turned_at = now - self._turned_at, now
        self._send()
        for route in list(self.routes):
            came = list(route.receive())
            with self.lock:
                if since > STOPPED:
                    route.link.stood_still(since, now)
                for parts in came:
                    route.take(parts, now)
                changed = route.tick(now) or bool(came)
                if route.finished(now):
                    self._send()
                    route.hang_up()
                    self.routes.remove(route)
                    changed = True
                if changed:
                    self.changed.notify_all()
        self._send()
        if now - self._thinned_at >= THIN_EVERY:
            self._thinned_at = now
            with self.lock:
                thin = self.pool.thin_out()
            del thin  # their memory: that takes its time, and nobody has to wait for it

    def _send(self) -> None:
        while self._outbox:
            route, what = self._outbox.popleft()
            try:
                route.transmit(what)
            except WireError as error:
                log.error("%s: a message could not be sent: %s", route.target.name, error)

    def close(self, linger: float) -> None:
        """End the session: wait up to ``linger`` seconds, report the rest, free everything."""
        if os.getpid() != self.pid or self._stopping:
            return
        with self.lock:
            deadline = time.monotonic() + linger
            for route in self.routes:
                route.end(deadline)
            self.wake()
            self.wait_for(lambda: not self.routes, linger + 2.0)
            self._stopping = True
        self.wake()
        self._thread.join(10.0)
        self.pool.close()
        self._lease.release()


_bytes_of: Final = lru_cache(maxsize=64)(check_array)


@lru_cache(maxsize=64)
def _checked(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return the bytes of an array that `Publisher.allocate` may give; a program asks for few."""
    if check_dtype(dtype) != dtype:
        raise InvalidArray(f"allocate() needs a dtype that travels as it is, not {dtype}")
    if not shape or min(shape) < 1:
        raise InvalidArray(f"an array of shape {shape} has no pixels")
    return check_array(shape, dtype.str)
