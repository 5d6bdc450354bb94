"""The processes of a chaos run, with hands on them: start, freeze, kill, and look what is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import psutil

from streaming_core.fleet.registry import find
from streaming_core.memory.leases import janitor
from streaming_core.memory.places import run_folder
from streaming_core.testing import SHM, poll_until
from tests.benchmarks.arrays import Wrong
from tests.benchmarks.feeder import Account, Orders
from tests.benchmarks.processes import LIMIT, ROOT, environment, python
from tests.benchmarks.schedule import Part, Step

PATIENCE: Final = 60.0
"""Seconds for a process to start or end on a busy machine."""


LASTING: Final = re.compile(r"viewer-\d+\.keys|units-cpython-.*")
"""What stays in a run folder on purpose: keys of a port, and napari's list of units."""


class Actor:
    """A part that is played by one process after the other.

    Parameters
    ----------
    command
        The command line of each, by how many came before it.
    folder
        Where their standard error goes, each to a file of its own.

    Attributes
    ----------
    kills
        How many of them were killed.
    pids
        All that there were.
    """

    def __init__(self, part: Part, command: Callable[[int], list[str]], folder: Path) -> None:
        self.part = part
        self.kills = 0
        self.pids: list[int] = []
        self._command = command
        self._folder = folder
        self.process: subprocess.Popen[str] | None = None

    def __repr__(self) -> str:
        return f"{self.part.name} (pid {self.pids[-1] if self.pids else '–'})"

    @property
    def log(self) -> Path:
        """Standard error of the newest process."""
        return self._folder / f"{self.part.name}-{len(self.pids) - 1}.log"

    def start(self) -> None:
        """Start the next process."""
        command = self._command(len(self.pids))
        self.pids.append(0)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment(), text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self.pids[-1] = self.process.pid

    def await_ready(self) -> None:
        """Wait until it is at work."""
        raise NotImplementedError

    def signal(self, number: int) -> None:
        """Send a signal; it must be alive."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise Wrong(f"{self} has ended with code {self.process.returncode}:\n{self.tail()}")
        self.process.send_signal(number)

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process is not None
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()

    def hear(self) -> str:
        """Return the next line of its standard output."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise Wrong(f"{self} ended with code {self.process.wait(LIMIT)}:\n{self.tail()}")
        return line

    def tail(self) -> str:
        """The end of what it wrote to its standard error."""
        return self.log.read_text(errors="replace")[-3000:]

    def kill(self) -> None:
        """Kill it, which is certain also when it is frozen."""
        self.signal(signal.SIGKILL)
        self.kills += 1
        self.forget()

    def forget(self) -> None:
        """Wait for its end, and close what we have of it."""
        assert self.process is not None
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def end(self) -> None:
        """Let it end by itself, with a good return value."""
        assert self.process is not None
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        self.forget()
        if code:
            raise Wrong(f"{self} ended with code {code}:\n{self.tail()}")

    def play(self, step: Step, ended: threading.Event) -> None:
        """Do one deed."""
        ended.wait(step.wait)
        match step.deed:
            case "kill":
                if step.amount:
                    self.signal(signal.SIGSTOP)
                    time.sleep(step.amount)
                self.kill()
                time.sleep(step.seconds)
                self.start()
                if not step.early:
                    self.await_ready()
            case "freeze":
                self.signal(signal.SIGSTOP)
                time.sleep(step.seconds)
                self.signal(signal.SIGCONT)
            case "pause":
                self._for_a_while(step.seconds, "pause", "resume")
            case "slow":
                self._for_a_while(step.seconds, f"slow {step.amount}", "fast")

    def _for_a_while(self, seconds: float, word: str, undo: str) -> None:
        self.say(word)
        time.sleep(seconds)
        self.say(undo)


class ViewerActor(Actor):
    """A viewer: each process on the same port.

    Attributes
    ----------
    copies
        Whether it keeps no memory of a producer, and writes down what it owns.
    """

    def __init__(self, part: Part, port: int, folder: Path) -> None:
        self.port = port
        self.book = folder / f"{part.name}.book"
        self.copies = part.kind == "fiji" or (part.kind == "recording" and part.mortal)
        copies = ["--copies"] if part.mortal else []

        def command(number: int) -> list[str]:
            book = f"{self.book}.{number}"
            return python("watched", part.kind, "--port", port, "--log", book, *copies)

        super().__init__(part, command, folder)

    @property
    def books(self) -> list[Path]:
        """What each process wrote down."""
        return [Path(f"{self.book}.{number}") for number in range(len(self.pids))]

    def await_ready(self) -> None:
        """Wait until it can be found."""
        poll_until(self._found, f"{self} is ready\n{self.tail()}", PATIENCE)

    def _found(self) -> bool:
        self.signal(0)
        found = find(self.port)
        return found is not None and found.pid == self.pids[-1] and found.alive()


class FeederActor(Actor):
    """A producer; each process has images of its own."""

    def __init__(self, part: Part, orders: Orders, folder: Path) -> None:
        self._orders = orders
        self._ready = False

        def command(number: int) -> list[str]:
            self._ready = False
            mine = msgspec.structs.replace(orders, first=number * 20_000, seed=orders.seed + number)
            return python("feeder", msgspec.json.encode(mine).decode())

        super().__init__(part, command, folder)

    def await_ready(self) -> None:
        """Wait until it streams."""
        if not self._ready:
            self.hear()
            self._ready = True

    def account(self) -> list[Account]:
        """Let it stop, and return what it says of its images."""
        return msgspec.json.decode(self.hear(), type=list[Account])


def strangers(folder: Path, pids: set[int]) -> list[str]:
    """Name what is still there of processes that should be gone."""
    found = [f"file {path.name}" for path in folder.iterdir() if not LASTING.fullmatch(path.name)]
    for path in SHM.glob("pc*_*"):
        with suppress(FileNotFoundError, PermissionError), path.open("rb") as file:
            if int.from_bytes(file.read(16)[12:], sys.byteorder) in pids:
                found.append(f"segment {path.name}")
    word = f"PLANECAST_RUN_FOLDER={os.environ['PLANECAST_RUN_FOLDER']}"
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and word in _environment_of(process.pid):
                found.append(f"process {process.pid}: {' '.join(process.cmdline())[:200]}")
    return found


def _environment_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")


def nothing_left(pids: set[int]) -> None:
    """Check that the next start finds nothing of the dead.

    Raises
    ------
    Wrong
        Naming what was left.
    """
    folder = run_folder()
    janitor(folder)  # as each start does
    deadline = time.monotonic() + 5.0
    while left := strangers(folder, pids):
        if time.monotonic() > deadline:
            raise Wrong("left behind: " + "; ".join(left[:20]))
        time.sleep(0.05)
