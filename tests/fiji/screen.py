"""An ImageJ viewer in a process of its own, with a person in front of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

import planecast as pc
from streaming_core.network.endpoints import DATA_OFFSET, LOOPBACK, is_free
from streaming_core.testing import free_pair, poll_until

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 10.0


class Screen:
    """An ImageJ viewer, and the person in front of it."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.port = free_pair()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fiji.person", "--port", str(self.port), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=ROOT, env=os.environ | {"_JAVA_OPTIONS": f"-Duser.home={home}"},
        )  # fmt: skip
        poll_until(lambda: bool(pc.viewers()) or self.process.poll() is not None, "it is there", 60)
        assert self.process.poll() is None, self.process.communicate()[1]
        self.helpers = psutil.Process(self.process.pid).children()

    def does(self, *deeds: str) -> None:
        """Have the person do things."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        for deed in deeds:
            self.process.stdin.write(f"{deed}\n")
            self.process.stdin.flush()
            assert self.process.stdout.readline() == "done\n", self.process.communicate()[1]

    def log(self) -> str:
        """Wait for the end, and return what it logged."""
        return self.process.communicate(timeout=LIMIT)[1]

    def leaves_nothing(self, run_folder: Path) -> None:
        """Check that port, processes and files are as they were before it."""
        assert is_free(LOOPBACK, self.port)
        assert is_free(LOOPBACK, self.port + DATA_OFFSET)
        for helper in self.helpers:
            poll_until(lambda: not helper.is_running(), "its display ended", LIMIT)  # noqa: B023
        assert pc.viewers() == []
        left = {path.name for path in run_folder.glob(f"*{self.port}*")}
        assert left == {f"viewer-{self.port}.keys"}  # for those who wait for it to come back
        assert not Path(tempfile.gettempdir(), f".java_pid{self.process.pid}").exists()
