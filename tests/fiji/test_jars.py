"""ImageJ is fetched once for all, however many viewers start, and however one of them ended."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import planecast as pc
from streaming_core.errors import StartFailed
from streaming_core.fleet.engines import IMAGEJ, UNSEEN
from streaming_core.testing import free_pair

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")
pytestmark = pytest.mark.usefixtures("viewers_end")

DIES_WHILE_IT_FETCHES = """
import os, sys
from pathlib import Path
from fiji_bridge.jars import fetching

with fetching():
    for half in map(Path, sys.argv[1:]):
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(b"PK, and then nobody heard of it again")
    os._exit(9)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be a user whose first viewer it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def cached(home: Path, endpoint: str = IMAGEJ) -> Path:
    group, name, version = endpoint.split(":")
    folder = home / ".m2/repository" / group.replace(".", "/") / name / version
    return folder / f"{name}-{version}.jar"


def starts(port: int) -> str:
    with pc.launch("fiji", port, headless=True) as viewer:
        return str(viewer.state()["engine"])


def test_viewers_that_start_at_once_on_a_new_machine_all_start(home: Path) -> None:
    ports: list[int] = []
    while len(ports) < 3:
        port = free_pair()
        ports += [port] * (port not in ports)
    with ThreadPoolExecutor(3) as pool:
        engines = list(pool.map(starts, ports))
    assert len(set(engines)) == 1
    assert sorted(row["port"] for row in pc.viewers()) == sorted(ports)
    assert not list((home / ".jgo").glob("*.lease"))


def test_what_a_viewer_that_was_killed_fetched_by_half_is_fetched_again(home: Path) -> None:
    jar = cached(home)
    halves = [jar, jar.with_suffix(".pom")]
    done = subprocess.run([sys.executable, "-c", DIES_WHILE_IT_FETCHES, *map(str, halves)])
    assert done.returncode == 9
    assert starts(free_pair()).startswith("ImageJ 1.5")
    assert jar.stat().st_size > 1_000_000


@pytest.mark.parametrize("endpoint", [IMAGEJ, *UNSEEN])
def test_half_a_jar_of_another_program_is_named_with_the_way_out(home: Path, endpoint: str) -> None:
    jar = cached(home, endpoint)
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"PK, and then nobody heard of it again")
    with pytest.raises(StartFailed, match=f"{jar} is no jar .* cut off. Remove that file"):
        starts(free_pair())
    jar.unlink()
    assert starts(free_pair()).startswith("ImageJ 1.5")


def test_a_start_leaves_the_jar_alone_that_others_run_with(home: Path) -> None:
    starts(free_pair())
    before = files(home)
    assert cached(home) in before
    starts(free_pair())
    assert files(home) == before


def files(home: Path) -> dict[Path, tuple[int, int]]:
    caches = [*(home / ".m2").rglob("*"), *(home / ".jgo").rglob("*")]
    known = {path: path.stat() for path in caches if path.is_file()}
    return {path: (status.st_ino, status.st_mtime_ns) for path, status in known.items()}
