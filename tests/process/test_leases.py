from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from streaming_core.errors import InsecurePath, LeaseHeld
from streaming_core.memory import locks
from streaming_core.memory.leases import (
    PATIENCE,
    Cleaned,
    Lease,
    Witness,
    holder,
    is_held,
    janitor,
)
from streaming_core.memory.pool import Pool
from streaming_core.memory.segments import Segment, sweep
from streaming_core.memory.shm import FOLDER
from streaming_core.testing import poll_until

ROOT = Path(__file__).parents[2]
SHM = Path(FOLDER or "/nonexistent")
needs_listing = pytest.mark.skipif(not SHM.is_dir(), reason="counts segments in /dev/shm")
needs_posix = pytest.mark.skipif(os.name != "posix", reason="is about forks, modes, links")

COMMON = """
import json, os, sys, time
from dataclasses import asdict
from pathlib import Path
from streaming_core.errors import LeaseHeld
from streaming_core.memory.leases import Lease, is_held, janitor
folder = Path(sys.argv[1])
def say(word):
    os.write(1, f"{word}\\n".encode())  # in one piece, forked children speak too
"""

PRODUCER = """
from streaming_core.memory.pool import Pool
prefix = "pc" + sys.argv[2]
lease = Lease.take(folder / f"producer-{sys.argv[2]}.lease", {"prefixes": [prefix]})
pool = Pool(prefix)
pool.probe()
slots = [pool.take(100_000) for _ in range(3)]
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(run_folder: Path) -> Iterator[Start]:
    """Start a script in a process group of its own, all of which dies with the test."""
    running: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", COMMON + script, *map(str, arguments)]
        pipe = subprocess.PIPE
        child = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, start_new_session=True
        )
        running.append(child)
        return child

    yield run
    for child in running:
        if sys.platform == "win32":
            child.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    # A forked child may be a moment behind its parent, but holds nothing.
    janitor(run_folder)


def heard(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def tell(child: subprocess.Popen[str], line: object) -> None:
    assert child.stdin is not None
    child.stdin.write(f"{line}\n")
    child.stdin.flush()


def kill(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()


def segments(sid: str) -> int:
    return len(list(SHM.glob(f"pc{sid}_*")))


def new_sid() -> str:
    return secrets.token_hex(8)


class TestJanitor:
    @needs_listing
    def test_removes_what_a_killed_producer_left(self, start: Start, run_folder: Path) -> None:
        sid = new_sid()
        child = start(PRODUCER + "say('ready'); sys.stdin.read()", run_folder, sid)
        assert heard(child) == "ready"
        assert janitor(run_folder) == Cleaned()
        assert segments(sid) == 4
        kill(child)
        assert janitor(run_folder) == Cleaned(leases=1, segments=4)
        assert janitor(run_folder) == Cleaned()
        assert segments(sid) == 0
        assert list(run_folder.iterdir()) == []

    @needs_listing
    def test_leaves_a_frozen_process_alone(self, start: Start, run_folder: Path) -> None:
        sid = new_sid()
        child = start(PRODUCER + "say('ready'); sys.stdin.read()", run_folder, sid)
        assert heard(child) == "ready"
        path = run_folder / f"producer-{sid}.lease"
        witness = Witness(path)
        os.kill(child.pid, signal.SIGSTOP)
        assert is_held(path) is True
        assert janitor(run_folder) == Cleaned()
        assert not witness.proven_dead()
        with pytest.raises(LeaseHeld, match=f"held by process {child.pid}"):
            Lease.take(path, {})
        assert segments(sid) == 4
        kill(child)
        assert witness.proven_dead()
        assert janitor(run_folder) == Cleaned(leases=1, segments=4)

    @needs_posix
    def test_a_forked_child_does_not_keep_its_dead_parents_lease(
        self, start: Start, run_folder: Path
    ) -> None:
        sid = new_sid()
        fork = """
if os.fork():
    sys.stdin.read()
else:
    lease.release()
    pool.close()
    say("ready")
    time.sleep(600)
