"""A program that speaks to a viewer over sockets of its own, to say what no producer would."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
import zmq

from streaming_core.errors import WireError
from streaming_core.fleet.registry import find
from streaming_core.network.endpoints import LOOPBACK, Address
from streaming_core.network.keys import KeyPair
from streaming_core.protocol.messages import (
    Ack,
    Bye,
    Hello,
    Image,
    Inline,
    Message,
    Ping,
    Reply,
    Request,
    ToProducer,
    Unknown,
)
from streaming_core.protocol.wire import decode_to_producer, encode

PATIENCE: Final = 30.0
"""Seconds to wait for an answer before the viewer counts as hanging."""

AGAIN: Final = 0.5
"""Seconds after which a question is asked again: the viewer hangs up on who sends too much."""


class Silent(Exception):
    """The viewer did not answer."""


def new_sid() -> str:
    """Make an id as a producer has one."""
    return f"{secrets.token_hex(8)}.1"


def pixel(sid: str, seq: int, source: str = "peer") -> Image:
    """Describe the smallest image there is; its one byte travels beside it."""
    return Image(sid, seq, "run", (1, 1), "|u1", "YX", Inline(1, 1), {}, source=source)


class Peer:
    """The two sockets of a producer, without its manners.

    Parameters
    ----------
    port
        Of the viewer.
    viewer_public, client
        The viewer's public key and a pair of one's own; by default what the viewer's
        connection file says. An empty ``viewer_public``: no encryption at all.
    """

    def __init__(
        self, port: int, *, viewer_public: str | None = None, client: KeyPair | None = None
    ) -> None:
        connection = find(port)
        if viewer_public is None or client is None:
            assert connection is not None, f"no connection file for port {port}"
            viewer_public = connection.viewer_public if viewer_public is None else viewer_public
            client = connection.client if client is None else client
        address = Address(LOOPBACK, port)
        self.sid = new_sid()
        self.heard: list[ToProducer] = []
        self._number = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.control = self._context.socket(zmq.DEALER)
        self.data = self._context.socket(zmq.XPUB)
        self.data.setsockopt(zmq.XPUB_NODROP, 1)
        for made, endpoint in ((self.control, address.control), (self.data, address.data)):
            made.linger = 0
            made.setsockopt(zmq.RECONNECT_IVL, 10)
            made.setsockopt(zmq.SNDTIMEO, int(PATIENCE * 1000))
            if viewer_public:
                made.curve_serverkey = viewer_public.encode()
                made.curve_publickey = client.public.encode()
                made.curve_secretkey = client.secret.encode()
            made.connect(endpoint)

    def close(self) -> None:
        """Hang up, whatever is still on its way."""
        self.control.close(linger=0)
        self.data.close(linger=0)
        self._context.term()

    def subscribed(self, seconds: float) -> bool:
        """Whether the viewer has subscribed: what is sent before that is lost."""
        if not self.data.poll(int(seconds * 1000)):
            return False
        self.data.recv()
        return True

    def say(self, *messages: Message) -> None:
        """Send control messages."""
        for message in messages:
            self.control.send(encode(message))

    def show(self, image: Image, *pixels: bytes) -> None:
        """Send an image."""
        self.data.send_multipart([encode(image), *pixels])

    def listen(self, seconds: float = 0.0) -> Iterator[tuple[ToProducer, list[bytes]]]:
        """Yield what the viewer says, until it is silent for so long."""
        while self.control.poll(int(seconds * 1000)):
            head, *parts = self.control.recv_multipart()
            try:
                message = decode_to_producer(head)
            except WireError as error:
                raise AssertionError(f"the viewer said {head[:200]!r}: {error}") from None
            self.heard.append(message)
            yield message, parts

    def until(self, done: Callable[[ToProducer], bool], ask: Callable[[], None]) -> ToProducer:
        """Ask, again if need be, until the viewer says something; return that."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            ask()
            soon = time.monotonic() + AGAIN
            while (left := soon - time.monotonic()) > 0:
                for message, _ in self.listen(left):
                    if done(message):
                        return message
                    if time.monotonic() > soon:
                        break
        raise Silent(f"no answer within {PATIENCE:g} s")

    def greet(self, last: int = 0, **words: str) -> None:
        """Say HELLO until the viewer answers; then it knows our sid."""
        self.control_answers(Hello(self.sid, "run", 1, last=last, **words))

    def control_answers(self, *before: Message) -> None:
        """Wait until the control socket has worked off what was sent; AssertionError if never."""
        self._number += 1
        number = self._number
        self.until(
            lambda said: isinstance(said, Reply) and said.number == number,
            lambda: self.say(*before, Request(self.sid, number, "nothing")),
        )

    def data_answers(self, seq: int, source: str = "peer") -> None:
        """Wait until the data socket has worked off what was sent, by an image that is owned."""

        def ask() -> None:
            self.say(Hello(self.sid, "run", 1))  # a viewer that stood still wants to hear it again
            self.show(pixel(self.sid, seq, source), b"\7")

        self.until(lambda said: isinstance(said, Ack) and seq in said.seqs, ask)

    def leave(self, *sids: str) -> None:
        """End our session, and others that we began."""
        words = [Bye(sid) for sid in (self.sid, *sids)]
        self.until(
            lambda said: isinstance(said, Unknown) and said.sid == self.sid,
            lambda: self.say(*words, Ping(self.sid, "", 0)),
        )


@contextmanager
def peer(port: int, **words: KeyPair | str | None) -> Iterator[Peer]:
    """Connect an admitted peer that has said HELLO."""
    made = Peer(port, **words)  # type: ignore[arg-type]
    try:
        assert made.subscribed(PATIENCE), "the viewer does not subscribe to an admitted program"
        made.greet()
        yield made
    finally:
        made.close()


def checked(number: int, side: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    """Make an image whose every pixel depends on its number."""
    start = number * 40503 % (1 << 32)
    values = np.arange(side * side, dtype=np.uint32) * 2654435761 + start
    return values.astype(np.uint16).reshape(side, side)
