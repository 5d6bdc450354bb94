"""What a viewer knows of one producer: what came, what will not, and what was not heard."""

from __future__ import annotations

import pytest

from streaming_core.errors import WireError
from streaming_core.protocol.messages import Hello
from streaming_core.stream.session import (
    MOST_ANSWERS,
    MOST_MISSING,
    MOST_QUESTIONS,
    MOST_REASONS,
    Session,
)

SID = "0123456789abcdef.1"


@pytest.fixture
def session() -> Session:
    return Session.begin(Hello(SID, "run", 1), b"first")


def owned(session: Session, *seqs: int) -> None:
    for seq in seqs:
        session.own(seq)
    session.take_owned()


def test_a_sid_that_is_none_is_refused() -> None:
    for sid in ("", "x", SID + "/../a", "0123456789ABCDEF.1"):
        with pytest.raises(WireError):
            Session.begin(Hello(sid, "run", 1), b"")


def test_a_jump_and_a_lost_tail_are_noticed(session: Session) -> None:
    owned(session, 1)
    assert session.skipped(1) == ()
    assert session.skipped(4) == (2, 3)
    owned(session, 4)
    assert session.missing(5) == ()  # the PING may have overtaken the image
    assert session.missing(5) == (2, 3, 5)
    owned(session, 2, 3)
    session.drop((5,))
    assert session.upto == 5
    assert session.missing(5) == ()


def test_what_was_given_up_while_it_was_away_is_not_asked_for(session: Session) -> None:
    owned(session, 1, 2, 4, 90)
    session.doubted = True
    session.greeted(Hello(SID, "another", 1, last=80), b"second")
    assert not session.doubted, "what was given up is known now"
    assert (session.upto, session.identity, session.run) == (80, b"second", "another")
    assert session.skipped(82) == (81,)
    assert session.take_owned() == (1, 2, 4), "it may not have heard that these are owned"
    assert session.done(50)
    assert session.take_owned() == (), "what was given up is never acked"
    assert session.done(2)
    assert session.take_owned() == (2,)
    session.greeted(Hello(SID, "another", 1, last=89), b"second")
    assert session.upto == 90


def test_an_ack_that_was_lost_is_said_again(session: Session) -> None:
    owned(session, 1, 2, 3, 5)
    assert list(session.repeat(2, 0)) == []
    assert session.take_owned() == ()  # our word may be on its way
    assert list(session.repeat(2, 0)) == []
    assert session.take_owned() == (2, 3)
    assert list(session.repeat(4, 0)) == []
    assert list(session.repeat(4, 0)) == []
    assert session.take_owned() == ()  # 4 never came


def test_what_an_earlier_session_owned_is_not_waited_for() -> None:
    session = Session.begin(Hello(SID, "run", 1, last=7), b"first")
    for _ in range(2):
        assert list(session.repeat(0, 5)) == []
    assert session.take_shown() == ((5, 6, 7), {})
    assert session.take_owned() == ()


def test_a_refusal_that_was_lost_is_said_again_and_never_acked(session: Session) -> None:
    owned(session, 1)
    session.refuse(2, "too large")
    assert session.done(2)
    for _ in range(2):
        refused = list(session.repeat(1, 0))
    assert refused == [2]
    assert session.refused(2) == "too large"
    assert session.take_owned() == (1,)


def test_a_shown_that_was_lost_is_said_again_with_its_error(session: Session) -> None:
    owned(session, 1, 2, 3)
    session.note_shown(1, "")
    session.note_shown(2, "no window")
    session.take_shown()
    for _ in range(2):
        assert list(session.repeat(0, 1)) == []
    assert session.take_shown() == ((1, 2), {"2": "no window"})  # 3 is not shown yet


def test_nothing_that_a_producer_says_makes_it_grow_without_bound(session: Session) -> None:
    owned(session, *range(1, 3000))
    for _ in range(2):
        list(session.repeat(-(10**15), -(10**15)))
    assert len(session.take_owned()) <= MOST_MISSING
    assert len(session.take_shown()[0]) <= MOST_MISSING
    assert len(session.skipped(10**15)) <= MOST_MISSING
    for seq in range(3000, 3000 + 2 * MOST_REASONS):
        session.refuse(seq, "no")
    assert session.refused(3000) == ""
    assert session.refused(2999 + 2 * MOST_REASONS) == "no"


def test_requests_are_kept_in_mind_and_the_newest_answers_too(session: Session) -> None:
    for number in range(1, 3 * MOST_QUESTIONS):
        session.asked(number)
        session.answered(number, f"answer {number}")
        session.answered(number, f"answer {number}")  # said again
    assert len(session.questions) <= MOST_QUESTIONS + 1
    kept = [number for number, answer in session.questions.items() if answer is not None]
    assert kept == list(range(3 * MOST_QUESTIONS - MOST_ANSWERS, 3 * MOST_QUESTIONS))
