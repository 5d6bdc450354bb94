"""Several programs with one viewer, one program with several, and runs that do not mix."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

import planecast as pc
from streaming_core.stream.outcome import Deliveries
from streaming_core.testing import free_pair, poll_until, recording_viewer
from tests.process.programs.stage import (
    SMALL,
    Program,
    Stage,
    held,
    picture,
    pid_of,
    segments,
    send,
    with_shm,
)


class TestOneViewer:
    def test_a_greedy_program_does_not_keep_the_others_waiting(self, stage: Stage) -> None:
        script = """
            viewer = pc.connect(int(sys.argv[1]))
            t = 0
            while True:
                send(viewer, range(t % 50, t % 50 + 1), source="greedy")
                t += 1
                if t == 200:
                    print("busy", flush=True)
        """
        with recording_viewer() as (port, _):
            greedy = [stage.start(script, port) for _ in range(2)]
            for program in greedy:
                assert program.hear() == "busy"
            with pc.connect(port) as viewer:
                send(viewer, range(100), source="modest")
                viewer.flush()
                assert all(program.process.poll() is None for program in greedy)
                for program in greedy:
                    program.kill_group()
                viewer.settle()
                assert held(viewer, source="modest") == list(range(100))
                assert held(viewer, source="greedy") == list(range(50))

    def test_each_program_has_its_own_numbers_and_memory(self, stage: Stage) -> None:
        script = """
            with pc.connect(int(sys.argv[1])) as viewer:
                side = int(sys.argv[3])
                send(viewer, range(100), side=side, source=sys.argv[2])
        """
        with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
            programs = [
                stage.start(script, port, name, side)
                for name, side in (("a", 200), ("b", 200), ("c", SMALL))
            ]
            for program in programs:
                program.end()
            for source in "abc":
                assert held(viewer, source=source) == list(range(100))
            assert len(adapter.images) == 300
            poll_until(lambda: len(viewer.state()["producers"]) == 1, "they said good-bye")

    def test_programs_that_live_shortly_leave_nothing_in_the_viewer(self, stage: Stage) -> None:
        port = free_pair()
        pc.launch("recording", port).close()
        script = """
            number = int(sys.argv[2])
            viewer = pc.connect(int(sys.argv[1]))
            send(viewer, range(number * 5, number * 5 + 3))
            send(viewer, range(number * 5 + 3, number * 5 + 5), side=16, source="small")
        """
        with pc.connect(port) as viewer:
            run_all(stage, script, port, range(10))
            poll_until(lambda: len(viewer.state()["producers"]) == 1, "they said good-bye")
            before = resources(pid_of(port))
            run_all(stage, script, port, range(10, 40))
            expected = range(200)
            assert held(viewer) == [t for t in expected if t % 5 < 3]
            assert held(viewer, source="small") == [t for t in expected if t % 5 >= 3]
            poll_until(lambda: len(viewer.state()["producers"]) == 1, "they said good-bye")
            poll_until(
                lambda: bool(np.less_equal(resources(pid_of(port)), before).all()),
                "the viewer has no more threads and descriptors than after the first ten",
            )


def run_all(stage: Stage, script: str, port: int, numbers: range) -> None:
    """Run a script for each number, ten at a time."""
    waiting, running = list(numbers), list[Program]()
    while waiting or running:
        while waiting and len(running) < 10:
            running.append(stage.start(script, port, waiting.pop(0)))
        running.pop(0).end()


def resources(pid: int) -> tuple[int, int]:
    """Return how many threads and file descriptors a process has."""
    return len(os.listdir(f"/proc/{pid}/task")), len(os.listdir(f"/proc/{pid}/fd"))


def idle(viewer: pc.Viewer) -> bool:
    return bool(viewer.state()["backlog"] == 0)


class TestSeveralViewers:
    def test_one_segment_serves_all_and_is_free_when_all_have_acked(self) -> None:
        with recording_viewer() as (one, first), recording_viewer() as (other, second):
            viewers = [pc.connect(one), pc.connect(other)]
            both = pc.tee(*viewers)
            first.paused = second.paused = True
            for viewer in viewers:
                poll_until(partial(idle, viewer), "it answers")
            before = segments()
            sent = send(both, range(5))
            assert len(segments() - before) == 5, "one for each image, not for each viewer"
            first.paused = False
            last = sent[4]
            assert isinstance(last, Deliveries)
            poll_until(lambda: last.parts[0].owned, "the first has them")
            assert not any(one.owned for one in sent)
            send(both, range(5, 10))
            assert len(segments() - before) == 10, "the second still needs the memory"
            second.paused = False
            both.settle()
            assert all(one.shown for one in sent)
            send(both, range(10, 20))
            both.settle()
            assert len(segments() - before) == 10, "now it is used again"
            for viewer in viewers:
                assert held(viewer) == list(range(20))
                viewer.close()

    def test_one_that_cannot_see_the_memory_gets_the_same_images(self, stage: Stage) -> None:
        script = """
            from streaming_core.testing import recording_viewer
            with recording_viewer() as (port, adapter):
                print(port, flush=True)
                sys.stdin.readline()
        """
        far = stage.start(script, before=with_shm("size=4m"))
        port = int(far.hear())
        with recording_viewer() as (near, _):
            viewers = [pc.connect(near), pc.connect(port)]
            assert [viewer.route().shm for viewer in viewers] == [True, False]
            both = pc.tee(*viewers)
            send(both, range(30))
            both.settle()
            for viewer in viewers:
                assert held(viewer) == list(range(30))
                viewer.close()
        far.tell()
        far.end()

    def test_one_error_says_what_each_did_not_get(self) -> None:
        with recording_viewer() as (one, _), recording_viewer() as (other, _):
            both = pc.tee(pc.connect(one), pc.connect(other))
            send(both, range(3))
            both.flush()
        poll_until(lambda: send(both, range(9, 10))[0].state == "undelivered", "both are closed")
        with pytest.raises(pc.Undelivered) as caught:
            both.flush()
        assert str(one) in str(caught.value)
        assert str(other) in str(caught.value)
        lost = [len(one.undelivered) + len(one.gaps) for one in both.viewers]
        assert len(caught.value.images) == sum(lost)
        both.flush()  # each is reported once


class TestRuns:
    SCRIPT = """
        viewer = pc.connect(int(sys.argv[1]))
        send(viewer, range(int(sys.argv[2]), int(sys.argv[3])), source="raw")
        viewer.settle()
        print(viewer.run)
    """

    def run(self, stage: Stage, port: int, first: int, end: int) -> str:
        return stage.start(self.SCRIPT, port, first, end).end().strip()

    def test_a_new_run_replaces_the_old_and_says_what_is_old(self, stage: Stage) -> None:
        with recording_viewer() as (port, _), pc.connect(port) as viewer:
            first = self.run(stage, port, 0, 20)
            second = self.run(stage, port, 0, 12)
            assert first != second
            (group,) = viewer.state()["groups"]
            assert (group["run"], group["planes"], group["old"]) == (second, 20, 8)

    def test_what_an_older_program_still_sends_does_not_come_over_the_newer_one(self) -> None:
        with recording_viewer() as (port, _):
            older, newer = pc.connect(port), pc.connect(port)
            older.show(picture(0), components={"t": 0})
            older.settle()
            newer.show(np.full((200, 200), 7, np.uint16), components={"t": 0})
            newer.settle()
            late = older.show(picture(0), components={"t": 0})
            older.show(picture(1), components={"t": 1})
            assert late.wait(10, shown=True).shown, "it arrived, and is not in the way"
            older.settle()
            assert newer.read()[:, 0, 0].tolist() == [7, 1]
            (group,) = newer.state()["groups"]
            assert (group["run"], group["old"]) == (newer.run, 1)
            older.close()
            newer.close()

    def test_the_jobs_of_an_array_are_one_run(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with recording_viewer() as (port, _), pc.connect(port) as viewer:
            monkeypatch.setenv("PLANECAST_RUN", "plate 7")
            runs = {self.run(stage, port, first, first + 5) for first in (0, 3, 6)}
            assert runs == {"plate 7"}
            (group,) = viewer.state()["groups"]
            assert (group["run"], group["planes"], group["old"]) == ("plate 7", 11, 0)


class TestThreads:
    def test_viewers_may_come_and_go_while_others_stream(self) -> None:
        with recording_viewer() as (port, _), pc.connect(port) as viewer:

            def come_and_go(number: int) -> None:
                for t in range(10):
                    # A stall of its own makes it a connection of its own.
                    with pc.connect(port, stall=5.0 + number + t / 10) as guest:
                        send(guest, range(t, t + 1), source=f"guest {number}")

            with ThreadPoolExecutor(4) as pool:
                guests = pool.map(come_and_go, range(4))
                send(viewer, range(300))
                assert list(guests) == [None] * 4
            viewer.settle()
            assert held(viewer) == list(range(300))
            for number in range(4):
                assert held(viewer, source=f"guest {number}") == list(range(10))
            poll_until(lambda: len(viewer.state()["producers"]) == 1, "the guests have gone")
