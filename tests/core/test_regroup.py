"""Regrouping: every plane keeps its place, whatever components split."""

from __future__ import annotations

from itertools import product

import pytest

from streaming_core.errors import InvalidComponents
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.components import Mode, Value
from streaming_core.protocol.messages import Image, Inline
from streaming_core.protocol.regroup import MOST_GROUPS, check_modes, regroup, split_after

WELLS, CHANNELS, DEPTHS = ("B2", "A1", "A2"), ("GFP", "DAPI"), (3, 1, 2)
CHANNEL = frozenset({"channel"})


def image(number: int, run: str = "r1", source: str = "raw", **components: Value) -> Image:
    return Image(
        sid="s", seq=number, run=run, shape=(8, 8), dtype="|u1", axes="YX", source=source,
        components={**components}, where=Inline(nbytes=64, parts=0),
    )  # fmt: skip


def put(catalog: Catalog[object], sent: Image, pixels: object) -> None:
    for key, inside, _ in catalog.locate(sent):
        catalog.put(sent, key, inside, pixels)


def filled(split: frozenset[str]) -> tuple[Catalog[object], dict[tuple[str, str, int], object]]:
    catalog: Catalog[object] = Catalog(split)
    sent: dict[tuple[str, str, int], object] = {}
    for number, (well, channel, z) in enumerate(product(WELLS, CHANNELS, DEPTHS), 1):
        sent[well, channel, z] = object()  # any look at it would fail
        put(catalog, image(number, well=well, channel=channel, z=z), sent[well, channel, z])
    return catalog, sent


def everything(catalog: Catalog[object]) -> dict[tuple[object, ...], object]:
    found: dict[tuple[object, ...], object] = {}
    for key, group in catalog.groups.items():
        for place, pixels in group.planes.items():
            at = dict(key.split) | dict(zip(group.names, place, strict=True))
            found[at["well"], at["channel"], at["z"]] = pixels
    return found


@pytest.mark.parametrize("split", ["", "channel", "well", "z", "well channel", "well channel z"])
def test_every_plane_keeps_its_place(split: str) -> None:
    catalog, sent = filled(CHANNEL)
    names = frozenset(split.split())
    made = regroup(catalog.groups.values(), names)
    catalog.groups, catalog.split = made.groups, names
    assert everything(catalog) == sent
    assert all({name for name, _ in key.split} == names for key in made.groups)
    again = regroup(catalog.groups.values(), CHANNEL)
    assert list(again.groups) == list(filled(CHANNEL)[0].groups)
    catalog.groups = again.groups
    assert everything(catalog) == sent


def test_groups_that_stay_are_the_same_objects() -> None:
    catalog, _ = filled(CHANNEL)
    put(catalog, image(99, source="overview", z=1), object())
    made = regroup(catalog.groups.values(), frozenset({"channel", "well"}))
    stayed = [group for key, group in catalog.groups.items() if key in made.groups]
    assert [group.key.source for group in stayed] == ["overview"]
    assert made.groups[stayed[0].key] is stayed[0]
    assert stayed[0].key not in made.parents


def test_values_are_those_that_occur_in_their_order() -> None:
    catalog, _ = filled(CHANNEL)
    put(catalog, image(99, well="C5", channel="GFP", z=7), object())
    made = regroup(catalog.groups.values(), frozenset())
    (group,) = made.groups.values()
    assert group.names == ("well", "channel", "z")
    assert {name: list(values) for name, values in group.values.items()} == {
        "well": ["A1", "A2", "B2", "C5"], "channel": ["GFP", "DAPI"], "z": [1, 2, 3, 7],
    }  # fmt: skip
    made = regroup(made.groups.values(), frozenset({"well"}))
    found = {key.split[0][1]: list(group.values["z"]) for key, group in made.groups.items()}
    assert found == {"B2": [1, 2, 3], "A1": [1, 2, 3], "A2": [1, 2, 3], "C5": [7]}


def test_runs_move_along_so_that_a_late_plane_replaces_nothing() -> None:
    catalog, _ = filled(CHANNEL)
    put(catalog, image(98, run="r2", well="A1", channel="GFP", z=1), "new")
    catalog.split = frozenset({"well"})
    catalog.groups = regroup(catalog.groups.values(), catalog.split).groups
    put(catalog, image(99, run="r1", well="A1", channel="GFP", z=1), "late")
    assert everything(catalog)["A1", "GFP", 1] == "new"


def test_a_plane_that_was_located_before_goes_where_it_belongs_now() -> None:
    catalog, _ = filled(CHANNEL)
    (key, inside, _), *_ = catalog.locate(image(99, well="A1", channel="GFP", z=9))
    catalog.split = frozenset({"well"})
    now, place = catalog.now(key, inside)
    assert (dict(now.split), place) == ({"well": "A1"}, {"channel": "GFP", "z": 9})
    assert catalog.now(now, place) == (now, place)


def test_too_many_groups_are_refused() -> None:
    catalog: Catalog[object] = Catalog(CHANNEL)
    for z in range(MOST_GROUPS + 1):
        put(catalog, image(z + 1, z=z), object())
    with pytest.raises(InvalidComponents, match="keep it on a slider"):
        regroup(catalog.groups.values(), frozenset({"z"}))


def test_modes_are_checked() -> None:
    assert check_modes({"well": "split", "z": "stack"}) == {"well": Mode.SPLIT, "z": Mode.STACK}
    modes = check_modes({"well": "split", "channel": "stack"})
    assert split_after(CHANNEL, modes) == {"well"}
    wrongs: list[object] = [
        {},
        None,
        [],
        {"well": "slider"},
        {"well": 1},
        {"Z": "stack"},
        {7: "stack"},
    ]
    for wrong in wrongs:
        with pytest.raises(InvalidComponents):
            check_modes(wrong)
    with pytest.raises(InvalidComponents, match="at most 32"):
        check_modes({f"a{number}": "stack" for number in range(33)})
