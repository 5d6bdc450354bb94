from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streaming_core.errors import OutOfSharedMemory, SegmentGone, SharedMemoryError
from streaming_core.memory.pool import Pool, Slot
from streaming_core.memory.segments import HEADER, SUPPORTED, Mapping, Segment, sees, sweep
from streaming_core.memory.shm import FOLDER

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="needs POSIX shared memory")
LISTED = Path(FOLDER or "/nonexistent")
needs_listing = pytest.mark.skipif(not LISTED.is_dir(), reason="needs /dev/shm")
KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def prefix() -> Iterator[str]:
    prefix = "pc" + secrets.token_hex(8)
    yield prefix
    sweep(prefix, folder=None)
    sweep(prefix)


@pytest.fixture
def pool(prefix: str) -> Iterator[Pool]:
    pool = Pool(prefix, limit=4 * MIB)
    yield pool
    pool.close()


def names(prefix: str) -> list[str]:
    return sorted(path.name for path in LISTED.glob(f"{prefix}_*"))


def taken(pool: Pool, nbytes: int) -> Slot:
    slot = pool.take(nbytes)
    assert slot is not None
    return slot


class TestSegment:
    def test_what_is_written_is_what_a_mapping_reads(self, prefix: str) -> None:
        segment = Segment.create(f"{prefix}_1", 1000)
        image = np.arange(12, dtype="<u2").reshape(3, 4)
        segment.begin_write()
        segment.array((3, 4), "<u2", offset=64)[:] = image
        generation = segment.end_write()
        mapping = Mapping.open(segment.name, segment.size)
        assert mapping.unchanged(generation)
        np.testing.assert_array_equal(mapping.array((3, 4), "<u2", offset=64), image)

    def test_has_room_for_what_was_asked_in_whole_grains(self, prefix: str) -> None:
        for number, capacity in enumerate((0, 1, 60 * KIB, 60 * KIB + 1, 8 * MIB)):
            segment = Segment.create(f"{prefix}_{number:x}", capacity)
            assert segment.capacity >= capacity
            assert segment.size == HEADER + segment.capacity
            assert segment.size % (64 * KIB) == 0

    @needs_listing
    def test_is_readable_by_its_user_alone(self, prefix: str) -> None:
        segment = Segment.create(f"{prefix}_1", 1000)
        assert (LISTED / segment.name).stat().st_mode & 0o777 == 0o600

    def test_a_taken_name_is_refused_and_its_owner_not_disturbed(self, prefix: str) -> None:
        first = Segment.create(f"{prefix}_1", 1000)
        with pytest.raises(SharedMemoryError, match="exists"):
            Segment.create(f"{prefix}_1", 1000)
        assert Mapping.open(first.name, first.size).generation == 0

    @pytest.mark.parametrize("shape", [(1 << 40,), (-1, 4), (61 * KIB,)])
    def test_arrays_outside_it_are_refused(self, prefix: str, shape: tuple[int, ...]) -> None:
        segment = Segment.create(f"{prefix}_1", 60 * KIB)
        mapping = Mapping.open(segment.name, segment.size)
        wrong: list[tuple[tuple[int, ...], str, int]] = [
            (shape, "u1", 0),
            ((8,), "u1", -8),
            ((8,), "u1", segment.capacity - 7),
            ((1,), "O", 0),
            ((1,), "V0", 0),
        ]
        for one in wrong:
            with pytest.raises(ValueError, match=r"does not fit|no plain values"):
                segment.array(*one)
            with pytest.raises(SegmentGone, match=r"does not fit|no plain values"):
                mapping.array(*one)

    def test_unlinking_twice_is_nothing_and_its_memory_outlives_the_name(self, prefix: str) -> None:
        segment = Segment.create(f"{prefix}_1", 1000)
        view = segment.array((4,), "u4")
        mapping = Mapping.open(segment.name, segment.size)
        seen = mapping.array((4,), "u4")
        segment.unlink()
        segment.unlink()
        with pytest.raises(SegmentGone):
            Mapping.open(segment.name, segment.size)
        view[:] = 7
        del segment, mapping
        gc.collect()
        assert seen.tolist() == view.tolist() == [7, 7, 7, 7]

    def test_unlinking_does_not_remove_a_later_owner_of_the_name(self, prefix: str) -> None:
        old = Segment.create(f"{prefix}_1", 1000)
        old.unlink()
        new = Segment.create(f"{prefix}_1", 1000)
        old.unlink()
        Mapping.open(new.name, new.size)


