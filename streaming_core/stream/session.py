"""One producer as its viewer sees it: which numbers came, which memory it may name."""

from __future__ import annotations

import os
import re
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import SegmentGone, WireError
from streaming_core.memory.segments import Mapping
from streaming_core.memory.shm import exists
from streaming_core.protocol.messages import Hello, Slab

SID: Final = re.compile(r"([0-9a-f]{16})\.[0-9a-f]{1,8}")
MOST_MAPPINGS: Final = 256
"""Segments of one producer that stay mapped; a pool has fewer."""
MOST_MISSING: Final = 1024
"""Numbers that one NACK asks for, or that are acked again at one PING, at most."""

MOST_BEYOND: Final = 65_536
"""Numbers after a missing one that are kept in mind: anybody can name as many as there are."""

MOST_QUESTIONS: Final = 1024
"""Numbers of requests that are kept in mind: a request may come twice and is carried out once."""

MOST_ANSWERS: Final = 16
"""Answers that are kept, should they have been lost with a connection."""

LONGEST_REASON: Final = 1000
"""Characters of a reason: it may quote what somebody sent."""

MOST_REASONS: Final = 1024
"""Images that were refused or not shown whose reason is kept, should it have been lost."""


def new_vid() -> str:
    """Make the identity of a viewer process: 16 hexadecimal digits."""
    return os.urandom(8).hex()


