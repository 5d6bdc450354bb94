"""When things go wrong: a test for each row of that table in docs/protocol.md."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zmq

import planecast as pc
from streaming_core.errors import PortTaken
from streaming_core.fleet.host import Host
from streaming_core.fleet.registry import find, running
from streaming_core.memory.segments import SUPPORTED
from streaming_core.network.endpoints import DATA_OFFSET
from streaming_core.network.transport import new_key_pair
from streaming_core.protocol.messages import Inline, Slab
from streaming_core.stream.sessions import close_publisher
from streaming_core.testing import SHM, RecordingAdapter, free_pair, poll_until, recording_viewer
from tests.process.programs.proxy import Proxy
from tests.process.programs.stage import (
    KILL,
    SMALL,
    Program,
    Stage,
    fed,
    freeze,
    held,
    kill,
    numbers,
    pid_of,
    segments,
    send,
    thaw,
    with_shm,
)

GENERATION = 16
"""Where it stands in the header of a segment."""


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


def missed(viewer: pc.Viewer) -> list[int]:
    """Flush; return the numbers of the pictures that it reports."""
    try:
        viewer.flush()
    except pc.Undelivered as report:
        return numbers(report.images)
    return []


class TestViewerThatIsSlow:
    def test_show_waits_and_nothing_is_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PLANECAST_CREDIT", "3")
        monkeypatch.setenv("PLANECAST_BACKLOG", "2")
        deliveries: list[pc.Delivery] = []
        with recording_viewer() as (port, adapter), pc.connect(port) as viewer:

            def work() -> None:
                for t in range(40):
                    deliveries.extend(send(viewer, range(t, t + 1)))

            adapter.hold()
            thread = threading.Thread(target=work)
            thread.start()
            poll_until(lambda: len(deliveries) == 5, "2 are taken, 3 are on their way")
            thread.join(0.2)
            assert len(deliveries) == 5, "the program waits"
            adapter.resume()
            thread.join(20)
            viewer.settle()
            assert held(viewer) == list(range(40))
            assert len(adapter.images) == 40
            assert not viewer.undelivered

    def test_a_user_who_pauses_it_is_waited_for(self, caplog: pytest.LogCaptureFixture) -> None:
        with recording_viewer() as (port, adapter), pc.connect(port, stall=1.0) as viewer:
            adapter.paused = True
            poll_until(lambda: viewer.state()["backlog"] == 0, "it answers")
            first, *_ = send(viewer, range(5))
            with pytest.raises(pc.TimedOut):
                first.wait(2.0)
            assert sorted(line.partition(" takes")[0] for line in warnings(caplog)) == [
                f"recording viewer on port {port}", "this viewer",
            ]  # fmt: skip
            assert all("for now: its user has paused it" in line for line in warnings(caplog))
            adapter.paused = False
            viewer.settle()
            assert held(viewer) == list(range(5))

    def test_a_live_preview_drops_what_is_out_of_date_while_it_is_paused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLANECAST_CREDIT", "2")
        with recording_viewer() as (port, adapter):
            with pc.connect(port, mode="latest", stall=1.0) as viewer:
                adapter.paused = True
                sent = [viewer.show([[t] * 8] * 8) for t in range(50)]
                adapter.paused = False
                viewer.settle()
                assert viewer.read()[0, 0] == 49
                assert not viewer.undelivered
            assert [one.state for one in sent[2:-1]] == ["replaced"] * 47

    def test_a_window_that_hangs_is_given_up_once_and_not_tried_again(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("PLANECAST_CREDIT", "3")
        monkeypatch.setenv("PLANECAST_BACKLOG", "2")
        monkeypatch.setattr("streaming_core.protocol.delivery.RETURN_EVERY", 0.2)
        with recording_viewer() as (port, adapter), pc.connect(port, stall=1.0) as viewer:
            adapter.hold()
            deliveries = send(viewer, range(200))
            assert [one.state for one in deliveries[2:]] == ["undelivered"] * 198
            first = deliveries[2]
            with pytest.raises(pc.TimedOut):  # it says HELLO again and again, and gets no answer
                deliveries[0].wait(1.0, shown=True)
            (late,) = send(viewer, range(200, 201))
            assert (late.state, first.reason) == ("undelivered", "no progress for 1 s")
            assert len(errors(caplog)) == 1
            adapter.resume()
            poll_until(lambda: deliveries[1].shown, "it shows what it had")
            back = fed(viewer, 201)
            assert missed(viewer) == list(range(2, back))
            viewer.settle()
            assert held(viewer) == [0, 1, back]


class TestViewerThatIsFrozen:
    def test_shorter_than_stall_nothing_is_lost(self, port: int) -> None:
        with pc.connect(port) as viewer:
            send(viewer, range(5))
            viewer.flush()
            freeze(port)
            late = send(viewer, range(5, 45))
            with pytest.raises(pc.TimedOut):
                late[0].wait(4.0)  # longer than the sockets' own patience of 3 s
            thaw(port)
            send(viewer, range(45, 100))
            viewer.settle(30)
            assert held(viewer) == list(range(100))
            assert all(one.shown for one in late)
            assert not viewer.undelivered

    def test_longer_than_stall_it_is_given_up_and_comes_back(
        self, port: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pc.connect(port, stall=1.0) as viewer:
            send(viewer, range(5))
            viewer.flush()
            freeze(port)
            lost = send(viewer, range(5, 200))
            assert {one.state for one in lost} == {"undelivered"}
            assert lost[0].reason == "no progress for 1 s"
            (error,) = errors(caplog)
            assert "not delivered" in error
            with pytest.raises(pc.Undelivered) as report:
                viewer.flush()
            assert numbers(report.value.images) == list(range(5, 200))
            thaw(port)
            back = fed(viewer, 200)
            assert "it is back" in warnings(caplog)[-1]
            send(viewer, range(back + 1, back + 100))
            assert missed(viewer) == list(range(200, back))
            viewer.settle()
            assert held(viewer) == [*range(5), *range(back, back + 100)]
            assert numbers(viewer.undelivered) == list(range(5, back))
            assert not viewer.gaps

    def test_small_images_that_were_reported_are_not_shown_after_all(self, port: int) -> None:
        with pc.connect(port, stall=1.0) as viewer:
            send(viewer, range(5), side=SMALL)
            viewer.flush()
            freeze(port)
            send(viewer, range(5, 50), side=SMALL)
            with pytest.raises(pc.Undelivered):
                viewer.flush()
            thaw(port)  # they wait in its sockets
            back = fed(viewer, 50)
            assert missed(viewer) == list(range(50, back))
            viewer.settle()
            (small,) = (one for one in viewer.state()["groups"] if one["shape"][1] == SMALL)
            assert small["components"]["t"] == list(range(5))
            assert back in held_of_all_sizes(viewer)

    def test_who_connects_meanwhile_is_not_told_of_keys(self, stage: Stage, port: int) -> None:
        freeze(port)
        program = stage.start(
            """
            try:
                pc.connect(int(sys.argv[1]), timeout=2.5)
            except pc.ViewerNotFound as error:
                print(error)
            """,
            port,
        )
        assert "no viewer answers" in program.end()
        thaw(port)
        stage.start("pc.connect(int(sys.argv[1]))", port).end()

    def test_it_does_not_hold_the_others_back(self, port: int) -> None:
        with recording_viewer() as (healthy, _):
            one, other = pc.connect(port, stall=1.0), pc.connect(healthy, stall=1.0)
            both = pc.tee(one, other)
            send(both, range(3))
            both.flush()
            freeze(port)
            send(both, range(3, 200))
            other.settle()
            assert held(other) == list(range(200)), "they went on while it was frozen"
            thaw(port)
            back = fed(one, 200)
            assert missed(one) == list(range(3, back))
            one.settle()
            assert held(one) == [0, 1, 2, back], "what was reported is not shown after all"
            for viewer in (one, other):
                viewer.close()

    @pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be frozen here")
    def test_while_it_is_paused_it_is_found_out_too(self, stage: Stage) -> None:
        script = """
            from streaming_core.fleet.host import Host
            from streaming_core.testing import RecordingAdapter
            adapter = RecordingAdapter()
            host = Host(adapter, int(sys.argv[1]))
            adapter.paused = True
            print("ready", flush=True)
            sys.stdin.read()
        """
        port = free_pair()
        program = stage.start(script, port)
        assert program.hear() == "ready"
        with pc.connect(port, stall=1.0) as viewer:
            (waiting,) = send(viewer, range(1))
            with pytest.raises(pc.TimedOut):
                waiting.wait(1.5)
            program.signal(signal.SIGSTOP)
            with pytest.raises(pc.Undelivered, match="no progress for 1 s"):
                waiting.wait(20)


class TestViewerThatIsClosed:
    @pytest.mark.skipif(sys.platform == "win32", reason="a signal there kills, and is not asked")
    def test_one_warning_and_the_pipeline_goes_on(
        self, port: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        viewer = pc.connect(port)
        send(viewer, range(10))
        viewer.settle()
        os.kill(pid_of(port), signal.SIGTERM)
        poll_until(lambda: bool(warnings(caplog)), "it says good-bye")
        lost = send(viewer, range(10, 200))
        assert {one.state for one in lost} == {"undelivered"}
        assert len(warnings(caplog)) == 1
        assert len(errors(caplog)) == 1
        assert numbers(viewer.gaps) == list(range(10)), "what it had is told to who asks"
        poll_until(lambda: not running(), "it has ended")
        pc.launch("recording", port).close()
        back = fed(viewer, 200)
        assert missed(viewer) == list(range(back)), "flush() names it too"
        viewer.settle()
        assert held(viewer) == [back]
        viewer.close()

    @pytest.mark.skipif(sys.platform == "win32", reason="a signal there kills, and is not asked")
    def test_what_a_program_ended_itself_is_no_news_to_it_and_the_next_end_is(
        self, stage: Stage, port: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pc.connect(port) as viewer, pc.connect(port) as same:
            send(viewer, range(10))
            viewer.settle()
            same.quit()
            viewer.flush()
            assert caplog.messages == []
            assert numbers(viewer.gaps) == list(range(10))
            pc.launch("recording", port).close()
            back = fed(viewer, 10)
            caplog.clear()
            viewer.settle()
            os.kill(pid_of(port), signal.SIGTERM)
            poll_until(lambda: bool(warnings(caplog)), "a person closed this one: it is told")
            assert missed(viewer) == [back]

    def test_with_images_on_their_way_they_are_reported(self) -> None:
        with recording_viewer() as (port, adapter):
            viewer = pc.connect(port)
            adapter.paused = True
            poll_until(lambda: viewer.state()["backlog"] == 0, "it answers")
            sent = send(viewer, range(3))
        poll_until(lambda: sent[2].state == "undelivered", "they are reported")
        with pytest.raises(pc.Undelivered, match="the test ended"):
            viewer.flush()
        viewer.close()


class TestViewerThatIsKilled:
    @pytest.fixture
    def impatience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PLANECAST_RESTART_GRACE", "1.5")

    @pytest.mark.usefixtures("impatience")
    def test_images_wait_for_a_while_and_are_then_reported(
        self, port: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pc.connect(port) as viewer:
            send(viewer, range(10))
            viewer.settle()
            freeze(port)
            waiting = send(viewer, range(10, 13))
            kill(port)
            with pytest.raises(pc.Undelivered, match="13 images") as report:
                viewer.flush()
            assert numbers(report.value.images) == list(range(13)), "the gap and the rest"
            assert "died and did not come back" in report.value.images[-1]
            assert numbers(viewer.gaps) == list(range(10)), "all that it had is gone"
            assert [one.state for one in waiting] == ["undelivered"] * 3
            (lost,) = send(viewer, range(13, 14))
            assert lost.state == "undelivered", "and nobody waits any more"
            died, missed = errors(caplog)
            assert "it died; 10 images" in died
            assert "3 images not delivered" in missed

    def test_a_restarted_one_gets_what_was_not_owned_and_the_gap_is_named(self, port: int) -> None:
        with pc.connect(port) as viewer:
            send(viewer, range(10))
            send(viewer, range(10, 20), side=SMALL)
            viewer.settle()
            freeze(port)
            sent = send(viewer, range(20, 30))
            sent += send(viewer, range(30, 40), side=SMALL)
            kill(port)
            pc.launch("recording", port).close()
            send(viewer, range(40, 50))
            with pytest.raises(pc.Undelivered, match="lost with the viewer") as report:
                viewer.flush()
            assert numbers(report.value.images) == list(range(20))
            viewer.settle()
            assert held_of_all_sizes(viewer) == list(range(20, 50))
            assert numbers(viewer.gaps) == list(range(20))
            assert all(one.shown for one in sent)
            assert not viewer.undelivered

    def test_who_connects_while_it_dies_is_told_that_nobody_is_there(
        self, stage: Stage, port: int, run_folder: Path
    ) -> None:
        freeze(port)
        program = stage.start(
            """
            print("connecting", flush=True)
            try:
                pc.connect(int(sys.argv[1]), timeout=60)
            except pc.ViewerNotFound as error:
                print(error)
            """,
            port,
        )
        assert program.hear() == "connecting"
        poll_until(lambda: len([*run_folder.glob("producer-*.lease")]) == 2, "it tries")
        kill(port)
        assert "Start one: planecast recording" in program.end()

    def test_who_waits_for_an_image_to_be_shown_is_told(self) -> None:
        adapter = RecordingAdapter()
        host = Host(adapter, None)
        adapter.hold()
        with pc.connect(host.port) as viewer:
            (delivery,) = send(viewer, range(1))
            assert delivery.wait(10).owned
            host.close()
            assert not delivery.wait(10, shown=True).shown
            assert delivery.reason
        adapter.close()

    @pytest.mark.usefixtures("impatience")
    def test_a_web_server_that_takes_its_port_for_a_while_stops_nothing(self, port: int) -> None:
        with recording_viewer() as (other, _):
            viewer, healthy = pc.connect(port), pc.connect(other)
            send(viewer, range(3))
            viewer.settle()
            kill(port)
            with socket.create_server(("127.0.0.1", port)) as web:
                for _ in range(2):  # the first answer makes ZeroMQ give the connection up
                    one = web.accept()[0]
                    one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3)
                    one.close()
                send(healthy, range(100))
                healthy.settle()
                (sent,) = send(viewer, range(3, 4))
                with pytest.raises(pc.Undelivered):
                    sent.wait(20)
            pc.launch("recording", port).close()
            back = fed(viewer, 10)
            assert missed(viewer) == [0, 1, 2, 3, *range(10, back)]
            viewer.settle()
            assert held(viewer) == [back]
            for one_viewer in (viewer, healthy):
                one_viewer.close()


def held_of_all_sizes(viewer: pc.Viewer) -> list[int]:
    found = []
    for group in viewer.state()["groups"]:
        found += group["components"]["t"]
    return sorted(found)


def own_segments(viewer: pc.Viewer) -> set[str]:
    prefix = f"pc{viewer.route().publisher.sid}_"
    return {name for name in segments() if name.startswith(prefix)}


class TestProducerThatIsKilled:
    SCRIPT = """
        port = int(sys.argv[1])
        viewer = pc.connect(port)
        send(viewer, range(10))
        viewer.flush()
        print("shown", flush=True)
        sys.stdin.readline()
        send(viewer, range(10, 30))
        print("sent", flush=True)
        sys.stdin.read()
    """

    def half_way(self, stage: Stage, port: int) -> Program:
        """Start a program whose last 20 images wait for a viewer that does not move."""
        program = stage.start(self.SCRIPT, port)
        assert program.hear() == "shown"
        freeze(port)
        program.tell()
        assert program.hear() == "sent"
        return program

    def test_the_viewer_keeps_what_it_has_and_the_rest_is_removed(
        self, stage: Stage, port: int
    ) -> None:
        before = segments()
        program = self.half_way(stage, port)
        assert len(segments() - before) > 20
        program.signal(KILL)
        program.process.wait()
        thaw(port)
        with pc.connect(port) as viewer:
            assert set(range(10)) <= set(held(viewer))
            send(viewer, range(50, 60))
            viewer.settle()
            stage.start("pc.connect(int(sys.argv[1]))", port).end()
            assert segments() - before <= own_segments(viewer), "the next program cleans up"
            assert {*range(10), *range(50, 60)} <= set(held(viewer))

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_with_its_whole_group_the_viewer_it_started_lives(self, stage: Stage) -> None:
        script = """
            import multiprocessing
            def work(port):
                send(pc.connect(port), range(100, 110), source="child")
                print("child", flush=True)
                sys.stdin.read()
            viewer = pc.launch("recording", int(sys.argv[1]))
            send(viewer, range(10))
            viewer.flush()
            multiprocessing.get_context("fork").Process(target=work, args=(viewer.port,)).start()
            sys.stdin.read()
        """
        port = free_pair()
        program = stage.start(script, port)
        assert program.hear() == "child"
        poll_until(lambda: find(port) is not None, "it runs")
        program.kill_group()
        with pc.connect(port) as viewer:
            assert held(viewer) == list(range(10))
            assert set(held(viewer, source="child")) <= set(range(100, 110))
            viewer.quit()

    def test_with_everything_the_next_start_finds_a_clean_house(
        self, stage: Stage, port: int, run_folder: Path
    ) -> None:
        before = segments()
        program = self.half_way(stage, port)
        program.kill_group()
        kill(port)
        assert len(segments() - before) > 20
        with pc.launch("recording", port) as viewer:
            assert segments() <= before
            assert len(list(run_folder.glob("*.lease"))) == 2, "the viewer's and ours"
            assert held(viewer) == []
            viewer.quit()


@pytest.mark.skipif(not SUPPORTED, reason="an image is one frame only where memory is shared")
class TestMessagesThatAreLost:
    @pytest.fixture
    def proxy(self, port: int) -> Iterator[Proxy]:
        proxy = Proxy(port)
        yield proxy
        proxy.close()

    def test_one_image_alone_is_sent_again(self, proxy: Proxy) -> None:
        proxy.data.loses = lambda number: number in (3, 7, 8, 29)
        with pc.connect(proxy.port) as viewer:
            send(viewer, range(30))
            viewer.settle()
            assert held(viewer) == list(range(30))
            assert proxy.data.lost == 4
            assert viewer.state()["producers"][0]["images"] == 30

    def test_the_last_one_is_missed_by_the_next_ping(self, proxy: Proxy) -> None:
        with pc.connect(proxy.port) as viewer:
            send(viewer, range(5))
            viewer.flush()
            proxy.data.loses = lambda number: number == 5
            (last,) = send(viewer, range(5, 6))
            assert last.wait(10).owned
            assert proxy.data.lost == 1

    def test_a_connection_that_breaks_loses_nothing(self, proxy: Proxy) -> None:
        with pc.connect(proxy.port) as viewer:
            for start in range(0, 150, 30):
                send(viewer, range(start, start + 30))
                proxy.data.cut()
                proxy.control.cut()
            viewer.settle()
            assert held(viewer) == list(range(150))
            assert not viewer.undelivered

    def test_acks_that_are_lost_with_a_connection_are_said_again(self, proxy: Proxy) -> None:
        with pc.connect(proxy.port, stall=5.0) as viewer:
            send(viewer, range(5))
            viewer.settle()
            proxy.control.deaf = True
            send(viewer, range(5, 25))
            with pc.connect(proxy_target(proxy)) as witness:
                poll_until(lambda: held(witness) == list(range(25)), "the viewer has them all")
            proxy.control.cut()
            proxy.control.deaf = False
            viewer.settle()
            assert not viewer.undelivered
            assert viewer.state()["producers"][0]["images"] == 25

    def test_what_was_reported_and_came_after_all_is_not_undelivered(
        self, proxy: Proxy, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pc.connect(proxy.port, stall=1.0) as viewer:
            send(viewer, range(5))
            viewer.settle()
            proxy.control.deaf = True
            late = send(viewer, range(5, 25))
            with pytest.raises(pc.Undelivered) as report:
                viewer.flush()
            assert numbers(report.value.images) == list(range(5, 25))
            assert {one.state for one in late} == {"undelivered"}
            with pc.connect(proxy_target(proxy)) as witness:
                assert held(witness) == list(range(25)), "yet the viewer has them all"
            proxy.control.cut()
            proxy.control.deaf = False
            poll_until(lambda: not viewer.undelivered, "the report is taken back")
            assert all(one.owned for one in late)
            viewer.settle()
            assert "20 reported as undelivered came after all" in "\n".join(warnings(caplog))
            assert not viewer.gaps

    def test_questions_that_are_lost_with_a_connection_are_asked_again(self, proxy: Proxy) -> None:
        with pc.connect(proxy.port) as viewer, ThreadPoolExecutor(2) as pool:
            send(viewer, range(5))
            viewer.settle()
            proxy.control.deaf = True
            pixels, state = pool.submit(viewer.read), pool.submit(viewer.state)
            with pc.connect(proxy_target(proxy)) as witness:
                poll_until(lambda: held(witness) == list(range(5)), "it answers others")
            proxy.control.cut()
            proxy.control.deaf = False
            assert pixels.result(20.0).shape == (5, 200, 200)
            assert state.result(20.0)["producers"][0]["images"] == 5


def proxy_target(proxy: Proxy) -> int:
    return next(one.port for one in running() if one.port != proxy.port)


class TestSharedMemoryThatIsNotThere:
    SEND = """
        from streaming_core.testing import recording_viewer
        from tests.process.programs.stage import held
        if len(sys.argv) > 1:
            with open("/dev/shm/filler", "wb") as filler:
                filler.write(bytes(os.statvfs("/dev/shm").f_bavail * 4096 - int(sys.argv[1])))
        with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
            send(viewer, range(40))
            viewer.show(np.full((2000, 2000), 40, np.uint16), components={"t": 40}, source="large")
            out = viewer.allocate((500, 500), np.uint16)
            out[:] = 41
            viewer.show(out, components={"t": 41}, source="large")
            viewer.settle()
            assert held(viewer) == list(range(40))
            ways = [type(one.where).__name__ for one in adapter.images]
            assert viewer.state()["groups"][1]["shape"] == [1, 2000, 2000]
            assert adapter.catalog.read({"source": "large", "components": {"t": 41}},
                                        lambda kept: kept)[1].max() == 41
            print(ways.count("Slab"), ways.count("Inline"))
    """

    def test_full(self, stage: Stage) -> None:
        program = stage.start(self.SEND, 0, before=with_shm("size=1m"))
        assert program.end().split() == ["0", "42"]

    def test_almost_full(self, stage: Stage) -> None:
        program = stage.start(self.SEND, 300_000, before=with_shm("size=1m"))
        by_memory, inline = map(int, program.end().split())
        assert by_memory > 0
        assert inline > 0

    def test_as_small_as_in_a_container(self, stage: Stage) -> None:
        script = """
            from streaming_core.testing import recording_viewer
            with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
                for t in range(16):
                    viewer.show(np.full((2048, 2048), t, np.uint16), components={"t": t})
                viewer.settle()
                found = viewer.read()
                assert (found == np.arange(16, dtype=np.uint16)[:, None, None]).all()
                print("fine")
        """
        program = stage.start(script, before=with_shm("size=64m"))
        assert program.end().strip() == "fine"

    def test_the_viewer_has_its_own(self, stage: Stage, tmp_path: Path) -> None:
        before = " ".join(f"'{word}'" for word in with_shm("size=8m"))
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nexec {before} {sys.executable} "$@"\n')
        python.chmod(0o755)
        with pc.launch("recording", free_pair(), python=str(python)) as viewer:
            send(viewer, range(30))
            viewer.settle()
            assert held(viewer) == list(range(30))
            assert not viewer.route().shm
            viewer.quit()

    def test_the_program_has_its_own(self, stage: Stage, port: int) -> None:
        script = """
            with pc.connect(int(sys.argv[1])) as viewer:
                send(viewer, range(30))
                viewer.settle()
                assert viewer.read().shape == (30, 200, 200)
        """
        stage.start(script, port, before=with_shm("size=8m")).end()
        with pc.connect(port) as viewer:
            assert held(viewer) == list(range(30))

    @pytest.mark.skipif(not SHM.is_dir(), reason="needs to see the segments")
    @pytest.mark.parametrize("gone", [True, False])
    def test_what_cannot_be_read_any_more_comes_again_inside_messages(self, gone: bool) -> None:
        with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
            adapter.paused = True
            poll_until(lambda: viewer.state()["backlog"] == 0, "it answers")
            before = segments()
            sent = send(viewer, range(3))
            for name in segments() - before:
                if gone:  # as where somebody cleans up
                    (SHM / name).unlink()
                else:
                    with (SHM / name).open("r+b") as memory:
                        memory.seek(GENERATION)
                        memory.write((1000).to_bytes(8, sys.byteorder))
            adapter.paused = False
            viewer.settle()
            assert held(viewer) == list(range(3))
            assert all(one.shown for one in sent)
            assert {type(one.where) for one in adapter.images} == {Inline}

    @pytest.mark.skipif(not SUPPORTED, reason="needs shared memory to fill")
    def test_arrays_of_allocate_that_fill_the_pool_block_nobody(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLANECAST_POOL_BYTES", str(1 << 20))
        with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
            outs = [viewer.allocate((200, 200), "u2") for _ in range(30)]
            send(viewer, range(30, 40))
            for t, out in enumerate(outs):
                out[:] = t
                viewer.show(out, components={"t": t})
            viewer.settle()
            assert held(viewer) == list(range(40))
            ways = {type(one.where) for one in adapter.images}
            assert ways == {Slab, Inline}


class TestPortsOfOthers:
    def test_a_busy_pair_is_passed_over_when_none_was_asked_for(self, stage: Stage) -> None:
        first = pc.launch("recording")
        port = first.port
        first.quit()
        with socket.create_server(("127.0.0.1", port + DATA_OFFSET)) as other:
            second = pc.launch("recording")
            assert second.port > port
            with socket.create_connection(("127.0.0.1", port + DATA_OFFSET)):
                other.accept()[0].close()
            second.quit()

    def test_a_program_on_a_dead_viewers_port_is_named_and_lives_on(
        self, stage: Stage, port: int
    ) -> None:
        kill(port)
        program = stage.start("""
            import socket
            with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
                print("listening", flush=True)
                while True:
                    server.accept()[0].close()
        """, port)  # fmt: skip
        assert program.hear() == "listening"
        with pytest.raises(PortTaken, match=rf"port {port} .*\(pid {program.process.pid}\)"):
            pc.launch("recording", port)
        with pytest.raises(pc.ViewerNotFound):
            pc.connect(port)
        assert program.process.poll() is None


class TestGarbage:
    RUBBISH = (
        b"", b"\0" * 10_000, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", bytes(range(256)) * 100,
        b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE" + b"\0" * 48 + b"\x04\xff" + b"\xff" * 300,
        b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL" + b"\0" * 49 + b"\x02" + b"\xff" * 8 + b"x" * 999,
    )  # fmt: skip

    @pytest.mark.parametrize("offset", [0, DATA_OFFSET])
    def test_bytes_of_a_stranger_on_a_viewers_port_disturb_nobody(self, offset: int) -> None:
        with recording_viewer() as (port, _), pc.connect(port) as viewer:
            send(viewer, range(10))
            for rubbish in self.RUBBISH:
                with socket.create_connection(("127.0.0.1", port + offset), timeout=5) as stranger:
                    stranger.sendall(rubbish)
                send(viewer, range(10, 20))
            viewer.settle()
            assert held(viewer) == list(range(20))
            with pc.connect(port) as another:
                assert another.state()["viewer_kind"] == "recording"

    def test_peers_without_our_key_are_not_heard(self) -> None:
        with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
            viewer.show([[1, 2], [3, 4]])
            found = find(port)
            assert found is not None
            with Strangers(port, found.viewer_public) as shout:
                for _ in range(20):
                    shout(b'{"type":"HELLO","sid":"0123456789abcdef.1","run":"r","pid":1}')
                    shout(b'{"type":"BYE","sid":"' + viewer.route().sid.encode() + b'"}')
                send(viewer, range(10), side=SMALL, source="honest")
                viewer.settle()
            assert len(viewer.state()["producers"]) == 1
            assert len(adapter.images) == 11


class Strangers:
    """ZeroMQ peers on both ports: without any key, and with one that nobody knows."""

    def __init__(self, port: int, viewer_public: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets = []
        for kind, at in ((zmq.DEALER, port), (zmq.XPUB, port + DATA_OFFSET)):
            for keyed in (False, True):
                one = self._context.socket(kind)
                one.linger = 0
                if keyed:
                    pair = new_key_pair()
                    one.curve_serverkey = viewer_public.encode()
                    one.curve_publickey = pair.public.encode()
                    one.curve_secretkey = pair.secret.encode()
                one.connect(f"tcp://127.0.0.1:{at}")
                self._sockets.append(one)

    def __enter__(self) -> Callable[[bytes], None]:
        return self._shout

    def _shout(self, what: bytes) -> None:
        for one in self._sockets:
            one.send(what, zmq.NOBLOCK)

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            one.close()
        self._context.term()


class TestReports:
    def test_names_come_from_flush_once_and_stay_in_the_list(
        self, port: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        viewer = pc.connect(port, stall=1.0)
        freeze(port)
        viewer.show([[1]], components={"well": "B03", "t": 7}, source="raw")
        viewer.show([[1]], kind="labels", components={"t": 8})
        with pytest.raises(pc.Undelivered, match="2 images not delivered") as report:
            viewer.flush()
        assert report.value.images == viewer.undelivered
        assert viewer.undelivered == (
            "raw · well B03 · t 7: no progress for 1 s",
            "labels · t 8: no progress for 1 s",
        )
        viewer.flush()
        assert len(errors(caplog)) == 1
        viewer.close()
        thaw(port)

    def test_they_can_be_asked_for_after_the_end_too(self) -> None:
        with recording_viewer() as (port, adapter):
            with pc.connect(port) as viewer:
                send(viewer, range(3))
                viewer.flush()
                adapter.paused = True
                poll_until(lambda: viewer.state()["backlog"] == 0, "it answers")
                send(viewer, range(3, 5))
                viewer.close(linger=0.1)
            poll_until(lambda: len(viewer.undelivered) == 2, "they are named")
            assert numbers(viewer.undelivered) == [3, 4]
            assert viewer.gaps == ()
            adapter.paused = False

    def test_who_waits_no_longer_does_not_wait_at_the_end_either(self, port: int) -> None:
        viewer = pc.connect(port, stall=1.0)
        freeze(port)
        viewer.show([[1]], components={"t": 7})
        viewer.close(linger=0.0)
        close_publisher()  # the program ends
        assert viewer.undelivered == ("t 7: the program ended before the viewer took it",)
        thaw(port)

    def test_a_window_that_hangs_is_not_settled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PLANECAST_CREDIT", "2")
        monkeypatch.setenv("PLANECAST_BACKLOG", "2")
        with recording_viewer() as (port, adapter), pc.connect(port, stall=1.0) as viewer:
            adapter.hold()
            sent = send(viewer, range(10))
            with pytest.raises(pc.Undelivered):
                viewer.flush()
            with pytest.raises(pc.TimedOut, match="2 images are owned, but not shown"):
                viewer.settle(0.5)
            adapter.resume()
            viewer.settle()
            assert [one.shown for one in sent[:3]] == [True, True, False]

    def test_images_that_are_refused_one_by_one_are_one_line_a_burst(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Narrow(RecordingAdapter):
            def own(self, image: object, pixels: object) -> object:  # type: ignore[override]
                raise MemoryError("no room for it")

        adapter = Narrow()
        host = Host(adapter, None)
        viewer = pc.connect(host.port)
        for t in range(50):
            (one,) = send(viewer, range(t, t + 1))
            with pytest.raises(pc.Undelivered, match="no room for it"):
                one.wait(10)
        assert len(errors(caplog)) == 1
        assert len(viewer.undelivered) == 50
        viewer.close()
        poll_until(lambda: len(errors(caplog)) == 2, "the rest is said at the end")
        host.close()
        adapter.close()
