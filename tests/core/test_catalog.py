from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming_core.errors import RequestFailed
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.forgetting import forget_old_runs, release
from streaming_core.stream.image import make_image

Kept = NDArray[Any]


def put(catalog: Catalog[Kept], array: Kept, run: str = "one", **words: Any) -> None:
    image = make_image(array, run=run, **words)
    for key, inside, index in catalog.locate(image):
        catalog.put(image, key, inside, array[index])


def read(catalog: Catalog[Kept], **arguments: Any) -> Kept:
    return catalog.read(arguments, lambda kept: kept)[1]


@pytest.fixture
def catalog() -> Catalog[Kept]:
    return Catalog(frozenset({"channel"}))


def test_planes_come_back_in_order_and_holes_are_zeros(catalog: Catalog[Kept]) -> None:
    for z in (10, 2, 5):
        put(catalog, np.full((4, 4), z, np.uint16), components={"z": z, "well": "A1"})
    put(catalog, np.full((4, 4), 99, np.uint16), components={"z": 2, "well": "A2"})
    found = read(catalog)
    assert found.shape == (2, 3, 4, 4)
    assert found[:, :, 0, 0].tolist() == [[2, 5, 10], [99, 0, 0]]
    assert read(catalog, components={"well": "A2", "z": 2})[0, 0] == 99
    with pytest.raises(RequestFailed, match="no plane at well A2 · z 5"):
        read(catalog, missing="raise")


def test_state_says_what_is_missing(catalog: Catalog[Kept]) -> None:
    put(catalog, np.zeros((2, 4, 4), np.uint8), axes="ZYX", components={"t": 0})
    put(catalog, np.zeros((4, 4), np.uint8), components={"t": 1, "z": 0})
    (group,) = catalog.state()
    assert group["axes"] == ["t", "z", "Y", "X"]
    assert group["missing"] == [{"t": 1, "z": 1}]
    assert (group["planes"], group["bytes"], group["dtype"]) == (3, 48, "uint8")


def test_a_plane_sent_again_replaces_the_old_one(catalog: Catalog[Kept]) -> None:
    put(catalog, np.zeros((4, 4), np.uint8), components={"t": 0})
    put(catalog, np.ones((4, 4), np.uint8), run="two", components={"t": 0.0})
    put(catalog, np.ones((4, 4), np.uint8), run="one", components={"t": 1})
    assert read(catalog).sum() == 32
    assert catalog.state()[0]["old"] == 1


def test_a_late_image_of_an_older_run_replaces_nothing_of_a_newer_one(
    catalog: Catalog[Kept],
) -> None:
    image = make_image(np.zeros((4, 4), np.uint8), run="first", components={"t": 0})
    put(catalog, np.full((4, 4), 1, np.uint8), run="first", components={"t": 0})
    put(catalog, np.full((4, 4), 2, np.uint8), run="second", components={"t": 0}, units="um")
    ((key, inside, _),) = catalog.locate(image)
    late = catalog.put(image, key, inside, np.full((4, 4), 3, np.uint8))
    assert (late.outdated, late.replaced) == (True, None)
    put(catalog, np.full((4, 4), 4, np.uint8), run="first", components={"t": 1})
    assert read(catalog)[:, 0, 0].tolist() == [2, 4]  # an empty place takes it
    (group,) = catalog.state()
    assert (group["run"], group["old"], group["planes"]) == ("second", 1, 2)
    assert next(iter(catalog.groups.values())).latest.units == "um"
    put(catalog, np.full((4, 4), 5, np.uint8), run="second", components={"t": 1})
    assert catalog.state()[0]["old"] == 0


def test_the_order_of_runs_is_that_of_the_viewer_whatever_the_source(
    catalog: Catalog[Kept],
) -> None:
    for run in ("first", "second"):
        put(catalog, np.zeros((4, 4), np.uint8), run=run, source="raw")
    catalog.clear()
    put(catalog, np.full((4, 4), 2, np.uint8), run="second", source="check")
    put(catalog, np.full((4, 4), 1, np.uint8), run="first", source="check")
    assert read(catalog, source="check")[0, 0] == 2


def test_jobs_that_share_a_run_replace_each_others_images(catalog: Catalog[Kept]) -> None:
    for value in (1, 2, 3):
        put(catalog, np.full((4, 4), value, np.uint8), run="array", components={"t": 0})
    assert read(catalog)[0, 0, 0] == 3
    assert catalog.state()[0]["old"] == 0


