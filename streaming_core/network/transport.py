"""Sockets, CURVE, monitors and polling: the sole user of ZeroMQ.

One `Hub` belongs to one I/O thread, which alone may use its sockets. Other threads may
call `Hub.wake` and nothing else.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import zmq
from zmq.utils import z85

from streaming_core.errors import PortTaken
from streaming_core.network.endpoints import Address
from streaming_core.network.keys import Admission, KeyPair
from streaming_core.protocol.wire import LONGEST_HEAD, MOST_PARTS

Part: TypeAlias = bytes | memoryview

DOMAIN: Final = b"planecast"
ZAP: Final = "inproc://zeromq.zap.01"
LARGEST_PART: Final = LONGEST_HEAD + 4096
HANDSHAKE_MS: Final = 1500
"""Milliseconds that a peer has to prove who it is."""
BIND_TRIES: Final = 20
"""Attempts, 10 ms apart, to have a port that the system may still hold."""
MOST_PER_TURN: Final = 256
"""Messages taken from one socket before the other sockets have their turn."""

MOST_WAITING: Final = 8192
"""Messages of one peer that ZeroMQ keeps. Credit ends long before; this is for those without."""

EVENT: Final = struct.Struct("=Hi")
"""How a monitor's message begins. pyzmq's own parser imports asyncio and ssl: 18 ms."""

POLLIN: Final = int(zmq.POLLIN)

ONE: Final = struct.pack("=Q", 1)
"""What is written to an eventfd."""

if hasattr(os, "eventfd"):
    _write = ctypes.PyDLL(None).write  # os.write would let go of the interpreter's lock
    _write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
    _write.restype = ctypes.c_ssize_t

REFUSED: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)


def new_key_pair() -> KeyPair:
    """Make a CURVE key pair."""
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


class Bell:
    """What wakes an I/O thread from its wait; any thread may ring it.

    On Linux it rings without letting go of the interpreter's lock. Who lets go of it in order to
    wake the I/O thread, which wants it, waits for it again: 0.5 ms for each image of 8 MiB on two
    cores, in the middle of `Viewer.show`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._closed = False
        if hasattr(os, "eventfd"):
            self.number = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._ends: tuple[socket.socket, ...] = ()
        else:
            self._ends = socket.socketpair()
            for end in self._ends:
                end.setblocking(False)
            self.number = self._ends[0].fileno()

    def ring(self) -> None:
        """Make it readable."""
        with self._lock:  # the number of a closed one may be another file's by now
            if self._closed:
                return
            if not self._ends:
                _write(self.number, ONE, len(ONE))
                return
            with suppress(OSError):  # full: it is awake anyway
                self._ends[1].send(b"\0")

    def hush(self) -> None:
        """Make it unreadable, after it was rung."""
        if self._ends:
            self._ends[0].recv(4096)
        else:
            os.read(self.number, len(ONE))

    def close(self) -> None:
        """Free it; who rings it now rings in vain."""
        with self._lock:
            self._closed = True
            for end in self._ends:
                end.close()
            if not self._ends:
                os.close(self.number)


class Hub:
    """The sockets of one I/O thread, and the means to wake it."""

    def __init__(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._poller = zmq.Poller()
        self._bell = Bell()
        self._rung = False
        self._ready: set[Any] = set()
        self._poller.register(self._bell.number, zmq.POLLIN)

    def wake(self) -> None:
        """Make `wait` return; from any thread, and cheap when it will anyway."""
        if not self._rung:
            self._rung = True
            self._bell.ring()

    def wait(self, seconds: float) -> None:
        """Wait until a socket has something, somebody woke us, or the time is over."""
        self._ready = {ready for ready, _ in self._poller.poll(max(0, int(seconds * 1000)))}
        if self._bell.number in self._ready:
            self._bell.hush()
        self._rung = False

    @property
    def only_rung(self) -> bool:
        """Whether `wait` returned because somebody woke us, and for nothing else."""
        return len(self._ready) == 1 and self._bell.number in self._ready

    def drain(self, made: zmq.Socket[bytes]) -> Iterator[list[Part]]:
        """Yield the messages that wait on a socket, if `wait` saw any."""
        return drain(made) if made in self._ready else iter(())

    def seen(self, made: zmq.Socket[Any]) -> bool:
        """Whether `wait` saw something on a socket."""
        return made in self._ready

    def socket(self, kind: int) -> zmq.Socket[bytes]:
        """Make a socket with the options that all of ours share, watched by `wait`."""
        made = self._context.socket(kind)
        made.linger = 0
        made.set_hwm(0)
        made.setsockopt(zmq.MAXMSGSIZE, LARGEST_PART)
        made.setsockopt(zmq.HEARTBEAT_IVL, 1000)
        made.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3000)
        made.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        self._poller.register(made, zmq.POLLIN)
        return made

    def watch(self, other: zmq.Socket[Any], on: bool = True) -> None:
        """Let `wait` return for this socket, or leave what it has for later."""
        self._poller.register(other, zmq.POLLIN if on else 0)

    def drop(self, made: zmq.Socket[Any], linger: int = 0) -> None:
        """Close a socket, giving what was sent up to ``linger`` milliseconds to leave."""
        if made.closed:
            return
        self.watch(made, False)
        made.close(linger=linger)

    def close(self) -> None:
        """Close all sockets and end the context."""
        for made, _ in list(self._poller.sockets):
            if isinstance(made, zmq.Socket) and not made.closed:
                self.drop(made)
        self._bell.close()
        self._context.term()


