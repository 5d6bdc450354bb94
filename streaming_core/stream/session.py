"""One producer as its viewer sees it: which numbers came, which memory it may name."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import SegmentGone, WireError
from streaming_core.memory.segments import Mapping
from streaming_core.protocol.messages import Hello, Slab

SID: Final = re.compile(r"([0-9a-f]{16})\.[0-9a-f]{1,8}")
MOST_MAPPINGS: Final = 256
MOST_MISSING: Final = 1024
"""Numbers that one NACK asks for, at most."""


@dataclass(slots=True)
class Session:
    """A producer's connection, from HELLO to BYE.

    Attributes
    ----------
    identity
        Routing id of its control socket; changes when it reconnects.
    prefix
        Start of the names of the only segments that it may name.
    upto
        Every number up to this one came or will not come.
    """

    sid: str
    prefix: str
    identity: bytes
    label: str
    run: str
    pid: int
    upto: int
    shm: bool = False
    images: int = 0
    undelivered: int = 0
    heard_at: float = 0.0
    _highest: int = 0
    _suspects: frozenset[int] = frozenset()
    _beyond: set[int] = field(default_factory=set)
    _owned: list[int] = field(default_factory=list)
    _shown: list[int] = field(default_factory=list)
    _errors: dict[str, str] = field(default_factory=dict)
    _mappings: OrderedDict[str, Mapping] = field(default_factory=OrderedDict)
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=64))

    @classmethod
    def begin(cls, hello: Hello, identity: bytes) -> Session:
        """Make the session of a HELLO; WireError when its sid is not one."""
        match = SID.fullmatch(hello.sid)
        if match is None or max(len(hello.run), len(hello.label)) > 256 or hello.last < 0:
            raise WireError("a HELLO without a proper sid, run or label")
        prefix = f"pc{match[1]}_"
        session = cls(hello.sid, prefix, identity, hello.label, hello.run, hello.pid, hello.last)
        session._highest = hello.last
        return session

    @property
    def producer(self) -> str:
        """Id of the process: what names its lease and its segments."""
        return self.sid.partition(".")[0]

    def owns(self, segment: str) -> bool:
        """Whether the name is one that this producer may name."""
        return segment.startswith(self.prefix)

    def look(self, where: Slab, shape: tuple[int, ...], dtype: str) -> tuple[Mapping, NDArray[Any]]:
        """Map the memory that a handle names; a read-only view of the pixels in it.

        Raises
        ------
        WireError
            When it names memory that is not this producer's.
        SegmentGone
            When the memory is not there, or holds something else by now.
        """
        if not self.owns(where.segment):
            raise WireError(f"segment {where.segment[:40]!r} is not of this session")
        mapping = self._mappings.get(where.segment)
        if mapping is None:
            mapping = Mapping.open(where.segment, where.size)
            if not where.lasting:  # what is used once only would stay mapped for nothing
                self._mappings[where.segment] = mapping
            if len(self._mappings) > MOST_MAPPINGS:
                self._mappings.popitem(last=False)
        if not mapping.unchanged(where.generation):
            raise SegmentGone(f"segment {where.segment} holds another image by now")
        return mapping, mapping.array(shape, np.dtype(dtype), where.offset)

    def done(self, seq: int) -> bool:
        """Whether this number came before; if so it is acked once more."""
        if seq > self.upto and seq not in self._beyond:
            return False
        self._owned.append(seq)
        return True

    def own(self, seq: int) -> None:
        """Note that the viewer holds this image."""
        self._owned.append(seq)
        self.images += 1
        self._times.append(monotonic())
        self._pass(seq)

    def drop(self, seqs: Iterable[int]) -> None:
        """Note that these will not come."""
        for seq in seqs:
            self._pass(seq)

    def _pass(self, seq: int) -> None:
        if seq > self.upto:
            self._beyond.add(seq)
        while self.upto + 1 in self._beyond:
            self.upto += 1
            self._beyond.remove(self.upto)

    def skipped(self, seq: int) -> tuple[int, ...]:
        """Numbers that this one jumped over: one socket keeps order, so they were lost."""
        lost = range(self._highest + 1, min(seq, self._highest + 1 + MOST_MISSING))
        self._highest = max(self._highest, seq)
        return tuple(lost)

    def missing(self, last: int) -> tuple[int, ...]:
        """Numbers up to ``last`` that were missing at the PING before this one already.

        A PING can overtake images on the other socket, so the first sight proves nothing.
        """
        found: set[int] = set()
        for seq in range(self.upto + 1, min(last, self.upto + MOST_MISSING) + 1):
            if seq not in self._beyond:
                found.add(seq)
        sure = tuple(sorted(found & self._suspects))
        self._suspects = frozenset(found)
        return sure

    def note_shown(self, seq: int, error: str) -> None:
        """Note that the window has this image, or why it never will."""
        self._shown.append(seq)
        if error:
            self._errors[str(seq)] = error[:1000]

    def take_owned(self) -> tuple[int, ...]:
        """Return and forget the numbers to ack."""
        owned, self._owned = self._owned, []
        return tuple(owned)

    def take_shown(self) -> tuple[tuple[int, ...], dict[str, str]]:
        """Return and forget the numbers that are shown, and what went wrong."""
        shown, self._shown = self._shown, []
        errors, self._errors = self._errors, {}
        return tuple(shown), errors

    def rate(self, now: float) -> float:
        """Images a second, over the last few seconds."""
        recent = [at for at in self._times if now - at < 5.0]
        span = now - recent[0] if recent else 0.0
        return round(len(recent) / span, 1) if span > 0 else 0.0

    def state(self) -> dict[str, Any]:
        """The session's entry in ``state()["producers"]``."""
        return {
            "sid": self.sid, "label": self.label, "run": self.run, "pid": self.pid,
            "images": self.images, "rate": self.rate(monotonic()),
            "undelivered": self.undelivered,
        }  # fmt: skip
