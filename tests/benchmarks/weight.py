"""Cases: what it takes to have Planecast: starting a viewer, importing, disk space."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

import planecast as pc
from streaming_core.fleet.display import has_display
from streaming_core.stream.sessions import close_publisher
from streaming_core.testing import free_pair
from tests.benchmarks.arrays import Wrong
from tests.benchmarks.pixels import Effort
from tests.benchmarks.processes import ROOT, child, environment, line
from tests.benchmarks.report import Row, Target

IMPORTS: Final = """
import time, json
a = time.perf_counter()
import numpy, zmq
b = time.perf_counter()
import planecast
c = time.perf_counter()
print(json.dumps([b - a, c - b]))
"""

CODE: Final = ("streaming_core", "napari_plugin", "fiji_bridge")
MB: Final = 1e6
READY: Final[dict[str, float | None]] = {"recording": None, "napari": 2.0, "fiji": 3.0}
NEEDS: Final = {"recording": "numpy", "napari": "napari", "fiji": "scyjava"}


def import_time(effort: Effort) -> Iterator[Row]:
    """Import in fresh processes."""
    base, more = [], []
    for _ in range(3 + effort.times):
        command = [sys.executable, "-c", IMPORTS]
        found = subprocess.run(
            command, env=environment(), cwd=ROOT, capture_output=True, check=True
        )
        first, second = json.loads(found.stdout)
        base.append(first)
        more.append(second)
    yield Row(
        "import planecast above numpy and zmq", min(more) * 1e3, "ms", min(base) * 1e3,
        "numpy and zmq themselves", Target(50.0), f"least of {len(more)}",
        details={"all": more},
    )  # fmt: skip


def disk_space(effort: Effort) -> Iterator[Row]:
    """Look up what a producer's environment has above numpy, as far as this one tells."""
    names = sorted(_closure("planecast"))
    sizes = {name: _size(name) for name in names if name not in ("numpy", "planecast")}
    sizes["planecast"] = sum(
        path.stat().st_size for folder in CODE for path in (ROOT / folder).rglob("*.py*")
    )
    yield Row(
        "installed size of a producer above numpy", sum(sizes.values()) / MB, "MB",
        _size("numpy") / MB, "numpy itself", Target(60.0), "with compiled modules",
        details={name: size / MB for name, size in sizes.items()},
    )  # fmt: skip
    yield Row("packages of a producer", len(names), "packages", None, ", ".join(names), Target(4.0))


def _closure(name: str) -> set[str]:
    """Return a package and all that it needs, extras aside."""
    found, todo = set[str](), [name]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        for text in distribution(name).requires or ():
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                todo.append(wanted.name)
    return found


def _size(name: str) -> int:
    files = Distribution.from_name(name).files or ()
    paths = {Path(str(file.locate())) for file in files}
    return sum(path.stat().st_size for path in paths if path.is_file())


def start_time(kind: str, effort: Effort) -> Iterator[Row]:
    """From the call of `launch` to a viewer that answers."""
    measure, limit = f"{kind} viewer: start to ready, warm", READY[kind]
    target = None if limit is None else Target(limit)
    if find_spec(NEEDS[kind]) is None:
        yield Row(measure, target=target, note="not installed")
        return
    ours, bare = [], []
    for _ in range(1 + min(3, effort.times)):
        began = time.perf_counter()
        viewer = launch(kind)
        ours.append(time.perf_counter() - began)
        if viewer.state()["viewer_kind"] != kind:
            raise Wrong(f"{viewer} is no {kind} viewer")
        viewer.quit()
        close_publisher(linger=0.0)
        if kind != "fiji":
            began = time.perf_counter()
            with child("bare", kind) as process:
                line(process)
                bare.append(time.perf_counter() - began)
    yardstick = min(bare[1:]) if bare else None
    words = {"recording": "python with numpy and zmq", "napari": "napari alone"}
    yield Row(
        measure, min(ours[1:]), "s", yardstick, words.get(kind, ""), target,
        f"least of {len(ours) - 1}", details={"all": ours, "bare": bare},
    )  # fmt: skip


def launch(kind: str) -> pc.Viewer:
    """Start a viewer on free ports, on a virtual display where there is no other."""
    virtual = kind != "recording" and not has_display()
    return pc.launch(kind, port=free_pair(), virtual=virtual, timeout=120.0)
