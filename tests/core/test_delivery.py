"""The link's state machine, with a clock of our own."""

from collections.abc import Iterable

import pytest

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
from streaming_core.protocol.delivery import MOST_UNSENT, Link


def states(actions: Iterable[Action]) -> dict[int, State]:
    return {one.seq: one.state for one in actions if isinstance(one, Settle)}


def sent(actions: Iterable[Action]) -> list[int]:
    return [one.seq for one in actions if isinstance(one, Transmit)]


def freed(actions: Iterable[Action]) -> dict[int, bool]:
    return {one.seq: one.proven for one in actions if isinstance(one, Free)}


def lost(actions: Iterable[Action]) -> list[Lost]:
    return [one for one in actions if isinstance(one, Lost)]


@pytest.fixture
def link() -> Link:
    link = Link(0.0, stall=10.0, grace=5.0)
    link.welcome("v1", 4, 1000, 0.0)
    return link


def test_an_image_goes_its_way(link: Link) -> None:
    assert sent(link.queue(100, b"a", 0.0)) == [1]
    owned = link.ack("v1", [1], 4, 1000, 0.1)
    assert states(owned) == {1: State.OWNED}
    assert freed(owned) == {1: True}
    assert link.unshown == 1
    assert states(link.shown("v1", [1], {}, 0.2)) == {1: State.SHOWN}
    assert link.unshown == 0
    assert link.ack("v1", [1], 4, 1000, 0.3) == []


def test_credit_in_images_and_in_bytes(link: Link) -> None:
    assert link.room(5000)  # one is always taken
    link.queue(400, b"", 0.0)
    assert link.room(600)
    assert not link.room(601)
    for _ in range(3):
        link.queue(1, b"", 0.0)
    assert not link.room(1)
    link.ack("v1", [2], 4, 1000, 0.0)
    assert link.room(1)


def test_images_wait_for_the_first_welcome() -> None:
    link = Link(0.0)
    assert any(isinstance(one, Greet) for one in link.tick(0.0))
    assert sent(link.queue(10, b"", 0.0)) == []
    assert sent(link.welcome("v1", 4, 1000, 0.1)) == [1]


def test_lost_messages_are_sent_again_and_what_is_gone_is_said(link: Link) -> None:
    for _ in range(3):
        link.queue(1, b"", 0.0)
    link.ack("v1", [1], 4, 1000, 0.0)
    actions = link.nack("v1", [1, 2])
    assert sent(actions) == [2]
    assert GiveUp((1,)) in actions
    assert link.nack("other", [2]) == []


def test_a_restarted_viewer_gets_what_was_not_owned_and_the_gap_is_named(link: Link) -> None:
    for name in (b"a", b"b", b"c"):
        link.queue(1, name, 0.0)
    link.ack("v1", [1, 2], 4, 1000, 0.0)
    link.shown("v1", [1], {}, 0.0)
    gap = link.died(1.0)
    assert gap == [Lost(2, (b"a", b"b")), Settle(2, State.OWNED, "gap")]
    assert link.phase is Phase.WAITING
    assert link.ack("v1", [3], 4, 1000, 1.5) == []  # it came too late: that viewer is dead
    assert link.died(1.6) == []
    actions = link.welcome("v2", 4, 1000, 2.0)
    assert sent(actions) == [3]
    assert lost(actions) == []
    assert link.ack("v1", [3], 4, 1000, 2.0) == []


def test_a_restart_that_was_faster_than_the_proof_of_death_names_the_gap(link: Link) -> None:
    link.queue(1, b"a", 0.0)
    link.queue(1, b"b", 0.0)
    link.ack("v1", [1], 4, 1000, 0.0)
    assert link.unknown("v2", 0.5) == [Greet()]
    actions = link.welcome("v2", 4, 1000, 0.6)
    assert lost(actions) == [Lost(1, (b"a",))]
    assert sent(actions) == [2]


