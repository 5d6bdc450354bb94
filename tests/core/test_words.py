from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming_core.errors import RequestFailed
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.words import Amount, Wanted, limits_of
from streaming_core.stream.image import make_image


@pytest.fixture
def catalog() -> Catalog[NDArray[Any]]:
    """Hold two wells of "raw", in two channels that are groups, and labels of "cells"."""
    held: Catalog[NDArray[Any]] = Catalog(frozenset({"channel"}))
    for well in ("A1", "B1"):
        for channel in ("DAPI", "GFP"):
            put(held, source="raw", components={"well": well, "channel": channel})
    put(held, source="cells", kind="labels", components={"well": "A1", "object": 3})
    return held


def put(catalog: Catalog[NDArray[Any]], **words: Any) -> None:
    array = np.zeros((4, 4), np.uint8)
    image = make_image(array, run="one", **words)
    for key, inside, _ in catalog.locate(image):
        catalog.put(image, key, inside, array)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"source": "rw"}, "no source 'rw'; there is: 'raw', 'cells'"),
        ({"kind": "points"}, "no kind 'points'; there is: 'image', 'labels'"),
        ({"source": "cells", "kind": "image"}, "cells: no kind 'image'; there is: 'labels'"),
        ({"components": {"wells": "A1"}},
         "no component 'wells'; there is: 'channel', 'well', 'object'"),
        ({"source": "raw", "components": {"object": 3}},
         "raw: no component 'object'; there is: 'channel', 'well'"),
        ({"components": {"channel": "Cy5"}}, "no channel 'Cy5'; there is: 'DAPI', 'GFP'"),
        ({"components": {"object": "3"}}, "no object '3'; there is: 3"),
        ({"components": {"well": "B1", "object": 3}},
         "well B1: no component 'object'; there is: 'channel', 'well'"),
        ({"components": {"channel": "GFP"}}, ""),
    ],
)  # fmt: skip
def test_the_first_word_that_fits_nothing_is_named(
    catalog: Catalog[NDArray[Any]], words: dict[str, Any], why: str
) -> None:
    wanted = Wanted.of(words)
    assert wanted.why_none(catalog.groups.values()) == why
    assert bool(wanted.among(catalog.groups.values())) == (not why)


def test_nothing_is_here_says_so_and_much_is_cut_short(catalog: Catalog[NDArray[Any]]) -> None:
    assert Wanted().why_none([]) == "nothing is here"
    for t in range(100):
        put(catalog, source="long", components={"t": t})
    why = Wanted.of({"components": {"t": 777}}).why_none(catalog.groups.values())
    assert why == f"no t 777; there is: {', '.join(map(str, range(20)))}, …"


@pytest.mark.parametrize(
    "words", [{"source": 7}, {"kind": []}, {"components": [1]}, {"components": {"t": None}}]
)
def test_nonsense_is_refused_with_words(words: dict[str, Any]) -> None:
    with pytest.raises(RequestFailed, match=r"source=|kind=|components=|component 't'"):
        Wanted.of(words)


@pytest.mark.parametrize("limits", [[5, 5], [9, 3], [0], "auto", None, [0, float("nan")], ["a", 1]])
def test_what_is_no_contrast_is_refused_with_words(limits: Any) -> None:
    with pytest.raises(RequestFailed, match=r"give \(lowest, highest\), or 'once'"):
        limits_of({"limits": limits})


def test_progress_says_how_much_of_how_much() -> None:
    assert str(Amount.of({"name": "segment", "done": 3, "total": 96})) == "segment: 3 of 96"
    assert str(Amount.of({"name": "segment", "done": 3})) == "segment: 3"
    assert Amount.of({"name": "segment", "done": 96, "total": 96}).finished
    for words in (
        {"name": ""},
        {"name": "a"},
        {"name": "a", "done": -1},
        {"name": "a", "done": ""},
    ):
        with pytest.raises(RequestFailed):
            Amount.of(words)
