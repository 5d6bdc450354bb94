"""Which layers are seen, and their contrast: asked for by a program, and left to the user."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from streaming_core.errors import RequestFailed
from tests.napari.feed import Stream

CHANNELS = ("DAPI", "GFP")


def send(stream: Stream, bright: int = 200, wells: str = "AB", **words: Any) -> None:
    for well in wells:
        for channel in CHANNELS:
            plane = np.arange(1600, dtype=np.uint16).reshape(40, 40) % bright
            stream.show(plane, components={"well": well, "channel": channel}, source="raw", **words)
    stream.settle()


def seen(stream: Stream) -> set[str]:
    return {str(layer.name) for layer in stream.viewer.layers if layer.visible}


def contrast(stream: Stream, name: str) -> tuple[float, ...]:
    layer = stream.viewer.layers[name]
    assert isinstance(layer, Image)
    return tuple(layer.contrast_limits)


def test_groups_are_isolated_and_come_back(stream: Stream) -> None:
    send(stream)
    stream.show(np.ones((40, 40), np.uint8), kind="labels", components={"well": "A"})
    stream.settle()
    stream.viewer.add_points(np.zeros((1, 2)), name="mine")
    everything = seen(stream)
    stream.ask("isolate", components={"channel": "GFP"})
    assert seen(stream) == {"raw · GFP", "mine"}
    answer, _ = stream.ask("isolate", kind="labels")
    assert seen(stream) == {"labels", "mine"}
    assert answer == {"layers": ["labels"]}
    stream.ask("isolate", source="raw", components={"well": "A"})
    assert seen(stream) == {"raw · DAPI", "raw · GFP", "mine"}
    assert stream.ask("state")[0]["shown"] == {"well": "A"}
    stream.ask("isolate")
    assert seen(stream) == everything
    for words, error in (
        ({"source": "none"}, "no source 'none'; there is: 'raw'"),
        ({"source": "raw", "components": {"channel": "Cy5"}}, "raw: no channel 'Cy5'; there is:"),
        ({"components": {"site": 1}}, "no component 'site'; there is: 'channel', 'well'"),
        ({"kind": "points"}, "no kind 'points'; there is: 'image', 'labels'"),
    ):
        with pytest.raises(RequestFailed, match=error):
            stream.ask("isolate", **words)
    assert seen(stream) == everything


def test_contrast_is_set_for_one_channel_or_all(stream: Stream) -> None:
    send(stream)
    other = contrast(stream, "raw · GFP")
    answer, _ = stream.ask("contrast", limits=[5, 70000], components={"channel": "DAPI"})
    assert answer == {"layers": {"raw · DAPI": [5, 70000]}}
    assert contrast(stream, "raw · DAPI") == (5, 70000)
    assert contrast(stream, "raw · GFP") == other
    stream.ask("contrast", limits=[0, 100])
    assert contrast(stream, "raw · GFP") == contrast(stream, "raw · DAPI") == (0, 100)
    send(stream, 60000, "CD")
    assert contrast(stream, "raw · GFP") == (0, 100)
    for wrong in ([5, 5], [9, 3], [0], "auto", None, [0, float("nan")]):
        with pytest.raises(RequestFailed, match="lowest, highest"):
            stream.ask("contrast", limits=wrong)
    with pytest.raises(RequestFailed, match="no source 'none'; there is: "):
        stream.ask("contrast", limits=[0, 1], source="none")
    stream.show(np.zeros((8, 8, 3), np.uint8), "YXS", source="photo")
    stream.settle()
    with pytest.raises(RequestFailed, match="in colour"):
        stream.ask("contrast", limits=[0, 1], source="photo")


def test_contrast_once_comes_from_what_is_in_view(stream: Stream) -> None:
    send(stream)
    send(stream, 1000, "C")
    stream.ask("navigate", components={"well": "C"})
    stream.ask("contrast", limits="once", components={"channel": "GFP"})
    assert contrast(stream, "raw · GFP") == (0, 999)
    stream.ask("navigate", components={"well": "A"})
    assert contrast(stream, "raw · GFP") == (0, 999)


def test_auto_is_the_users_off_once_or_continuous(stream: Stream) -> None:
    """As by napari's own buttons: nothing that arrives changes which of them is on."""
    send(stream)
    first, second = stream.viewer.layers["raw · DAPI"], stream.viewer.layers["raw · GFP"]
    assert isinstance(first, Image)
    assert isinstance(second, Image)
    assert not first.auto_contrast
    first.auto_contrast = True
    second.reset_contrast_limits()
    once = contrast(stream, "raw · GFP")
    send(stream, 1500, "CDEFGHIJ")  # while its contrast would still be looked for
    stream.show(np.zeros((40, 40), np.uint16), components={"t": 3, "channel": "new"})
    stream.settle()
    assert first.auto_contrast
    assert not second.auto_contrast
    assert contrast(stream, "raw · GFP") == once
    stream.ask("navigate", components={"well": "J"})
    assert contrast(stream, "raw · DAPI")[1] > 1400
    stream.ask("navigate", components={"well": "A"})
    assert contrast(stream, "raw · DAPI") == (0, 199)
    first.auto_contrast = False
    stream.ask("navigate", components={"well": "J"})
    send(stream, 50, "J")
    assert contrast(stream, "raw · DAPI") == (0, 199)


def test_continuous_contrast_follows_until_it_is_ended(stream: Stream) -> None:
    send(stream)
    stream.ask("contrast", limits="continuous")
    send(stream, 1500, "C")
    assert contrast(stream, "raw · DAPI")[1] > 1400
    stream.ask("contrast", limits="off")
    now = contrast(stream, "raw · DAPI")
    send(stream, 5, "D")
    assert contrast(stream, "raw · DAPI") == now
