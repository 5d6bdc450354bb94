"""The rules of the house hold, and the linter sees each one broken."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = ("streaming_core", "napari_plugin", "fiji_bridge", "tests/__init__.py", "tests/packaging")


@dataclass(frozen=True)
class Violation:
    """Lines that, written into a module, break a rule."""

    rule: str
    module: str
    code: str

    def __str__(self) -> str:
        return f"{self.module}: {self.code.splitlines()[-1].strip()}"


GUI = "The core knows no GUI, no Java and no dask"
APART = "The two viewers do not know each other"
PURE = "The protocol is pure"
MEMORY = "Memory knows nothing of messages or sockets"
NETWORK = "The network knows neither memory nor streams"
STREAM = "Streams join protocol, memory and network, and know no processes"
ZMQ = "Only the transport imports zmq"
SHARED = "Only segments touch shared memory"
JAVA = "Only fiji_bridge.jvm imports Java"
PRODUCER = "A producer needs numpy, pyzmq and msgspec alone"

SETTINGS = "streaming_core/settings.py"
CLIENT = "streaming_core/client.py"
AXES = "streaming_core/protocol/axes.py"
SEGMENTS = "streaming_core/memory/segments.py"
ENDPOINTS = "streaming_core/network/endpoints.py"

VIOLATIONS = [
    Violation(GUI, SETTINGS, "import napari"),
    Violation(GUI, SETTINGS, "def look():\n    from qtpy import QtCore"),
    Violation(GUI, SETTINGS, "import dask.array"),
    Violation(APART, "napari_plugin/planted.py", "import fiji_bridge"),
    Violation(APART, "fiji_bridge/planted.py", "import napari_plugin"),
    Violation(PURE, AXES, "import os"),
    Violation(PURE, AXES, "from streaming_core import settings"),
    Violation(PURE, "streaming_core/errors.py", "import time"),
    Violation(MEMORY, SEGMENTS, "from streaming_core.protocol import axes"),
    Violation(MEMORY, SEGMENTS, "import socket"),
    Violation(NETWORK, ENDPOINTS, "import streaming_core.memory.leases"),
    Violation(NETWORK, ENDPOINTS, "from streaming_core import stream"),
    Violation(STREAM, "streaming_core/stream/planted.py", "from streaming_core import client"),
    Violation(ZMQ, CLIENT, "def late():\n    import zmq.utils"),
    Violation(ZMQ, "napari_plugin/planted.py", "import zmq"),
    Violation(SHARED, CLIENT, "from multiprocessing import (\n    shared_memory)"),
    Violation(SHARED, CLIENT, "import multiprocessing.shared_memory as shm"),
    Violation(SHARED, "fiji_bridge/planted.py", "import mmap"),
    Violation(JAVA, "fiji_bridge/planted.py", "import jpype.imports"),
    Violation(JAVA, "fiji_bridge/planted.py", "def late():\n    from java.awt import Window"),
    Violation(PRODUCER, SETTINGS, "import platformdirs"),
    Violation(PRODUCER, CLIENT, "def late():\n    import psutil"),
]


def lint(folder: Path, *rules: str) -> tuple[int, dict[str, str], str]:
    """Run import-linter in a folder; return its status, the verdict by rule, and its words."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = {
        name.strip(): verdict
        for name, verdict in re.findall(r"^(.+?) (KEPT|BROKEN)", done.stdout, re.MULTILINE)
    }
    return done.returncode, verdicts, done.stdout + done.stderr


def rules() -> Sequence[str]:
    """Return the names of all rules in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in project["tool"]["importlinter"]["contracts"]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the linter reads."""
    for name in COPIED:
        target = tmp_path / name
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_rule_holds(tree: Path) -> None:
    status, verdicts, words = lint(tree)
    assert status == 0, words
    assert verdicts == dict.fromkeys(rules(), "KEPT")


def test_every_rule_has_a_violation_here() -> None:
    assert {violation.rule for violation in VIOLATIONS} == set(rules())


@pytest.mark.parametrize("violation", VIOLATIONS, ids=str)
def test_a_violation_is_caught(tree: Path, violation: Violation) -> None:
    module = tree / violation.module
    with module.open("a", encoding="utf-8") as file:
        file.write(f"\n{violation.code}\n")
    status, verdicts, words = lint(tree)
    assert status != 0, words
    assert verdicts.get(violation.rule) == "BROKEN", words
    planted = ".".join(Path(violation.module).with_suffix("").parts)
    assert planted in words.partition(violation.rule)[2]


def test_pixels_and_windows_need_only_what_every_imagej_has() -> None:
    """The same code works in ImageJ alone, ImageJ2 and Fiji; only scripts and dialogs do not."""
    apart = {"scripts.py", "dialogs.py"}
    named = re.compile(r'\b(?:java|implement)\(\s*f?"([^"]+)"')
    found = {
        path.name: [name for name in named.findall(path.read_text()) if "." in name]
        for path in (ROOT / "fiji_bridge").glob("*.py")
    }
    assert sum(map(len, found.values())) > 100
    known = ("ij.", "java.", "javax.", "com.sun.management.")
    foreign = {file for file, names in found.items() if any(not n.startswith(known) for n in names)}
    assert foreign == apart
