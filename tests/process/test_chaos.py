"""Everything at once: processes die, freeze, pause and dawdle, and every image is accounted for."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

import planecast as pc
from streaming_core.testing import poll_until, recording_viewer
from tests.benchmarks.chaos import Plan, kinds, run
from tests.benchmarks.schedule import schedule
from tests.process.programs.stage import held, staging

VIEWERS = tuple(kind if kind == "recording" else f"{kind}!" for kind in kinds())
PLAN = Plan(seed=1, seconds=20.0, kills=20, viewers=VIEWERS)


def test_no_image_is_lost_torn_or_shown_twice(tmp_path: Path) -> None:
    """Each run is another one; a failure names its seed, which does the same again."""
    outcome = run(PLAN.other(), tmp_path)
    assert sum(outcome.kills.values()) >= 20
    assert {"kill", "freeze", "pause", "slow"} <= set(outcome.deeds)
    assert outcome.planned == outcome.owned + outcome.undelivered
    assert outcome.gaps, "a viewer that was killed had something"


def test_a_seed_decides_what_happens_to_whom() -> None:
    again, other = Plan(seed=1), Plan(seed=2)
    assert PLAN.steps() == Plan(1, 20.0, 20, PLAN.viewers).steps()
    assert again.steps() != other.steps()


@pytest.mark.parametrize("seed", range(50))
def test_every_run_has_all_kinds_of_trouble(seed: int) -> None:
    plan = Plan(seed, PLAN.seconds, PLAN.kills, PLAN.viewers)
    steps = schedule(
        plan.parts, seed=seed, seconds=plan.seconds, kills=plan.kills,
        stall=plan.stall, grace=plan.grace,
    )  # fmt: skip
    kills = {part: sum(one.deed == "kill" for one in many) for part, many in steps.items()}
    assert sum(kills.values()) >= plan.kills
    for part in plan.parts:
        assert bool(kills[part.name]) == part.mortal
        if part.spared and part.kind != "feeder":
            frozen = [one.seconds for one in steps[part.name] if one.deed == "freeze"]
            assert max(frozen, default=0.0) < plan.stall / 2
    late = [one for one in steps["recording-mortal"] if one.deed == "kill"]
    assert max(one.seconds for one in late) > plan.grace


def test_a_producer_that_was_frozen_blames_no_viewer() -> None:
    script = """
        with pc.connect(int(sys.argv[1]), stall=1.0) as viewer:
            send(viewer, range(30))
            print("sent", flush=True)
            viewer.settle()
            print(len(viewer.undelivered), flush=True)
    """
    with staging() as stage, recording_viewer() as (port, adapter), pc.connect(port) as viewer:
        adapter.paused = True
        poll_until(lambda: viewer.state()["backlog"] == 0, "it answers")
        program = stage.start(script, port)
        assert program.hear() == "sent"
        program.signal(signal.SIGSTOP)
        adapter.paused = False
        threading.Event().wait(4.0)  # longer than the sockets bear with it too
        program.signal(signal.SIGCONT)
        assert program.hear() == "0"
        program.end()
        assert held(viewer) == list(range(30))