def test_what_a_closed_viewer_had_is_a_gap_that_its_user_knows_of(link: Link) -> None:
    link.queue(1, b"a", 0.0)
    link.ack("v1", [1], 4, 1000, 0.0)
    assert lost(link.bye("closed")) == [Lost(1, (b"a",), closed=True)]
    assert lost(link.welcome("v2", 4, 1000, 2.0)) == []
    assert link.unshown == 0


def test_a_dead_viewer_that_does_not_come_back_is_reported(link: Link) -> None:
    link.queue(1, b"", 0.0)
    link.died(1.0)
    assert states(link.tick(5.9)) == {}
    actions = link.tick(6.1)
    assert states(actions) == {1: State.UNDELIVERED}
    assert freed(actions) == {1: False}  # one that is just starting there may be reading it
    assert states(link.queue(1, b"", 7.0)) == {2: State.UNDELIVERED}
    assert sent(link.welcome("v2", 4, 1000, 8.0)) == []
    assert sent(link.queue(1, b"", 8.0)) == [3]


def test_a_stalled_viewer_is_detached_and_its_memory_is_in_doubt(link: Link) -> None:
    link.queue(1, b"", 0.0)
    assert states(link.tick(9.9)) == {}
    actions = link.tick(10.1)
    assert states(actions) == {1: State.UNDELIVERED}
    assert freed(actions) == {1: False}
    assert link.room(10**9)
    link.welcome("v1", 4, 1000, 20.0)
    assert sent(link.queue(1, b"", 20.0)) == [2]


def test_what_was_given_up_and_came_after_all_is_found(link: Link) -> None:
    for name in (b"a", b"b", b"c"):
        link.queue(400, name, 0.0)  # no credit for the third
    given_up = {one.seq for one in link.tick(10.0) if isinstance(one, Settle)}
    assert given_up == {1, 2, 3}
    assert link.ack("v0", [1], 4, 1000, 11.0) == []
    assert link.shown("v1", [2], {}, 11.0) == [], "only an ACK is exact"
    assert link.ack("v1", [2, 2, 3], 4, 1000, 11.0) == [Found(2)], "3 was never sent"
    assert link.shown("v1", [2], {}, 11.1) == [Settle(2, State.SHOWN)]
    assert lost(link.died(12.0)) == [Lost(1, (b"b",))]


def test_progress_and_a_pause_stop_the_stall_clock(link: Link) -> None:
    link.queue(1, b"", 0.0)
    link.pong("v1", 5, False, 8.0)
    assert states(link.tick(17.0)) == {}
    for now in range(17, 100):
        link.pong("v1", 5, True, float(now))
        assert states(link.tick(float(now))) == {}
    link.pong("v1", 5, False, 100.0)
    assert states(link.tick(100.1)) == {}  # the clock starts anew when the pause ends
    assert states(link.tick(110.2)) == {1: State.UNDELIVERED}


def test_a_viewer_that_stands_still_again_and_again_has_not_stalled(link: Link) -> None:
    link.queue(1, b"", 0.0)
    for now in (9.0, 18.0, 27.0):
        link.unknown("v1", now)
        assert states(link.tick(now + 9.9)) == {}
    link.unknown("v2", 30.0)  # of another one that proves nothing
    assert states(link.tick(37.1)) == {1: State.UNDELIVERED}


def test_a_viewer_that_freezes_while_it_is_paused_has_stalled(link: Link) -> None:
    link.queue(1, b"", 0.0)
    link.pong("v1", 0, True, 1.0)
    assert states(link.tick(10.9)) == {}
    assert states(link.tick(11.1)) == {1: State.UNDELIVERED}


def test_what_stays_in_a_window_that_stops_listening_is_no_gap(link: Link) -> None:
    link.queue(1, b"a", 0.0)
    link.ack("v1", [1], 4, 1000, 0.0)
    assert lost(link.bye("its user has stopped listening", stay=True)) == []
    assert lost(link.welcome("v2", 4, 1000, 2.0)) == []
    assert link.unshown == 0