def test_another_dtype_or_size_never_mixes(catalog: Catalog[Kept]) -> None:
    put(catalog, np.full((4, 4), 200, np.uint8), components={"t": 0})
    put(catalog, np.full((4, 4), 60000, np.uint16), components={"t": 1})
    put(catalog, np.full((4, 5), 0.5, np.float32), components={"t": 2})
    assert [group["planes"] for group in catalog.state()] == [1, 1, 1]
    assert read(catalog, components={"t": 1}).max() == 60000
    with pytest.raises(RequestFailed, match="3 groups"):
        read(catalog)


def test_what_is_not_there_is_said(catalog: Catalog[Kept]) -> None:
    with pytest.raises(RequestFailed, match="nothing is here"):
        read(catalog)
    put(catalog, np.zeros((4, 4), np.uint8), source="raw", components={"channel": "DAPI"})
    with pytest.raises(RequestFailed, match="image: no channel 'GFP'; there is: 'DAPI'"):
        read(catalog, components={"channel": "GFP"})
    assert read(catalog, components={"channel": "DAPI"}).shape == (4, 4)


def test_clear_takes_one_source_or_all(catalog: Catalog[Kept]) -> None:
    for source in ("a", "b", "c"):
        put(catalog, np.zeros((4, 4), np.uint8), source=source)
    assert len(catalog.clear("b")) == 1
    assert [group["source"] for group in catalog.state()] == ["a", "c"]
    assert len(catalog.clear()) == 2


def test_state_and_read_stay_quick_where_few_images_span_a_huge_grid(
    catalog: Catalog[Kept],
) -> None:
    for n in range(300):
        put(catalog, np.full((4, 4), n % 250, np.uint8), components=dict.fromkeys("abdef", n))
    (group,) = catalog.state()
    assert (group["planes"], group["holes"]) == (300, 300**5 - 300)
    assert len(group["missing"]) == 1000
    assert {"a": 0, "b": 0, "d": 0, "e": 0, "f": 1} in group["missing"]
    with pytest.raises(RequestFailed, match="300 planes in a grid of 38880000000000 bytes"):
        read(catalog)
    with pytest.raises(RequestFailed, match="no plane at a 0 · b 0 · d 0 · e 0 · f 1"):
        read(catalog, missing="raise")
    assert read(catalog, components={"a": 7, "b": 7, "d": 7}).sum() == 7 * 16


@pytest.mark.parametrize(
    "arguments",
    [
        {"components": [1]}, {"components": "a"}, {"kind": ["image"]}, {"kind": {}},
        {"components": {"t": [0]}}, {"components": {"t": None}}, {"source": {"a": 1}},
        {"missing": []}, {"components": {"": 0}}, {"kind": 7}, {"source": 3},
    ],
)  # fmt: skip
def test_a_read_of_nonsense_is_refused_with_words(
    catalog: Catalog[Kept], arguments: dict[str, Any]
) -> None:
    put(catalog, np.zeros((4, 4), np.uint8), components={"t": 0})
    with pytest.raises(RequestFailed):
        read(catalog, **arguments)


def test_what_only_older_runs_have_shown_can_be_forgotten(catalog: Catalog[Kept]) -> None:
    for t in range(3):
        put(catalog, np.full((4, 4), t, np.uint8), source="a", components={"t": t})
    put(catalog, np.zeros((4, 4), np.uint16), source="a", components={"t": 0})
    put(catalog, np.zeros((4, 4), np.uint8), source="b", components={"t": 9})
    put(catalog, np.full((4, 4), 7, np.uint8), "two", source="a", components={"t": 2})
    changed = forget_old_runs(catalog)
    assert [len(group.planes) for group in changed] == [1, 0]
    assert [state["components"] for state in catalog.state()] == [{"t": [2]}, {"t": [9]}]
    assert read(catalog, source="a").tolist() == np.full((1, 4, 4), 7).tolist()
    assert forget_old_runs(catalog) == []


def test_the_planes_of_a_group_can_be_released(catalog: Catalog[Kept]) -> None:
    for t in range(3):
        put(catalog, np.full((4, 4), t, np.uint8), components={"t": t})
    (key,) = catalog.groups
    assert release(catalog, key) == [(0,), (1,), (2,)]
    (state,) = catalog.state()
    assert (state["planes"], state["released"], state["shape"]) == (0, 3, [3, 4, 4])
    put(catalog, np.full((4, 4), 5, np.uint8), components={"t": 1})
    assert read(catalog)[:, 0, 0].tolist() == [0, 5, 0]
