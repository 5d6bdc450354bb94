"""Looks from the outside: an answer's round trip, and the shared memory that is held."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex

from streaming_core.fleet.registry import find
from streaming_core.memory.places import run_folder
from streaming_core.network.transport import Dial, Hub
from streaming_core.protocol.messages import Bye, Hello, Ping, Pong, ToProducer, Welcome
from streaming_core.protocol.wire import decode_to_producer, encode
from streaming_core.testing import SHM
from tests.benchmarks.arrays import Wrong
from tests.benchmarks.processes import LIMIT


class Pinger:
    """A producer that speaks the protocol by hand, and sends nothing but PING."""

    def __init__(self, hub: Hub, port: int) -> None:
        connection = find(port)
        if connection is None:
            raise Wrong(f"no connection file for port {port}")
        self._hub = hub
        self._sid = f"{token_hex(8)}.1"
        target = connection.target()
        self._dial = Dial(hub, target.address, target.viewer_public, target.client)
        self._dial.send([encode(Hello(sid=self._sid, run="ping", pid=0))])
        welcome = self._next()
        if not isinstance(welcome, Welcome):
            raise Wrong(f"{welcome} instead of a WELCOME")
        self._vid = welcome.vid

    def ping(self) -> float:
        """Seconds between a PING and its PONG."""
        began = time.perf_counter()
        self._dial.send([encode(Ping(self._sid, self._vid, 0))])
        answer = self._next()
        took = time.perf_counter() - began
        if not isinstance(answer, Pong):
            raise Wrong(f"{answer} instead of a PONG")
        return took

    def close(self) -> None:
        """Say BYE."""
        self._dial.send([encode(Bye(sid=self._sid))])
        self._dial.close(500)

    def _next(self) -> ToProducer:
        until = time.monotonic() + LIMIT
        while time.monotonic() < until:
            self._hub.wait(0.1)
            for parts in self._dial.receive():
                return decode_to_producer(parts[0])
        raise Wrong("the viewer does not answer")


@contextmanager
def pinger(port: int) -> Iterator[Pinger]:
    """Give a pinger for the viewer on a port."""
    hub = Hub()
    try:
        made = Pinger(hub, port)
        try:
            yield made
        finally:
            made.close()
    finally:
        hub.close()


def held() -> int:
    """Bytes of shared memory that producers and viewers of this run folder hold now."""
    total = 0
    for lease in run_folder().glob("producer-*.lease"):
        for path in SHM.glob(f"pc{lease.stem.removeprefix('producer-')}_*"):
            try:
                total += path.stat().st_blocks * 512
            except FileNotFoundError:
                continue
    return total
