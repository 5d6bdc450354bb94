"""A relay before a viewer's two ports, that loses what it is told to lose.

Every frame of ZeroMQ's protocol has its length at its head, encrypted or not, so a relay can
let single messages fall, and cut connections as networks do. What has more than 255 bytes is an
image; the rest are ZeroMQ's own heartbeats.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from streaming_core.fleet.registry import find, publish
from streaming_core.memory.places import run_folder
from streaming_core.network.endpoints import DATA_OFFSET
from streaming_core.testing import free_pair

GREETING: Final = 64
LONG: Final = 0x02
COMMAND: Final = 0x04


class Relay:
    """One port forwarded to another, with the frames on the way counted.

    Attributes
    ----------
    loses
        Asked for each image towards the viewer, with its number from 0 on over all
        connections; True lets it fall.
    lost
        How many fell.
    deaf
        Let everything towards the producer fall.
    """

    def __init__(self, port: int, target: int) -> None:
        self.loses: Callable[[int], bool] = lambda number: False
        self.deaf = False
        self.passed = 0
        self.lost = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", port))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    def cut(self) -> None:
        """Break all connections; new ones can be made."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10.0)
        for one in self._open:
            one.close()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="relay", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                producer = self._listener.accept()[0]
            except OSError:
                return
            try:
                viewer = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                producer.close()
                continue
            self._open += (producer, viewer)
            self._spawn(self._forward, producer, viewer, True)
            self._spawn(self._forward, viewer, producer, False)

    def _forward(self, source: socket.socket, sink: socket.socket, to_viewer: bool) -> None:
        with contextlib.suppress(OSError, EOFError):
            left = GREETING
            while left:  # each side waits for the start of the other's before it says the rest
                piece = source.recv(left)
                if not piece:
                    raise EOFError
                sink.sendall(piece)
                left -= len(piece)
            reader = source.makefile("rb")
            while True:
                head = _exactly(reader.read, 1)
                size = _exactly(reader.read, 8 if head[0] & LONG else 1)
                body = _exactly(reader.read, int.from_bytes(size))
                image = head[0] & LONG and not head[0] & COMMAND
                if to_viewer and image and self._falls():
                    continue
                if not to_viewer and self.deaf:
                    continue
                sink.sendall(head + size + body)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _falls(self) -> bool:
        number = self.passed + self.lost
        if self.loses(number):
            self.lost += 1
            return True
        self.passed += 1
        return False


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = read(size)
    if len(data) < size:
        raise EOFError
    return data


class Proxy:
    """Relays for both ports of a viewer, found by producers under a port of their own."""

    def __init__(self, viewer: int) -> None:
        found = find(viewer)
        assert found is not None
        self.port = free_pair()
        self.control = Relay(self.port, viewer)
        self.data = Relay(self.port + DATA_OFFSET, viewer + DATA_OFFSET)
        self._file: Path = publish(run_folder(), msgspec.structs.replace(found, port=self.port))

    def close(self) -> None:
        """End, and leave nothing."""
        self.control.close()
        self.data.close()
        self._file.unlink()
