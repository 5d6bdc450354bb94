"""A viewer that means harm: it admits producers, and talks nonsense after their first image."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from streaming_core.fleet.registry import Connection, lease_path, publish, viewer_keys
from streaming_core.memory.leases import Lease
from streaming_core.memory.places import run_folder
from streaming_core.network.endpoints import LOOPBACK, Address
from streaming_core.network.keys import Admission
from streaming_core.network.transport import Hub, Listener
from streaming_core.protocol.messages import PROTOCOL, Ack, Hello, Image, Message, Welcome
from streaming_core.protocol.wire import decode_to_viewer, encode
from streaming_core.testing import free_pair
from tests.benchmarks.mutants import Mutants

VID: Final = "0123456789abcdef"
AT_ONCE: Final = 20
"""Messages between two looks at the sockets."""


class Rogue:
    """A viewer in a thread of this process.

    Parameters
    ----------
    seed
        The same seed gives the same nonsense.

    Attributes
    ----------
    port
        Where it is found.
    said
        Messages that it has sent.
    """

    def __init__(self, seed: str) -> None:
        self.port = free_pair()
        self.said = 0
        self._seed = seed
        self._sids: dict[str, bytes] = {}
        self._mutants: dict[str, Mutants] = {}
        self._stopping = threading.Event()
        folder, keys = run_folder(), viewer_keys(self.port)
        path = lease_path(folder, self.port)
        self._lease = Lease.take(path, {})
        self._hub = Hub()
        admission = Admission(frozenset({keys.client.public}))
        self._listener = Listener(self._hub, Address(LOOPBACK, self.port), keys.viewer, admission)
        self._file = publish(
            folder,
            Connection(
                "recording", LOOPBACK, self.port, os.getpid(), VID, PROTOCOL, keys.viewer.public,
                keys.client, str(path),
            ),
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run, name="rogue")
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()
        self._file.unlink()
        self._lease.release()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._hub.wait(0.001)
            self._listener.admit()
            for identity, head, *_ in self._hub.drain(self._listener.control):
                message = decode_to_viewer(head)
                if isinstance(message, Hello):  # often enough it does what a viewer does
                    self._sids[message.sid] = bytes(identity)
                    self._say(message.sid, Welcome(VID, "recording", 64, 1 << 26, shm=True))
            for head, *_ in self._hub.drain(self._listener.data):
                image = decode_to_viewer(head)
                if isinstance(image, Image) and image.sid in self._sids:
                    self._take(image)
            for sid, mutants in self._mutants.items():
                for _ in range(AT_ONCE):
                    self._listener.send(self._sids[sid], mutants.to_producer())
                    self.said += 1
        self._listener.close()
        self._hub.close()

    def _take(self, image: Image) -> None:
        if image.sid not in self._mutants:
            seed = f"{self._seed} {len(self._mutants)}"
            self._mutants[image.sid] = Mutants(seed, image.sid)
        if image.seq % 2:
            self._say(image.sid, Ack(VID, image.sid, (image.seq,), 64, 1 << 26))

    def _say(self, sid: str, message: Message) -> None:
        self._listener.send(self._sids[sid], [encode(message)])


@contextmanager
def rogue(seed: str) -> Iterator[Rogue]:
    """Run one."""
    made = Rogue(seed)
    try:
        yield made
    finally:
        made.close()