class TestGeneration:
    def test_is_valid_only_when_written_and_until_written_again(self, prefix: str) -> None:
        segment = Segment.create(f"{prefix}_1", 1000)
        mapping = Mapping.open(segment.name, segment.size)
        segment.begin_write()
        assert mapping.generation % 2 == 1
        assert not mapping.unchanged(mapping.generation)
        first = segment.end_write()
        assert mapping.unchanged(first)
        segment.begin_write()
        assert not mapping.unchanged(first)
        second = segment.end_write()
        assert second > first
        assert mapping.unchanged(second)
        assert not mapping.unchanged(first)

    def test_an_interrupted_write_never_becomes_valid(self, prefix: str) -> None:
        segment = Segment.create(f"{prefix}_1", 1000)
        segment.begin_write()
        broken = segment.generation
        segment.begin_write()
        good = segment.end_write()
        mapping = Mapping.open(segment.name, segment.size)
        assert good > broken
        assert mapping.unchanged(good)
        assert not mapping.unchanged(broken)
        assert not mapping.unchanged(broken + 1)


class TestMapping:
    def test_serves_a_later_and_larger_image_in_the_same_slot(self, pool: Pool) -> None:
        slot = taken(pool, 100_000)
        mapping = Mapping.open(slot.segment.name, HEADER + 100_000)
        pool.give_back(slot)
        assert taken(pool, 120_000) is slot
        slot.bytes[:] = 5
        assert (mapping.array((120_000,), "u1") == 5).all()

    def test_cannot_be_written_to(self, prefix: str) -> None:
        segment = Segment.create(f"{prefix}_1", 1000)
        view = Mapping.open(segment.name, segment.size).array((4,), "u1")
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "pc_1",
            "/pc0123456789abcdef_1",
            "pc0123456789abcdef_1\n",
            "pc0123456789ABCDEF_1",
            "pc0123456789abcdef_",
            "pc0123456789abcdef_123456789",
            "pc0123456789abcdef_1/../../etc/passwd",
            "pc٠123456789abcdef_1",
            "../shm/pc0123456789abcdef_1",
        ],
    )
    def test_only_names_of_segments_are_looked_for(self, name: str) -> None:
        with pytest.raises(SegmentGone, match="not the name"):
            Mapping.open(name, HEADER)
        with pytest.raises(SharedMemoryError):
            Segment.create(name, 10)

    def test_says_when_there_is_none(self, prefix: str) -> None:
        with pytest.raises(SegmentGone, match=f"{prefix}_1: No such file"):
            Mapping.open(f"{prefix}_1", HEADER)

    @pytest.mark.parametrize("size", [1 << 50, 64 * KIB + 1, HEADER - 1, 0, -1])
    def test_refuses_sizes_that_it_does_not_have(self, prefix: str, size: int) -> None:
        Segment.create(f"{prefix}_1", 1000)
        with pytest.raises(SegmentGone, match=f"{size} were announced"):
            Mapping.open(f"{prefix}_1", size)

    def test_refuses_another_users_segment(self, prefix: str) -> None:
        Segment.create(f"{prefix}_1", 1000)
        with pytest.raises(SegmentGone, match="belongs to user"):
            Mapping.open(f"{prefix}_1", HEADER, uid=os.getuid() + 1)

    @needs_listing
    def test_refuses_a_link_to_a_segment(self, prefix: str) -> None:
        segment = Segment.create(f"{prefix}_1", 1000)
        (LISTED / f"{prefix}_2").symlink_to(segment.name)
        with pytest.raises(SegmentGone):
            Mapping.open(f"{prefix}_2", HEADER)

    @needs_listing
    def test_refuses_a_fifo_without_waiting_for_it(self, prefix: str) -> None:
        os.mkfifo(LISTED / f"{prefix}_1", 0o600)
        with pytest.raises(SegmentGone, match="not a segment"):
            Mapping.open(f"{prefix}_1", HEADER)

    @needs_listing
    def test_refuses_a_block_that_planecast_did_not_make(self, prefix: str) -> None:
        (LISTED / f"{prefix}_1").write_bytes(bytes(64 * KIB))
        with pytest.raises(SegmentGone, match="not a segment of this version"):
            Mapping.open(f"{prefix}_1", 64 * KIB)


