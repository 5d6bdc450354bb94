from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_plugin.plan import SPLIT, Axes, focus, layer_title
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.messages import Image, Inline
from tests.napari.feed import add


def image(axes: str = "YX", shape: tuple[int, ...] = (4, 4), **words: Any) -> Image:
    words = {"dtype": "<u2", "components": {}} | words
    return Image(
        sid="s", seq=1, run="r", axes=axes, shape=shape, where=Inline(nbytes=0, parts=0),
        **words,
    )  # fmt: skip


def put(catalog: Catalog[str], sent: Image) -> None:
    for key, inside, _ in catalog.locate(sent):
        catalog.put(sent, key, inside, "pixels")


def test_names_stand_as_they_arrived_with_t_and_z_last() -> None:
    axes = Axes().with_names(["z", "well"]).with_names(["t", "site"])
    assert axes.names == ("well", "site", "t", "z")
    assert axes.with_names(["well", "z"]) is axes
    assert axes.with_names(["run", "run"]).names == ("well", "site", "run", "t", "z")


def test_axes_after_regrouping_keep_their_order_and_values() -> None:
    catalog: Catalog[str] = Catalog(SPLIT)
    sent = image(components={"site": 2, "well": "B2", "dose": 5, "z": 1, "channel": "DAPI"})
    axes = Axes().with_names(["site", "well", "dose", "z"])
    add(axes, {"site": 2, "well": "B2", "dose": 5, "z": 1})
    for split in ({"dose", "channel"}, {"site", "z"}):
        catalog = Catalog(frozenset(split))
        for key, inside, _ in catalog.locate(sent):
            catalog.put(sent, key, inside, "plane")
        after = axes.among(catalog.groups.values())
        kept = tuple(name for name in ("site", "well", "dose", "channel", "z") if name not in split)
        assert after.names == kept
        assert after.lengths == (1,) * len(kept)
        assert after.values["well"] is axes.values["well"]


def test_an_older_axes_object_keeps_its_names_and_shares_the_values() -> None:
    old = Axes().with_names(["z"])
    new = old.with_names(["well"])
    add(new, {"well": "A1", "z": 3})
    assert old.names == ("z",)
    assert old.lengths == (1,)
    assert new.lengths == (1, 1)
    add(new, {"z": 1})
    assert new.place([0, 0]) == {"well": "A1", "z": 1}
    assert new.place([5, 5]) == {"well": "A1", "z": 3}


@pytest.mark.parametrize("step", [0.1, 0.29, 0.3, 1 / 3, 0.65, 0.7, 1.1])
def test_no_step_of_an_axis_makes_napari_lose_the_last_index(step: float) -> None:
    axes = Axes().with_names(["z"])
    axes.steps.update(axes.new_steps({"Z": step}))
    rounded = axes.step("z")
    assert rounded == pytest.approx(step, rel=1e-6)
    for last in range(1, 3000):
        assert int(last * rounded / rounded) == last


def test_the_first_step_of_an_axis_serves_all_layers() -> None:
    axes = Axes().with_names(["z", "t"])
    first = axes.new_steps({"Z": 500.0, "Y": 100.0, "T": 60.0}, 0.001)
    assert first == {"z": 0.5, "t": 60.0}
    axes.steps.update(first)
    assert axes.new_steps({"Z": 2.0}) == {}
    assert (axes.step("z"), axes.step("t"), axes.step("well")) == (0.5, 60.0, 1.0)


def test_axes_of_what_is_left_have_no_values_of_what_is_gone() -> None:
    catalog: Catalog[str] = Catalog(SPLIT)
    put(catalog, image(source="a", components={"well": "B1", "z": 7}))
    put(catalog, image(source="b", components={"z": 2, "channel": "GFP"}))
    assert Axes.of(catalog.groups.values()).lengths == (1, 2)
    catalog.clear("a")
    axes = Axes.of(catalog.groups.values(), Axes(steps={"z": 0.5, "t": 60}))
    assert (axes.names, axes.lengths, axes.steps) == (("z",), (1,), {"z": 0.5})


def test_the_focus_of_a_plane_is_its_place() -> None:
    axes = Axes().with_names(["well", "z"])
    add(axes, {"well": "A1", "z": 4})
    sent = image(components={"well": "A1", "z": 4, "channel": "DAPI"})
    assert focus(axes, sent, {}) == {"well": "A1", "z": 4}


def test_the_focus_of_a_volume_is_its_middle_or_where_the_user_looks() -> None:
    axes = Axes().with_names(["well", "z"])
    for z in range(9):
        add(axes, {"well": "A1", "z": z})
    sent = image("ZYX", (9, 4, 4), components={"well": "A1", "z": tuple(range(8, -1, -1))})
    assert focus(axes, sent, {}) == {"well": "A1", "z": 4}
    assert focus(axes, sent, {"z": 7}) == {"well": "A1", "z": 7}


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ({"source": "deconvolved", "components": {"channel": "DAPI"}}, "deconvolved · DAPI"),
        ({"source": "raw", "components": {"channel": 1, "z": 3}}, "raw · channel 1"),
        ({"components": {"channel": "GFP"}}, "GFP"),
        ({"name": "mine", "source": "raw", "components": {"channel": "GFP"}}, "mine · GFP"),
        ({"source": "raw"}, "raw"),
        ({}, "image"),
        ({"kind": "labels"}, "labels"),
        ({"kind": "labels", "source": "raw"}, "raw · labels"),
    ],
)
def test_layer_titles(words: dict[str, Any], title: str) -> None:
    sent = image(**words)
    key = next(Catalog[str](SPLIT).locate(sent))[0]
    assert layer_title(sent, key, set()) == title


def test_titles_of_alike_groups_say_what_sets_them_apart() -> None:
    taken: set[str] = set()
    for dtype, shape in [("<u1", (4, 4)), ("<u2", (4, 4)), ("<u2", (8, 6)), ("<u2", (8, 6))]:
        sent = image(dtype=np.dtype(dtype).str, shape=shape, source="raw", components={"z": 1})
        taken.add(layer_title(sent, next(Catalog[str](SPLIT).locate(sent))[0], taken))
    assert taken == {"raw", "raw · uint16", "raw · uint16 · 8×6", "raw · uint16 · 8×6 · z"}