"""
        child = start(PRODUCER + fork, run_folder, sid)
        assert heard(child) == "ready"
        path = run_folder / f"producer-{sid}.lease"
        assert is_held(path) is True
        assert segments(sid) == 4
        kill(child)
        assert is_held(path) is False
        assert janitor(run_folder) == Cleaned(leases=1, segments=4)
        os.killpg(child.pid, 0)  # the forked child lives on

    @needs_listing
    def test_a_killed_process_group_leaves_what_the_next_start_removes(
        self, start: Start, run_folder: Path
    ) -> None:
        sid = new_sid()
        script = "os.fork() and os.fork()\nsay('ready'); time.sleep(600)"
        child = start(PRODUCER + script, run_folder, sid)
        assert [heard(child) for _ in range(3)] == ["ready"] * 3
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        poll_until(lambda: is_held(run_folder / f"producer-{sid}.lease") is False, "lock is free")
        assert janitor(run_folder) == Cleaned(leases=1, segments=4)

    @needs_listing
    def test_twenty_at_once_remove_exactly_what_is_dead(
        self, start: Start, run_folder: Path
    ) -> None:
        janitors = [
            start(
                "say('ready'); sys.stdin.readline(); say(json.dumps(asdict(janitor(folder))))",
                run_folder,
            )
            for _ in range(20)
        ]
        dead, living = [new_sid() for _ in range(3)], [new_sid() for _ in range(2)]
        producers = {
            sid: start(PRODUCER + "say('ready'); sys.stdin.read()", run_folder, sid)
            for sid in dead + living
        }
        assert {heard(child) for child in [*janitors, *producers.values()]} == {"ready"}
        for sid in dead:
            kill(producers[sid])
        for child in janitors:
            tell(child, "go")
        reports = [json.loads(heard(child)) for child in janitors]
        total = {key: sum(report[key] for report in reports) for key in asdict(Cleaned())}
        # One that found another at work passed by, so the last word is a further run's.
        rest = janitor(run_folder)
        assert total["leases"] + rest.leases == 3
        assert total["segments"] + rest.segments == 12
        assert [segments(sid) for sid in dead] == [0, 0, 0]
        assert [segments(sid) for sid in living] == [4, 4]
        assert {path.name for path in run_folder.iterdir()} == {
            f"producer-{sid}.lease" for sid in living
        }
        for sid in living:
            kill(producers[sid])
        assert janitor(run_folder) == Cleaned(leases=2, segments=8)

    def test_removes_the_connection_file_of_a_dead_viewer(self, run_folder: Path) -> None:
        (run_folder / "viewer-5555.json").write_text("{}")
        (run_folder / "viewer-5556.json").write_text("{}")
        info = {"pid": 1, "files": ["viewer-5555.json"]}
        (run_folder / "viewer-5555.lease").write_text(json.dumps(info))
        living = Lease.take(run_folder / "viewer-5556.lease", {"files": ["viewer-5556.json"]})
        assert janitor(run_folder) == Cleaned(leases=1, files=1)
        assert {path.name for path in run_folder.iterdir()} == {
            "viewer-5556.json",
            "viewer-5556.lease",
        }
        living.release()

    def test_does_only_what_a_lease_may_ask_for(self, run_folder: Path, tmp_path: Path) -> None:
        outside, inside = tmp_path / "outside", run_folder / "kept"
        outside.write_text("x")
        inside.mkdir()
        other = Lease.take(run_folder / "viewer-5556.lease", {})
        info = {
            "prefixes": ["", "*", "../x", 7, None, ["pc"], "pc0123456789abcdef/"],
            "files": [
                str(outside),
                f"../{outside.name}",
                "..",
                ".",
                "",
                "kept",
                "viewer-5556.lease",
                5,
                None,
            ],
        }
        (run_folder / "viewer-5555.lease").write_text(json.dumps(info))
        assert janitor(run_folder) == Cleaned(leases=1)
        assert outside.exists()
        assert inside.exists()
        assert is_held(other.path) is True
        other.release()
        inside.rmdir()

    @pytest.mark.parametrize(
        "content", [b"", b"{", b"[]", b"5", b"\xff\xfe", b"[" * 60_000, b'{"prefixes": 5}']
    )
    def test_a_lease_with_unreadable_content_is_removed(
        self, run_folder: Path, content: bytes
    ) -> None:
        (run_folder / "viewer-5555.lease").write_bytes(content)
        assert janitor(run_folder) == Cleaned(leases=1)

    def test_removes_the_lock_of_a_killed_launcher(self, run_folder: Path) -> None:
        (run_folder / "launch-napari-own.lease").write_text("{}")
        assert janitor(run_folder) == Cleaned(leases=1)

    @needs_posix
    def test_touches_no_other_files(self, run_folder: Path) -> None:
        names = [
            "notes.lease",
            "launch.lease",
            "viewer-5555.lease.bak",
            "producer-xyz.lease",
            "key",
            "viewer.log",
        ]
        for name in names:
            (run_folder / name).write_text("{}")
        (run_folder / "viewer-5557.lease").symlink_to("key")
        assert janitor(run_folder) == Cleaned()
        for path in list(run_folder.iterdir()):
            path.unlink()

    def test_a_missing_folder_holds_nothing(self, run_folder: Path) -> None:
        assert janitor(run_folder / "none") == Cleaned()


@needs_posix
class TestDrafts:
    """What was in the making when its writer was killed."""

    def test_they_stay_while_their_writer_lives_and_go_at_once_when_it_was_killed(
        self, start: Start, run_folder: Path
    ) -> None:
        file = """
