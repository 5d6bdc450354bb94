"""What becomes of images and connections, and what a link asks its owner to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


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


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this image (again)."""

    seq: int


@dataclass(frozen=True, slots=True)
class Settle:
    """This image reached a state; ``text`` says why it is undelivered or not shown."""

    seq: int
    state: State
    text: str = ""


@dataclass(frozen=True, slots=True)
class Free:
    """The viewer no longer reads this image's memory; ``proven`` False: it perhaps does."""

    seq: int
    proven: bool


@dataclass(frozen=True, slots=True)
class Greet:
    """Send HELLO."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Send PING with the newest number."""

    last: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Send DROP for these."""

    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """A viewer is gone with these: the gap, by name where they are remembered.

    ``closed``: it was closed by its user, who knows.
    """

    count: int
    names: tuple[bytes, ...]
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The viewer owns this image, which was reported as undelivered: take that back."""

    seq: int


Action: TypeAlias = Transmit | Settle | Free | Greet | Probe | GiveUp | Lost | Found
