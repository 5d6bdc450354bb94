"""Messages that are almost right: valid ones, bent at random but by a known seed."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from streaming_core.memory.segments import Segment
from streaming_core.protocol.messages import (
    Ack,
    ArrayResult,
    Bye,
    Drop,
    Hello,
    Image,
    Inline,
    Message,
    Nack,
    Ping,
    Pong,
    Refused,
    Release,
    Reply,
    Request,
    Shown,
    Slab,
    Table,
    Unknown,
    Welcome,
)
from streaming_core.protocol.wire import LONGEST_HEAD, PART

Parts: TypeAlias = list[bytes]

NASTY: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2, 255, 4096, 2**31, 2**53, 2**63, 2**64, 10**40, -(10**40),
    0.5, -0.0, 1e308, -1e308, 5e-324, "", "a", "\0", " ", "x" * 300, "x" * 5000, "é" * 2000, "𐍈",
    "../../etc/passwd", "/pc/..", "pc0123456789abcdef_1", "pc0123456789abcdef_1\n", "%s%n",
    "O", "|O", "V8", "<U4", "a3", "u1,i1", "(2)u1", "M8", ">u2", "f2", "c8", "3u1", "image",
    "labels", "points", "shapes", "tracks", "YX", "ZYX", "TCZYX", "YXS", "XY", "shm", "inline",
    "IMAGE", "HELLO", "1.0", "2.0",
    "1." + "9" * 400, [], {}, [[]], [0], [-1], [1] * 9, [2**62, 2**62], [1, 1], [64, 64],
    [1000, 1000, 1, 1], {"": 0}, {"a": {}}, {"z": [0, 1]}, {"well": "B03"}, {"t": 1e300},
    {"c": 1}, {"way": "shm"}, {"way": "inline", "nbytes": 1, "parts": 1},
)  # fmt: skip

BAD_TEXT: Final = (
    b"NaN", b"Infinity", b"1e999", b"9" * 5000, b'"\\ud800"', b'"\xff"', b'"\\u0000"', b"1.5.5",
    b"'a'", b"/* */1", b"[1,]", b'"', b"-", b"01", b"\xef\xbb\xbf1", b"truefalse",
    b"[" * 900 + b"]" * 900, b'{"a":' * 400 + b"1" + b"}" * 400, b"[" * 50_000,
)  # fmt: skip

HARMFUL: Final = frozenset({"clear", "quit"})
"""Requests that an admitted program may make, and that would end the test."""


class Mutants:
    """An endless source of messages.

    Parameters
    ----------
    seed
        The same seed gives the same messages.
    sid
        Of the session that they belong to, mostly.
    segment
        A real segment of that session, for handles that are right.
    """

    def __init__(self, seed: str, sid: str, segment: Segment | None = None) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._sid = sid
        self._segment = segment
        self._seq = self._asked = 0

    def to_viewer(self) -> tuple[str, Parts]:
        """Make a message and say which socket it is for: "control" or "data"."""
        kind = self._dice.choice(("control", "data"))
        for _ in range(100):
            make = self._image if kind == "data" else self._control
            if self._dice.random() < 0.05:
                make = self._dice.choice((self._image, self._control, self._to_producer))
            message, pixels = make()
            parts = [self._bend(message), *pixels]
            if self._dice.random() < 0.1:
                parts = self._bend_parts(parts)
            if not any(f'"{verb}"'.encode() in parts[0] for verb in HARMFUL):
                return kind, parts
        raise AssertionError("the dice fall badly")

    def to_producer(self) -> Parts:
        """Make a message as a viewer that means harm would send it."""
        message, pixels = self._to_producer()
        parts = [self._bend(message), *pixels]
        return self._bend_parts(parts) if self._dice.random() < 0.1 else parts

    # messages that are right

    def _image(self) -> tuple[Message, Parts]:
        dice = self._dice
        self._seq += dice.choice((1, 1, 1, 1, 2, -3, 100))
        shape, axes = dice.choice((
            ((4, 4), "YX"), ((1, 1), "YX"), ((3, 4, 4), "ZYX"), ((4, 4, 3), "YXS"),
            ((2, 2, 2, 4, 4), "TCZYX"),
        ))  # fmt: skip
        nbytes = 1
        for length in shape:
            nbytes *= length
        where: Slab | Inline = Inline(nbytes, 1)
        parts = [dice.randbytes(nbytes)]
        if self._segment is not None and dice.random() < 0.4:
            segment, parts = self._segment, []
            where = Slab(segment.name, segment.size, segment.generation, nbytes,
                         lasting=dice.random() < 0.2)  # fmt: skip
        image = Image(
            self._sid, max(1, self._seq), "run", shape, "|u1", axes, where,
            {"well": dice.choice(("A1", "B2", 3, 0.5)), "site": dice.randrange(4)},
            source=dice.choice(("mutant", "other")), kind=dice.choice(("image", "labels")),
            scale={"Y": 0.5, "X": 0.5}, contrast_limits=(0.0, 1.0), metadata={"a": [1, {"b": 2}]},
        )  # fmt: skip
        if image.kind == "labels" and dice.random() < 0.3:
            table: dict[str, list[Any]] = {"label": [1, 2], "a": [0.5, None]}
            image = msgspec.structs.replace(image, editable=True, features=table)
        return (image, parts) if dice.random() < 0.7 else self._marks(image)

    def _marks(self, image: Image) -> tuple[Message, Parts]:
        """Return points, shapes or tracks in the place of an image; some of them bent."""
        dice = self._dice
        table: dict[str, Any] = {"features": {"a": [1, 2], "b": ["x", None]}}
        kind, columns = dice.choice((
            ("points", ("Y", "X")), ("points", ("T", "Z", "Y", "X")), ("shapes", ("Y", "X")),
            ("tracks", ("id", "T", "Y", "X")),
        ))  # fmt: skip
        rows = 2
        if kind == "shapes":
            rows, table = 6, table | {"shapes": ["line", "ellipse"], "lengths": [2, 4]}
        if dice.random() < 0.3:
            self._bend_value(table)
        numbers = [dice.choice((0.0, 1.5, -3.0, 40.0)) for _ in range(rows * len(columns))]
        if dice.random() < 0.1:
            numbers[0] = dice.choice((float("nan"), float("inf"), 1e300, -1e16))
        payload = struct.pack(f"<{len(numbers)}d", *numbers) + msgspec.json.encode(table)
        return msgspec.structs.replace(
            image, kind=kind, shape=(len(payload),), axes="", where=Inline(len(payload), 1),
            table=Table(columns, rows), editable=False,
        ), [payload]  # fmt: skip

    def _control(self) -> tuple[Message, Parts]:
        dice, sid = self._dice, self._sid
        self._asked += dice.choice((0, 1, 1, 1))
        number = self._asked
        verb = dice.choice(("state", "read", "read", "read", "navigate", "no such verb"))
        words = {"source": "mutant", "kind": "image", "components": {"site": 1}, "missing": "zeros"}
        choice: tuple[Message, ...] = (
            Hello(sid, "run", 7, "label", last=dice.randrange(3)),
            Hello(sid, "run", 7, probe=f"pc{sid[:16]}_0", nonce="0" * 32),
            Ping(sid, "v", number, 0, number, number),
            Drop(sid, tuple(range(number, number + 5))),
            Request(sid, number, verb, words),
            Release(sid, number),
            Refused("because", sid, number),
            Bye(sid) if dice.random() < 0.1 else Ping(sid, "v", number),
        )
        return dice.choice(choice), []

    def _to_producer(self) -> tuple[Message, Parts]:
        dice, sid, vid = self._dice, self._sid, "0123456789abcdef"
        seqs = tuple(dice.randrange(-2, 100) for _ in range(dice.randrange(6)))
        number = dice.randrange(1, 20)
        choice: tuple[Message, ...] = (
            Welcome(vid, "recording", dice.choice((-5, 0, 1, 64, 2**40)), 1 << 20),
            Ack(vid, sid, seqs, 8, 1 << 20),
            Shown(vid, sid, seqs, {str(seq): "no" for seq in seqs[:2]}),
            Nack(vid, sid, seqs, dice.choice(("", "cannot read it"))),
            Pong(vid, sid, dice.randrange(100), 0, dice.random() < 0.1),
            Unknown(vid, sid),
            Refused("because", sid, dice.randrange(-2, 100)),
            Reply(vid, sid, number, {"groups": []}, None, dice.choice(("", "no"))),
            Bye(vid=vid, reason="because") if dice.random() < 0.05 else Unknown(vid, sid),
        )
        if dice.random() < 0.1:
            where: Inline | Slab = Inline(16, 1)
            if dice.random() < 0.5:
                where = Slab(dice.choice((f"pc{vid}_1", f"pc{sid[:16]}_0")), 65536, 2, 16)
            array = ArrayResult((4, 4), "|u1", where)
            return Reply(vid, sid, number, {"axes": ["Y", "X"]}, array), [dice.randbytes(16)]
        return dice.choice(choice), []

    # bending them

    def _bend(self, message: Message) -> bytes:
        dice = self._dice
        head = msgspec.json.encode(message)
        if dice.random() < 0.15:
            return head
        plain = json.loads(head)
        for _ in range(dice.choice((1, 1, 1, 2, 4))):
            self._bend_value(plain)
        head = msgspec.json.encode(plain)
        if dice.random() < 0.2:
            head = dice.choice((
                self._cut, self._flip, self._insert, self._bad_text, self._twice,
            ))(head)  # fmt: skip
        return head if dice.random() > 0.001 else head.ljust(LONGEST_HEAD + dice.randrange(-2, 3))

    def _bend_value(self, plain: dict[str, Any]) -> None:
        dice = self._dice
        where: Any = plain
        while True:
            keys = list(where) if isinstance(where, dict) else list(range(len(where)))
            key = dice.choice(keys) if keys else None
            if key is None or not isinstance(where[key], dict | list) or dice.random() < 0.4:
                break
            where = where[key]
        action = dice.random()
        if key is None or action < 0.1:
            if isinstance(where, dict):
                where[dice.choice(("new", "sid", "where", "t", "z", "", "__class__"))] = (
                    self._value()
                )
            else:
                value = self._value()
                many = 3 if isinstance(value, str | list | dict) else 5000
                where.extend([value] * dice.choice((1, many)))
        elif action < 0.2:
            del where[key]
        elif action < 0.35 and isinstance(where[key], int):
            where[key] += dice.choice((-1, 1, 7, -8, 2**32, -(2**63)))
        else:
            where[key] = self._value()

    def _value(self) -> Any:
        dice = self._dice
        if dice.random() < 0.04:
            return dice.choice((
                list(range(dice.randrange(20_000))),
                {f"k{n}": n for n in range(dice.randrange(3000))},
                [-(2**70)] * 500,
                "y" * dice.randrange(100_000),
            ))  # fmt: skip
        return copy.deepcopy(dice.choice(NASTY))

    def _cut(self, head: bytes) -> bytes:
        return head[: self._dice.randrange(len(head))]

    def _flip(self, head: bytes) -> bytes:
        flipped = bytearray(head)
        for _ in range(self._dice.randrange(1, 4)):
            flipped[self._dice.randrange(len(flipped))] ^= 1 << self._dice.randrange(8)
        return bytes(flipped)

    def _insert(self, head: bytes) -> bytes:
        at = self._dice.randrange(len(head))
        return head[:at] + self._dice.randbytes(self._dice.randrange(1, 9)) + head[at:]

    def _bad_text(self, head: bytes) -> bytes:
        at = head.find(b":", self._dice.randrange(len(head))) + 1
        ends = [end for end in (head.find(b",", at), head.find(b"}", at)) if end > 0]
        return head[:at] + self._dice.choice(BAD_TEXT) + head[min(ends, default=at) :]

    def _twice(self, head: bytes) -> bytes:
        return self._dice.choice((head + head, head[:-1] + b"," + head[1:], b"[" + head + b"]"))

    def _bend_parts(self, parts: Parts) -> Parts:
        dice = self._dice
        bends: tuple[Callable[[], Parts], ...] = (
            lambda: parts[:1],
            lambda: parts[1:] or [b""],
            lambda: [*parts, b""],
            lambda: [*parts, dice.randbytes(dice.randrange(64))],
            lambda: [*parts, *parts],
            lambda: parts[::-1],
            lambda: [b"", *parts],
            lambda: [*parts, *[b"x"] * dice.choice((3, 300))],
            lambda: [dice.randbytes(dice.randrange(200))],
        )
        if dice.random() < 0.01:  # large ones: the last is more than the socket takes
            return [parts[0], b"z" * dice.choice((PART, PART + 1, PART + 5000))]
        if dice.random() < 0.002:
            return [parts[0], *[b""] * 70_000]
        return dice.choice(bends)()
