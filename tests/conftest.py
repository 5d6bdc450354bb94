"""Every test has a run folder of its own and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import planecast as pc
from streaming_core.testing import no_leaks


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--drag", default="10", help="seconds that a person drags sliders in napari")


@pytest.fixture(autouse=True)
def run_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Keep tests apart from the user's own viewers, which may have warned of nothing."""
    folder = tmp_path_factory.mktemp("run")
    folder.chmod(0o700)
    monkeypatch.setenv("PLANECAST_RUN_FOLDER", str(folder))
    monkeypatch.setenv("PLANECAST_FIJI", "embedded")  # whatever is installed on this machine
    monkeypatch.setenv("PLANECAST_WARNINGS", "error")  # pytest does this in its own process only
    yield folder
    logs = "".join(log.read_text(errors="replace") for log in folder.glob("logs/*.log"))
    assert not re.findall(r"^\w+Warning: .*", logs, re.MULTILINE), logs


@pytest.fixture(autouse=True)
def leak_guard(request: pytest.FixtureRequest, run_folder: Path) -> Iterator[None]:
    """Fail a test that leaves a thread, segment, lease, process or socket."""
    with no_leaks():
        yield


@pytest.fixture
def viewers_end(leak_guard: None) -> Iterator[None]:
    """End the viewers of a test, which outlive the programs that start them."""
    yield
    for row in pc.viewers():
        try:
            pc.connect(row["port"]).quit()
        except pc.PlanecastError:
            os.kill(row["pid"], signal.SIGKILL)
            raise