class TestPool:
    def test_uses_the_slot_again_that_was_freed_last(self, pool: Pool) -> None:
        slots = [taken(pool, 500 * KIB) for _ in range(3)]
        for slot in slots:
            pool.give_back(slot)
        assert taken(pool, 500 * KIB) is slots[-1]
        assert taken(pool, 400 * KIB) is slots[-2]

    def test_does_not_waste_a_large_slot_on_a_small_image(self, pool: Pool) -> None:
        large = taken(pool, MIB)
        pool.give_back(large)
        assert taken(pool, 100 * KIB) is not large

    def test_is_full_when_all_is_in_use_and_gives_again_after_a_give_back(self, pool: Pool) -> None:
        slots = []
        while slot := pool.take(MIB):
            slots.append(slot)
        assert len(slots) == 3
        assert sum(slot.segment.size for slot in pool.slots) <= 4 * MIB
        pool.give_back(slots[1])
        assert pool.take(MIB) is slots[1]

    def test_gives_up_idle_slots_of_other_sizes_oldest_first(self, pool: Pool) -> None:
        slots = [taken(pool, 300 * KIB) for _ in range(10)]
        for slot in slots:
            pool.give_back(slot)
        big = taken(pool, MIB)
        assert sum(slot.segment.size for slot in pool.slots) <= 4 * MIB
        assert slots[0] not in pool.slots
        assert slots[-1] in pool.slots
        assert big in pool.slots

    def test_keeps_idle_slots_when_giving_them_up_would_not_make_room(self, pool: Pool) -> None:
        small = taken(pool, 300 * KIB)
        pool.give_back(small)
        for _ in range(2):
            taken(pool, 3 * MIB // 2)
        assert pool.take(3 * MIB // 2) is None
        assert pool.take(300 * KIB) is small

    def test_never_has_more_segments_than_a_process_may_have_open_files(self, prefix: str) -> None:
        pool = Pool(prefix, limit=1 << 30)
        slots = []
        while slot := pool.take(1000):
            slots.append(slot)
        assert 100 <= len(slots) <= 512
        pool.give_back(slots[0])
        assert pool.take(100 * KIB) is not None
        pool.close()

    @needs_listing
    def test_a_large_image_gets_a_slot_of_its_own_for_once(self, pool: Pool, prefix: str) -> None:
        small = taken(pool, 100 * KIB)
        large = taken(pool, 10 * MIB)
        assert large.one_off
        assert not small.one_off
        assert large.segment.name in names(prefix)
        pool.give_back(large)
        assert large.segment.name not in names(prefix)
        assert large not in pool.slots
        assert taken(pool, 10 * MIB) is not large

    def test_an_image_larger_than_the_memory_is_refused(self, pool: Pool) -> None:
        with pytest.raises(OutOfSharedMemory):
            pool.take(1 << 50)
        assert pool.slots == ()

    def test_a_retired_slot_is_never_written_again_but_stays_readable(self, pool: Pool) -> None:
        slot = taken(pool, 1000)
        slot.bytes[:5] = 9
        mapping = Mapping.open(slot.segment.name, slot.segment.size)
        pool.retire(slot)
        pool.retire(slot)
        pool.give_back(slot)  # a late ack
        fresh = taken(pool, 1000)
        fresh.bytes[:] = 1
        assert fresh is not slot
        assert mapping.array((5,), "u1").tolist() == [9] * 5
        with pytest.raises(SegmentGone):
            Mapping.open(slot.segment.name, slot.segment.size)

    def test_a_slot_given_back_twice_is_handed_out_once(self, pool: Pool) -> None:
        slot = taken(pool, 1000)
        pool.give_back(slot)
        pool.give_back(slot)
        assert taken(pool, 1000) is slot
        assert taken(pool, 1000) is not slot

    def test_a_name_never_means_other_memory(self, pool: Pool) -> None:
        seen = set()
        for turn in range(100):
            slot = taken(pool, (turn % 7 + 1) * 150 * KIB)
            seen.add(slot.segment.name)
            pool.retire(slot)
        assert len(seen) == 100

    def test_gives_up_what_a_busy_moment_needed_and_nothing_does_since(self, pool: Pool) -> None:
        busy = [taken(pool, 300 * KIB) for _ in range(8)]
        for slot in busy:
            pool.give_back(slot)
        assert pool.thin_out() == []
        for _ in range(3):  # two at a time are needed from now on
            pair = [taken(pool, 300 * KIB) for _ in range(2)]
            for slot in pair:
                pool.give_back(slot)
        assert set(pool.thin_out()) == set(busy[:-2])
        assert set(pool.slots) == set(busy[-2:])
        assert set(pool.thin_out()) == set(busy[-2:])
        assert pool.slots == ()
        assert all(pool.take(MIB) for _ in range(3))  # the whole limit may be used again

    @needs_listing
    def test_never_gives_up_what_is_in_use(self, pool: Pool, prefix: str) -> None:
        slot = taken(pool, 1000)
        for _ in range(3):
            assert pool.thin_out() == []
        assert slot.segment.name in names(prefix)
        pool.give_back(slot)
        assert taken(pool, 1000) is slot  # it was idle, but not for long
        assert pool.thin_out() == []

    @needs_listing
    def test_closing_leaves_nothing(self, pool: Pool, prefix: str) -> None:
        pool.probe()
        pool.give_back(taken(pool, 1000))
        in_use, large = taken(pool, 1000), taken(pool, 10 * MIB)
        assert len(names(prefix)) == 3
        pool.close()
        pool.close()
        assert names(prefix) == []
        in_use.bytes[:] = large.bytes[0]  # still there for whoever holds it
        with pytest.raises(SharedMemoryError, match="closed"):
            pool.take(1000)

    @pytest.mark.parametrize("prefix", ["", "pc", "pc0123", "pc0123456789abcdef_", "../x"])
    def test_needs_a_prefix_of_segments(self, prefix: str) -> None:
        with pytest.raises(ValueError, match="prefix"):
            Pool(prefix)


class TestLoans:
    """What allocate() hands out: a user computes into it and may keep it for ever."""

    def test_a_lent_array_is_the_slot(self, pool: Pool) -> None:
        slot = taken(pool, 1000)
        out = slot.lend((5, 10), "float32")
        out[:] = 1.5
        assert out.flags.c_contiguous
        assert slot.bytes[:200].view("float32").tolist() == [1.5] * 50
        assert slot.lend((0, 4), "u2").shape == (0, 4)
        with pytest.raises(ValueError, match="does not fit"):
            slot.lend((slot.capacity + 1,), "u1")

    def test_a_slot_is_not_used_again_while_any_view_of_it_lives(self, pool: Pool) -> None:
        slot = taken(pool, 1000)
        out = slot.lend((10, 10), "u2")
        rest = out[2:].view("u1").T[::2]
        buffer = out.data
        pool.give_back(slot)
        assert slot.lent
        assert taken(pool, 1000) is not slot
        del out
        assert taken(pool, 1000) is not slot
        del rest
        assert taken(pool, 1000) is not slot
        buffer.release()
        del buffer
        assert not slot.lent
        assert taken(pool, 1000) is slot

    def test_the_last_loan_decides(self, pool: Pool) -> None:
        slot = taken(pool, 1000)
        first, second = slot.lend((4,), "u1"), slot.lend((4,), "u1")
        del first
        assert slot.lent
        del second
        assert not slot.lent

    def test_a_loop_that_computes_into_shared_memory_soon_needs_no_new_segments(
        self, pool: Pool
    ) -> None:
        seen = set()
        out = np.zeros(1)
        for turn in range(20):
            slot = taken(pool, 100 * KIB)
            out = slot.lend((10, 10), "u2")  # the one of the last turn lives until here
            out[:] = turn
            seen.add(slot.segment.name)
            pool.give_back(slot)
        assert len(seen) == 2

    def test_a_kept_array_never_changes_even_when_its_slot_is_given_up(self, pool: Pool) -> None:
        slot = taken(pool, MIB)
        kept = slot.lend((1000,), "u1")
        kept[:] = 42
        pool.give_back(slot)
        slots = []
        while other := pool.take(MIB):
            other.bytes[:] = 1
            slots.append(other)
        assert slot not in pool.slots
        assert len(slots) == 3
        assert (kept == 42).all()


class TestProbe:
    def test_is_seen_here_with_the_right_nonce_only(self, pool: Pool, prefix: str) -> None:
        name, nonce = pool.probe()
        assert name == f"{prefix}_0"
        assert pool.probe() == (name, nonce)
        assert sees(name, nonce)
        assert not sees(name, nonce[:-1] + "?")
        assert not sees(name, "")
        assert not sees(name, nonce, uid=os.getuid() + 1)
        pool.close()
        assert not sees(name, nonce)

    def test_rubbish_is_simply_not_seen(self) -> None:
        names: list[Any] = ["", "pc0123456789abcdef_0", 7, None, b"pc", ["x"]]
        nonces: list[Any] = ["", "x", "é\ud800", 5, None, b"x", "x" * (1 << 20)]
        for name in names:
            for nonce in nonces:
                assert sees(name, nonce) is False

    def test_two_pools_differ(self, pool: Pool, prefix: str) -> None:
        other = Pool("pc" + secrets.token_hex(8))
        assert other.probe()[1] != pool.probe()[1]
        assert not sees(pool.probe()[0], other.probe()[1])
        other.close()


@pytest.mark.parametrize(
    "folder", [pytest.param(FOLDER, marks=needs_listing), None], ids=["listed", "numbered"]
)
class TestSweep:
    def test_removes_all_of_one_producer_and_nothing_else(
        self, prefix: str, folder: str | None
    ) -> None:
        dead, living = Pool(prefix, 4 * MIB), Pool("pc" + secrets.token_hex(8), 4 * MIB)
        for pool in (dead, living):
            pool.probe()
            pool.take(1000)
            pool.take(10 * MIB)
        assert sweep(prefix, folder) == 3
        assert sweep(prefix, folder) == 0
        assert sweep(living.probe()[0][:18], folder) == 3
        living.close()

    def test_finds_segments_beyond_a_long_gap(self, prefix: str, folder: str | None) -> None:
        pool = Pool(prefix, 4 * MIB)
        taken(pool, 1000)
        for _ in range(300):
            pool.retire(taken(pool, 1000))
        taken(pool, 1000)
        assert sweep(prefix, folder) == 3

    def test_needs_no_first_segment(self, prefix: str, folder: str | None) -> None:
        for number in (3, 40, 0x5B):
            Segment.create(f"{prefix}_{number:x}", 10)
        assert sweep(prefix, folder) == 3

    @pytest.mark.parametrize("prefix", ["", "pc", "*", "pc0123456789abcdef_", "../shm/x"])
    def test_ignores_what_is_no_prefix(self, prefix: str, folder: str | None) -> None:
        assert sweep(prefix, folder) == 0
