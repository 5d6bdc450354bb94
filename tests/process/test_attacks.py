"""Attacks, each by name: by a program that is admitted, and by another user of the machine."""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

import planecast as pc
from streaming_core.errors import ViewerError
from streaming_core.fleet.registry import Connection, find
from streaming_core.memory.segments import Segment
from streaming_core.memory.shm import FOLDER
from streaming_core.network.endpoints import DATA_OFFSET, LOOPBACK
from streaming_core.protocol.messages import (
    Bye,
    Hello,
    Image,
    Inline,
    Nack,
    Refused,
    Release,
    Reply,
    Request,
    Shown,
    Slab,
    ToProducer,
)
from streaming_core.protocol.wire import encode
from streaming_core.testing import SHM, poll_until, recording_viewer
from tests.benchmarks.peer import Peer, peer, pixel
from tests.process.programs.intruder import NOBODY, Intruder
from tests.process.programs.stage import (
    SMALL,
    Stage,
    fed,
    held,
    kill,
    numbers,
    picture,
    pid_of,
    segments,
    send,
)

pytestmark = pytest.mark.skipif(FOLDER is None, reason="looks at segments in /dev/shm")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")

SOURCE: Final = "nobody else's business"


@pytest.fixture
def viewer(port: int) -> Iterator[pc.Viewer]:
    """An honest program's, which has shown something already."""
    with pc.connect(port) as viewer:
        send(viewer, range(5), source=SOURCE)
        viewer.settle()
        yield viewer


def check_all_is_well(viewer: pc.Viewer, attacker: Peer) -> None:
    """The viewer answers everybody on both sockets, and shows what an honest program sends."""
    attacker.control_answers()
    attacker.data_answers(1_000_000, source="attacker")
    send(viewer, range(5, 8), source=SOURCE)
    send(viewer, range(8, 12), side=SMALL, source="small")
    viewer.settle()
    assert held(viewer, SOURCE) == list(range(8))
    assert held(viewer, "small") == list(range(8, 12))


def sources(viewer: pc.Viewer) -> set[str]:
    return {group["source"] for group in viewer.state()["groups"]}


def known(port: int) -> Connection:
    connection = find(port)
    assert connection is not None
    return connection


def refusals(attacker: Peer) -> dict[int, str]:
    """What it was told of its images, refused or asked for again, by number."""
    list(attacker.listen(0.1))
    found = {}
    for said in attacker.heard:
        if isinstance(said, Refused):
            found[said.seq] = said.reason
        elif isinstance(said, Nack) and said.reason:
            found |= dict.fromkeys(said.seqs, said.reason)
    return found


def why_not_shown(said: ToProducer, seq: int) -> str:
    return said.errors.get(str(seq), "") if isinstance(said, Shown) else ""


def answers(said: ToProducer, number: int) -> bool:
    return isinstance(said, Reply) and said.number == number


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


