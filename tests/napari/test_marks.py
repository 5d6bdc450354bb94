"""Points, shapes and tracks lie where they belong, in a real window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Points, Shapes, Tracks
from numpy.typing import NDArray

from tests.napari.feed import Stream

BLACK = (0, 0, 0)


def black(size: int = 60) -> NDArray[Any]:
    return np.zeros((size, size), np.uint8)


def plate(stream: Stream, wells: tuple[str, ...] = ("A1", "B3"), depth: int = 3) -> None:
    """Show black images: a slider for wells, one for z."""
    for well in wells:
        stream.show(
            np.zeros((depth, 60, 60), np.uint8), "ZYX", {"well": well}, source="raw",
            contrast_limits=(0, 255),
        )  # fmt: skip
    stream.settle()


def is_seen(stream: Stream, y: float, x: float, **place: Any) -> bool:
    """Whether something other than black is on the screen, where the sliders are put."""
    if place:
        stream.ask("navigate", components=place)
    return stream.pixel(y, x) != BLACK


def only(stream: Stream, kind: type[Any]) -> Any:
    (layer,) = (one for one in stream.viewer.layers if isinstance(one, kind))
    return layer


def test_points_of_a_well_lie_on_each_z_and_on_no_other_well(stream: Stream) -> None:
    plate(stream)
    stream.mark("points", [[20, 20], [40, 45]], components={"well": "B3"})
    stream.settle()
    for z in range(3):
        assert is_seen(stream, 20, 20, well="B3", z=z)
        assert is_seen(stream, 40, 45)
        assert not is_seen(stream, 20, 20, well="A1", z=z)


def test_a_point_does_not_hide_what_it_marks(stream: Stream) -> None:
    image = black()
    image[15:26, 15:26] = 200  # a cell
    stream.show(image, source="raw", contrast_limits=(0, 255))
    stream.mark("points", [[20, 20], [40, 40]])
    stream.settle()
    assert min(stream.pixel(20, 20)) > 100 > max(stream.pixel(40, 40)) > 0


def test_points_with_z_lie_on_their_z(stream: Stream) -> None:
    plate(stream, wells=("A1",))
    stream.mark("points", [[0, 20, 20], [2.2, 40, 40]], "ZYX", components={"well": "A1"})
    stream.settle()
    assert is_seen(stream, 20, 20, z=0)
    assert not is_seen(stream, 40, 40)
    assert not is_seen(stream, 20, 20, z=1)
    assert is_seen(stream, 40, 40, z=2)


def test_points_sent_again_replace_those_before(stream: Stream) -> None:
    plate(stream)
    for spot in (20, 40):
        stream.mark("points", [[spot, spot]], components={"well": "B3"})
    stream.mark("points", [[30, 10]], components={"well": "A1"})
    stream.settle()
    assert is_seen(stream, 40, 40, well="B3")
    assert not is_seen(stream, 20, 20)
    stream.mark("points", [], components={"well": "B3"})
    stream.settle()
    assert not is_seen(stream, 40, 40)
    assert is_seen(stream, 30, 10, well="A1")


@pytest.mark.parametrize(("kind", "axes"), [("tracks", "TYX"), ("points", "ZYX")])
def test_no_rows_at_all_keep_no_image_from_being_seen(stream: Stream, kind: str, axes: str) -> None:
    stream.mark(kind, [], axes)
    stream.show(black() + 200, components={"well": "A1", "t": 3}, contrast_limits=(0, 255))
    stream.settle()
    assert is_seen(stream, 30, 30)
    row = [1, 3, 20, 20] if kind == "tracks" else [0, 20, 20]
    stream.mark(kind, [row], axes)
    stream.mark(kind, [], axes)
    stream.show(black() + 200, components={"well": "A1", "t": 7}, contrast_limits=(0, 255))
    stream.settle()
    assert stream.ask("state")[0]["shown"]["t"] == 7
    assert [one["objects"] for one in stream.ask("state")[0]["marks"]] == [0]


def test_an_old_run_does_not_come_back(stream: Stream) -> None:
    plate(stream)
    stream.mark("points", [[20, 20]], components={"well": "B3"}, run="one")
    stream.mark("points", [[40, 40]], components={"well": "B3"}, run="two")
    stream.mark("points", [[20, 20]], components={"well": "B3"}, run="one")
    stream.settle()
    assert is_seen(stream, 40, 40, well="B3")
    assert not is_seen(stream, 20, 20)


def test_a_value_inserted_before_leaves_marks_on_their_image(stream: Stream) -> None:
    plate(stream, wells=("B3",))
    stream.mark("points", [[20, 20]], components={"well": "B3"})
    stream.mark("shapes", [[[35, 35], [50, 50]]], shape="rectangle", components={"well": "B3"})
    stream.settle()
    plate(stream, wells=("A1",))
    for well, there in (("A1", False), ("B3", True)):
        assert is_seen(stream, 20, 20, well=well, z=1) is there
        assert is_seen(stream, 35, 42) is there


def test_marks_come_with_their_table(stream: Stream) -> None:
    plate(stream)
    table = {"score": [0.5, np.nan], "count": [3, 4], "name": ["a", None], "good": [True, False]}
    stream.mark("points", [[20, 20], [40, 45]], features=table, components={"well": "B3"})
    stream.settle()
    stream.ask("navigate", components={"well": "B3"})
    features = only(stream, Points).features
    assert list(features) == ["score", "count", "name", "good"]
    assert features["score"].tolist()[0] == 0.5
    assert np.isnan(features["score"].tolist()[1])
    assert features["count"].tolist() == [3, 4]
    assert features["name"].tolist() == ["a", ""]
    assert features["good"].tolist() == [True, False]
    stream.ask("navigate", components={"well": "A1"})
    assert len(only(stream, Points).features) == 0


@pytest.mark.parametrize(
    ("shape", "corners", "on", "off"),
    [
        ("polygon", [[10, 10], [10, 50], [50, 50], [50, 10]], (10, 30), (30, 30)),
        ("rectangle", [[10, 10], [50, 50]], (30, 50), (30, 30)),
        ("ellipse", [[10, 10], [50, 50]], (10, 30), (12, 12)),
        ("line", [[30, 10], [30, 50]], (30, 30), (35, 30)),
        ("path", [[10, 10], [30, 10], [30, 50]], (30, 30), (20, 30)),
    ],
)
def test_every_shape_is_drawn(
    stream: Stream, shape: str, corners: Any, on: tuple[int, int], off: tuple[int, int]
) -> None:
    plate(stream, wells=("A1",), depth=2)
    stream.mark("shapes", [corners], shape=shape, components={"z": 1})
    stream.settle()
    only(stream, Shapes).edge_width = 3
    assert is_seen(stream, *on, z=1)
    assert not is_seen(stream, *off)
    assert not is_seen(stream, *on, z=0)


def test_marks_are_in_state_and_can_be_cleared(stream: Stream) -> None:
    plate(stream)
    stream.mark(
        "points", [[2, 20, 20], [0, 1, 1]], "ZYX", source="spots", components={"well": "B3"}
    )
    stream.mark("shapes", [[[1, 1], [5, 5]]], shape="line", source="cells")
    stream.settle()
    points, shapes = stream.ask("state")[0]["marks"]
    assert points["name"] == points["layer"] == "spots · points"
    assert (points["kind"], points["source"], points["run"]) == ("points", "spots", "r1")
    assert points["components"] == {"well": ["B3"], "z": [0, 2]}
    assert (points["places"], points["objects"]) == (1, 2)
    assert shapes["objects"] == 1
    stream.ask("clear", source="spots")
    assert [mark["source"] for mark in stream.ask("state")[0]["marks"]] == ["cells"]
    assert not [one for one in stream.viewer.layers if isinstance(one, Points)]


def test_marks_without_any_image_have_sliders_of_their_own(stream: Stream) -> None:
    for t in range(4):
        stream.mark("points", [[20, 10 * t], [45, 50]], components={"t": t})
    stream.settle()
    assert stream.viewer.dims.nsteps[0] == 4
    for t in range(4):
        assert is_seen(stream, 20, 10 * t, t=t)
        assert is_seen(stream, 45, 50)
        assert not is_seen(stream, 20, 10 * t + 10)
    stream.show(np.zeros((6, 60, 60), np.uint8), "TYX", source="raw", contrast_limits=(0, 255))
    stream.settle()
    assert stream.viewer.dims.nsteps[0] == 6
    assert is_seen(stream, 20, 30, t=3)
    assert not is_seen(stream, 20, 30, t=5)


def test_what_the_user_chose_for_marks_stays(stream: Stream) -> None:
    plate(stream)
    for well in ("A1", "B3"):
        stream.mark("points", [[20, 20]], components={"well": well})
        stream.mark("shapes", [[[40, 10], [40, 50]]], shape="line", components={"well": well})
    stream.settle()
    points, shapes = only(stream, Points), only(stream, Shapes)
    points.face_color, points.size, points.name, points.opacity = "red", 20, "mine", 1.0
    shapes.edge_color, shapes.edge_width, shapes.opacity = "blue", 4, 1.0
    for well in ("A1", "B3", "A1"):
        assert not is_seen(stream, 5, 5, well=well, z=1)
        assert stream.pixel(20, 20) == (255, 0, 0)
        assert stream.pixel(20, 27) == (255, 0, 0)
        assert stream.pixel(40, 30) == (0, 0, 255)
    assert only(stream, Points).name == "mine"


def test_marks_can_be_coloured_by_their_table(stream: Stream) -> None:
    plate(stream, wells=("A1", "B3", "C1"))
    for well, score in (("A1", 0.0), ("B3", 1.0)):
        table = {"score": [score, 0.5]}
        stream.mark("points", [[20, 20], [20, 50]], features=table, components={"well": well})
    stream.settle()
    points = only(stream, Points)
    points.opacity, points.border_width, points.size = 1.0, 0, 12
    points.face_colormap, points.face_contrast_limits = "gray", (-1, 1)
    points.face_color = "score"
    for well, shade in (("A1", 128), ("C1", 0), ("B3", 255), ("A1", 128)):
        stream.ask("navigate", components={"well": well})
        assert abs(stream.pixel(20, 20)[0] - shade) < 12


def test_the_selection_and_the_view_stay(stream: Stream) -> None:
    plate(stream)
    image = only(stream, Image)
    stream.viewer.layers.selection.active = image
    before = stream.viewer.scene.camera.zoom, stream.viewer.scene.camera.center
    for well in ("A1", "B3"):
        stream.mark("points", [[-500, 20]], components={"well": well})
        stream.mark("shapes", [[[40, 10], [40, 900]]], shape="line", components={"well": well})
    stream.settle()
    stream.ask("navigate", components={"well": "A1"})
    assert stream.viewer.layers.selection.active is image
    assert (stream.viewer.scene.camera.zoom, stream.viewer.scene.camera.center) == before


def test_a_layer_of_marks_deleted_by_the_user_stays_deleted(stream: Stream) -> None:
    plate(stream)
    stream.mark("points", [[20, 20]], components={"well": "A1"})
    stream.settle()
    stream.viewer.layers.remove(only(stream, Points))
    stream.mark("points", [[20, 20]], components={"well": "B3"})
    stream.settle()
    assert len(stream.viewer.layers) == 1
    stream.ask("clear")
    stream.mark("points", [[20, 20]], components={"well": "B3"})
    stream.settle()
    assert only(stream, Points)


def test_images_go_below_labels_below_marks(stream: Stream) -> None:
    stream.mark("points", [[20, 20]])
    stream.show(black(), kind="labels")
    stream.show(black(), source="raw")
    stream.settle()
    assert [type(layer) for layer in stream.viewer.layers] == [Image, Labels, Points]


def test_many_shapes_come_in_pieces_between_which_the_window_answers(stream: Stream) -> None:
    plate(stream, wells=("A1",), depth=2)
    corners = np.array([[0, 0], [0, 3], [3, 3], [3, 0]])
    squares = [corners + np.array((5 * (i // 60), i % 60)) for i in range(10_000)]
    turns = []
    stream.viewer.layers.events.inserted.connect(lambda event: turns.append(0))
    stream.mark("shapes", squares, components={"z": 0}, features={"number": range(10_000)})
    before = stream.adapter.layers.marks

    def grown() -> bool:
        layers = [one for one in stream.viewer.layers if isinstance(one, Shapes)]
        if layers and layers[0].nshapes not in turns:
            turns.append(layers[0].nshapes)
        return not before.busy and len(stream.told) == stream.sent

    stream.until(grown)
    stream.settle()
    assert len(turns) > 20  # seen between two pieces
    assert only(stream, Shapes).nshapes == 10_000
    assert only(stream, Shapes).features["number"].tolist() == list(range(10_000))
    stream.ask("navigate", components={"z": 1})
    assert only(stream, Shapes).nshapes == 0


def test_who_moves_on_does_not_wait_for_shapes_that_are_out_of_sight(stream: Stream) -> None:
    plate(stream, wells=("A1",), depth=2)
    squares = [[[0, i], [0, i + 3], [3, i]] for i in range(1500)]
    stream.mark("shapes", squares, components={"z": 0})
    stream.mark("shapes", [[[20, 20], [40, 20], [40, 40]]], components={"z": 1})
    stream.until(lambda: any(isinstance(one, Shapes) for one in stream.viewer.layers))
    stream.viewer.dims.set_current_step(1, 1)
    stream.settle()
    assert only(stream, Shapes).nshapes == 1


def test_a_slider_that_the_user_moves_is_followed_no_more(stream: Stream) -> None:
    plate(stream)
    for well in ("A1", "B3"):
        stream.mark("points", [[20, 20]], components={"well": well})
    stream.settle()
    assert stream.ask("state")[0]["follow"]
    stream.viewer.dims.set_current_step(0, 0)
    assert stream.pixel(20, 20) != BLACK
    assert not stream.ask("state")[0]["follow"]
    stream.mark("points", [[40, 40]], components={"well": "C1"})
    stream.settle()
    assert stream.ask("state")[0]["shown"]["well"] == "A1"


def test_points_are_in_space_in_3d(stream: Stream) -> None:
    plate(stream, wells=("A1",))
    stream.mark("points", [[0, 20, 20], [2, 40, 40]], "ZYX", features={"a": [1, 2]})
    stream.settle()
    only(stream, Points).name = "mine"
    stream.viewer.dims.ndisplay = 3
    stream.qtbot.wait(1)  # Qt takes its turn, as between two of a person's clicks
    stream.ask("state")
    layer = only(stream, Points)
    assert layer.ndim == 3
    assert layer.name == "mine"
    np.testing.assert_array_equal(layer.data, [[0, 20, 20], [2, 40, 40]])
    stream.viewer.dims.ndisplay = 2
    stream.ask("state")
    assert only(stream, Points).ndim == 2


def test_a_track_ends_where_the_slider_stands(stream: Stream) -> None:
    stream.show(
        np.zeros((8, 60, 60), np.uint8), "TYX", {"well": "A1"}, source="raw",
        contrast_limits=(0, 255),
    )  # fmt: skip
    rows = [[1, t, 30, 5 + 6 * t] for t in range(8)]
    stream.mark(
        "tracks", rows, "TYX", {"speed": np.arange(8.0)}, components={"well": "A1"}, source="cells"
    )
    stream.mark("tracks", [[1, 0, 5, 5], [1, 1, 9, 9]], "TYX", components={"well": "B2"},
                source="cells")  # fmt: skip
    stream.settle()
    tracks = only(stream, Tracks)
    tracks.tail_width, tracks.tail_length, tracks.opacity = 6, 30, 1.0
    tracks.color_by = "speed"
    for well, there in (("A1", True), ("B2", False), ("A1", True)):
        stream.ask("navigate", components={"well": well, "t": 4})
        assert is_seen(stream, 30, 20) is there
        assert not is_seen(stream, 30, 40)
    stream.ask("navigate", components={"t": 7})
    assert is_seen(stream, 30, 40)
    assert list(tracks.features["speed"]) == list(np.arange(8.0))
    assert only(stream, Tracks) is tracks
    assert tracks.color_by == "speed"


@pytest.mark.parametrize("late", [True, False], ids=["tracks last", "tracks first"])
def test_tracks_run_along_t_also_where_each_t_is_a_layer(stream: Stream, late: bool) -> None:
    rows = [[1, t, 30, 5 + 6 * t] for t in range(8)]
    for what in ("images", "tracks") if late else ("tracks", "images"):
        if what == "tracks":
            stream.mark("tracks", rows, "TYX", source="cells")
        else:
            volume = np.zeros((8, 60, 60), np.uint8)
            stream.show(volume, "TYX", source="raw", contrast_limits=(0, 255))
        stream.settle()
        stream.ask("arrange", modes={"t": "split"})
    assert sum(isinstance(one, Image) for one in stream.viewer.layers) == 8
    tracks = only(stream, Tracks)
    tracks.tail_width, tracks.tail_length, tracks.opacity = 6, 30, 1.0
    for t, there in ((4, False), (7, True)):
        stream.viewer.dims.set_current_step(0, t)
        assert is_seen(stream, 30, 20)
        assert is_seen(stream, 30, 40) is there
    stream.ask("arrange", modes={"t": "stack"})
    assert is_seen(stream, 30, 40, t=7)
    assert not is_seen(stream, 30, 40, t=4)


def test_tracks_come_also_while_other_dimensions_are_drawn(stream: Stream) -> None:
    for well in ("A1", "B2"):
        stream.show(np.zeros((8, 60, 60), np.uint8), "TYX", {"well": well, "site": 1}, source="raw")
    stream.settle()
    stream.viewer.dims.order = (1, 2, 3, 0, 4)  # the well is drawn downwards
    for well in ("A1", "B2"):
        rows = [[1, t, 30, 5 + 6 * t] for t in range(8)]
        stream.mark("tracks", rows, "TYX", components={"well": well}, source="cells")
    stream.settle()
    stream.viewer.dims.order = (0, 1, 2, 3, 4)
    tracks = only(stream, Tracks)
    tracks.tail_width, tracks.tail_length, tracks.opacity = 6, 30, 1.0
    assert is_seen(stream, 30, 20, well="B2", t=7)


def test_marks_in_micrometres_lie_on_images_in_micrometres(stream: Stream) -> None:
    words: dict[str, Any] = {"scale": {"Y": 0.5, "X": 0.5}, "units": "um"}
    stream.show(black(), source="raw", contrast_limits=(0, 255), **words)
    stream.mark("points", [[20, 20]], **words)
    stream.mark("points", [[0, 0]], source="moved", origin={"Y": 20, "X": 10}, **words)
    stream.settle()
    assert is_seen(stream, 10, 10)
    assert is_seen(stream, 20, 10)
    assert not is_seen(stream, 20, 20)
