"""Everything works where shared memory does not: pixels travel inside the messages.

On Windows that is so anyhow. Elsewhere a Python is used that lacks the system's binding.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import planecast as pc
from streaming_core.memory.segments import SUPPORTED
from streaming_core.testing import free_pair, poll_until, recording_viewer
from tests.process.programs.stage import (
    KILL,
    Stage,
    held,
    kill,
    numbers,
    pid_of,
    python_that,
    segments,
    send,
)

WITHOUT = 'import sys; sys.modules["_posixshmem"] = None\n'
SOON = """
from streaming_core.stream import receiver, roster
receiver.CHORES_EVERY = roster.SILENT = 1.0
"""
"""A viewer that looks for ended programs after 1 or 2 s, not after 10 or 15."""


@pytest.fixture
def python(tmp_path: Path) -> str:
    """A Python without shared memory, which runs ``-m module arguments``."""
    if not SUPPORTED:
        return sys.executable
    return python_that(WITHOUT, tmp_path)


def script(text: str) -> list[str]:
    """Return the command of a program without shared memory; its port is the first argument."""
    head = (
        "import numpy as np\nimport planecast as pc\nfrom tests.process.programs.stage import *\n"
    )
    return [sys.executable, "-c", WITHOUT + head + textwrap.dedent(text)]


STREAM = """
viewer = pc.connect(int(sys.argv[1]))
send(viewer, range(10))
send(viewer, range(10, 20), side=SMALL, source="small")
out = viewer.allocate((SIDE, SIDE), np.uint16)
out[:] = 10
viewer.show(out, components={"t": 10})
try:
    out[:] = 11
except ValueError:
    print("read-only", flush=True)
viewer.show(np.full((2500, 2500), 7, np.uint16), source="large")
viewer.settle()
assert held(viewer) == list(range(11))
assert held(viewer, "small") == list(range(10, 20))
large = viewer.read(source="large")
assert large.nbytes == 12_500_000 and (large == 7).all()
print(viewer.route().shm, flush=True)
viewer.close()
"""


@pytest.mark.parametrize("who", ["the viewer", "the program", "both"])
def test_images_go_there_and_back(stage: Stage, python: str, who: str) -> None:
    port = free_pair()
    with pc.launch("recording", port, python=None if who == "the program" else python) as viewer:
        command = script(STREAM)
        if who == "the viewer":
            command[-1] = command[-1].removeprefix(WITHOUT)
        assert stage.run([*command, str(port)]).end().split() == ["read-only", "False"]
        send(viewer, range(11, 15))
        viewer.settle()
        assert held(viewer) == list(range(15))
        viewer.quit()


def test_a_viewer_and_a_program_without_it_leave_nothing_in_the_run_folder(
    stage: Stage, python: str, run_folder: Path
) -> None:
    before, port = segments(), free_pair()
    viewer = pc.launch("recording", port, python=python)
    ours = viewer.route().sid.partition(".")[0]
    stage.run([*script(STREAM), str(port)]).end()
    assert all(ours in name for name in segments() - before)
    viewer.quit()
    kept = {f"producer-{ours}.lease", f"viewer-{port}.keys", "logs"}
    poll_until(
        lambda: {path.name for path in run_folder.iterdir()} <= kept, "only ours is left, who go on"
    )


def test_a_killed_viewer_comes_back_on_its_port_and_gets_what_it_had_not_owned(
    stage: Stage, python: str
) -> None:
    port = free_pair()
    viewer = pc.launch("recording", port, python=python)
    first = pid_of(port)
    send(viewer, range(20))
    viewer.settle()
    send(viewer, range(20, 60))
    kill(port)
    send(viewer, range(60, 70))
    pc.launch("recording", port, python=python).close()
    assert pid_of(port) != first
    with pytest.raises(pc.Undelivered, match="lost with the viewer") as report:
        viewer.flush()
    viewer.settle()
    lost = set(numbers(report.value.images))
    assert set(range(20)) <= lost <= set(range(60)), "what the dead one had is gone with it"
    assert held(viewer) == sorted(set(range(70)) - lost)
    viewer.quit()


def test_what_a_killed_program_left_is_removed_by_the_next_start(
    stage: Stage, python: str, run_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    port = free_pair()
    soon = python_that(WITHOUT + SOON, tmp_path_factory.mktemp("soon")) if SUPPORTED else python
    pc.launch("recording", port, python=soon).close()
    program = stage.run([*script("""
        viewer = pc.connect(int(sys.argv[1]))
        send(viewer, range(5))
        viewer.flush()
        print(viewer.route().sid.partition(".")[0], flush=True)
        sys.stdin.read()
    """), str(port)])  # fmt: skip
    lease = run_folder / f"producer-{program.hear()}.lease"
    assert lease.exists()
    program.signal(KILL)
    program.process.wait()
    with pc.launch("recording", free_pair(), python=python) as other:
        poll_until(lambda: not lease.exists(), "its lease is gone")
        other.quit()
    with pc.connect(port) as viewer:
        assert held(viewer) == list(range(5))
        poll_until(
            lambda: len(viewer.state()["producers"]) == 1, "the viewer has noticed its end", 60
        )
        viewer.quit()


def test_a_viewer_that_is_killed_again_and_again_is_found_each_time(
    stage: Stage, python: str
) -> None:
    port, pids = free_pair(), set()
    for t in range(4):
        with pc.launch("recording", port, python=python) as viewer:
            pids.add(pid_of(port))
            viewer.show(np.full((64, 64), t, "u2"), components={"t": t})
            viewer.settle()
            assert held(viewer) == [t]
        kill(port)
    assert len(pids) == 4


def test_many_programs_share_what_may_wait_at_a_viewer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, programs = 1 << 19, 4
    monkeypatch.setenv("PLANECAST_QUEUE_BYTES", str(2 * programs * image))
    command = script("""
        viewer, most = pc.connect(int(sys.argv[1])), 0
        link = viewer.route().link
        print("here", flush=True)
        input()
        for t in range(12):
            viewer.show(np.full((512, 512), t, np.uint16), components={"t": t}, source=sys.argv[2])
            most = max(most, sum(entry.nbytes for entry in list(link.pending.values())))
            if t == 1:
                print("two are on their way", flush=True)
        viewer.settle()
        print(most, flush=True)
        if input() == "alone":
            poll_until(lambda: link.credit_bytes == int(sys.argv[3]), "it may send more")
    """)
    with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
        adapter.paused = True
        crowd = [
            stage.run([*command, str(port), f"program {number}", str(2 * programs * image)])
            for number in range(programs)
        ]
        assert [program.hear() for program in crowd] == ["here"] * programs
        for program in crowd:
            program.tell("go")
        assert [program.hear() for program in crowd] == ["two are on their way"] * programs
        adapter.paused = False
        assert [int(program.hear()) for program in crowd] == [2 * image] * programs
        for program in crowd[:-1]:
            program.tell("end")
            program.end()
        crowd[-1].tell("alone")
        crowd[-1].end()
        for number in range(programs):
            assert held(viewer, f"program {number}") == list(range(12))