from streaming_core.memory.drafts import write_private
def stay(*_):
    say("ready")
    sys.stdin.read()
os.replace = stay
write_private(folder / "key", b"all of it")
"""
        made = """
from streaming_core.memory.drafts import private_folder
with private_folder(folder, "units-") as making:
    (making / "list").write_text("")
    say("ready")
    sys.stdin.read()
"""
        writers = [start(script, run_folder) for script in (file, made)]
        assert [heard(writer) for writer in writers] == ["ready", "ready"]
        assert janitor(run_folder) == Cleaned()
        assert len(list(run_folder.iterdir())) == 2
        for writer in writers:
            kill(writer)
        assert janitor(run_folder) == Cleaned(files=2)
        assert list(run_folder.iterdir()) == []

    def test_no_janitor_takes_one_away_from_its_writer(
        self, start: Start, run_folder: Path
    ) -> None:
        clean = "say('ready')\nwhile not (folder / 'over').exists(): janitor(folder)"
        write = """
from streaming_core.memory.drafts import private_folder, write_private
say("ready")
for turn in range(500):
    write_private(folder / "key", b"%d" % turn)
    with private_folder(folder, "units-") as making:
        (making / "list").write_text("")
        (making / "list").rename(folder / f"list-{os.getpid()}")
    Lease.take(folder / f"launch-{os.getpid()}-own.lease", {}).release()
say("done")
"""
        cleaners = [start(clean, run_folder) for _ in range(2)]
        writers = [start(write, run_folder) for _ in range(2)]
        assert {heard(one) for one in (*cleaners, *writers)} == {"ready"}
        assert {heard(writer) for writer in writers} == {"done"}
        (run_folder / "over").touch()
        assert [cleaner.wait(10) for cleaner in cleaners] == [0, 0]
        assert (run_folder / "key").read_bytes() == b"499"
        left = sorted(path.name for path in run_folder.iterdir())
        assert left == ["key", *sorted(f"list-{one.pid}" for one in writers), "over"]


@needs_listing
class TestStrays:
    """Segments that no lease speaks for: a run folder was lost, or belongs to a container."""

    @pytest.fixture
    def sid(self) -> Iterator[str]:
        sid = new_sid()
        yield sid
        sweep(f"pc{sid}")

    @staticmethod
    def age(sid: str) -> None:
        for path in SHM.glob(f"pc{sid}_*"):
            os.utime(path, (0, time.time() - 3600))

    def test_the_old_ones_of_the_dead_are_removed(
        self, start: Start, run_folder: Path, sid: str
    ) -> None:
        child = start(PRODUCER + "lease.release(); say('ready'); sys.stdin.read()", run_folder, sid)
        assert heard(child) == "ready"
        kill(child)
        assert janitor(run_folder) == Cleaned()  # too young to be sure that a lease will not come
        self.age(sid)
        assert janitor(run_folder) == Cleaned(segments=4)

    def test_the_living_keep_theirs_though_their_lease_cannot_be_seen(
        self, start: Start, run_folder: Path, sid: str, tmp_path: Path
    ) -> None:
        child = start(PRODUCER + "say('ready'); sys.stdin.read()", tmp_path, sid)
        assert heard(child) == "ready"
        self.age(sid)
        assert janitor(run_folder) == Cleaned()
        assert segments(sid) == 4
        kill(child)
        assert janitor(run_folder) == Cleaned(segments=4)

    def test_a_lease_speaks_for_its_segments(self, run_folder: Path, sid: str) -> None:
        (SHM / f"pc{sid}_1").write_bytes(bytes(65536))  # nobody holds a lock on it
        self.age(sid)
        lease = Lease.take(run_folder / "viewer-5555.lease", {"prefixes": [f"pc{sid}"]})
        assert janitor(run_folder) == Cleaned()
        lease.release()
        assert janitor(run_folder) == Cleaned(segments=1)

    def test_other_names_are_not_ours(self, run_folder: Path, sid: str) -> None:
        names = [f"pc{sid}", f"pc{sid}_", f"xpc{sid}_1", f"pc{sid}_123456789"]
        for name in names:
            (SHM / name).write_bytes(b"x")
            os.utime(SHM / name, (0, 0))
        try:
            assert janitor(run_folder) == Cleaned()
        finally:
            for name in names:
                (SHM / name).unlink()


RACER = """
say("ready")
kept = []
for line in sys.stdin:
    what, path = line.split()
    path = Path(path)
    if what == "take":
        try:
            kept.append(Lease.take(path, {"prefixes": []}))
            say("won")
        except LeaseHeld:
            say("held")
    elif what == "clean":
        janitor(path.parent)
        say("cleaned")
    elif what == "look":
        for _ in range(2000):
            is_held(path)
        say("looked")
