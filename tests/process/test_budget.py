"""A viewer's memory has a budget: producers wait for its user, and nobody dies."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import planecast as pc
from streaming_core.testing import poll_until, recording_viewer

MB = 1_000_000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANECAST_MEMORY", str(10 * MB))


def image(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((1000, 1000), value, np.uint8)


def test_beyond_it_producers_wait_and_words_say_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with recording_viewer() as (port, adapter), pc.connect(port, stall=1.0) as viewer:
        sent = [viewer.show(image(t), components={"t": t}, source="old") for t in range(14)]
        poll_until(lambda: viewer.state()["paused"], "it waits for its user")
        state = viewer.state()
        assert state["memory"] == {"held": 10 * MB, "budget": 10 * MB}
        for words in ("10.0 MB of 10.0 MB", "clear", "PLANECAST_MEMORY", "keep=N"):
            assert words in state["why"]
        with pytest.raises(pc.TimedOut):
            sent[-1].wait(2.5)  # longer than its stall: the clock stands
        assert len(adapter.images) == 10
        assert state["why"] in " ".join(one.getMessage() for one in caplog.records)
        viewer.clear("old")
        viewer.settle()
        assert sorted(one.components["t"] for one in adapter.images) == list(range(14))
        assert not viewer.state()["paused"]
        assert not viewer.undelivered
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


def test_an_image_larger_than_all_of_it_is_refused_by_name() -> None:
    with recording_viewer() as (port, _), pc.connect(port) as viewer:
        viewer.show(np.zeros((11, 1000, 1000), "u1"), axes="ZYX", components={"well": "B03"})
        viewer.show(image(1), components={"well": "B04"})
        with pytest.raises(pc.Undelivered, match=r"well B03.*11.0 MB.*PLANECAST_MEMORY"):
            viewer.flush()
        viewer.settle()
        assert viewer.read(components={"well": "B04"})[0, 0] == 1


def test_images_of_two_producers_all_come_in_the_end(tmp_path: object) -> None:
    with recording_viewer() as (port, adapter):
        first, second = pc.connect(port), pc.connect(port)
        for t in range(8):
            for source, viewer in (("a", first), ("b", second)):
                viewer.show(image(t), components={"t": t}, source=source)
        poll_until(lambda: first.state()["paused"], "it waits for its user")
        for source in "ab":
            first.clear(source)
        for viewer in (first, second):
            viewer.settle()
            viewer.close()
        assert len(adapter.images) == 16


def test_small_images_count_too() -> None:
    with recording_viewer() as (port, _), pc.connect(port) as viewer:
        for t in range(320):
            viewer.show(np.full((170, 180), t % 250, "u1"), components={"t": t})
        viewer.flush()
        assert viewer.state()["memory"]["held"] == 320 * 170 * 180


def test_only_the_newest_images_of_a_source_are_kept() -> None:
    with recording_viewer() as (port, _), pc.connect(port) as viewer:
        for t in range(40):
            channels = np.stack([image(t), image(t + 100)])
            viewer.show(
                channels, axes="CYX", components={"t": t, "channel": ["DAPI", "GFP"]},
                source="live", keep=3,
            )  # fmt: skip
        viewer.show(image(7), source="other")
        viewer.settle()
        state = viewer.state()
        groups = {group["name"]: group for group in state["groups"]}
        assert [groups[name]["planes"] for name in ("live · DAPI", "live · GFP", "other")] == [
            3,
            3,
            1,
        ]
        assert groups["live · GFP"]["released"] == 37
        assert {"t": 36} in groups["live · GFP"]["missing"]
        assert {"t": 37} not in groups["live · GFP"]["missing"]
        newest = viewer.read(source="live", components={"t": 39, "channel": "GFP"})
        assert newest[0, 0] == 139
        assert state["memory"]["held"] == 7 * MB
        assert not state["paused"]


def test_a_place_that_was_filled_anew_is_not_let_go_of() -> None:
    with recording_viewer() as (port, _), pc.connect(port) as viewer:
        for t in (0, 1, 0, 2):
            viewer.show(image(10 + t), components={"t": t}, keep=3)
        viewer.settle()
        assert viewer.read()[:, 0, 0].tolist() == [10, 11, 12]


@pytest.mark.parametrize("keep", [0, -1, 1.5, "3"])
def test_keep_is_a_number_above_0(keep: object) -> None:
    with recording_viewer() as (port, _), pc.connect(port) as viewer:
        with pytest.raises(pc.InvalidImage, match="keep= is a whole number above 0"):
            viewer.show(image(1), keep=keep)  # type: ignore[arg-type]
