"""What a process may use, in words and in bytes that are really there."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from streaming_core.memory.budget import Budget, allowance, say_bytes


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (15_728_640, "15.7 MB"), (2e15, "2000.0 TB")],
)
def test_bytes_in_words(number: float, words: str) -> None:
    assert say_bytes(number) == words


def system(root: Path, groups: str, files: dict[str, str]) -> Path:
    files = {"proc/self/cgroup": groups, **files}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/jobs/7\n", {"jobs/7/memory.max": "max\n", "jobs/memory.max": "5000000\n"}),
        ("0::/jobs/7\n", {"jobs/7/memory.max": "5000000\n", "jobs/memory.max": "9000000\n"}),
        ("0::/outside/of/here\n", {"memory.max": "5000000\n"}),
        (
            "9:cpu:/jobs\n4:memory:/jobs\n0::/\n",
            {"memory/jobs/memory.limit_in_bytes": "5000000\n"},
        ),
        ("4:cpu,memory:/elsewhere\n", {"memory/memory.limit_in_bytes": "5000000\n"}),
    ],
)
def test_the_limits_of_a_control_group_count(
    tmp_path: Path, groups: str, files: dict[str, str]
) -> None:
    root = system(tmp_path, groups, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert allowance(root) == 5_000_000


def test_without_groups_it_is_the_machine(tmp_path: Path) -> None:
    assert allowance(tmp_path) > 100_000_000
    assert allowance(system(tmp_path, "nonsense\n0::\n::\n", {})) == allowance(tmp_path / "none")


def test_what_is_counted_is_the_memory_and_not_the_view() -> None:
    budget = Budget(1000)
    volume = np.zeros((10, 10, 8), np.uint8)
    budget.take(volume)
    one = volume[3]
    assert (budget.held, budget.has_room(200), budget.has_room(201)) == (800, True, False)
    del volume
    gc.collect()
    assert budget.held == 800, "one plane keeps the whole volume"
    del one
    gc.collect()
    assert budget.held == 0


def test_memory_that_is_used_again_counts_once() -> None:
    budget = Budget(1000)
    recycled = [np.zeros(100, np.uint8) for _ in range(2)]
    for number in range(30):
        recycled[number % 2][:] = number
        budget.take(recycled[number % 2])
    assert budget.held == 200, "a viewer that recycles would stop for ever"
    both = np.zeros((2, 100), np.uint8)
    budget.take(both[0])
    budget.take(both[1])
    assert budget.held == 400
    del both
    recycled.pop()
    gc.collect()
    assert budget.held == 100
    for _ in range(50):  # the address of one that is gone is soon another's
        budget.take(np.zeros(300, np.uint8))
    assert budget.held == 100