"""


class TestRaces:
    def test_of_twenty_that_want_a_stale_lease_exactly_one_gets_it(
        self, start: Start, run_folder: Path
    ) -> None:
        racers = [start(RACER, run_folder) for _ in range(20)]
        assert {heard(racer) for racer in racers} == {"ready"}
        for turn in range(8):
            path = run_folder / f"viewer-{5000 + turn}.lease"
            if turn % 4:
                path.write_text(json.dumps({"pid": 1, "prefixes": [], "files": []}))
            # In odd turns some of them clean up and look at the very same time.
            tasks = ["take"] * 20 if turn % 2 == 0 else ["take", "take", "clean", "look"] * 5
            for racer, task in zip(racers, tasks, strict=True):
                tell(racer, f"{task} {path}")
            answers = [heard(racer) for racer in racers]
            assert answers.count("won") == 1, f"turn {turn}: {answers}"
            winner = racers[answers.index("won")]
            assert is_held(path) is True
            assert holder(path)["pid"] == winner.pid
        assert janitor(run_folder) == Cleaned()

    def test_never_two_hold_it_while_many_take_release_and_clean_up(
        self, start: Start, run_folder: Path
    ) -> None:
        script = """
path, inside = folder / "viewer-5555.lease", folder / "inside"
say("ready")
sys.stdin.readline()
won = wrong = 0
for turn in range(400):
    janitor(folder)
    try:
        lease = Lease.take(path, {})
    except LeaseHeld:
        continue
    try:
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
        wrong += not lease.refresh()
        inside.unlink()
    except FileExistsError:
        wrong += 1
    won += 1
    lease.release()
say(json.dumps([won, wrong]))
"""
        children = [start(script, run_folder) for _ in range(4)]
        assert {heard(child) for child in children} == {"ready"}
        for child in children:
            tell(child, "go")
        answers = [json.loads(heard(child)) for child in children]
        assert sum(won for won, _ in answers) >= 400
        assert sum(wrong for _, wrong in answers) == 0

    def test_looking_at_a_stale_lease_keeps_nobody_from_taking_it(
        self, start: Start, run_folder: Path
    ) -> None:
        path = run_folder / "viewer-5555.lease"
        lookers = [start(RACER, run_folder) for _ in range(3)]
        assert {heard(looker) for looker in lookers} == {"ready"}
        for looker in lookers:
            tell(looker, f"look {path}")
        for _ in range(100):
            path.write_text("{}")
            Lease.take(path, {}).release()
        assert {heard(looker) for looker in lookers} == {"looked"}

    @needs_posix
    def test_who_looks_at_a_stale_lease_for_long_is_not_taken_for_its_holder(
        self, run_folder: Path
    ) -> None:
        path = run_folder / "viewer-5555.lease"
        path.write_text("{}")
        with ThreadPoolExecutor(1) as pool, path.open() as file:
            assert locks.lock(file.fileno(), shared=True)
            taken = pool.submit(Lease.take, path, {})
            with pytest.raises(TimeoutError):
                taken.result(2 * PATIENCE)
            locks.unlock(file.fileno())
            taken.result(10).release()

    @needs_posix
    def test_a_janitor_waits_for_who_just_looks_at_a_stale_lease(self, run_folder: Path) -> None:
        path = run_folder / "viewer-5555.lease"
        path.write_text("{}")
        with ThreadPoolExecutor(1) as pool, path.open() as file:
            assert locks.lock(file.fileno(), shared=True)
            cleaned = pool.submit(janitor, run_folder)
            with pytest.raises(TimeoutError):
                cleaned.result(0.1)
            locks.unlock(file.fileno())
            assert cleaned.result(10).leases == 1
        assert not path.exists()

    @needs_posix
    def test_children_forked_at_any_moment_hold_no_lease(
        self, start: Start, run_folder: Path
    ) -> None:
        script = """
