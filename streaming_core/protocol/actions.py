"""What becomes of images and connections, and what a link asks its owner to do."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec


class State(StrEnum):
    """Where an image is."""

    QUEUED = "queued"
    SENT = "sent"
    OWNED = "owned"
    SHOWN = "shown"
    UNDELIVERED = "undelivered"
    REPLACED = "replaced"


class Phase(StrEnum):
    """Where the link to the viewer is."""

    GREETING = "greeting"
    READY = "ready"
    WAITING = "waiting"
    DETACHED = "detached"
    CLOSED = "closed"


class Transmit(msgspec.Struct, frozen=True, gc=False):
    """Send this image (again)."""

    seq: int


class Settle(msgspec.Struct, frozen=True, gc=False):
    """This image reached a state; ``text`` says why it is undelivered or not shown."""

    seq: int
    state: State
    text: str = ""


class Free(msgspec.Struct, frozen=True, gc=False):
    """The viewer no longer reads this image's memory; ``proven`` False: it perhaps does."""

    seq: int
    proven: bool


class Greet(msgspec.Struct, frozen=True, gc=False):
    """Send HELLO."""


class Probe(msgspec.Struct, frozen=True, gc=False):
    """Send PING with the newest number."""

    last: int


class GiveUp(msgspec.Struct, frozen=True, gc=False):
    """Send DROP for these."""

    seqs: tuple[int, ...]


class Lost(msgspec.Struct, frozen=True, gc=False):
    """A viewer is gone with these: the gap, by name where they are remembered.

    ``closed``: it was closed by its user, who knows.
    """

    count: int
    names: tuple[bytes, ...]
    closed: bool = False


class Found(msgspec.Struct, frozen=True, gc=False):
    """The viewer owns this image, which was reported as undelivered: take that back."""

    seq: int


Action: TypeAlias = Transmit | Settle | Free | Greet | Probe | GiveUp | Lost | Found
