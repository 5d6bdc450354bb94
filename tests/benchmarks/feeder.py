"""A program that streams stamped images to several viewers and keeps account of every one.

``feeder.py '{"series": "alpha", "ports": [5600, 5601], …}'`` says ``streaming``. On a line of its
standard input it stops, waits until all is decided, and says its `Account` of each port as
JSON; when its standard input ends, so does it.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

import msgspec
import numpy as np

import planecast as pc
from tests.benchmarks.stamps import SIDES, fill, side_of, source_of, stamped

DECIDED: Final = 40.0
"""Seconds within which it is decided what became of each image, when all viewers are well."""

BURST: Final = 40
"""Images sent at once, now and then."""


class Orders(msgspec.Struct, frozen=True):
    """What a feeder does.

    Attributes
    ----------
    series, first
        Names the images, and the number of the first.
    ports
        Viewers; those that are not there now are left out, if ``lenient``.
    together
        Send each image to all at once (`planecast.tee`), or to each viewer from a thread.
    rate
        Images a second, about.
    most
        Images, at most: the names of more are not remembered.
    stall
        As of `planecast.connect`.
    """

    series: str
    ports: tuple[int, ...]
    seed: int
    together: bool
    rate: float
    stall: float
    first: int = 0
    most: int = 8000
    lenient: bool = False


class Account(msgspec.Struct):
    """What became of a feeder's images at one port.

    Attributes
    ----------
    sid
        Its session there.
    first, planned
        Its images have the numbers from ``first`` on, so many.
    owned, undelivered
        By the images' own `planecast.Delivery`.
    reported, gaps
        By name: `Viewer.undelivered` and `Viewer.gaps`.
    flushed
        Those that ``flush()`` named, each time that it did.
    reasons
        Why, and how many.
    open
        Images that are neither owned nor undelivered, with their state; there should be none.
    """

    port: int
    sid: str
    first: int
    planned: int = 0
    owned: list[int] = []
    undelivered: list[int] = []
    reported: list[int] = []
    gaps: list[int] = []
    flushed: list[int] = []
    reasons: dict[str, int] = {}
    open: dict[int, str] = {}
    unshown: int = 0


class Feed:
    """Images for one viewer, or for several at once."""

    def __init__(self, orders: Orders, viewers: list[pc.Viewer]) -> None:
        self.orders = orders
        self.viewers = viewers
        self.sent: list[list[pc.Delivery]] = [[] for _ in viewers]
        self.flushed: list[list[int]] = [[] for _ in viewers]
        self._all = pc.tee(*viewers)
        self._dice = random.Random(f"{orders.seed} {viewers[0].port}")  # noqa: S311

    def run(self, ended: threading.Event, begun: threading.Event) -> None:
        """Send until told to stop, now and then without a pause."""
        burst = 0
        try:
            while not ended.is_set() and len(self.sent[0]) < self.orders.most:
                self.show()
                begun.set()
                burst = burst - 1 if burst else BURST * (self._dice.random() < 0.01)
                if not burst:
                    ended.wait(self._dice.expovariate(self.orders.rate))
        finally:
            begun.set()

    def show(self) -> pc.Delivery:
        """Send the next image; large ones at times in memory of `allocate`."""
        series, number = self.orders.series, self.orders.first + len(self.sent[0])
        side = side_of(series, number)
        if side == SIDES[-1] and number % 2:
            image = self._all.allocate((side, side), np.uint16)
            fill(image, series, number)
        else:
            image = stamped(series, number)
        made = self._all.show(image, components={"t": number}, source=source_of(series, number))
        for sent, one in zip(self.sent, getattr(made, "parts", (made,)), strict=True):
            sent.append(one)
        return made

    def end(self) -> None:
        """Prove that each viewer is fed again, and wait until everything is decided."""
        deadline = time.monotonic() + DECIDED
        for sent in self.sent:
            while not sent[-1].owned and time.monotonic() < deadline:
                self.show()
                with suppress(pc.Undelivered, pc.TimedOut):
                    sent[-1].wait(1.0)
                time.sleep(0.1)
        for place, viewer in enumerate(self.viewers):
            self.flushed[place] = _settled(viewer, deadline)

    def accounts(self) -> list[Account]:
        """Say what became of all images."""
        return [self._account(place) for place in range(len(self.viewers))]

    def _account(self, place: int) -> Account:
        viewer, first = self.viewers[place], self.orders.first
        found = Account(viewer.port, viewer.route().sid, first, len(self.sent[place]))
        for number, one in enumerate(self.sent[place], first):
            if one.owned:
                found.owned.append(number)
            elif one.state == "undelivered":
                found.undelivered.append(number)
                found.reasons[one.reason] = found.reasons.get(one.reason, 0) + 1
            else:
                found.open[number] = str(one)
        found.reported = [number_in(name) for name in viewer.undelivered]
        found.gaps = [number_in(name) for name in viewer.gaps]
        found.flushed = self.flushed[place]
        found.unshown = sum(not one.final for one in self.sent[place])
        return found


def _settled(viewer: pc.Viewer, deadline: float) -> list[int]:
    """Wait until everything is decided and shown; return the images that it names as not there."""
    named: list[int] = []
    while True:
        try:
            viewer.settle(max(0.1, deadline - time.monotonic()))
        except pc.Undelivered as report:
            named += map(number_in, report.images)
        except pc.TimedOut:
            return named  # the account says which are open
        else:
            return named


def number_in(name: str) -> int:
    """Return the number in the name of an image, reason or not."""
    return int(name.partition(":")[0].rpartition("t ")[2])


def connect(orders: Orders) -> list[pc.Viewer]:
    """Connect to the viewers, or to those that are there."""
    found: list[pc.Viewer] = []
    while not found:
        for port in orders.ports:
            try:
                found.append(pc.connect(port, stall=orders.stall, timeout=2 + orders.stall))
            except pc.ViewerNotFound:
                if not orders.lenient:
                    raise
    return found


def main() -> int:
    """Stream until told to stop, then tell what became of it."""
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    viewers = connect(orders)
    feeds = [Feed(orders, group) for group in ([viewers] if orders.together else _each(viewers))]
    ended, begun = threading.Event(), threading.Event()
    with ThreadPoolExecutor(len(feeds)) as pool:
        work = [pool.submit(feed.run, ended, begun) for feed in feeds]
        begun.wait()
        _say("streaming")
        sys.stdin.readline()
        ended.set()
    for one in work:
        one.result()  # raises what it failed with
    for feed in feeds:
        feed.end()
    _say(msgspec.json.encode([one for feed in feeds for one in feed.accounts()]).decode())
    sys.stdin.read()
    return 0


def _each(viewers: list[pc.Viewer]) -> list[list[pc.Viewer]]:
    return [[viewer] for viewer in viewers]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
