"""What tests with several processes share: pictures that prove themselves, hands on processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import planecast as pc
from streaming_core.fleet.registry import find, running
from streaming_core.memory.leases import janitor
from streaming_core.memory.places import run_folder
from streaming_core.testing import Traces, poll_until

SIDE = 200
"""Pictures of this side are large enough for shared memory."""

SMALL = 16
"""And of this one too small."""

PRELUDE = """
import os, sys
import numpy as np
import planecast as pc
from tests.process.programs.stage import picture, send
"""
ROOT = Path(__file__).parents[3]
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Ends a process at once; on Windows every signal does."""


def picture(t: int, side: int = SIDE) -> NDArray[Any]:
    """Make an image with its number in every pixel: torn or mixed up, it shows."""
    return np.full((side, side), t, np.uint16)


def send(
    viewer: pc.Viewer | pc.Tee, numbers: range, side: int = SIDE, **words: Any
) -> list[pc.Delivery]:
    """Show the pictures of these numbers."""
    return [viewer.show(picture(t, side), components={"t": t}, **words) for t in numbers]


def held(viewer: pc.Viewer, source: str = "") -> list[int]:
    """Return the numbers of the pictures that the viewer has, each looked at whole."""
    group = _group(viewer, source)
    if group is None:
        return []
    pixels = viewer.read(source=source)
    while group != (now := _group(viewer, source)):  # pictures came between the two answers
        group, pixels = now, viewer.read(source=source)
    missing = {place["t"] for place in group["missing"]}
    found = []
    for t, plane in zip(group["components"]["t"], pixels, strict=True):
        if t not in missing:
            assert plane.min() == plane.max() == t, f"picture {t} is not whole"
            found.append(t)
    return sorted(found)


def _group(viewer: pc.Viewer, source: str) -> Any:
    return next((one for one in viewer.state()["groups"] if one["source"] == source), None)


def numbers(names: tuple[str, ...]) -> list[int]:
    """Return the numbers in the names of undelivered pictures or gaps."""
    return sorted(int(name.partition(":")[0].rpartition("t ")[2]) for name in names)


def segments() -> set[str]:
    """Return the names of the segments of this test's processes, the dead ones' too."""
    return set(Traces.now().segments)


@dataclass
class Program:
    """A script in a process of its own, with a word from and to it."""

    process: subprocess.Popen[str]

    def hear(self) -> str:
        """Return the next line that it prints; what it wrote to stderr if it ends instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise AssertionError(f"it ended: {self.process.communicate()[1]}")
        return line

    def tell(self, line: str = "") -> None:
        """Write a line to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """Wait for its end, which must be a good one; return the rest of what it printed."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return out

    def signal(self, number: int) -> None:
        """Send a signal to it alone."""
        self.process.send_signal(number)

    def kill_group(self) -> None:
        """Kill it and all processes that it started."""
        if sys.platform == "win32":
            self.process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Stage:
    """Programs and viewers of one test; all are gone when it ends."""

    programs: list[Program] = field(default_factory=list)

    def start(
        self, script: str, *arguments: object, before: tuple[str, ...] = (), **environment: str
    ) -> Program:
        """Start a script in a process group of its own."""
        code = PRELUDE + textwrap.dedent(script)
        return self.run([*before, sys.executable, "-c", code, *map(str, arguments)], **environment)

    def run(self, command: list[str], **environment: str) -> Program:
        """Start any command in a process group of its own."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True,
        )  # fmt: skip
        self.programs.append(Program(process))
        return self.programs[-1]

    def close(self) -> None:
        """Kill what is left, viewers too, and remove what the killed left."""
        for program in self.programs:
            program.kill_group()
            program.process.communicate()
        for connection in running():
            kill(connection.port)
        janitor(run_folder())


@contextlib.contextmanager
def staging() -> Iterator[Stage]:
    """Give a stage, and clear it at the end."""
    stage = Stage()
    try:
        yield stage
    finally:
        stage.close()


def pid_of(port: int) -> int:
    """Return the process of the viewer on a port."""
    connection = find(port)
    assert connection is not None
    return connection.pid


def freeze(port: int) -> None:
    """Stop the viewer on a port as a debugger or a swapping machine would."""
    if sys.platform == "win32":
        pytest.skip("processes cannot be frozen here")
    pid = pid_of(port)
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")

    def stands(task: Path) -> bool:
        return (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"

    poll_until(lambda: all(map(stands, tasks.iterdir())), "all its threads stand still")


def thaw(port: int) -> None:
    """Let it go on."""
    if sys.platform != "win32":
        os.kill(pid_of(port), signal.SIGCONT)


def kill(port: int) -> None:
    """Kill the viewer on a port, and wait until the system has noticed."""
    connection = find(port)
    assert connection is not None
    os.kill(connection.pid, KILL)
    poll_until(lambda: not connection.alive(), "the viewer is dead")


def fed(viewer: pc.Viewer, t: int) -> int:
    """Show pictures, from this number on, until one gets through again; return its number."""
    found = [t - 1]

    def delivered() -> bool:
        found[0] += 1
        (one,) = send(viewer, range(found[0], found[0] + 1))
        return one.state != "undelivered"

    poll_until(delivered, "the viewer is fed again")
    return found[0]


def python_that(begins: str, folder: Path) -> str:
    """Return a Python for viewers that runs these lines before ``-m module arguments``."""
    if sys.platform == "win32":
        pytest.skip("needs scripts that name what runs them")
    path = folder / "python"
    path.write_text(
        f"#!{sys.executable}\n{begins}\nimport runpy, sys\n"
        "sys.argv = sys.argv[sys.argv.index('-m') + 1 :]\n"
        "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    )
    path.chmod(0o755)
    return str(path)


def with_shm(options: str) -> tuple[str, ...]:
    """Return the start of a command that has a /dev/shm of its own."""
    mount = f'mount -t tmpfs -o {options} tmpfs /dev/shm && exec "$@"'
    before = ("unshare", "--mount", "sh", "-c", mount, "sh")
    try:
        tried = subprocess.run([*before, "true"], capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"a /dev/shm of our own needs unshare: {error}")
    if tried.returncode:
        pytest.skip(f"a /dev/shm of our own is refused here: {tried.stderr.strip()}")
    return before
