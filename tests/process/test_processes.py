"""Pools, forks and dask workers that stream, and many programs that start at once."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import planecast as pc
from streaming_core.fleet.registry import find, running
from streaming_core.testing import free_pair, poll_until, recording_viewer
from tests.process.programs.stage import Stage, held, kill, segments

PROGRAMS = Path(__file__).parent / "programs"


def program(stage: Stage, name: str, *arguments: object) -> None:
    """Run one of the programs beside this file to its end."""
    stage.run([sys.executable, str(PROGRAMS / name), *map(str, arguments)]).end()


class TestWorkers:
    @pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
    def test_of_a_pool_deliver_all_that_they_showed(self, stage: Stage, method: str) -> None:
        with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
            program(stage, "pool.py", method, port)
            viewer.settle()
            assert held(viewer) == list(range(42))
            assert len({image.run for image in adapter.images}) == 1
            poll_until(lambda: len(viewer.state()["producers"]) == 1, "they said good-bye")

    @pytest.mark.skipif(not importlib.util.find_spec("distributed"), reason="needs distributed")
    def test_of_dask_deliver_all_that_they_showed(self, stage: Stage) -> None:
        with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
            program(stage, "dask_workers.py", port)
            viewer.settle()
            assert held(viewer) == list(range(20))
            assert len({image.run for image in adapter.images}) == 1
            poll_until(lambda: len(viewer.state()["producers"]) == 1, "they said good-bye")

    @pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
    def test_of_a_pool_go_on_when_their_viewer_was_closed(self, stage: Stage, method: str) -> None:
        port = free_pair()
        with recording_viewer(port=port), pc.connect(port):
            pool = stage.run([sys.executable, str(PROGRAMS / "late_pool.py"), method, str(port)])
            assert pool.hear() == "connected"
        pool.tell("it is closed")
        assert pool.hear() == "reported 6 of 6"
        with recording_viewer(port=port), pc.connect(port) as viewer:
            pool.tell("it is back")
            assert pool.hear() == "fed"
            viewer.settle()
            assert held(viewer)[-1] == 1000
            pool.end()

    @pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
    def test_that_got_the_viewer_as_an_argument_may_end_right_after_their_image(
        self, stage: Stage, method: str
    ) -> None:
        with recording_viewer() as (port, _), pc.connect(port) as viewer:
            program(stage, "last_words.py", method, port)
            viewer.settle()
            assert held(viewer) == list(range(4))

    def test_a_multiprocessing_process_may_end_right_after_its_last_image(
        self, stage: Stage
    ) -> None:
        script = """
            import multiprocessing
            viewer = pc.connect(int(sys.argv[1]))
            def work(number):
                send(viewer, range(number * 20, number * 20 + 20))
            context = multiprocessing.get_context("fork")
            workers = [context.Process(target=work, args=(n,)) for n in range(4)]
            for one in workers:
                one.start()
            for one in workers:
                one.join()
                assert one.exitcode == 0
        """
        with recording_viewer() as (port, _), pc.connect(port) as viewer:
            stage.start(script, port).end()
            viewer.settle()
            assert held(viewer) == list(range(80))


class TestForks:
    def test_in_the_middle_of_a_stream_both_sides_go_on(self, stage: Stage) -> None:
        script = """
            viewer = pc.connect(int(sys.argv[1]))
            send(viewer, range(50), source="parent")
            child = os.fork()
            send(viewer, range(50, 100), source="parent" if child else "child")
            if child:
                assert os.waitpid(child, 0)[1] == 0
        """
        with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
            stage.start(script, port).end()
            viewer.settle()
            assert held(viewer, source="parent") == list(range(100))
            assert held(viewer, source="child") == list(range(50, 100))
            assert len(adapter.images) == 150, "nothing came twice"

    def test_while_other_threads_stream_nothing_is_locked_for_ever(self, stage: Stage) -> None:
        script = """
            import threading
            viewer = pc.connect(int(sys.argv[1]))
            ended = threading.Event()
            def stream(source):
                t = 0
                while not ended.is_set():
                    viewer.show(picture(t % 40), components={"t": t % 40}, source=source)
                    t += 1
            threads = [threading.Thread(target=stream, args=(name,)) for name in "ab"]
            for one in threads:
                one.start()
            children = []
            for number in range(8):
                child = os.fork()
                if not child:
                    out = viewer.allocate((200, 200), np.uint16)
                    out[:] = 7
                    viewer.show(out, components={"t": 7}, source=f"child {number}")
                    viewer.flush()
                    send(viewer, range(20, 30), source=f"child {number}")
                    sys.exit()
                children.append(child)
            for child in children:
                assert os.waitpid(child, 0)[1] == 0
            ended.set()
            for one in threads:
                one.join()
            viewer.flush()
            assert not viewer.undelivered
        """
        with recording_viewer() as (port, _), pc.connect(port) as viewer:
            stage.start(script, port).end()
            viewer.settle()
            for number in range(8):
                assert held(viewer, source=f"child {number}") == [7, *range(20, 30)]
            assert held(viewer, source="a") == list(range(40))
            assert held(viewer, source="b") == list(range(40))

    def test_what_its_parent_did_not_get_through_is_not_for_the_child_to_report(
        self, stage: Stage
    ) -> None:
        script = """
            from streaming_core.testing import recording_viewer
            with recording_viewer() as (other, adapter):
                viewer = pc.connect(other, stall=1.0)
                adapter.paused = True
            send(viewer, range(3))
            try:
                viewer.flush()
            except pc.Undelivered as error:
                assert len(error.images) == 3
            viewer.port = int(sys.argv[1])
            child = os.fork()
            if not child:
                send(viewer, range(5))
                viewer.flush()
                assert viewer.undelivered == ()
                sys.exit()
            assert os.waitpid(child, 0)[1] == 0
        """
        with recording_viewer() as (port, _), pc.connect(port) as viewer:
            stage.start(script, port).end()
            assert held(viewer) == list(range(5))

    def test_a_child_that_does_not_stream_takes_nothing_from_its_parent(self, stage: Stage) -> None:
        script = """
            viewer = pc.connect(int(sys.argv[1]))
            send(viewer, range(10))
            child = os.fork()
            if not child:
                del viewer
                import gc
                gc.collect()
                sys.exit()
            assert os.waitpid(child, 0)[1] == 0
            send(viewer, range(10, 60))
            viewer.settle()
            print(len(viewer.state()["producers"]))
        """
        with recording_viewer() as (port, _), pc.connect(port) as viewer:
            assert stage.start(script, port).end().strip() == "2", "it and we"
            assert held(viewer) == list(range(60))

    def test_a_killed_parent_is_not_kept_alive_by_its_child(self, stage: Stage) -> None:
        script = """
            viewer = pc.connect(int(sys.argv[1]))
            send(viewer, range(10))
            viewer.flush()
            child = os.fork()
            if not child:
                send(viewer, range(10, 20))
                viewer.flush()
                print("child", flush=True)
                sys.stdin.readline()
                send(viewer, range(20, 30))
                sys.exit()
            os.waitpid(child, 0)
        """
        with recording_viewer() as (port, _), pc.connect(port) as viewer:
            before = segments()
            parent = stage.start(script, port)
            assert parent.hear() == "child"
            parent.process.kill()
            parent.process.wait()
            stage.start("pc.connect(int(sys.argv[1]))", port).end()  # the next start cleans up
            child = {name.partition("_")[0] for name in segments() - before}
            assert len(child) == 1, "the child's memory stays, its parent's is gone"
            parent.tell()
            poll_until(
                lambda: viewer.state()["groups"][0]["planes"] == 30, "the child goes on alone"
            )
            assert held(viewer) == list(range(30))
            poll_until(lambda: segments() <= before, "and cleans up after itself")


class TestManyAtOnce:
    def test_twenty_programs_agree_on_one_viewer_and_on_what_is_stale(
        self, stage: Stage, run_folder: Path
    ) -> None:
        port, strange = free_pair(), segments()
        dead = stage.start(
            """
            viewer = pc.launch("recording", int(sys.argv[1]))
            send(viewer, range(30))
            print("ready", flush=True)
            sys.stdin.read()
            """,
            port,
        )
        assert dead.hear() == "ready"
        before = segments() - strange
        stale = find(port)
        dead.kill_group()
        kill(port)
        assert stale is not None
        assert before <= segments()
        script = """
            print("ready", flush=True)
            sys.stdin.readline()
            number = int(sys.argv[2])
            with pc.launch("recording", int(sys.argv[1])) as viewer:
                send(viewer, range(number * 3, number * 3 + 3))
                print(viewer.state()["pid"])
        """
        programs = [stage.start(script, port, number) for number in range(20)]
        for one in programs:
            assert one.hear() == "ready"
        for one in programs:
            one.tell()
        pids = {one.end().strip() for one in programs}
        assert len(pids) == 1
        assert [connection.port for connection in running()] == [port]
        with pc.connect(port) as viewer:
            assert held(viewer) == list(range(60))
            assert not before & segments(), "what the dead left is gone, once"
            assert str(viewer.state()["pid"]) in pids
            viewer.quit()
        assert {path.name for path in run_folder.glob("launch-*")} == set()

    def test_ten_viewers_of_ones_own_get_a_port_each(self, stage: Stage) -> None:
        script = """
            from streaming_core.testing import recording_viewer
            print("ready", flush=True)
            sys.stdin.readline()
            with recording_viewer() as (port, adapter):
                print(port, flush=True)
                sys.stdin.readline()
        """
        programs = [stage.start(script) for _ in range(10)]
        for one in programs:
            assert one.hear() == "ready"
        for one in programs:
            one.tell()
        ports = [int(one.hear()) for one in programs]
        assert len(set(ports)) == 10
        assert [connection.port for connection in running()] == sorted(ports)
        for one in programs:
            one.tell()
            one.end()
        assert running() == []