def drain(made: zmq.Socket[bytes]) -> Iterator[list[Part]]:
    """Yield the waiting messages; large parts stay in ZeroMQ's memory, without a copy."""
    for _ in range(MOST_PER_TURN):
        if not int(made.getsockopt(zmq.EVENTS)) & POLLIN:  # half of what raising Again costs
            return
        frame = made.recv(zmq.NOBLOCK, copy=False)
        parts: list[Part] = [frame.bytes]
        while frame.more:
            frame = made.recv(copy=False)
            if len(parts) <= MOST_PARTS + 1:  # more is refused anyway: not kept, only counted out
                parts.append(frame.buffer)
        yield parts


class Listener:
    """A viewer's end: ROUTER for control and SUB for data, bound, CURVE on both.

    Raises
    ------
    PortTaken
        When another program listens on one of the two ports.
    """

    def __init__(self, hub: Hub, address: Address, keys: KeyPair, admission: Admission) -> None:
        self._hub = hub
        self._admission = admission
        self._zap = hub.socket(zmq.REP)
        self._zap.bind(ZAP)  # before the others: with no handler any key is admitted
        self.control = hub.socket(zmq.ROUTER)
        self.data = hub.socket(zmq.SUB)
        for made in (self.control, self.data):
            made.set_hwm(MOST_WAITING)  # what waits for one who does not listen is dropped
        self.data.setsockopt(zmq.SUBSCRIBE, b"")
        try:
            for made, endpoint in ((self.control, address.control), (self.data, address.data)):
                made.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
                made.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
                made.curve_server = True
                made.curve_secretkey = keys.secret.encode()
                made.curve_publickey = keys.public.encode()
                _bind(made, endpoint)
        except PortTaken:
            self.close()
            raise

    def admit(self) -> None:
        """Answer the connections that are waiting to be let in."""
        for parts in self._hub.drain(self._zap):
            request = [bytes(part) for part in parts]
            if len(request) < 7:
                self._zap.send_multipart([b"1.0", b"", b"400", b"malformed", b"", b""])
                continue
            known = (
                request[0] == b"1.0"
                and request[2] == DOMAIN
                and request[5] == b"CURVE"
                and self._admission.admits(z85.encode(request[6]).decode())
            )
            verdict = [b"200", b"", b"client"] if known else [b"400", b"unknown key", b""]
            self._zap.send_multipart([b"1.0", request[1], *verdict, b""])

    def send(self, identity: bytes, parts: Sequence[Part]) -> None:
        """Send on the control socket; silently nothing where that peer is gone."""
        self.control.send_multipart([identity, *parts])

    def close(self, linger: int = 0) -> None:
        """Free both ports."""
        for made in (self.control, self.data, self._zap):
            self._hub.drop(made, linger)


def _bind(made: zmq.Socket[bytes], endpoint: str) -> None:
    """Bind, trying for a moment: right after a close the system may still hold the port."""
    for attempt in range(BIND_TRIES):
        try:
            made.bind(endpoint)
        except zmq.ZMQError as error:
            if error.errno != errno.EADDRINUSE or attempt == BIND_TRIES - 1:
                port = endpoint.rpartition(":")[2]
                raise PortTaken(
                    f"cannot listen on port {port}: {error.strerror}. Another program may use "
                    "it; choose another port, or none to get a free one"
                ) from None
            zmq.zmq_poll([], 10)
        else:
            return


class Dial:
    """A producer's end: DEALER for control and XPUB for data, connected to one viewer."""

    def __init__(self, hub: Hub, address: Address, viewer_public: str, client: KeyPair) -> None:
        self._hub = hub
        self.subscribed = False
        self.refused = False
        self.dropped = False
        self.control = hub.socket(zmq.DEALER)
        self.data = hub.socket(zmq.XPUB)
        self.control.rcvhwm = MOST_WAITING
        self.data.set_hwm(MOST_WAITING)  # beyond it images are dropped, and asked for again
        self._monitor = self.control.get_monitor_socket(REFUSED | zmq.EVENT_DISCONNECTED)
        hub.watch(self._monitor)
        for made, endpoint in ((self.control, address.control), (self.data, address.data)):
            made.setsockopt(zmq.RECONNECT_IVL, 50)
            made.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
            made.curve_serverkey = viewer_public.encode()
            made.curve_publickey = client.public.encode()
            made.curve_secretkey = client.secret.encode()
            made.connect(endpoint)

    def receive(self) -> Iterator[list[Part]]:
        """Yield control messages; notes subscriptions and refusals on the way."""
        for parts in self._hub.drain(self.data):
            self.subscribed = bytes(parts[0][:1]) == b"\x01"
        while self._hub.seen(self._monitor) and self._monitor.poll(0):
            event, value = EVENT.unpack_from(self._monitor.recv_multipart()[0])
            if not event & REFUSED:
                self.dropped = True
            elif value != errno.EAGAIN:  # it is frozen or busy, and that is no refusal
                self.refused = True
        yield from self._hub.drain(self.control)

    def send(self, parts: Sequence[Part]) -> None:
        """Send on the control socket; nothing where ZeroMQ gave the connection up.

        It does when what listens is no ZeroMQ, and would then wait for a peer for ever.
        """
        try:
            self.control.send_multipart(list(parts), zmq.NOBLOCK)
        except zmq.Again:
            self.dropped = True

    def publish(self, parts: Sequence[Part]) -> None:
        """Send on the data socket. Large parts are not copied: they must not change."""
        if len(parts) == 1:
            self.data.send(parts[0])
        else:
            self.data.send_multipart(list(parts))

    def close(self, linger: int = 0) -> None:
        """Close both sockets."""
        self.control.disable_monitor()
        self._hub.drop(self._monitor)
        self._hub.drop(self.control, linger)
        self._hub.drop(self.data, linger)
