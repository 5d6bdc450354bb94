"""The programs in docs/examples run, and their images are with the viewer when they have ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import planecast as pc
from streaming_core.testing import free_pair, poll_until
from tests.examples.snippets import ROOT

pytestmark = pytest.mark.usefixtures("viewers_end")

PROGRAMS = sorted((ROOT / "docs/examples").glob("*.py"))
LONGEST = 40

HELD = {
    "first_look": {"beads": 24},
    "from_workers": {"worker": 24},
    "labels": {"coins": 1, "coins · labels": 1},
    "live_preview": {"camera": 1},
    "many_wells": {"plate · DAPI": 45, "plate · GFP": 44},
    "points": {"film": 12},
    "read_back": {"noise": 6},
    "stack_with_components": {"deconvolved · DAPI": 60, "deconvolved · GFP": 60},
    "two_viewers": {"counter": 20},
}
"""Planes by the name of their group."""


def run(program: Path, *arguments: str) -> str:
    """Run a program as a user does, warnings being errors, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", program, *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def held(port: int | None = None) -> dict[str, int]:
    """What a viewer that runs now holds: planes by the name of their group."""
    with pc.connect(port) as viewer:
        viewer.settle()
        return {group["name"]: group["planes"] for group in viewer.state()["groups"]}


def test_every_program_has_its_test_and_is_short() -> None:
    assert {program.stem for program in PROGRAMS} == set(HELD) | {"own_viewer", "macro"}
    assert not [one for one in PROGRAMS if len(one.read_text().splitlines()) >= LONGEST]


@pytest.mark.parametrize(
    "program",
    [one for one in PROGRAMS if one.stem not in ("two_viewers", "own_viewer", "macro")],
    ids=lambda one: str(one.stem),
)
def test_a_program_shows_what_it_says(program: Path) -> None:
    run(program, "recording")
    assert held() == HELD[program.stem]


def test_two_viewers_hold_the_same() -> None:
    ports = [free_pair(), free_pair()]
    printed = run(ROOT / "docs/examples/two_viewers.py", *(f"recording:{port}" for port in ports))
    assert [held(port) for port in ports] == [HELD["two_viewers"]] * 2
    with pc.connect(ports[0]) as one, pc.connect(ports[1]) as other:
        assert np.array_equal(one.read(), other.read())
    assert printed.count("holds (20, 400, 400)") == 2


def test_a_viewer_kind_of_ones_own_shows_and_ends() -> None:
    port = free_pair()
    program = [sys.executable, "-W", "error", str(ROOT / "docs/examples/own_viewer.py"), str(port)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        poll_until(lambda: any(row["port"] == port for row in pc.viewers()), "it is found")
        viewer = pc.connect(port)
        viewer.show(np.full((2, 8, 9), 7, np.uint8), axes="ZYX", source="raw")
        viewer.settle()
        assert viewer.viewer_kind == "terminal"
        assert viewer.state()["groups"][0]["shape"] == [2, 8, 9]
        viewer.quit()
        printed, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert printed.splitlines() == ["raw {'z': 0} mean 7.0", "raw {'z': 1} mean 7.0"]


def test_a_macro_measures_what_was_streamed() -> None:
    pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")
    with pc.launch("fiji", virtual=True) as viewer:  # it has been used before
        viewer.show(np.full((2, 8, 9), 7, np.uint8), axes="ZYX", source="other")
        viewer.settle()
    printed = run(ROOT / "docs/examples/macro.py", "fiji", "--virtual").splitlines()
    assert [line.partition(": ")[0] for line in printed[:5]] == [f"raw:z {z}" for z in range(5)]
    assert "it asks a person" in printed[5]
    assert held() == {"other": 2, "raw": 5}


def test_the_hole_in_the_plate_is_named() -> None:
    printed = run(ROOT / "docs/examples/many_wells.py", "recording")
    assert "plate · GFP: 44 planes, missing: [{'well': 'C10', 'z': 3}]" in printed