def test_a_closed_viewer_lets_the_program_go_on(link: Link) -> None:
    link.queue(1, b"", 0.0)
    actions = link.bye("closed by its user")
    assert states(actions) == {1: State.UNDELIVERED}
    later = Settle(2, State.UNDELIVERED, "closed by its user")  # the reason, in the same words
    assert later in link.queue(1, b"", 1.0)
    assert any(isinstance(one, Greet) for one in link.tick(5.0))


def test_latest_replaces_what_was_not_sent() -> None:
    link = Link(0.0, latest=True)
    link.welcome("v1", 1, 1000, 0.0)
    assert sent(link.queue(1, b"", 0.0, b"left")) == [1]
    assert link.room(10**9)
    assert sent(link.queue(1, b"", 0.0, b"left")) == []
    link.queue(1, b"", 0.0, b"right")
    actions = link.queue(1, b"", 0.0, b"left")
    assert states(actions) == {2: State.REPLACED}
    assert GiveUp((2,)) in actions
    assert link.replaced == 1
    assert sent(link.ack("v1", [1], 1, 1000, 0.1)) == [3]
    assert sent(link.ack("v1", [3], 1, 1000, 0.1)) == [4]


def test_latest_waits_when_too_much_is_unsent() -> None:
    link = Link(0.0, latest=True)
    link.welcome("v1", 1, 1000, 0.0)
    for number in range(3):
        assert link.room(400)
        link.queue(400, b"", 0.0, b"place %d" % number)
    assert not link.room(400)  # two of them wait: a third would be more than the credit
    small = Link(0.0, latest=True)
    small.welcome("v1", 1, 10**9, 0.0)
    while small.room(1):
        small.queue(1, b"", 0.0, b"place %d" % small.last)
    assert small.last == MOST_UNSENT + 1


def test_the_numbers_that_are_waited_for_are_told(link: Link) -> None:
    assert link.waits == (0, 0)
    for _ in range(5):
        link.queue(300, b"", 0.0)
    assert link.waits == (1, 0)
    link.ack("v1", [1, 3], 4, 1000, 0.1)
    assert link.waits == (2, 1)
    link.shown("v1", [1], {}, 0.2)
    assert link.waits == (2, 3)


def test_closing_reports_what_was_not_owned(link: Link) -> None:
    link.queue(1, b"", 0.0)
    link.queue(1, b"", 0.0)
    link.ack("v1", [2], 4, 1000, 0.0)
    assert states(link.close("the end")) == {1: State.UNDELIVERED, 2: State.OWNED}
    assert link.tick(50.0) == []
    assert link.welcome("v1", 1, 1, 0.0) == []


def test_pings_tell_the_newest_number_that_was_sent(link: Link) -> None:
    for _ in range(2):
        link.queue(1, b"", 0.0)
    assert [one for one in link.tick(1.0) if isinstance(one, Probe)] == [Probe(2)]


def test_an_unknown_session_greets_again(link: Link) -> None:
    link.queue(1, b"", 0.0)
    assert any(isinstance(one, Greet) for one in link.unknown("v1", 0.1))
    assert sent(link.welcome("v1", 4, 1000, 0.2)) == [1]


def test_a_refused_image_is_undelivered_with_the_viewers_words(link: Link) -> None:
    link.queue(1, b"", 0.0)
    (settled, free) = link.refuse("v1", 1, "too large", 0.1)
    assert settled == Settle(1, State.UNDELIVERED, "too large")
    assert free == Free(1, True)


def test_a_viewer_that_owns_an_image_and_then_refuses_it_is_not_waited_for(link: Link) -> None:
    link.queue(10, b"", 0.0)
    link.ack("v1", [1], 4, 1000, 0.1)
    assert link.refuse("v1", 1, "cannot", 0.2) == [Settle(1, State.SHOWN, "cannot")]
    assert link.unshown == 0
