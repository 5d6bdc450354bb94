"""Viewers outlive the programs that start them; these tests end theirs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

import planecast as pc


@pytest.fixture(autouse=True)
def viewers_end(leak_guard: None) -> Iterator[None]:
    """End the viewers of a test, before it is looked at for leaks."""
    yield
    for row in pc.viewers():
        try:
            pc.connect(row["port"]).quit()
        except pc.PlanecastError:
            os.kill(row["pid"], signal.SIGKILL)
            raise
