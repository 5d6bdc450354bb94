"""What must hold for a link whatever happens: a model viewer, lost messages, any order.

The model stands on the real bookkeeping of a viewer's session, so both ends are tried together.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from unittest import TestCase

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from streaming_core.protocol.actions import (
    Action,
    Found,
    Free,
    GiveUp,
    Greet,
    Lost,
    Phase,
    Probe,
    Settle,
    State,
    Transmit,
)
from streaming_core.protocol.delivery import MOST_ASKED, MOST_CREDIT, MOST_CREDIT_BYTES, Link
from streaming_core.protocol.messages import Hello, Ping
from streaming_core.stream.session import Session

SID = "0123456789abcdef.1"
STALL, GRACE = 10.0, 5.0
NEXT = {
    None: {State.QUEUED, State.UNDELIVERED, State.SENT},
    State.QUEUED: {State.SENT, State.REPLACED, State.UNDELIVERED},
    State.SENT: {State.OWNED, State.UNDELIVERED},
    State.OWNED: {State.SHOWN},
    State.SHOWN: set(),
    State.REPLACED: set(),
    State.UNDELIVERED: set(),
}
FINAL = {State.OWNED, State.SHOWN, State.REPLACED, State.UNDELIVERED}


@dataclass
class ModelViewer:
    """One viewer process, from its start to its death."""

    vid: str
    session: Session | None = None
    taken: set[int] = field(default_factory=set)
    """What it owns, also of sessions before."""
    finished: set[int] = field(default_factory=set)
    """Numbers whose memory it will not read any more in this session."""
    unshown: list[int] = field(default_factory=list)
    paused: bool = False
    progress: int = 0

    def greet(self, hello: Hello) -> Session:
        if self.session is None:
            self.session = Session.begin(hello, b"")
            self.finished.clear()
        self.session.greeted(hello, b"")
        self.finished.update(range(1, hello.last + 1))
        return self.session

    def take(self, seq: int, refuse: bool) -> str:
        assert self.session is not None
        if self.session.done(seq):
            return "again"
        self.finished.add(seq)
        if refuse:
            self.session.refuse(seq, "too large")
            return "refused"
        self.session.own(seq)
        self.taken.add(seq)
        self.unshown.append(seq)
        return "owned"


class Delivery(RuleBasedStateMachine):
    """A producer's link, the two channels, and the viewer process that listens now, if any."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.made = 0
        self.viewer: ModelViewer | None = None
        self.data: deque[int] = deque()
        self.control: deque[GiveUp | Hello | Ping] = deque()
        self.back: deque[tuple[str, str, tuple[int, ...]]] = deque()
        self.credit = (1, 1)
        self.most = [1, 1]
        self.sizes: dict[int, int] = {}
        self.states: dict[int, State] = {}
        self.freed: Counter[int] = Counter()
        self.held: list[int] = []
        self.gone: set[int] = set()
        self.moved_at = 0.0
        self.said = (-1, False)
        self.refused: set[int] = set()
        self.forgot = False

    @initialize(latest=st.booleans(), credit=st.integers(1, 5))
    def begin(self, latest: bool, credit: int) -> None:
        self.credit = (credit, credit * 50)
        self.link = Link(self.now, stall=STALL, grace=GRACE, latest=latest)
        self.start_viewer()
        self.all_goes_well(rounds=1)

    # what the link asks for

    def perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Transmit(seq):
                    assert seq in self.link.pending, "an image is sent that is not there"
                    assert not self.freed[seq], "an image is sent whose memory was given back"
                    self.data.append(seq)
                case Settle(seq, state, text):
                    if (state, text) == (State.OWNED, "gap"):
                        assert self.states[seq] is State.OWNED
                        continue
                    before = self.states.get(seq)
                    assert state in NEXT[before], f"{seq}: {before} -> {state}"
                    self.states[seq] = state
                    if state is State.OWNED:
                        self.held.append(seq)
                case Free(seq, proven):
                    self.freed[seq] += 1
                    assert self.freed[seq] == 1, f"{seq} is freed twice"
                    assert not (proven and self.may_read(seq)), f"{seq} may still be read"
                case Greet():
                    self.control.append(Hello(SID, "run", 1, last=self.link.base))
                case Probe(last):
                    self.control.append(Ping(SID, self.link.vid, last, 0, *self.link.waits))
                case GiveUp():
                    self.control.append(action)
                case Found(seq):
                    assert self.states[seq] is State.UNDELIVERED, "only what was reported is found"
                    self.states[seq] = State.OWNED
                    self.held.append(seq)
                case Lost(count, names):
                    assert names == tuple(b"%d" % seq for seq in self.held), "the gap is named"
                    assert count == len(self.held)
                    self.gone.update(self.held)
                    self.held.clear()

    @property
    def sent(self) -> set[int]:
        return {seq for seq, state in self.states.items() if state is State.SENT}

    def may_read(self, seq: int) -> bool:
        viewer = self.viewer
        reading = viewer is not None and viewer.session is not None
        return reading and seq in self.data and seq not in viewer.finished  # type: ignore[union-attr]

    # the producer

    @precondition(lambda self: self.link.room(1))
    @rule(
        sizes=st.lists(st.integers(1, 120), min_size=1, max_size=6),
        place=st.sampled_from([b"", b"left", b"right"]),
    )
    def queue(self, sizes: list[int], place: bytes) -> None:
        for nbytes in sizes if self.link.attached else sizes[:1]:
            if self.link.room(nbytes):
                self.queue_one(nbytes, place)

    def queue_one(self, nbytes: int, place: bytes) -> None:
        seq = self.link.last + 1
        self.sizes[seq] = nbytes
        self.states[seq] = State.QUEUED
        attached = self.link.attached
        if not self.link.pending:
            self.moved_at = self.now
        self.perform(self.link.queue(nbytes, b"%d" % seq, self.now, place))
        assert self.link.last == seq, "numbers are contiguous"
        assert attached or self.states[seq] is State.UNDELIVERED, "nobody is there, so it is said"

    @rule(seconds=st.sampled_from([0.1, 0.3, 0.6, 3.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.perform(self.link.tick(self.now))
        if self.link.pending and self.link.phase in (Phase.READY, Phase.GREETING):
            assert self.now - self.moved_at < STALL, "nobody waits longer for one that does nothing"

    # the viewer process

    @precondition(lambda self: self.viewer is None)
    @rule()
    def start_viewer(self) -> None:
        self.made += 1
        self.viewer = ModelViewer(f"v{self.made}")

    @precondition(lambda self: self.viewer is not None)
    @rule(proven=st.booleans(), lost=st.integers(0, 3))
    def kill_viewer(self, proven: bool, lost: int) -> None:
        self.viewer = None
        self.control.clear()  # it was in its sockets; what is said from now on waits for the next
        for _ in range(min(lost, len(self.data))):
            self.data.popleft()
        if proven:
            self.prove_death()

    @rule()
    def prove_death(self) -> None:
        if self.viewer is None:
            self.perform(self.link.died(self.now))
            assert not self.held, "what a dead viewer had is named as gone"

    @precondition(lambda self: self.viewer is not None)
    @rule()
    def close_viewer(self) -> None:
        assert self.viewer is not None
        vid, self.viewer = self.viewer.vid, None
        self.control.clear()
        self.back.append(("bye", vid, ()))

    @precondition(lambda self: self.viewer is not None)
    @rule()
    def forget_us(self) -> None:
        """Somebody said BYE in our name, or we were silent for long."""
        assert self.viewer is not None
        self.viewer.session = None
        self.viewer.unshown.clear()
        self.forgot = True

    @precondition(lambda self: self.viewer is not None)
    @rule(credit=st.integers(-2, 5), paused=st.booleans())
    def change_mind(self, credit: int, paused: bool) -> None:
        assert self.viewer is not None
        self.credit, self.viewer.paused = (credit, credit * 50), paused

    @precondition(lambda self: self.viewer is not None and self.data)
    @rule(refuse=st.sampled_from([False] * 5 + [True]), many=st.booleans())
    def take_images(self, refuse: bool, many: bool) -> None:
        viewer = self.viewer
        assert viewer is not None
        for _ in range(len(self.data) if many else 1):
            seq = self.data.popleft()
            if viewer.session is None:
                continue  # it does not know us yet
            lost = () if seq in viewer.finished else viewer.session.skipped(seq)
            if lost:
                self.back.append(("nack", viewer.vid, lost))
            if viewer.take(seq, refuse) == "refused":
                self.refused.add(seq)
                self.back.append(("refused", viewer.vid, (seq,)))
        if viewer.session is not None:
            self.acknowledge(viewer)

    def acknowledge(self, viewer: ModelViewer) -> None:
        assert viewer.session is not None
        owned = viewer.session.take_owned()
        if owned:
            self.back.append(("ack", viewer.vid, owned))
        shown, _ = viewer.session.take_shown()
        if shown:
            self.back.append(("shown", viewer.vid, shown))

    @precondition(lambda self: self.viewer is not None and self.viewer.unshown)
    @rule(count=st.integers(1, 4))
    def show(self, count: int) -> None:
        viewer = self.viewer
        assert viewer is not None
        assert viewer.session is not None
        shown, viewer.unshown = viewer.unshown[:count], viewer.unshown[count:]
        viewer.progress += len(shown)
        for seq in shown:
            viewer.session.note_shown(seq, "")
        self.acknowledge(viewer)

    @precondition(lambda self: self.viewer is not None and self.control)
    @rule()
    def hear(self) -> None:
        viewer = self.viewer
        assert viewer is not None
        while self.control:
            self.answer(viewer, self.control.popleft())

    def answer(self, viewer: ModelViewer, message: GiveUp | Hello | Ping) -> None:
        session = viewer.session
        match message:
            case Hello():
                viewer.greet(message)
                self.acknowledge(viewer)
                self.back.append(("welcome", viewer.vid, ()))
            case Ping() if session is None or message.vid != viewer.vid:
                self.back.append(("unknown", viewer.vid, ()))
            case Ping() if session is not None:
                missing = session.missing(message.last)
                if missing:
                    self.back.append(("nack", viewer.vid, missing))
                for seq in session.repeat(message.unacked, message.unshown):
                    self.back.append(("refused", viewer.vid, (seq,)))
                self.back.append(("pong", viewer.vid, (viewer.progress,)))
                self.acknowledge(viewer)
            case GiveUp(seqs) if session is not None:
                session.drop(seqs)
                viewer.finished.update(seqs)

    @rule(rounds=st.integers(1, 4))
    def all_goes_well(self, rounds: int) -> None:
        for _ in range(rounds):
            self.wait(0.3)
            if self.viewer is not None:
                self.hear()
                if self.data and self.viewer.session is not None:
                    self.take_images(refuse=False, many=True)
            self.listen(count=1000, again=False)

    # the network

    @precondition(lambda self: self.data)
    @rule(count=st.integers(1, 3))
    def lose_images(self, count: int) -> None:
        for _ in range(min(count, len(self.data))):
            self.data.popleft()

    @precondition(lambda self: self.data)
    @rule()
    def repeat_an_image(self) -> None:
        self.data.append(self.data[-1])

    @precondition(lambda self: self.control or self.back)
    @rule(ours=st.booleans())
    def lose_the_connection(self, ours: bool) -> None:
        (self.control if ours else self.back).clear()

    @precondition(lambda self: self.back)
    @rule(count=st.integers(1, 6), again=st.booleans())
    def listen(self, count: int, again: bool) -> None:
        for _ in range(min(count, len(self.back))):
            message = self.back.popleft()
            self.hear_back(*message)
            if again:
                self.hear_back(*message)

    def hear_back(self, kind: str, vid: str, seqs: tuple[int, ...]) -> None:
        link, now, (credit, nbytes) = self.link, self.now, self.credit
        if kind in ("welcome", "ack") and link.phase is not Phase.CLOSED:
            self.most = [max(1, self.most[0], credit), max(1, self.most[1], nbytes)]
        paused = self.viewer is not None and self.viewer.paused
        self.note_movement(kind, vid, seqs, paused)
        match kind:
            case "welcome":
                if self.viewer is not None and vid == self.viewer.vid:
                    if vid != link.vid:
                        actions = link.welcome(vid, credit, nbytes, now)
                        self.perform(actions)
                        again = {one.seq for one in actions if isinstance(one, Transmit)}
                        assert again >= self.sent, "a new viewer gets what the last had not acked"
                        assert not self.held, "what the one before it had is named as gone"
                    self.perform(link.welcome(vid, credit, nbytes, now))
            case "ack":
                self.perform(link.ack(vid, seqs, credit, nbytes, now))
            case "shown":
                self.perform(link.shown(vid, seqs, {}, now))
            case "nack":
                self.perform(link.nack(vid, seqs))
            case "refused":
                self.perform(link.refuse(vid, seqs[0], "too large", now))
            case "pong":
                self.perform(link.pong(vid, seqs[0], paused, now))
            case "unknown":
                self.perform(link.unknown(vid, now))
            case "bye":
                self.perform(link.bye("closed"))

    def note_movement(self, kind: str, vid: str, seqs: tuple[int, ...], paused: bool) -> None:
        moving = kind in ("welcome", "refused") or (
            vid == self.link.vid and kind in ("ack", "shown", "unknown")
        )
        if kind == "pong" and vid == self.link.vid:
            moving = (seqs[0], paused) != self.said or paused
            self.said = seqs[0], paused
        if kind == "welcome" and vid != self.link.vid:
            self.said = -1, self.said[1]
        if moving:
            self.moved_at = self.now

    @rule(
        kind=st.sampled_from(["ack", "shown", "nack", "refused", "pong"]),
        seqs=st.lists(st.integers(-1, 40), min_size=1, max_size=5),
        vid=st.sampled_from(["v0", ""]),
    )
    def hear_a_stranger(self, kind: str, seqs: list[int], vid: str) -> None:
        if kind == "refused" and not vid:
            return  # that one is believed: a viewer may refuse before it says who it is
        before = dict(self.states)
        self.hear_back(kind, vid, tuple(seqs))
        assert self.states == before

    # what always holds

    @invariant()
    def no_image_is_both_owned_and_undelivered(self) -> None:
        for seq, state in self.states.items():
            waiting = seq in self.link.pending
            assert waiting == (state in (State.QUEUED, State.SENT)), (seq, state)
            assert bool(self.freed[seq]) != waiting, f"{seq} {state}: freed when decided, once"

    @invariant()
    def the_base_is_below_all_that_may_come(self) -> None:
        if hasattr(self, "link"):
            assert all(self.link.base < seq for seq in self.link.pending)
            assert self.link.base <= self.link.last

    @invariant()
    def credit_is_kept(self) -> None:
        if not hasattr(self, "link"):
            return
        assert self.link.credit >= 1
        assert self.link.credit_bytes >= 1
        nbytes = sum(self.sizes[seq] for seq in self.sent)
        assert len(self.sent) <= self.most[0]
        assert len(self.sent) <= 1 or nbytes <= self.most[1]
        queued = [seq for seq, state in self.states.items() if state is State.QUEUED]
        if queued and self.link.phase is Phase.READY:
            full = nbytes + self.sizes[queued[0]] > self.link.credit_bytes
            assert self.sent, "one image is always taken"
            assert full or len(self.sent) >= self.link.credit, "what may be sent is sent"

    def run_well(self, done: Callable[[], bool], what: str) -> None:
        for _ in range(30):
            if self.viewer is None:
                self.start_viewer()
            assert self.viewer is not None
            self.viewer.paused, self.credit = False, (4, 400)
            self.wait(0.6)
            self.hear()
            if self.data:
                self.take_images(refuse=False, many=True)
            if self.viewer.unshown:
                self.show(count=1000)
            if self.back:
                self.listen(count=1000, again=False)
            if done():
                return
        raise AssertionError(f"not after 30 rounds: {what}")

    def nothing_is_missed(self) -> bool:
        session = self.viewer.session if self.viewer is not None else None
        return session is not None and session.upto >= self.link.last

    @property
    def viewer_has(self) -> set[int]:
        return set() if self.viewer is None else self.viewer.taken

    spoilt = False
    """Whether it is in doubt what the viewer has, because it lied."""

    def teardown(self) -> None:
        """When faults end, everything arrives or is named; and after the end nothing is open."""
        if not hasattr(self, "link"):
            return
        self.run_well(lambda: self.link.phase is Phase.READY, "a viewer that is there is found")
        if self.now - self.moved_at > STALL / 2:  # it may be given up before it can be well again
            self.run_well(lambda: not self.link.pending, "it arrives or is given up")
            self.run_well(lambda: self.link.phase is Phase.READY, "and is found again")
        for place in (b"one", b"two", b"three"):
            if self.link.room(1):
                self.queue_one(1, place)
        wanted = tuple(self.link.pending)
        self.run_well(lambda: not self.link.pending, "what was lost on the way is sent again")
        self.run_well(self.nothing_is_missed, "what will not come is not waited for")
        arrived = {seq for seq in wanted if self.states[seq] in (State.OWNED, State.SHOWN)}
        assert self.spoilt or arrived | self.refused >= set(wanted), (
            "everything arrives at a viewer that is well"
        )
        self.run_well(lambda: not self.link.unshown, "what is owned is shown")
        clear = not (self.spoilt or self.forgot)
        assert not clear or set(self.held) - self.gone == self.viewer_has - self.gone, (
            "what the viewer has is owned, and nothing else, however often it was given up"
        )
        self.perform(self.link.close("the end"))
        self.no_image_is_both_owned_and_undelivered()
        assert set(self.states.values()) <= FINAL
        assert sorted(self.states) == list(range(1, self.link.last + 1))


class Lies(Delivery):
    """A viewer that is let in, and says what is not true."""

    def may_read(self, seq: int) -> bool:
        return False  # it said that it does not: what becomes of it then is its own affair

    @rule(
        kind=st.sampled_from(["ack", "shown", "nack", "refused", "pong", "unknown", "bye"]),
        seqs=st.lists(st.integers(-(2**70), 2**70) | st.integers(-1, 40), min_size=1, max_size=9),
        credit=st.sampled_from([-(2**70), -1, 0, 2**70]),
    )
    def lie(self, kind: str, seqs: list[int], credit: int) -> None:
        self.spoilt = True
        true, self.credit = self.credit, (credit, credit)
        self.hear_back(kind, self.link.vid, tuple(seqs))
        self.credit = true

    @precondition(lambda self: self.link.pending)
    @rule(times=st.integers(1, 50), which=st.integers(0, 100))
    def nag(self, times: int, which: int) -> None:
        seq = sorted(self.link.pending)[which % len(self.link.pending)]
        self.spoilt = True
        before = len(self.data)
        for _ in range(times):
            self.hear_back("nack", self.link.vid, (seq,) * 100)
        assert len(self.data) - before <= MOST_ASKED + len(self.states)

    def credit_is_kept(self) -> None:
        if hasattr(self, "link"):
            self.most = [min(self.most[0], MOST_CREDIT), min(self.most[1], MOST_CREDIT_BYTES)]
        super().credit_is_kept()


def _tried(machine: type[Delivery], examples: int) -> type[TestCase]:
    machine.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    return machine.TestCase


TestDelivery = _tried(Delivery, 100)
TestLies = _tried(Lies, 60)


def storm(machine: Delivery, dice: random.Random, steps: int) -> None:
    """Walk at random, mostly where much is under way: hypothesis shrinks well, but goes slowly."""
    machine.begin(latest=dice.random() < 0.3, credit=dice.randint(1, 5))
    moves = {
        "queue": 8, "wait": 6, "take_images": 5, "listen": 5, "hear": 5, "show": 3,
        "start_viewer": 3, "change_mind": 1, "kill_viewer": 1, "prove_death": 1,
        "close_viewer": 1, "lose_images": 2, "repeat_an_image": 1, "lose_the_connection": 1,
        "forget_us": 0.2, "all_goes_well": 2, "hear_a_stranger": 1,
    }  # fmt: skip
    if isinstance(machine, Lies):
        moves |= {"lie": 5, "nag": 1}
    for _ in range(steps):
        (move,) = dice.choices(list(moves), list(moves.values()))
        if _possible(machine, move):
            getattr(machine, move)(**_words(move, dice))
        machine.no_image_is_both_owned_and_undelivered()
        machine.the_base_is_below_all_that_may_come()
        machine.credit_is_kept()
    machine.teardown()


def _possible(machine: Delivery, move: str) -> bool:
    there = machine.viewer is not None
    return {
        "start_viewer": not there,
        "kill_viewer": there, "close_viewer": there, "forget_us": there, "change_mind": there,
        "take_images": there and bool(machine.data),
        "show": machine.viewer is not None and bool(machine.viewer.unshown),
        "hear": there and bool(machine.control),
        "lose_images": bool(machine.data), "repeat_an_image": bool(machine.data),
        "listen": bool(machine.back),
        "nag": bool(machine.link.pending),
    }.get(move, True)  # fmt: skip


def _words(move: str, dice: random.Random) -> dict[str, Any]:
    few, either = dice.randint(1, 4), dice.random() < 0.5
    words: dict[str, dict[str, Any]] = {
        "queue": {
            "sizes": [dice.randint(1, 120) for _ in range(few)],
            "place": dice.choice([b"", b"left", b"right"]),
        },
        "wait": {"seconds": dice.choice([0.1, 0.3, 0.3, 0.6, 0.6, 3.0, 5.1, 10.0])},
        "kill_viewer": {"proven": either, "lost": few - 1},
        "change_mind": {"credit": dice.randint(-2, 5), "paused": dice.random() < 0.2},
        "take_images": {"refuse": dice.random() < 0.1, "many": either},
        "show": {"count": few},
        "lose_images": {"count": few},
        "lose_the_connection": {"ours": either},
        "listen": {"count": 2 * few, "again": dice.random() < 0.1},
        "all_goes_well": {"rounds": few},
        "hear_a_stranger": {
            "kind": dice.choice(["ack", "shown", "nack", "pong"]),
            "seqs": [dice.randint(-1, 40) for _ in range(few)],
            "vid": dice.choice(["v0", ""]),
        },
    }
    words["lie"] = {
        "kind": dice.choice(["ack", "shown", "nack", "refused", "pong", "unknown", "bye"]),
        "seqs": [dice.choice([dice.randint(-1, 40), -(2**70), 2**70]) for _ in range(few)],
        "credit": dice.choice([-(2**70), -1, 0, 2**70]),
    }
    words["nag"] = {"times": 10 * few, "which": few}
    return words.get(move, {})


@pytest.mark.parametrize(("machine", "walks"), [(Delivery, 1500), (Lies, 500)])
def test_a_storm(machine: type[Delivery], walks: int) -> None:
    dice = random.Random(machine.__name__)  # noqa: S311 - the same walks each time
    for _ in range(walks):
        storm(machine(), dice, steps=60)
