"""The programs in docs/examples run, and their images are with the viewer when they have ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import planecast as pc
from streaming_core.testing import free_pair
from tests.examples.snippets import ROOT

PROGRAMS = sorted((ROOT / "docs/examples").glob("*.py"))
LONGEST = 40

HELD = {
    "first_look": {"beads": 24},
    "from_workers": {"worker": 24},
    "labels": {"coins": 1, "coins · labels": 1},
    "live_preview": {"camera": 1},
    "many_wells": {"plate · DAPI": 45, "plate · GFP": 44},
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
    assert {program.stem for program in PROGRAMS} == set(HELD)
    assert not [one for one in PROGRAMS if len(one.read_text().splitlines()) >= LONGEST]


@pytest.mark.parametrize(
    "program", [one for one in PROGRAMS if one.stem != "two_viewers"], ids=lambda one: one.stem
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


def test_the_hole_in_the_plate_is_named() -> None:
    printed = run(ROOT / "docs/examples/many_wells.py", "recording")
    assert "plate · GFP: 44 planes, missing: [{'well': 'C10', 'z': 3}]" in printed


@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="napari opens a window: no display")
def test_programs_show_in_a_napari_window() -> None:
    for name in ("many_wells", "labels", "read_back"):
        run(ROOT / f"docs/examples/{name}.py", "napari")
    with pc.connect() as viewer:
        assert viewer.viewer_kind == "napari"
        layers = {group["source"]: group["planes"] for group in viewer.state()["groups"]}
        assert set(layers) == {"plate", "coins", "noise"}
        assert viewer.read(source="plate", components={"channel": "GFP"}).shape == (9, 5, 256, 256)
        assert viewer.screenshot().std() > 0
