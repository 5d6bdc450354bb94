"""Points, shapes and tracks on their way to a viewer process."""

from __future__ import annotations

import numpy as np
import pytest

import planecast as pc
from streaming_core.testing import recording_viewer


def test_marks_are_delivered_in_their_order_with_images() -> None:
    with recording_viewer() as (port, adapter), pc.connect(port) as viewer:
        for t in range(20):
            viewer.show(np.full((8, 8), t, np.uint8), components={"t": t})
            viewer.points(np.full((t, 2), t), components={"t": t}, features={"n": range(t)})
        square = [[[0, 0], [0, 4], [4, 4], [4, 0]]]
        viewer.shapes(square, components={"t": 3}).wait(shown=True)
        viewer.tracks([[1, 0, 5, 5], [1, 1, 6, 6]]).wait(shown=True)
        viewer.settle()
        kinds = [image.kind for image in adapter.images]
        assert kinds == ["image", "points"] * 20 + ["shapes", "tracks"]
        for t, drawing in enumerate(adapter.drawings[:20]):
            assert drawing.rows.tolist() == [[t, t]] * t
            assert drawing.features["n"].tolist() == list(range(t))


def test_many_points_travel_through_shared_memory_and_to_two_viewers() -> None:
    points = np.random.default_rng(1).uniform(0, 500, (200_000, 3))
    with recording_viewer() as (one, first), recording_viewer() as (two, second):
        both = pc.tee(pc.connect(one), pc.connect(two))
        both.points(points, axes="ZYX", source="spots")
        both.settle()
        for adapter in (first, second):
            np.testing.assert_array_equal(adapter.drawings[0].rows, points)
        for viewer in both.viewers:
            viewer.close()


def test_marks_that_are_not_delivered_are_named() -> None:
    with recording_viewer() as (port, _):
        viewer = pc.connect(port)
        viewer.settle()
    viewer.points([[1, 2]], components={"well": "B03"}, source="spots")
    with pytest.raises(pc.Undelivered, match="spots · points · well B03"):
        viewer.flush()
    viewer.close()