@dataclass(slots=True)
class Session:
    """A producer's connection, from HELLO to BYE.

    Attributes
    ----------
    identity
        Routing id of its control socket; changes when it reconnects.
    run
        Of its newest image.
    prefix
        Start of the names of the only segments that it may name.
    upto
        Every number up to this one came or will not come.
    doubted
        Whether its producer may have given up images that are still on their way.
    lend
        Whether its credit has changed, and it has not been told.
    asking
        Its requests that have no answer yet.
    questions
        Number of a request -> its answer, or None while there is none and when it was heard.
    awaited
        Those for whose answer somebody waits; any thread may look.
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
    gaps: int = 0
    heard_at: float = 0.0
    doubted: bool = False
    lend: bool = False
    asking: int = 0
    questions: dict[int, Any] = field(default_factory=dict)
    awaited: set[int] = field(default_factory=set)
    _begun: int = 0
    _highest: int = 0
    _absent: dict[int, None] = field(default_factory=dict)
    _lately: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_MISSING))
    _suspects: frozenset[int] = frozenset()
    _beyond: set[int] = field(default_factory=set)
    _owned: list[int] = field(default_factory=list)
    _shown: list[int] = field(default_factory=list)
    _errors: dict[str, str] = field(default_factory=dict)
    _notes: dict[str, str] = field(default_factory=dict)
    _unshown: set[int] = field(default_factory=set)
    _refused: dict[int, str] = field(default_factory=dict)
    _failed: dict[int, str] = field(default_factory=dict)
    _waits: tuple[int, int] = (0, 0)
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
        session._highest = session._begun = hello.last
        return session

    def greeted(self, hello: Hello, identity: bytes) -> None:
        """Note that its producer said HELLO (again): from where, and what will not come."""
        self.identity, self.run, self.heard_at = identity, hello.run[:256], monotonic()
        self.doubted = False
        # It may have given these up before it heard that we own them.
        self._owned += [seq for seq in self._lately if seq <= hello.last]
        if hello.last > self.upto:  # what it gave up while it did not reach us
            for seq in range(max(self.upto, hello.last - MOST_BEYOND) + 1, hello.last + 1):
                if seq not in self._beyond:
                    self._miss(seq)
            self.upto, self._highest = hello.last, max(self._highest, hello.last)
            self._beyond = {seq for seq in self._beyond if seq > hello.last}
            self._close_up()

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

    def prune(self) -> None:
        """Let go of segments that their producer gave up: we alone would keep their memory."""
        for name in [name for name in self._mappings if not exists(name)]:
            del self._mappings[name]

    def done(self, seq: int) -> bool:
        """Whether this number came before, or will not come; if it is owned it is acked again."""
        if seq > self.upto and seq not in self._beyond:
            return False
        if self._has(seq):
            self._owned.append(seq)
        return True

    def _has(self, seq: int) -> bool:
        """Whether this number, which came or will not come, is owned."""
        return seq > self._begun and seq not in self._absent and seq not in self._refused

    def own(self, seq: int) -> None:
        """Note that the viewer holds this image."""
        self._owned.append(seq)
        self._lately.append(seq)
        self._absent.pop(seq, None)
        self._unshown.add(seq)
        self.images += 1
        self._times.append(monotonic())
        self._pass(seq)

    def drop(self, seqs: Iterable[int]) -> None:
        """Note that these will not come; of what is forgotten we ask, and hear it again."""
        for seq in islice(seqs, MOST_BEYOND):
            if seq > self.upto and seq not in self._beyond:
                self._miss(seq)
                self._pass(seq, certain=False)

    def refuse(self, seq: int, reason: str) -> None:
        """Note that the viewer will not own this image."""
        _remember(self._refused, seq, reason)
        self._pass(seq, certain=False)

    def refused(self, seq: int) -> str:
        """Why this image was refused; empty if it was not."""
        return self._refused.get(seq, "")

    def repeat(self, unacked: int, unshown: int) -> Iterator[int]:
        """Say again what the producer did not hear; yields numbers that were refused.

        Parameters
        ----------
        unacked, unshown
            The lowest number that is not acked, and not shown, as the producer knows it; 0 for
            none. At one PING our word may be on its way; at two it was lost with a connection.
        """
        before, self._waits = self._waits, (unacked, unshown)
        end = self.upto + 1
        if unacked and unacked == before[0]:
            for seq in range(unacked, min(end, unacked + MOST_MISSING)):
                if seq in self._refused:
                    yield seq
                elif self._has(seq):
                    self._owned.append(seq)
        if unshown and unshown == before[1]:
            for seq in range(unshown, min(end, unshown + MOST_MISSING)):
                # Also of what we know nothing of, from a session before: it waits for nothing then.
                if seq not in self._unshown and seq not in self._refused:
                    self.note_shown(seq, self._failed.get(seq, ""))

    def _miss(self, seq: int) -> None:
        """Note that this image will not come, so that it is never acked."""
        self._absent[seq] = None
        if len(self._absent) > MOST_BEYOND:
            del self._absent[next(iter(self._absent))]

    def _pass(self, seq: int, *, certain: bool = True) -> None:
        kept = certain or seq == self.upto + 1 or len(self._beyond) < MOST_BEYOND
        if seq > self.upto and kept:
            self._beyond.add(seq)
        self._close_up()

    def _close_up(self) -> None:
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

    def note_shown(self, seq: int, error: str, note: str = "") -> None:
        """Note that the window has this image, or why it never will; and what to know of it."""
        self._shown.append(seq)
        self._unshown.discard(seq)
        if error:
            self._errors[str(seq)] = error[:LONGEST_REASON]
            _remember(self._failed, seq, error[:LONGEST_REASON])
        if note:
            self._notes[str(seq)] = note[:LONGEST_REASON]

    def asked(self, number: int) -> None:
        """Note a request that is about to be carried out."""
        self.awaited.add(number)
        self.questions[number] = None
        if len(self.questions) > MOST_QUESTIONS:
            del self.questions[next(iter(self.questions))]

    def answered(self, number: int, answer: object) -> None:
        """Keep an answer, and no more than the newest few."""
        self.awaited.discard(number)
        self.questions.pop(number, None)
        self.questions[number] = answer  # as the newest
        known = [one for one, kept in self.questions.items() if kept is not None]
        for old in known[:-MOST_ANSWERS]:
            self.questions[old] = None

    def take_owned(self) -> tuple[int, ...]:
        """Return and forget the numbers to ack."""
        owned, self._owned = self._owned, []
        return tuple(owned)

    def take_shown(self) -> tuple[tuple[int, ...], dict[str, str]]:
        """Return and forget the numbers that are shown, and what went wrong."""
        shown, self._shown = self._shown, []
        errors, self._errors = self._errors, {}
        return tuple(shown), errors

    def take_notes(self) -> dict[str, str]:
        """Return and forget what is to be known of shown images."""
        notes, self._notes = self._notes, {}
        return notes

    def rate(self, now: float) -> float:
        """Images a second, over the last few seconds."""
        # Copied in one step: another thread may ask while images come.
        recent = [at for at in list(self._times) if now - at < 5.0]
        span = now - recent[0] if recent else 0.0
        return round(len(recent) / span, 1) if span > 0 else 0.0

    def state(self) -> dict[str, Any]:
        """The session's entry in ``state()["producers"]``."""
        return {
            "sid": self.sid, "label": self.label, "run": self.run, "pid": self.pid,
            "images": self.images, "rate": self.rate(monotonic()),
            "backlog": len(self._unshown), "undelivered": self.undelivered, "gaps": self.gaps,
        }  # fmt: skip


def _remember(reasons: dict[int, str], seq: int, reason: str) -> None:
    reasons[seq] = reason
    if len(reasons) > MOST_REASONS:
        del reasons[next(iter(reasons))]
