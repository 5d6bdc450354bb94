from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from streaming_core.errors import OutOfSharedMemory, SegmentGone
from streaming_core.memory.pool import Pool
from streaming_core.memory.segments import Mapping, Segment, sees, sweep
from streaming_core.memory.shm import FOLDER
from tests.process.programs.stage import with_shm

ROOT = Path(__file__).parents[2]
SHM = Path(FOLDER or "/nonexistent")
MIB = 1 << 20
NOBODY = 65534
pytestmark = pytest.mark.skipif(not SHM.is_dir(), reason="looks at segments in /dev/shm")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")

COMMON = """
import os, sys, threading
import numpy as np
from streaming_core.errors import *
from streaming_core.memory.pool import Pool
from streaming_core.memory.segments import *
def left():
    return sorted(os.listdir("/dev/shm"))
"""


@pytest.fixture
def prefix() -> Iterator[str]:
    prefix = "pc" + secrets.token_hex(8)
    yield prefix
    sweep(prefix)


def run(script: str, *arguments: object, before: tuple[str, ...] = ()) -> str:
    """Run a script to its end in a process of its own and return what it printed."""
    command = [*before, sys.executable, "-c", COMMON + script, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    # A negative code is the signal it died of: SIGBUS is what must never happen.
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}"
    return done.stdout.strip()


