"""Composites of many channels, what Show Info tells, progress, and planes that are let go of."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fiji.conftest import Fiji

SHAPE = (40, 300)


def plane(number: int) -> NDArray[np.uint16]:
    return (np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) + number).astype("u2")


def bar(channel: int) -> NDArray[np.uint8]:
    """A bright bar where no other channel has any."""
    image = np.zeros(SHAPE, "u1")
    image[:, channel * 25 : channel * 25 + 24] = 200
    return image


@pytest.mark.parametrize("channels", [8, 12])
def test_all_channels_are_drawn_together_however_many(fiji: Fiji, channels: int) -> None:
    window = 0
    for channel in range(channels):
        place = {"channel": channel, "t": 0}
        fiji.show(bar(channel), source="many", components=place, contrast_limits=(0.0, 200.0))
        facts = fiji.look("many")
        if channel >= 5:
            window = window or facts["window"]
            assert facts["window"] == window
            assert facts["mode"] == 1
            canvas = fiji.picture(canvas=True)
            colors = fiji.look("many")["colors"]
            for drawn in range(channel + 1):
                assert canvas[20, drawn * 25 + 12].tolist() == colors[drawn], (channel, drawn)
            if channel < 11:
                assert not canvas[20, (channel + 1) * 25 + 12].any()


def test_a_mode_that_a_person_chose_stays_and_all_can_be_composed_again(fiji: Fiji) -> None:
    for channel in range(9):
        fiji.show(bar(channel), source="many", components={"channel": channel, "t": 0})
    fiji.move("many", 2, 1, 1)
    fiji.display_mode("many", 3)
    fiji.show(bar(9), source="many", components={"channel": 9, "t": 0})
    assert fiji.look("many")["mode"] == 3
    fiji.click("many")
    fiji.pick("Compose All Channels")
    assert fiji.look("many")["mode"] == 1
    canvas = fiji.picture(canvas=True)
    assert all(canvas[20, channel * 25 + 12].any() for channel in range(10))


def test_show_info_has_the_metadata_of_the_plane_that_is_looked_at(fiji: Fiji) -> None:
    for t in range(2):
        metadata = {"exposure": 10 * (t + 1), "objective": "20x"}
        fiji.show(plane(t), source="live", metadata=metadata, components={"t": t})
    fiji.move("live", 1, 1, 1)
    assert "exposure: 10\nobjective: 20x" in fiji.show_info("live")
    fiji.move("live", 1, 1, 2)
    assert "exposure: 20" in fiji.show_info("live")
    assert "(t 1)" in fiji.look("live")["subtitle"]
    fiji.show(plane(0), source="single", run="r1", metadata={"lot": 7})
    info = fiji.show_info("single")
    assert "source: single" in info
    assert "lot: 7" in info


def test_one_plane_alone_says_where_it_is(fiji: Fiji) -> None:
    fiji.show(plane(0), source="one", components={"well": "B03", "z": 4})
    assert '"well B03 · z 4"' in fiji.look("one")["subtitle"]


def progress(fiji: Fiji, name: str, done: float, total: float | None = None) -> None:
    fiji.call("progress", name=name, done=done, total=total)


def test_progress_stands_in_the_status_bar(fiji: Fiji) -> None:
    progress(fiji, "segment", 3, 96)
    assert fiji.status() == "segment: 3 of 96"
    progress(fiji, "upload", 7)
    assert fiji.status() == "segment: 3 of 96 · upload: 7"
    progress(fiji, "segment", 96, 96)
    assert fiji.status() == "upload: 7"
    progress(fiji, "upload", 7, 7)
    assert fiji.status() == "upload: done"


def test_of_a_source_that_keeps_few_the_oldest_become_holes(fiji: Fiji) -> None:
    for t in range(5):
        fiji.show(plane(t), source="live", keep=2, components={"t": t}, wait=t in (0, 4))
    fiji.settle()
    facts = fiji.look("live")
    assert facts["labels"] == [f"missing: t {t}" for t in range(3)] + ["t 3", "t 4"]
    assert [fiji.value("live", 5, 5, t + 1) for t in range(5)] == [0, 0, 0, *(
        plane(t)[5, 5] for t in (3, 4)
    )]  # fmt: skip
    assert fiji.groups()[0]["released"] == 3
    fiji.move("live", 1, 1, 4)
    fiji.show(plane(9), source="live", keep=2, components={"t": 0})
    canvas = fiji.picture(canvas=True)
    assert not canvas.any()  # what was looked at is let go of
    assert fiji.value("live", 5, 5, 1) == plane(9)[5, 5]
