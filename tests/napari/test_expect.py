"""Sliders that are there from the start, because somebody said what is to come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streaming_core.errors import RequestFailed
from tests.napari.feed import Stream

FULL: dict[str, Any] = {"contrast_limits": (0, 255)}


def show(stream: Stream, shade: int, **components: Any) -> None:
    stream.show(np.full((40, 40), shade, np.uint8), components=components, **FULL)
    stream.settle()


def state(stream: Stream) -> dict[str, Any]:
    return dict(stream.ask("state")[0])


def test_sliders_have_their_full_length_from_the_first_image_on(stream: Stream) -> None:
    stream.ask("expect", components={"channel": ["DAPI", "GFP"], "z": 50, "t": [0, 10, 20]})
    show(stream, 70, channel="DAPI", z=30, t=10)
    assert stream.viewer.dims.axis_labels == ("t", "z", "y", "x")
    assert stream.viewer.dims.nsteps == (3, 50, 40, 40)
    assert stream.viewer.dims.current_step[:2] == (1, 30)
    assert stream.pixel(20, 20) == (0, 0, 70)
    # What comes last stays in view, and nothing moves: not to the end that is still empty.
    show(stream, 90, channel="DAPI", z=49, t=20)
    assert state(stream)["shown"] == {"t": 20, "z": 49}
    stream.ask("navigate", components={"t": 10, "z": 30})
    show(stream, 20, channel="DAPI", z=0, t=0)
    assert stream.viewer.dims.nsteps == (3, 50, 40, 40)
    assert stream.viewer.dims.current_step[:2] == (1, 30)
    assert stream.pixel(20, 20) == (0, 0, 70)


def test_state_says_what_is_expected_and_what_is_missing(stream: Stream) -> None:
    stream.ask("expect", components={"z": 4, "well": ["B10", "B2"], "channel": ["DAPI"]})
    show(stream, 7, channel="DAPI", z=1, well="B2")
    told = state(stream)
    assert told["expected"] == {"z": [0, 1, 2, 3], "well": ["B10", "B2"], "channel": ["DAPI"]}
    (group,) = told["groups"]
    assert group["shape"] == [1, 1, 40, 40]
    assert group["holes"] == len(group["missing"]) == 7
    assert group["missing"][0] == {"well": "B2", "z": 0}
    assert group["missing"][-1] == {"well": "B10", "z": 3}
    assert stream.read().shape == (1, 1, 40, 40)


def test_more_may_come_than_was_expected(stream: Stream) -> None:
    stream.ask("expect", components={"z": 2})
    stream.ask("expect", components={"z": 3})
    for z in (0, 7):
        show(stream, z, z=z)
    assert stream.viewer.dims.nsteps[0] == 4
    assert state(stream)["groups"][0]["missing"] == [{"z": 1}, {"z": 2}]


def test_a_stream_that_runs_already_gets_its_sliders_at_once(stream: Stream) -> None:
    show(stream, 80, z=5)
    stream.ask("expect", components={"z": 9, "t": 4})
    assert stream.viewer.dims.nsteps[:2] == (4, 9)
    assert state(stream)["shown"]["z"] == 5
    assert stream.pixel(20, 20) == (80, 80, 80)


def test_what_is_expected_lives_through_regrouping_and_ends_with_clear(stream: Stream) -> None:
    stream.ask("expect", components={"channel": ["DAPI", "GFP", "Cy5"], "z": 4})
    show(stream, 80, channel="GFP", z=2)
    stream.ask("arrange", modes={"channel": "stack"})
    assert stream.viewer.dims.nsteps[:2] == (3, 4)
    assert state(stream)["shown"] == {"channel": "GFP", "z": 2}
    stream.ask("arrange", modes={"channel": "split"})
    assert stream.viewer.dims.nsteps == (4, 40, 40)
    stream.ask("clear", source="another")
    assert stream.viewer.dims.nsteps == (4, 40, 40)
    stream.ask("clear")
    assert state(stream)["expected"] == {}
    show(stream, 80, z=1)
    assert stream.viewer.dims.nsteps == (1, 40, 40)


def test_what_cannot_be_expected_gets_words(stream: Stream) -> None:
    for wrong, words in [
        ({"z": 0}, "nothing to expect"),
        ({"z": 2.5}, "its values, or how many"),
        ({"z": "B3"}, "its values, or how many"),
        ({"Z": 3}, "the word here is 'z'"),
        ({"z": 10**12}, "more than 131072 values"),
        ({"z": [1, [2]]}, "component 'z'"),
        ({}, "what is to come"),
        (None, "what is to come"),
    ]:
        with pytest.raises(RequestFailed, match=words):
            stream.ask("expect", components=wrong)
    stream.ask("expect", components={"z": 100_000})
    with pytest.raises(RequestFailed, match="at most"):
        stream.ask("expect", components={"t": 100_000})
    assert list(state(stream)["expected"]) == ["z"]
