"""A real ImageJ under a virtual display, in a process of its own: one for all tests here.

It is the embedded one. Where ``PLANECAST_TEST_FIJI`` names a Fiji (a folder or an endpoint), each
test runs with that as well, marked ``installed_fiji``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming_core.macros import Macros
from streaming_core.protocol.annotated import unpack
from streaming_core.testing import poll_until
from tests.fiji.screen import Screen

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60.0
TAIL = 40
INSTALLED = os.environ.get("PLANECAST_TEST_FIJI", "")


class Refused(Exception):
    """The bridge raised or answered an error; its first argument is the text."""


class Fiji(Macros):
    """The driver in the other process: see `tests.fiji.driver.Driver` for what it can do."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: Connection, log: Path) -> None:
        self._process = process
        self._pipe = pipe
        self._log = log
        self.engine: str = self._answer()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            self._pipe.send((method, arguments, keywords))
            return self._answer()

        return call

    def read(self, **arguments: Any) -> NDArray[Any]:
        """Return the pixels that a producer gets back."""
        array: NDArray[Any] = self.call("read", **arguments)[1]
        return array

    def annotations(self) -> list[dict[str, Any]]:
        """Return what a producer is told that a person drew."""
        return unpack(*self.call("annotations"))

    def picture(self, canvas: bool = False) -> NDArray[np.uint8]:
        """Return a screenshot."""
        array: NDArray[np.uint8] = self.call("screenshot", canvas=canvas)[1]
        return array

    def state(self) -> dict[str, Any]:
        """Return what state() says, but for what the stream adds to it."""
        state: dict[str, Any] = self.call("state")[0]
        return state

    def groups(self) -> list[dict[str, Any]]:
        """Return what state() says of the groups."""
        groups: list[dict[str, Any]] = self.call("state")[0]["groups"]
        return groups

    def _ask(
        self, verb: str, arguments: Mapping[str, Any], timeout: float
    ) -> tuple[Any, NDArray[Any] | None]:
        answer: tuple[Any, NDArray[Any] | None] = self.call(verb, **arguments)
        return answer

    def _answer(self) -> Any:
        assert self._pipe.poll(LIMIT), f"the bridge does not answer; {self._tail()}"
        try:
            kind, result = self._pipe.recv()
        except EOFError:
            self._process.wait(LIMIT)  # it closes the pipe before it writes why
            raise AssertionError(f"the bridge's process ended; {self._tail()}") from None
        if kind != "result":
            raise Refused(result)
        return result

    def _tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-TAIL:]
        return "\n".join(["the end of its log:", *lines])


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """Start a viewer process with a person at its virtual display."""
    screen = Screen(tmp_path, "--virtual")
    yield screen
    screen.process.kill()
    screen.process.communicate()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run with the installed Fiji too, if one is named."""
    if INSTALLED and "engine" in metafunc.fixturenames:
        installed = pytest.param(INSTALLED, id="installed", marks=pytest.mark.installed_fiji)
        metafunc.parametrize("engine", ["embedded", installed], indirect=True, scope="session")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """Name the ImageJ that a test runs with."""
    return str(getattr(request, "param", "embedded"))


@pytest.fixture(autouse=True)
def named_engine(engine: str, run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the viewers of a test run it."""
    monkeypatch.setenv("PLANECAST_FIJI", engine)


@pytest.fixture(scope="session")
def imagej(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fiji]:
    """Start ImageJ once."""
    pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")
    with driven(engine, tmp_path_factory.mktemp("bridge") / "log") as fiji:
        yield fiji


@contextmanager
def driven(engine: str, log: Path, **environment: str) -> Iterator[Fiji]:
    """Start `tests.fiji.driver`, which writes to a log, and end it."""
    here, there = Pipe()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fiji.driver", str(there.fileno())],
            pass_fds=[there.fileno()], cwd=ROOT, stdout=output, stderr=output,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PLANECAST_FIJI": engine} | environment,
        )  # fmt: skip
    there.close()
    try:
        with here:
            yield Fiji(process, here, log)
        process.wait(10)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def fiji(imagej: Fiji) -> Iterator[Fiji]:
    """Give a test the ImageJ with no images in it."""
    yield imagej
    imagej.settle()
    imagej.call("clear", source=None)
    imagej.close_list()
    imagej.call("arrange", modes=dict.fromkeys(("well", "channel", "z", "t"), "stack"))
    if not imagej.state()["follow"]:
        poll_until(lambda: not imagej.menu()["Follow Newest Image"], "the tick is gone")
        imagej.pick("Follow Newest Image")