import threading
going = True
def churn(number):
    path = folder / f"viewer-{number}.lease"
    while going:
        Lease.take(path, {}).release()
threads = [threading.Thread(target=churn, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
wrong = 0
for _ in range(200):
    child = os.fork()
    if not child:
        here = os.listdir("/proc/self/fd")
        links = []
        for one in here:
            try:
                links.append(os.readlink(f"/proc/self/fd/{one}"))
            except OSError:
                pass
        os._exit(any(str(folder) in link for link in links))
    wrong += os.waitpid(child, 0)[1] != 0
going = False
for thread in threads:
    thread.join()
say(wrong)
"""
        assert heard(start(script, run_folder)) == "0"


class TestLease:
    def test_tells_who_holds_it_until_it_is_released(self, run_folder: Path) -> None:
        path = run_folder / "viewer-5555.lease"
        assert is_held(path) is None
        lease = Lease.take(path, {"kind": "napari", "pid": 1})
        assert is_held(path) is True
        assert holder(path) == {"kind": "napari", "pid": os.getpid()}
        assert lease.refresh()
        with pytest.raises(LeaseHeld, match=re.escape(f"{path} is held by process {os.getpid()}")):
            Lease.take(path, {})
        lease.release()
        lease.release()
        assert is_held(path) is None
        assert not lease.refresh()
        assert list(run_folder.iterdir()) == []

    @needs_posix
    def test_is_private(self, run_folder: Path) -> None:
        lease = Lease.take(run_folder / "viewer-5555.lease", {})
        assert lease.path.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in run_folder.iterdir()] == ["viewer-5555.lease"]
        lease.release()

    @needs_posix
    def test_is_held_though_the_object_is_forgotten(self, run_folder: Path) -> None:
        path = run_folder / "viewer-5555.lease"
        Lease.take(path, {})
        assert is_held(path) is True
        path.unlink()

    @needs_listing
    def test_a_dead_ones_is_taken_over_with_what_it_left(
        self, start: Start, run_folder: Path
    ) -> None:
        sid, path = new_sid(), run_folder / "viewer-5555.lease"
        script = """
from streaming_core.memory.segments import Segment
lease = Lease.take(folder, {"prefixes": ["pc" + sys.argv[2]], "files": ["viewer-5555.json"]})
segment = Segment.create(f"pc{sys.argv[2]}_1", 10)
say("ready"); sys.stdin.read()
"""
        child = start(script, path, sid)
        assert heard(child) == "ready"
        (run_folder / "viewer-5555.json").write_text("{}")
        kill(child)
        assert is_held(path) is False
        lease = Lease.take(path, {"new": True})
        assert holder(path) == {"new": True, "pid": os.getpid()}
        assert segments(sid) == 0
        assert [path.name for path in run_folder.iterdir()] == ["viewer-5555.lease"]
        lease.release()

    @needs_posix
    def test_releasing_does_not_remove_the_lease_of_another(self, run_folder: Path) -> None:
        path = run_folder / "viewer-5555.lease"
        first = Lease.take(path, {})
        path.unlink()  # as a cleaner of /tmp does
        assert not first.refresh()
        second = Lease.take(path, {"second": True})
        first.release()
        assert holder(path)["second"] is True
        assert is_held(path) is True
        second.release()

    @needs_posix
    def test_links_and_folders_are_refused(self, run_folder: Path, tmp_path: Path) -> None:
        target, path = tmp_path / "target", run_folder / "viewer-5555.lease"
        target.write_text("mine")
        path.symlink_to(target)
        with pytest.raises(InsecurePath, match=re.escape(str(path))):
            Lease.take(path, {})
        assert target.read_text() == "mine"
        assert is_held(path) is None
        path.unlink()
        path.mkdir()
        with pytest.raises(InsecurePath, match=re.escape(str(path))):
            Lease.take(path, {})
        assert is_held(path) is None
        path.rmdir()


@needs_posix
def test_a_cron_job_and_a_desktop_session_find_each_others_viewers() -> None:
    """One has a folder in /run/user and the other in /tmp; both are read, the own one first."""
    script = """
os.environ.pop("PLANECAST_RUN_FOLDER")
from streaming_core.memory.places import run_folder, run_folders
uid = os.getuid()
seen = [run_folder(), run_folders()]
os.mkdir(f"/run/user/{uid}", 0o700)
seen += [run_folder(), run_folders()]
os.chmod(f"/run/user/{uid}", 0o755)
seen += [run_folder()]
cron, desktop = Path(f"/tmp/planecast-{uid}"), Path(f"/run/user/{uid}/planecast")
say(seen == [cron, [cron], desktop, [desktop, cron], cron])
"""
    mounts = "mkdir -p /run/user && mount -t tmpfs tmpfs /run/user && mount -t tmpfs tmpfs /tmp"
    before = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh"]
    if any(Path(one).is_relative_to("/tmp") for one in (sys.executable, ROOT)):  # noqa: S108
        pytest.skip("this checkout is in /tmp, which the test puts another one over")
    try:
        allowed = subprocess.run([*before, "true"], capture_output=True, check=False)
    except OSError as error:
        pytest.skip(f"folders of our own need unshare: {error}")
    if allowed.returncode:
        pytest.skip(f"folders of our own are refused here: {allowed.stderr.decode().strip()}")
    done = subprocess.run(
        [*before, sys.executable, "-c", COMMON + script, "/none"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("True", "")


def living(start: Start, run_folder: Path) -> tuple[Path, subprocess.Popen[str]]:
    """Return a lease, and the process that holds it."""
    path = run_folder / "viewer-5555.lease"
    child = start("Lease.take(folder, {}); say('x'); sys.stdin.read()", path)
    assert heard(child) == "x"
    return path, child


class TestWitness:
    def test_what_was_never_seen_held_is_not_proven_dead(self, run_folder: Path) -> None:
        path = run_folder / "viewer-5555.lease"
        missing = Witness(path)
        path.write_text("{}")
        stale = Witness(path)
        for witness in (missing, stale):
            assert not witness.proven_dead()
            assert not witness.proven_dead()
        path.unlink()

    def test_proves_the_death_of_what_it_saw_living(self, start: Start, run_folder: Path) -> None:
        early = Witness(run_folder / "viewer-5555.lease")
        path, child = living(start, run_folder)
        late = Witness(path)
        assert not early.proven_dead()  # sees it from now on
        for witness in (early, late):
            assert not witness.proven_dead()
        kill(child)
        assert early.proven_dead()
        path.unlink()
        assert late.proven_dead()
        assert late.proven_dead()

    def test_a_successor_at_the_same_path_does_not_hide_the_death(
        self, start: Start, run_folder: Path
    ) -> None:
        path, child = living(start, run_folder)
        witness = Witness(path)
        kill(child)
        janitor(run_folder)
        (run_folder / "other").touch()  # some file systems use a removed file's number again
        successor = Lease.take(path, {})
        assert witness.proven_dead()
        assert not Witness(path).proven_dead()
        successor.release()

    def test_who_took_the_very_file_over_counts_as_living(
        self, start: Start, run_folder: Path
    ) -> None:
        path, child = living(start, run_folder)
        witness = Witness(path)
        kill(child)
        successor = Lease.take(path, {})
        assert not witness.proven_dead()
        successor.release()
        assert witness.proven_dead()


@needs_listing
def test_a_pool_and_its_lease_end_together(run_folder: Path) -> None:
    sid = new_sid()
    lease = Lease.take(run_folder / f"producer-{sid}.lease", {"prefixes": [f"pc{sid}"]})
    pool = Pool(f"pc{sid}")
    pool.probe()
    assert isinstance(Segment.create(f"pc{sid}_ff", 10), Segment)
    assert janitor(run_folder) == Cleaned()
    pool.close()
    sweep(f"pc{sid}")
    lease.release()
    assert segments(sid) == 0
