"""Mistyped words and unusable values: told at once, in the caller's line or in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import planecast as pc
from streaming_core.errors import InvalidArray, InvalidComponents
from streaming_core.testing import recording_viewer
from tests.process.programs.stage import SMALL, picture, send


@pytest.fixture
def viewer() -> Iterator[pc.Viewer]:
    """A viewer that holds the pictures 0 to 2."""
    with recording_viewer() as (port, _), pc.connect(port) as viewer:
        send(viewer, range(3), side=SMALL)
        viewer.settle()
        yield viewer


def test_numbers_of_numpy_name_a_plane(viewer: pc.Viewer) -> None:
    for t in np.arange(3):
        assert np.array_equal(viewer.read(components={"t": t}), picture(int(t), SMALL))


@pytest.mark.parametrize(
    ("components", "text"),
    [
        (["t"], "a mapping such as"),
        ({"c": 1}, "the word here is 'channel'"),
        ({"t": [0, 1]}, "give one value, or none"),
        ({"t": np.arange(2)}, "give one value, or none"),
        ({"t": None}, "component 't' is None"),
        ({"t": True}, "component 't' is a bool"),
    ],
)
def test_what_is_no_component_is_refused_before_it_is_asked_for(
    viewer: pc.Viewer, components: Any, text: str
) -> None:
    asked: list[Callable[[], object]] = [
        lambda: viewer.read(components=components),
        lambda: viewer.isolate(components=components),
        lambda: viewer.contrast("once", components=components),
    ]
    asked += [lambda: viewer.navigate(**components)] * isinstance(components, dict)
    for ask in asked:
        with pytest.raises(InvalidComponents, match=text):
            ask()


def test_what_cannot_be_sent_is_said_and_no_answer_waited_for(viewer: pc.Viewer) -> None:
    with pytest.raises(pc.RequestFailed, match=r"clear\(\): not plain data"):
        viewer.clear(np.int64(5))  # type: ignore[arg-type]


def test_components_by_name_are_not_taken_in_a_mapping(viewer: pc.Viewer) -> None:
    with pytest.raises(InvalidComponents, match=r"navigate\(well='B03', z=4\)"):
        viewer.navigate(components={"t": 1})  # type: ignore[arg-type]
    with pytest.raises(InvalidComponents, match=r"arrange\(well='split', z='stack'\)"):
        viewer.arrange(components={"t": "stack"})  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", ["show", "read", "isolate", "points", "run_macro", "close"])
def test_an_option_that_there_is_not_is_told_of_the_class_that_users_know(
    viewer: pc.Viewer, verb: str
) -> None:
    with pytest.raises(TypeError, match=rf"^Viewer\.{verb}\(\) got an unexpected .* 'sources'"):
        getattr(viewer, verb)(sources="raw")
    if verb == "show":
        with pytest.raises(TypeError, match=r"^Tee\.show\(\) got an unexpected .* 'sources'"):
            pc.tee(viewer).show(picture(1), sources="raw")


@pytest.mark.parametrize(("shape", "dtype"), [((4, 4), "x"), ((4.5, 4), "u1"), (4, "u1")])
def test_no_array_is_allocated_of_what_is_none(
    viewer: pc.Viewer, shape: Any, dtype: str
) -> None:  # fmt: skip
    with pytest.raises(InvalidArray):
        viewer.allocate(shape, dtype)


def test_rows_that_differ_in_length_are_no_image(viewer: pc.Viewer) -> None:
    with pytest.raises(InvalidArray, match="no array"):
        viewer.show([[1, 2], [3]])


def test_a_component_that_is_most_likely_mistyped_is_told_once_in_a_run(
    viewer: pc.Viewer, caplog: pytest.LogCaptureFixture
) -> None:
    def show(**components: Any) -> None:
        viewer.show(picture(1, SMALL), components=components, source="plate")
        viewer.settle()

    def doubted() -> list[str]:
        said = [message for message in caplog.messages if "may be mistyped" in message]
        caplog.clear()
        return said

    show(channel="DAPI", z=0)
    show(channel="GFP", z=0, site=1)  # one more is no mistake
    assert doubted() == []
    show(channels="DAPI", z=0)
    (told,) = doubted()
    assert "its component 'channels' may be mistyped: images of this source had 'channel'" in told
    show(channels="GFP", z=1)
    assert doubted() == [], "said once"
    viewer.show(picture(1, SMALL), components={"channels": 1}, source="other")
    show(channel="DAPI", z=0, site=1, sites=2)  # who has both means both
    assert doubted() == []
    with pc.connect(viewer.port) as again:  # a run of its own
        again.show(picture(1, SMALL), components={"channels": 1, "z": 0}, source="plate")
        again.settle()
    assert len(doubted()) == 1, "the next run is told too"
