"""Regrouping what was received: sliders become layers and layers sliders; nothing is sent again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Points

from streaming_core.errors import RequestFailed
from streaming_core.protocol.components import GroupKey
from streaming_core.protocol.tables import cells_of
from tests.napari.feed import Stream

WELLS = ("B02", "B03", "C02")
SHADE = {"DAPI": 100, "GFP": 200}


def value(well: str, channel: str, z: int) -> int:
    return SHADE[channel] + 10 * WELLS.index(well) + z


def send(stream: Stream, depth: int = 2, **words: Any) -> None:
    for well in WELLS:
        for channel in SHADE:
            for z in range(depth):
                plane = np.full((40, 50), value(well, channel, z), np.uint8)
                components = {"well": well, "channel": channel, "z": z}
                stream.show(plane, components=components, source="raw", **words)
    stream.settle()


def arrange(stream: Stream, **modes: str) -> Any:
    return stream.ask("arrange", modes=modes)[0]["modes"]


def groups(stream: Stream) -> list[dict[str, Any]]:
    found = stream.ask("state")[0]["groups"]
    assert isinstance(found, list)
    return found


def names(stream: Stream) -> list[str]:
    groups(stream)  # answered when all layers are made
    return [str(layer.name) for layer in stream.viewer.layers]


def assert_all_there(stream: Stream) -> None:
    for well in WELLS:
        for channel in SHADE:
            for z in range(2):
                where = {"well": well, "channel": channel, "z": z}
                assert (stream.read(components=where) == value(well, channel, z)).all()


def test_a_slider_becomes_layers_and_comes_back(stream: Stream) -> None:
    send(stream, contrast_limits=(0, 255))
    assert names(stream) == ["raw · DAPI", "raw · GFP"]
    assert arrange(stream, well="split") == {"z": "stack", "channel": "split", "well": "split"}
    assert sorted(names(stream)) == sorted(
        f"raw · {channel} · {well}" for channel in SHADE for well in WELLS
    )
    assert stream.viewer.dims.axis_labels == ("z", "y", "x")
    assert_all_there(stream)
    for layer in stream.viewer.layers:
        layer.visible = layer.name == "raw · GFP · B03"
    stream.ask("navigate", components={"z": 1})
    assert stream.pixel(20, 25) == (0, value("B03", "GFP", 1), 0)

    assert arrange(stream, well="stack")["well"] == "stack"
    assert names(stream) == ["raw · DAPI", "raw · GFP"]
    assert stream.viewer.dims.axis_labels == ("well", "z", "y", "x")
    assert_all_there(stream)
    stream.ask("navigate", components={"well": "C02", "z": 0})
    stream.viewer.layers[0].visible = False
    assert stream.pixel(20, 25) == (0, value("C02", "GFP", 0), 0)


def test_channels_become_a_slider_that_stands_where_the_user_looks(stream: Stream) -> None:
    send(stream, contrast_limits=(0, 255))
    stream.ask("navigate", components={"well": "B03", "z": 1})
    stream.viewer.layers.selection.active = stream.viewer.layers["raw · GFP"]
    arrange(stream, channel="stack")
    assert names(stream) == ["raw"]
    shown = stream.ask("state")[0]["shown"]
    assert shown == {"well": "B03", "channel": "GFP", "z": 1}
    assert stream.pixel(20, 25) == (value("B03", "GFP", 1),) * 3
    assert_all_there(stream)
    assert sum(group["bytes"] for group in stream.ask("state")[0]["groups"]) == 12 * 40 * 50


def test_looks_are_kept_when_switching_back(stream: Stream) -> None:
    send(stream)
    viewer = stream.viewer
    viewer.layers.move(0, 2)
    for number, layer in enumerate(viewer.layers):
        layer.name = f"mine {number}"
        layer.contrast_limits = (10 + number, 200 + number)
        layer.gamma = 0.5 + number / 4
        layer.opacity = 0.5 + number / 4
        layer.colormap = ["viridis", "red"][number]
        layer.blending = ["opaque", "translucent"][number]
        layer.auto_contrast = False
    viewer.layers[0].visible = False
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 11, 17), 9.5

    def looks() -> Any:
        groups(stream)
        return viewer.scene.camera.center, viewer.scene.camera.zoom, [
            (layer.name, tuple(layer.contrast_limits), layer.gamma, layer.opacity,
             layer.colormap.name, layer.blending, layer.visible)
            for layer in viewer.layers
        ]  # fmt: skip

    before = looks()
    for modes in ({"channel": "stack"}, {"channel": "split"}, {"well": "split"}, {"well": "stack"}):
        arrange(stream, **modes)
    assert looks() == before


def test_layers_of_a_split_slider_look_like_the_one_they_come_from(stream: Stream) -> None:
    send(stream)
    stream.viewer.layers["raw · GFP"].contrast_limits = (3, 77)
    stream.viewer.layers["raw · GFP"].colormap = "viridis"
    arrange(stream, well="split")
    names(stream)
    for well in WELLS:
        layer = stream.viewer.layers[f"raw · GFP · {well}"]
        assert isinstance(layer, Image)
        assert (tuple(layer.contrast_limits), layer.colormap.name) == ((3, 77), "viridis")


def test_sliders_keep_their_order_and_come_back_to_their_place(stream: Stream) -> None:
    for site in (1, 2):
        for well in WELLS:
            where = {"site": site, "well": well, "dose": 0.5, "t": 1}
            stream.show(np.full((40, 50), 9, np.uint8), components=where)
    stream.settle()
    for name in ("site", "well", "dose"):
        arrange(stream, **{name: "split"})
        left = [one for one in ("site", "well", "dose") if one != name]
        assert stream.viewer.dims.axis_labels == (*left, "t", "y", "x")
        arrange(stream, **{name: "stack"})
        assert stream.viewer.dims.axis_labels == ("site", "well", "dose", "t", "y", "x")


def test_what_comes_later_follows_the_arrangement(stream: Stream) -> None:
    arrange(stream, well="split")  # before anything is there
    assert "well" in stream.ask("state")[0]["unseen"]
    send(stream)
    assert stream.ask("state")[0]["unseen"] == []
    assert len(names(stream)) == 6
    arrange(stream, well="stack", channel="stack")
    plane = np.full((40, 50), 7, np.uint8)
    components = {"well": "D1", "channel": "Cy5", "z": 5}
    stream.show(plane, components=components, source="raw")
    stream.settle()
    assert names(stream) == ["raw"]
    assert groups(stream)[0]["shape"] == [4, 3, 3, 40, 50]
    assert (stream.read(components=components) == 7).all()


def test_a_plane_sent_again_after_regrouping_replaces_the_old_one(stream: Stream) -> None:
    send(stream, contrast_limits=(0, 255))
    arrange(stream, channel="stack")
    where = {"well": "B03", "channel": "DAPI", "z": 1}
    stream.show(np.full((40, 50), 5, np.uint8), components=where, source="raw")
    stream.settle()
    stream.show(np.full((40, 50), 9, np.uint8), components=where, source="raw", run="r2")
    stream.settle()
    stream.show(np.full((40, 50), 6, np.uint8), components=where, source="raw", run="r1")
    stream.settle()
    assert stream.pixel(20, 25) == (9, 9, 9)
    arrange(stream, channel="split")
    assert (stream.read(components=where) == 9).all()
    assert sum(group["planes"] for group in groups(stream)) == 12
    assert groups(stream)[0]["old"] == 5


def key_of(stream: Stream, **split: str) -> GroupKey:
    catalog = stream.adapter.layers.catalog
    return next(key for key in catalog.groups if dict(key.split) == split)


def test_deleted_layers_stay_deleted_and_can_be_asked_back(stream: Stream) -> None:
    send(stream, contrast_limits=(0, 255))
    stream.viewer.layers["raw · DAPI"].contrast_limits = (1, 99)
    del stream.viewer.layers["raw · DAPI"]
    arrange(stream, well="split")
    assert sorted(names(stream)) == [f"raw · GFP · {well}" for well in WELLS]
    arrange(stream, well="stack")
    assert names(stream) == ["raw · GFP"]
    send(stream)
    assert names(stream) == ["raw · GFP"]
    assert [group["layer"] for group in groups(stream)] == [None, "raw · GFP"]

    stream.adapter.layers.restore(key_of(stream, channel="DAPI"))
    assert sorted(names(stream)) == ["raw · DAPI", "raw · GFP"]
    assert tuple(stream.viewer.layers["raw · DAPI"].contrast_limits) == (1, 99)
    assert_all_there(stream)
    arrange(stream, channel="stack")
    assert names(stream) == ["raw"]


def test_labels_and_overviews_are_regrouped_too(stream: Stream) -> None:
    send(stream)
    for well in WELLS:
        cells = np.full((40, 50), WELLS.index(well) + 1, np.int32)
        stream.show(cells, kind="labels", components={"well": well}, source="cells")
    stream.show(np.full((40, 50), 3, np.uint8), components={"z": 0}, source="overview")
    stream.settle()
    arrange(stream, well="split")
    found = names(stream)
    assert [name for name in found if "cells" in name] == [
        f"cells · {well} · labels" for well in WELLS
    ]
    assert "overview" in found
    assert sum(isinstance(layer, Labels) for layer in stream.viewer.layers) == 3
    arrange(stream, well="stack", channel="stack", z="split")
    assert sorted(names(stream)) == ["cells · labels", "overview · z 0", "raw · z 0", "raw · z 1"]
    assert stream.viewer.dims.axis_labels == ("well", "channel", "y", "x")
    assert (stream.read(kind="labels", components={"well": "C02"}) == 3).all()


def test_marks_go_along(stream: Stream) -> None:
    send(stream, contrast_limits=(0, 255))
    for well, spot in zip(WELLS, (10, 20, 30), strict=True):
        table = {"score": np.array([float(spot)])}
        stream.mark(
            "points", [[spot, 5]], source="spots", components={"well": well}, features=table
        )
    stream.mark("points", [[1, 20, 45]], "ZYX", source="in 3d", components={"well": "C02"})
    stream.settle()

    def marks() -> dict[str, list[list[float]]]:
        groups(stream)
        layers = (one for one in stream.viewer.layers if isinstance(one, Points))
        return {str(one.name): one.data.tolist() for one in layers}

    stream.ask("navigate", components={"well": "B03", "z": 1})
    assert marks() == {"spots · points": [[20, 5]], "in 3d · points": []}
    arrange(stream, well="split")
    assert marks() == {
        "spots · B02 · points": [[10, 5]], "spots · B03 · points": [[20, 5]],
        "spots · C02 · points": [[30, 5]], "in 3d · C02 · points": [[20, 45]],
    }  # fmt: skip
    assert stream.viewer.layers["spots · C02 · points"].features["score"].tolist() == [30]
    stream.ask("navigate", components={"z": 0})
    assert marks()["in 3d · C02 · points"] == []
    stream.mark("points", [[33, 33]], source="spots", components={"well": "C02"})
    stream.settle()
    arrange(stream, well="stack")
    stream.ask("navigate", components={"well": "C02", "z": 1})
    assert marks() == {"spots · points": [[33, 33]], "in 3d · points": [[20, 45]]}
    stream.ask("isolate", kind="points", source="spots")
    assert {str(one.name) for one in stream.viewer.layers if one.visible} == {"spots · points"}


def test_painted_labels_stay_painted(stream: Stream) -> None:
    cells = np.ones((40, 50), np.uint16)
    for well in WELLS:
        stream.show(cells, kind="labels", components={"well": well}, editable=True)
    stream.settle()
    stream.ask("navigate", components={"well": "B03"})
    layer = stream.viewer.layers[0]
    assert isinstance(layer, Labels)
    layer.fill((1, 5, 5), 7)
    arrange(stream, well="split")
    groups(stream)
    for well in WELLS:
        stream.show(cells, kind="labels", components={"well": well}, editable=True)
    stream.settle()
    for well in WELLS:
        expected = 7 if well == "B03" else 1
        assert (stream.read(kind="labels", components={"well": well}) == expected).all()
        layer = stream.viewer.layers[f"{well} · labels"]
        assert layer.editable
        assert (np.asarray(layer.data) == expected).all()
    layer.fill((5, 5), 9)  # the last one, C02
    arrange(stream, well="stack")
    assert (stream.read(kind="labels", components={"well": "C02"}) == 9).all()
    assert groups(stream)[0]["edited"] == 2


def test_tables_of_labels_go_along(stream: Stream) -> None:
    for number, well in enumerate(WELLS):
        table = {"label": cells_of(np.array([3])), "area": cells_of(np.array([number + 0.5]))}
        cells = np.full((40, 50), 3, np.uint16)
        stream.show(cells, kind="labels", components={"well": well}, features=table)
    stream.settle()

    def area(name: str) -> Any:
        groups(stream)
        return stream.viewer.layers[name].features["area"].tolist()

    arrange(stream, well="split")
    assert [area(f"{well} · labels") for well in WELLS] == [[0.5], [1.5], [2.5]]
    arrange(stream, well="stack")
    stream.ask("navigate", components={"well": "B03"})
    assert area("labels") == [1.5]


def test_regrouping_a_thousand_planes_copies_none(stream: Stream) -> None:
    volume = np.zeros((250, 64, 64), np.uint16)
    for channel in "abcd":
        stream.show(volume, "ZYX", {"channel": channel, "well": "B2"})
    stream.settle()
    layers = stream.adapter.layers

    def kept() -> set[int]:
        return {
            plane.__array_interface__["data"][0]
            for group in layers.catalog.groups.values() for plane in group.planes.values()
        }  # fmt: skip

    before = kept()
    assert len(before) == 1000
    for modes in ({"channel": "stack"}, {"channel": "split", "well": "split"}):
        arrange(stream, **modes)
        groups(stream)
        assert kept() == before


def test_a_viewer_answers_while_it_makes_many_layers(stream: Stream) -> None:
    volume = np.zeros((40, 8, 8), np.uint8)
    stream.show(volume, "ZYX", {"channel": "a"})
    stream.settle()
    there: list[int] = []
    asked = stream.later("arrange", modes={"z": "split"})
    while not asked.done():
        stream.ask("state")
        there.append(len(names(stream)))
    assert len(set(there)) > 10  # one at a time, and it was asked in between
    assert len(names(stream)) == 40


def test_what_cannot_be_arranged_gets_words_and_changes_nothing(stream: Stream) -> None:
    volume = np.zeros((300, 8, 8), np.uint8)
    stream.show(volume, "ZYX", {"channel": "a"})
    stream.settle()
    with pytest.raises(RequestFailed, match="more than 256 layers"):
        arrange(stream, z="split")
    with pytest.raises(RequestFailed, match="'stack' or 'split'"):
        arrange(stream, z="slider")
    with pytest.raises(RequestFailed, match="the word here is 'z'"):
        arrange(stream, Z="stack")
    with pytest.raises(RequestFailed, match="which components"):
        arrange(stream)
    assert names(stream) == ["a"]
    assert stream.viewer.dims.axis_labels == ("z", "y", "x")


def test_a_component_that_nothing_has_is_told_apart_from_a_mistyped_one(stream: Stream) -> None:
    send(stream)
    with pytest.raises(RequestFailed, match=r"no image has a component 'wells'.*mean 'well'"):
        arrange(stream, wells="split")
    answer, _ = stream.ask("arrange", modes={"plate": "split"})
    assert answer["note"].endswith("there is: 'well', 'z', 'channel'")
    state = stream.ask("state")[0]
    assert (state["modes"]["plate"], state["unseen"]) == ("split", ["plate"])
    stream.ask("expect", components={"wells": 4})  # it is to come, and no mistake
    assert "note" not in stream.ask("arrange", modes={"wells": "split"})[0]
    answer, _ = stream.ask("clear", source="nothing")
    assert answer == {"removed": 0, "note": "clear: no source 'nothing'; there is: 'raw'"}


def test_clearing_after_regrouping_leaves_nothing(stream: Stream) -> None:
    send(stream)
    arrange(stream, well="split")
    stream.ask("clear", source="raw")
    assert names(stream) == []
    assert stream.ask("state")[0]["groups"] == []
    send(stream)
    assert len(names(stream)) == 6  # how it is grouped is the user's until they say otherwise