class TestForeignProcesses:
    def test_one_that_reads_and_exits_destroys_nothing(self, prefix: str) -> None:
        segment = Segment.create(f"{prefix}_1", 1000)
        segment.begin_write()
        segment.array((4,), "u1")[:] = 7
        generation = segment.end_write()
        script = """
mapping = Mapping.open(sys.argv[1], int(sys.argv[2]))
print(mapping.array((4,), "u1").tolist(), mapping.unchanged(int(sys.argv[3])))
"""
        for _ in range(2):
            seen = run(script, segment.name, segment.size, generation)
            assert seen == "[7, 7, 7, 7] True"
        assert Mapping.open(segment.name, segment.size).unchanged(generation)

    def test_a_killed_producer_leaves_readers_their_image(self, prefix: str) -> None:
        script = """
segment = Segment.create(sys.argv[1], 1000)
segment.array((1000,), "u1")[:] = 7
segment.end_write()
print(segment.size, flush=True)
sys.stdin.read()
"""
        with subprocess.Popen(
            [sys.executable, "-c", COMMON + script, f"{prefix}_1"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            mapping = Mapping.open(f"{prefix}_1", int(child.stdout.readline()))
            child.kill()
        assert sweep(prefix) == 1
        assert (mapping.array((1000,), "u1") == 7).all()

    def test_a_slot_overwritten_under_a_reader_is_noticed(self, prefix: str) -> None:
        script = """
segment = Segment.create(sys.argv[1], 1 << 20)
image = segment.array((1 << 20,), "u1")
print(segment.size, flush=True)
value = 0
while True:
    value = (value + 1) % 256
    segment.begin_write()
    image[:] = value
    segment.end_write()
    image.sum()  # leaves it alone for a moment
"""
        with subprocess.Popen(
            [sys.executable, "-c", COMMON + script, f"{prefix}_1"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            mapping = Mapping.open(f"{prefix}_1", int(child.stdout.readline()))
            view, copy = mapping.array((MIB,), "u1"), np.empty(MIB, "u1")
            whole = torn = 0
            until = time.monotonic() + 30.0
            while (whole < 50 or torn < 50) and time.monotonic() < until:
                generation = mapping.generation
                if not mapping.unchanged(generation):
                    os.sched_yield()  # to the writer, where cores are few
                    continue
                np.copyto(copy, view)
                if mapping.unchanged(generation):
                    whole += 1
                    assert (copy == copy[0]).all()
                else:
                    torn += 1
            child.kill()
        assert whole >= 50
        assert torn >= 50

    def test_a_forked_child_removes_nothing_and_writes_nothing(self, prefix: str) -> None:
        script = """
pool = Pool(sys.argv[1])
pool.probe()
slots = [pool.take(1000) for _ in range(3)]
pool.give_back(slots[0])
mine = lambda: [name for name in left() if name.startswith(sys.argv[1])]
before = mine()
if not os.fork():
    try:
        pool.take(1000)
    except SharedMemoryError:
        pool.retire(slots[0])
        pool.give_back(slots[1])
        pool.close()
        slots[2].segment.unlink()
        sys.exit(3)
    sys.exit(4)
print(os.waitstatus_to_exitcode(os.wait()[1]), mine() == before, len(before))
print(pool.take(1000) is slots[0])
pool.close()
"""
        verdict = run(script, prefix).split()
        assert verdict[:2] == ["3", "True"]
        assert verdict[3] == "True"
        assert sweep(prefix) == 0


@as_root
class TestOtherUsers:
    @staticmethod
    def as_nobody(script: str, *arguments: str) -> str:
        """Run a script that needs only the standard library as another user."""
        done = subprocess.run(
            ["/usr/bin/env", "python3", "-c", script, *arguments],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def test_cannot_read_or_remove_ours(self, prefix: str) -> None:
        segment = Segment.create(f"{prefix}_1", 1000)
        script = """
import os, sys
for what in (lambda: open(sys.argv[1]), lambda: os.unlink(sys.argv[1])):
    try:
        what()
        print("done")
    except PermissionError:
        print("refused")
"""
        assert self.as_nobody(script, str(SHM / segment.name)).split() == ["refused"] * 2
        Mapping.open(segment.name, segment.size)

    def test_cannot_make_us_map_theirs(self, prefix: str) -> None:
        path = SHM / f"{prefix}_1"
        script = "import sys; open(sys.argv[1], 'xb').write(b'PLANECST' + bytes(65528))"
        self.as_nobody(script, str(path))
        with pytest.raises(SegmentGone, match=f"belongs to user {NOBODY}"):
            Mapping.open(path.name, 65536)
        assert not sees(path.name, "0")

    def test_that_occupy_our_next_name_do_not_stop_us(self, prefix: str) -> None:
        pool = Pool(prefix)
        pool.probe()
        self.as_nobody("import sys; open(sys.argv[1], 'xb')", str(SHM / f"{prefix}_1"))
        with pytest.raises(OutOfSharedMemory):  # this one image travels inline
            pool.take(1000)
        slot = pool.take(1000)
        assert slot is not None
        pool.close()


class TestFullMemory:
    """A full /dev/shm is an error to go on with, never a signal that kills the pipeline."""

    def test_refuses_what_does_not_fit_and_leaves_nothing_behind(self, prefix: str) -> None:
        script = """
segments = []
try:
    while True:
        segments.append(Segment.create(f"{sys.argv[1]}_{len(segments):x}", 1 << 20))
except OutOfSharedMemory:
    pass
for segment in segments:
    segment.array((segment.capacity,), "u1")[:] = 255
print(len(segments), len(left()))
for size in (3 << 20, 1 << 30, 1 << 45):
    try:
        Segment.create(f"{sys.argv[1]}_ff", size)
    except OutOfSharedMemory:
        print(len(left()))
"""
        assert run(script, prefix, before=with_shm("size=4m")).split() == ["3"] * 5

    def test_two_threads_that_fill_it_together_lose_nothing(self, prefix: str) -> None:
        # Both see room, so one of them is refused by the system halfway through.
        script = """
made = []
def fill(number):
    for turn in range(30):
        try:
            made.append(Segment.create(f"{sys.argv[1]}_{number:x}{turn:02x}", 3 << 20))
        except OutOfSharedMemory:
            pass
threads = [threading.Thread(target=fill, args=(number,)) for number in range(1, 5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for segment in made:
    segment.array((segment.capacity,), "u1")[:] = 255
print(sorted(segment.name for segment in made) == left(), len(made) <= 5)
"""
        assert run(script, prefix, before=with_shm("size=16m")) == "True True"

    def test_a_pool_gives_up_idle_slots_before_it_is_refused(self, prefix: str) -> None:
        script = """
pool = Pool(sys.argv[1])
small = [pool.take(500_000) for _ in range(6)]
for slot in small:
    slot.bytes[:] = 1
    pool.give_back(slot)
del small, slot  # memory is free when nobody refers to it
large = pool.take(3_000_000)
large.bytes[:] = 2
print(large.capacity >= 3_000_000)
try:
    pool.take(3_000_000)
except OutOfSharedMemory:
    print("refused")
pool.give_back(large)
print(pool.take(3_000_000) is large)
pool.close()
print(left())
"""
        answers = run(script, prefix, before=with_shm("size=4m")).split()
        assert answers == ["True", "refused", "True", "[]"]

    def test_one_large_image_does_not_take_the_last_of_it(self, prefix: str) -> None:
        script = """
pool = Pool(sys.argv[1], limit=1 << 20)
for size in (63 << 20, 40 << 20):
    try:
        slot = pool.take(size)
        slot.bytes[:] = 1
        print(slot.one_off)
        pool.give_back(slot)
    except OutOfSharedMemory:
        print("refused")
pool.close()
print(left())
"""
        assert run(script, prefix, before=with_shm("size=64m")).split() == ["refused", "True", "[]"]

    @pytest.mark.parametrize("options", ["size=64m,nr_inodes=1", "ro,size=64m"])
    def test_a_useless_one_means_inline(self, prefix: str, options: str) -> None:
        script = """
pool = Pool(sys.argv[1])
for what in (pool.probe, lambda: pool.take(1000)):
    try:
        what()
        print("made")
    except OutOfSharedMemory:
        print("refused")
"""
        assert run(script, prefix, before=with_shm(options)).split() == ["refused", "refused"]

    def test_a_limit_on_file_sizes_means_inline(self, prefix: str) -> None:
        script = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    Segment.create(f"{sys.argv[1]}_1", 8 << 20)
except OutOfSharedMemory as error:
    print(any(sys.argv[1] in name for name in left()), "too large" in str(error))
"""
        assert run(script, prefix) == "False True"

    def test_too_many_open_files_mean_inline(self, prefix: str) -> None:
        script = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
segments = []
try:
    while len(segments) < 500:
        segments.append(Segment.create(f"{sys.argv[1]}_{len(segments):x}", 1000))
except OutOfSharedMemory:
    pass
del segments[:5]
print(sum(sys.argv[1] in name for name in os.listdir("/dev/shm")) - len(segments))
"""
        assert run(script, prefix) == "5"

    def test_signals_do_not_keep_a_large_segment_from_being_made(self, prefix: str) -> None:
        script = """
import signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
segment = Segment.create(f"{sys.argv[1]}_1", 128 << 20)
signal.setitimer(signal.ITIMER_REAL, 0)
segment.array((segment.capacity,), "u1")[:] = 1
segment.unlink()
print("made")
"""
        assert run(script, prefix) == "made"
