"""Arrays in replies: they wait for whoever asked, and not without limit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from streaming_core.errors import RequestFailed
from streaming_core.memory.shm import FOLDER, SUPPORTED
from streaming_core.protocol.messages import Hello, Inline, Slab
from streaming_core.stream import results
from streaming_core.stream.results import Results
from streaming_core.stream.session import Session, new_vid

LARGE = np.ones(100_000, np.uint8)


@pytest.fixture
def offered() -> Iterator[Results]:
    made = Results(new_vid(), inline_below=1000)
    yield made
    made.close()


def session(*, shm: bool) -> Session:
    made = Session.begin(Hello("0123456789abcdef.1", "run", 1), b"")
    made.shm = shm
    return made


@pytest.mark.parametrize("shm", [True, False] if SUPPORTED else [False])
def test_who_fetches_nothing_gets_no_more(
    offered: Results, monkeypatch: pytest.MonkeyPatch, shm: bool
) -> None:
    monkeypatch.setattr(results, "MOST_BYTES", 3 * LARGE.nbytes)
    asking = session(shm=shm)
    for number in (1, 2, 2):  # a question that is asked again is answered again
        described, parts = offered.carry(asking, number, LARGE)
        assert described is not None
        assert isinstance(described.where, Slab if shm else Inline)
        assert bool(parts) is not shm
    with pytest.raises(RequestFailed, match="ask later"):
        offered.carry(asking, 3, LARGE)
    assert offered.waiting(asking.sid) == 3
    offered.release(asking.sid, 2)
    offered.carry(asking, 3, LARGE)
    assert offered.waiting(asking.sid) == 2


def test_one_array_may_have_any_size(offered: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_BYTES", 10)
    assert offered.carry(session(shm=False), 1, LARGE)[1]


@pytest.mark.skipif(FOLDER is None, reason="looks at segments in /dev/shm")
def test_what_nobody_comes_for_is_let_go_of(offered: Results) -> None:
    asking = session(shm=True)
    described, _ = offered.carry(asking, 1, LARGE)
    assert described is not None
    assert isinstance(described.where, Slab)
    path = Path(FOLDER or "", described.where.segment)
    assert path.exists()
    offered.expire(float("inf"))
    assert not path.exists()
    assert offered.waiting(asking.sid) == 0


@pytest.mark.skipif(FOLDER is None, reason="looks at segments in /dev/shm")
def test_what_is_offered_while_the_viewer_closes_is_let_go_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vid = new_vid()
    made, asking = Results(vid, inline_below=1000), session(shm=True)
    monkeypatch.setattr(np, "copyto", lambda *_: made.close())
    made.carry(asking, 1, LARGE)
    assert not list(Path(str(FOLDER)).glob(f"pc{vid}_*"))
    with pytest.raises(RequestFailed, match="was closed"):
        made.carry(asking, 2, LARGE)
