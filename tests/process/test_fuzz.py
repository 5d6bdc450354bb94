"""Thousands of messages that are almost right. ``planecast bench fuzz`` sends a million."""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress

import numpy as np
import pytest

import planecast as pc
from streaming_core.attachment import Mode
from streaming_core.stream.sessions import close_publisher
from streaming_core.testing import poll_until, recording_viewer
from tests.benchmarks import fuzz
from tests.benchmarks.peer import checked
from tests.benchmarks.rogue import rogue

MESSAGES = 10_000
IMAGES = 120


def test_mutated_messages_on_both_ports_disturb_no_other_program() -> None:
    seed = secrets.randbelow(1 << 30)
    outcome = fuzz.run(MESSAGES, seed)  # a failure names seed and number of the message
    assert outcome.honest


@pytest.mark.parametrize("mode", ["every", "latest"])
def test_a_viewer_that_talks_nonsense_stops_no_program(
    mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    seed = secrets.token_hex(4)
    with recording_viewer() as (port, _), rogue(seed) as bad, pc.connect(port) as good:
        viewer = pc.connect(bad.port, mode=mode, stall=1.0)
        for t in range(IMAGES):
            side = (300, 40)[t % 2]
            for one in (viewer, good):
                one.show(checked(t, side), components={"t": t}, source=f"honest {side}")
            if t % 20 == 19:
                with suppress(pc.PlanecastError):
                    viewer.read(timeout=0.2)
        poll_until(lambda: bad.said > MESSAGES, f"it has said enough ({seed})")
        good.settle()
        for side in (300, 40):
            found = good.read(source=f"honest {side}")
            for plane, t in zip(found, range(side == 40, IMAGES, 2), strict=True):
                assert np.array_equal(plane, checked(t, side)), (seed, t)
        assert not viewer.route().publisher.ended
        close_publisher(linger=0.0)
    said = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert not [text for text in said if "failed" in text], seed
