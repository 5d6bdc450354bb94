"""What tests with real processes start with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import planecast as pc
from streaming_core.testing import free_pair
from tests.process.programs.stage import Stage, staging


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Give programs and viewers a place from which all of them are gone at the end."""
    with staging() as stage:
        yield stage


@pytest.fixture
def port(stage: Stage) -> int:
    """Give the port of a viewer in a process of its own: whatever happens to it, we see it."""
    port = free_pair()
    pc.launch("recording", port).close()
    return port
