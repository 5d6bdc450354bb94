"""Other ways to bring the same images to another process, to measure beside ours.

``shm`` makes one `SharedMemory` per image and sends JSON with its name, as the usual scheme
does; ``bytes`` sends the pixels through ZeroMQ. The other process copies into recycled memory
and acks each image; up to `WINDOW` images are on their way.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, Final

import numpy as np
import zmq
from numpy.typing import NDArray

from tests.benchmarks.arrays import DTYPE, Pixels, Ring, Wrong, marked
from tests.benchmarks.processes import LIMIT, child, line

WINDOW: Final = 16
"""Images on their way: enough to keep both processes busy."""

Socket = zmq.Socket[bytes]


class Rival:
    """The producer's end of another way.

    Parameters
    ----------
    socket
        Connected to the other process.
    way
        ``shm`` or ``bytes``.
    """

    def __init__(self, socket: Socket, way: str) -> None:
        self._socket = socket
        self._way = way
        self._segments: dict[int, SharedMemory] = {}

    def seconds(self, sources: Pixels, count: int) -> float:
        """Send ``count`` images and wait until all are acked; contents are checked there."""
        send: Callable[[int, int, NDArray[Any]], None] = getattr(self, f"_send_{self._way}")
        began, waiting = time.perf_counter(), 0
        for t in range(count):
            if waiting == WINDOW:
                self._await_ack()
                waiting -= 1
            number = t % len(sources)
            send(t, number, sources[number])
            waiting += 1
        for _ in range(waiting):
            self._await_ack()
        return time.perf_counter() - began

    def round_trip(self, image: NDArray[Any]) -> float:
        """Seconds from sending one image to its ack."""
        began = time.perf_counter()
        self._send_bytes(0, 0, image)
        self._await_ack()
        return time.perf_counter() - began

    def _head(self, t: int, number: int, array: NDArray[Any], name: str = "") -> bytes:
        return json.dumps(
            {"t": t, "number": number, "shape": array.shape, "dtype": str(array.dtype),
             "name": name, "components": {"well": "B03", "channel": "DAPI", "t": t, "z": number}}
        ).encode()  # fmt: skip

    def _send_shm(self, t: int, number: int, array: NDArray[Any]) -> None:
        memory = SharedMemory(create=True, size=array.nbytes)
        # The other process unlinks it; our tracker would warn at exit that it is gone.
        resource_tracker.unregister(f"/{memory.name}", "shared_memory")
        np.copyto(np.ndarray(array.shape, array.dtype, buffer=memory.buf), array)
        self._segments[t] = memory
        self._socket.send(self._head(t, number, array, memory.name))

    def _send_bytes(self, t: int, number: int, array: NDArray[Any]) -> None:
        self._socket.send(self._head(t, number, array), zmq.SNDMORE)
        self._socket.send(array.data, copy=False)

    def _await_ack(self) -> None:
        if not self._socket.poll(int(LIMIT * 1000)):
            raise Wrong(f"no ack by way of {self._way}")
        word, _, t = self._socket.recv().partition(b" ")
        if word != b"ok":
            raise Wrong(f"image {t!r} by way of {self._way} has wrong pixels")
        memory = self._segments.pop(int(t), None)
        if memory is not None:
            memory.close()


@contextmanager
def rival(way: str) -> Iterator[Rival]:
    """Start the other process, and connect to it by a Unix socket, which is the fastest."""
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context:
        endpoint = f"ipc://{Path(folder) / 'rival'}"
        with child("rivals", endpoint) as process, context.socket(zmq.PAIR) as socket:
            line(process)
            socket.linger = 0
            socket.set_hwm(0)
            socket.connect(endpoint)
            yield Rival(socket, way)
            socket.send(b"")


def _take(socket: Socket, ring: Ring) -> bool:
    head = socket.recv()
    if not head:
        return False
    told = json.loads(head)
    shape, number, dtype = tuple(told["shape"]), told["number"], np.dtype(told["dtype"])
    if told["name"]:
        memory = SharedMemory(told["name"])
        pixels: NDArray[Any] = np.ndarray(shape, dtype, buffer=memory.buf)
        kept = ring.copy(pixels)
        del pixels
        memory.close()
        memory.unlink()
    else:
        part = socket.recv(copy=False)
        kept = ring.copy(np.frombuffer(part.buffer, DTYPE).reshape(shape))
    good = marked(kept, number)
    socket.send(b"%s %d" % (b"ok" if good else b"bad", told["t"]))
    return True


def main() -> int:
    """Be the other process, until an empty message comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        socket.set_hwm(0)
        socket.bind(parser.parse_args().endpoint)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        ring = Ring()
        while _take(socket, ring):
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