class TestProgramThatIsAdmitted:
    def test_code_by_pickle_on_both_ports(self, viewer: pc.Viewer, tmp_path: Path) -> None:
        folder = tmp_path / "exploded"
        pickles = [pickle.dumps(Bomb(folder), protocol) for protocol in range(6)]
        pickle.loads(pickles[2])  # noqa: S301 - our own: it does go off
        folder.rmdir()
        with peer(viewer.port) as attacker:
            for seq, code in enumerate(pickles, 1):
                for one in (attacker.control, attacker.data):
                    one.send(code)
                    one.send_multipart([code, code])
                    one.send(json.dumps({"type": code.decode("latin1")}).encode())
                image = pixel(attacker.sid, seq)
                size = Inline(len(code), 1)
                image = msgspec.structs.replace(image, shape=(1, len(code)), where=size)
                attacker.show(image, code)
                text = code.decode("latin1")
                attacker.say(Request(attacker.sid, seq, "read", {"source": text, "kind": text}))
            check_all_is_well(viewer, attacker)
        assert not folder.exists()

    def test_a_message_with_an_object_dtype(self, viewer: pc.Viewer) -> None:
        with peer(viewer.port) as attacker:
            segment = Segment.create(f"pc{attacker.sid[:16]}_1", 4096)
            try:
                segment.begin_write()
                segment.array((8,), "u1")[:] = 255  # no pointer to anything
                slab = Slab(segment.name, segment.size, segment.end_write(), 8)
                for seq, dtype in enumerate(("O", "|O", "|O8", "O,O", "(2)O", "V8", "<U2", "M8")):
                    image = msgspec.structs.replace(pixel(attacker.sid, 2 * seq + 1), dtype=dtype)
                    attacker.show(msgspec.structs.replace(image, where=Inline(8, 1)), b"\xff" * 8)
                    attacker.show(msgspec.structs.replace(image, where=slab, seq=2 * seq + 2))
                check_all_is_well(viewer, attacker)
                told = refusals(attacker)
                assert sorted(told) == list(range(1, 17))
                assert all("dtype" in reason for reason in told.values())
            finally:
                segment.unlink()
        assert "peer" not in sources(viewer)

    def test_a_wrong_number_of_parts_on_both_ports(self, viewer: pc.Viewer) -> None:
        with peer(viewer.port) as attacker:
            hello = encode(Hello(attacker.sid, "run", 1))
            image = encode(pixel(attacker.sid, 1))
            slab = msgspec.structs.replace(
                pixel(attacker.sid, 2), where=Slab(f"pc{attacker.sid[:16]}_1", 65536, 2, 1)
            )
            for one in (attacker.control, attacker.data):
                for parts in (
                    [image], [image, b"\1", b"\1"], [hello, hello], [b"", image], [b""], [b""] * 3,
                    [encode(slab), b"\1"], [image, *[b""] * 70_000], [image, b"x" * (1 << 20)],
                ):  # fmt: skip
                    one.send_multipart(parts)
            check_all_is_well(viewer, attacker)
            told = refusals(attacker)
            assert "parts" in told[1]
            assert "no parts" in told[2]
            assert "attacker" in sources(viewer)
            assert "peer" not in sources(viewer)

    def test_memory_of_others_in_a_handle(self, viewer: pc.Viewer, port: int) -> None:
        honest = sorted(segments())
        assert len(honest) > 1, "the honest program's pool is there"
        with peer(port) as attacker:
            own = f"pc{attacker.sid[:16]}"
            stranger, link = SHM / f"{own}_1", SHM / f"{own}_2"
            foreign, elsewhere = SHM / f"{own}_3", SHM / "planecast-test-secret"
            names = [*honest, f"pc{known(port).vid}_1", elsewhere.name, f"../shm/{elsewhere.name}",
                     f"{own}_/../{honest[0]}", f"{own}_1/../{honest[0]}", "", f"{own}_",
                     stranger.name, link.name, foreign.name, f"{own}_4", f"{own}_5\n"]  # fmt: skip
            try:
                stranger.write_bytes(b"\7" * 65536)
                elsewhere.write_bytes(b"\7" * 65536)
                link.symlink_to(SHM / honest[0])
                foreign.write_bytes((SHM / honest[0]).read_bytes())
                if os.getuid() == 0:
                    os.chown(foreign, NOBODY, NOBODY)
                else:
                    foreign.unlink()
                for seq, name in enumerate(names, 1):
                    for generation in (2, 4):
                        where = Slab(name, 4097, generation, 1)
                        image = pixel(attacker.sid, 2 * seq + generation // 4, "stolen")
                        attacker.show(msgspec.structs.replace(image, where=where))
                check_all_is_well(viewer, attacker)
                told = refusals(attacker)
                assert sorted(told) == list(range(2, 2 * len(names) + 2))
                for seq in range(2, 2 * honest.index(honest[-1]) + 4):
                    assert "not of this session" in told[seq]
            finally:
                for path in (stranger, link, foreign, elsewhere):
                    path.unlink(missing_ok=True)
            assert "stolen" not in sources(viewer)

    def test_words_in_the_name_of_another_program_lose_it_nothing(self, viewer: pc.Viewer) -> None:
        with peer(viewer.port) as attacker, peer(viewer.port) as another:
            victim = viewer.route().sid
            for t in range(5, 8):
                another.say(Bye(victim), Hello(victim, "run", 1), Release(victim, 1))
                send(viewer, range(t, t + 1), source=SOURCE)
            viewer.settle()
            check_all_is_well(viewer, attacker)
            assert not viewer.undelivered

    def test_a_request_that_comes_twice_is_carried_out_once(self, viewer: pc.Viewer) -> None:
        with peer(viewer.port) as attacker:
            clear = Request(attacker.sid, 77, "clear", {"source": "attacker"})
            attacker.data_answers(1, source="attacker")
            attacker.until(lambda said: answers(said, 77), lambda: attacker.say(clear))
            attacker.data_answers(2, source="attacker")
            attacker.until(lambda said: answers(said, 77), lambda: attacker.say(clear))
            attacker.control_answers()
            assert "attacker" in sources(viewer)

    def test_one_message_with_planes_in_the_worst_order(self, viewer: pc.Viewer) -> None:
        count = 50_000
        with peer(viewer.port) as attacker:
            image = msgspec.structs.replace(
                pixel(attacker.sid, 1, "worst"), shape=(count, 1, 1), axes="TYX",
                where=Inline(count, 1), components={"t": tuple(range(count, 0, -1))},
            )  # fmt: skip
            attacker.show(image, bytes(count))
            check_all_is_well(viewer, attacker)
            (worst,) = (one for one in viewer.state()["groups"] if one["source"] == "worst")
            assert worst["components"]["t"] == list(range(1, count + 1))

    def test_so_many_groups_that_nobody_can_name_them_all(self, viewer: pc.Viewer) -> None:
        with peer(viewer.port) as attacker:
            for seq in range(1, 1501):
                attacker.show(pixel(attacker.sid, seq, f"{seq} " + "x" * 1000), b"\1")
            check_all_is_well(viewer, attacker)
            assert len(viewer.state()["groups"]) == 1503

    def test_more_groups_than_a_viewer_holds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("streaming_core.protocol.group.MOST_GROUPS", 20)
        with recording_viewer() as (port, _), pc.connect(port) as viewer, peer(port) as attacker:
            for seq in range(1, 101):
                attacker.show(pixel(attacker.sid, seq, f"source {seq}"), b"\1")
            attacker.until(lambda said: "20 groups" in why_not_shown(said, 100), lambda: None)
            assert len(sources(viewer)) == 20
            viewer.clear()
            send(viewer, range(5), source=SOURCE)
            viewer.settle()
            assert held(viewer, SOURCE) == list(range(5))


@pytest.fixture
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run folder that others can come near to: only its own modes keep them out."""
    above = Path(tempfile.mkdtemp(prefix="planecast-attacks-"))
    above.chmod(0o755)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PLANECAST_RUN_FOLDER", str(above / "planecast"))
            yield above / "planecast"
    finally:
        shutil.rmtree(above)


@pytest.fixture
def intruder(open_house: Path, stage: Stage) -> Intruder:
    return Intruder(stage)


@as_root
class TestAnotherUser:
    def test_sees_names_and_gets_at_nothing(
        self, open_house: Path, intruder: Intruder, viewer: pc.Viewer
    ) -> None:
        with recording_viewer() as (other, _), pc.connect(other) as second:
            send(second, range(3), source=SOURCE)
            names, allowed = intruder("look", f"pc{viewer.route().publisher.sid}")
            assert names, "names can be listed"
            assert allowed == 0
            files = [str(path) for path in open_house.rglob("*")]
            assert any(name.endswith(".keys") for name in files)
            assert intruder("rummage", str(open_house), *files) == 0
            assert intruder("rummage", f"/proc/{os.getpid()}/environ") == 0
            send(second, range(3, 6), source=SOURCE)
            second.settle()
            assert held(second, SOURCE) == list(range(6))

    def test_says_nothing_that_is_heard_under_a_sid_that_it_knows(
        self, intruder: Intruder, viewer: pc.Viewer, port: int
    ) -> None:
        names, _ = intruder("look", f"pc{viewer.route().publisher.sid}")
        sid = f"{names[0][2:18]}.1"
        assert sid == viewer.route().sid
        injected: list[Any] = [
            Hello(sid, "run", 1),
            Bye(sid),
            Request(sid, 1, "read", {"source": SOURCE}),
            Request(sid, 2, "quit"),
            msgspec.structs.replace(pixel(sid, 6, "injected"), where=Inline(1, 0)),
        ]
        texts = [encode(message).decode() for message in injected]
        assert intruder("knock", port, known(port).viewer_public, texts) == []
        send(viewer, range(5, 8), source=SOURCE)
        viewer.settle()
        assert held(viewer, SOURCE) == list(range(8))
        assert sources(viewer) == {SOURCE}
        assert len(viewer.state()["producers"]) == 1

    def test_plants_segments_under_our_names_and_stops_nobody(
        self, intruder: Intruder, viewer: pc.Viewer, port: int
    ) -> None:
        prefix = f"pc{viewer.route().publisher.sid}"
        before = len(intruder("look", prefix)[0])
        assert intruder("occupy", prefix, before, before + 20) == 20
        try:
            for t in range(5, 40):
                side = (200, 300, 400)[t % 3]  # of sizes that need new slots
                viewer.show(picture(t, side), components={"t": t}, source=SOURCE)
            viewer.settle()
            found = []
            for group in viewer.state()["groups"]:
                *_, side, _ = group["shape"]
                planes = viewer.read(source=SOURCE, components={"t": group["components"]["t"][0]})
                assert planes.min() == planes.max()
                assert side in (200, 300, 400)
                found += group["components"]["t"]
            assert sorted(found) == list(range(40))
            with peer(port) as attacker:  # whoever names them
                theirs = f"pc{attacker.sid[:16]}"
                assert intruder("occupy", theirs, 1, 2) == 1
                where = Slab(f"{theirs}_1", 4097, 0, 1)
                attacker.show(
                    msgspec.structs.replace(pixel(attacker.sid, 1, "planted"), where=where)
                )
                attacker.control_answers()
                attacker.data_answers(2, source="attacker")
                assert f"belongs to user {NOBODY}" in refusals(attacker)[1]
                assert intruder("vacate", theirs) == 1
        finally:
            intruder("vacate", prefix)
        assert "planted" not in sources(viewer)

    @pytest.mark.parametrize("how", ["curve", "null", "web"])
    def test_on_the_port_of_a_dead_viewer_learns_nothing(
        self, intruder: Intruder, viewer: pc.Viewer, port: int, how: str
    ) -> None:
        keys = known(port)
        with recording_viewer() as (other, _), pc.connect(other) as healthy:
            kill(port)
            intruder("squat", port, how)
            first = intruder("visitors")
            send(viewer, range(5, 8), source=SOURCE)
            send(viewer, range(8, 10), side=SMALL, source=SOURCE)
            send(healthy, range(100), source=SOURCE)
            poll_until(lambda: intruder("visitors") > first + 1, "the producer tries its luck")
            with pytest.raises(ViewerError):
                pc.connect(port)
            send(healthy, range(100, 200), source=SOURCE)
            healthy.settle()
            assert held(healthy, SOURCE) == list(range(200))
            learnt = "".join(intruder("leave"))
        secrets = (viewer.route().sid, SOURCE, keys.client.public, keys.client.secret, '"type"')
        assert not any(secret in learnt for secret in secrets)
        pc.launch("recording", port).close()
        assert known(port).viewer_public == keys.viewer_public
        back = fed(viewer, 20)
        with pytest.raises(pc.Undelivered) as report:  # at least what the dead one had
            viewer.flush()
        viewer.settle()
        named = numbers(report.value.images)
        arrived = sorted(t for group in viewer.state()["groups"] for t in group["components"]["t"])
        assert sorted([*named, *arrived]) == [*range(10), *range(20, back + 1)]


def test_a_stranger_who_takes_all_connections_there_are_stops_no_stream(
    viewer: pc.Viewer, port: int
) -> None:
    pid, strangers = pid_of(port), []
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, 64))

    def full() -> bool:
        for at in (port, port + DATA_OFFSET):
            with suppress(OSError):  # the queue before the door is full, too
                strangers.append(socket.create_connection((LOOPBACK, at), timeout=0.1))
        return len(os.listdir(f"/proc/{pid}/fd")) == 64

    poll_until(full, "it has as many files open as it may")
    try:
        for t in range(5, 30):  # in slots of ever new sizes, which are files to open
            viewer.show(picture(t, 100 + 50 * t), components={"t": t}, source=SOURCE)
        viewer.settle()
    finally:
        for stranger in strangers:
            stranger.close()
    groups = viewer.state()["groups"]
    assert sorted(t for group in groups for t in group["components"]["t"]) == list(range(30))
    with peer(port) as newcomer:
        newcomer.show(pixel(newcomer.sid, 1), b"\1")
        newcomer.data_answers(2)


def test_images_are_the_only_thing_on_the_data_port(viewer: pc.Viewer) -> None:
    with peer(viewer.port) as attacker:
        words: list[Any] = [
            Request(attacker.sid, 1, "quit"),
            Hello("0123456789abcdef.7", "run", 1),
            Bye(viewer.route().sid),
        ]
        for message in words:
            attacker.data.send(encode(message))
        attacker.say(Image(attacker.sid, 1, "run", (1, 1), "|u1", "YX", Inline(1, 0)))
        check_all_is_well(viewer, attacker)
        assert len(viewer.state()["producers"]) == 2
