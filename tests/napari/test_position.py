"""Where am I: the text on the canvas, and the scale bar. Both are the user's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.napari.feed import Stream

FULL: dict[str, Any] = {"contrast_limits": (0, 255)}


@pytest.fixture(autouse=True)
def overlays(stream: Stream) -> Iterator[None]:
    """Leave the overlays of the window as they were."""
    both = stream.viewer.canvas.overlays.text, stream.viewer.canvas.overlays.scale_bar
    before = [(one.visible, one.position) for one in both]
    yield
    for one, (visible, position) in zip(both, before, strict=True):
        one.visible, one.position = visible, position
    both[0].text = ""


def send(stream: Stream, channel: str = "DAPI", **words: Any) -> None:
    for well in ("B02", "B03"):
        for t in (0, 4):
            stream.show(
                np.zeros((40, 40), np.uint8),
                components={"channel": channel, "well": well, "t": t}, **FULL, **words,
            )  # fmt: skip
    stream.settle()


def text(stream: Stream) -> str:
    stream.ask("state")
    overlay = stream.viewer.canvas.overlays.text
    return str(overlay.text) if overlay.visible else ""


def test_the_canvas_says_what_is_in_view(stream: Stream) -> None:
    dark = np.zeros((400, 400), np.uint8)
    assert text(stream) == ""
    send(stream)
    assert text(stream) == "well B03 · channel DAPI · t 4"
    stream.ask("navigate", components={"well": "B02", "t": 0})
    assert text(stream) == "well B02 · channel DAPI · t 0"
    stream.viewer.dims.set_current_step(1, 1)
    assert text(stream) == "well B02 · channel DAPI · t 4"
    top = stream.canvas()[:30, :200, :3]
    assert (top > 150).any(), "no text on the screen"
    stream.show(dark, source="other", components={"z": 2}, **FULL)
    stream.settle()
    assert text(stream) == "well B02 · channel DAPI · t 4 · z 2"


def test_it_names_the_channels_that_can_be_seen(stream: Stream) -> None:
    send(stream)
    send(stream, "GFP")
    assert text(stream) == "well B03 · channel DAPI, GFP · t 4"
    stream.viewer.layers["DAPI"].visible = False
    assert text(stream) == "well B03 · channel GFP · t 4"
    stream.ask("arrange", modes={"channel": "stack"})
    assert text(stream) == "well B03 · channel GFP · t 4"
    stream.viewer.layers[0].visible = False
    assert text(stream) == ""
    stream.viewer.layers[0].visible = True
    stream.ask("clear")
    assert text(stream) == ""


def test_a_long_name_leaves_room_for_what_follows(stream: Stream) -> None:
    send(stream, "488 nm, GFP, 20 % of the laser, 100 ms, first of two rounds")
    assert text(stream) == "well B03 · channel 488 nm, GFP, 20 % of…first of two rounds · t 4"


def test_axes_that_are_drawn_have_no_position(stream: Stream) -> None:
    stream.show(np.zeros((5, 40, 40), np.uint8), "ZYX", {"well": "B02"}, **FULL)
    stream.settle()
    assert text(stream) == "well B02 · z 2"
    stream.viewer.dims.ndisplay = 3
    assert text(stream) == "well B02"


def test_switched_off_it_stays_off_and_on_it_is_right(stream: Stream) -> None:
    send(stream)
    overlay = stream.viewer.canvas.overlays.text
    overlay.visible = False
    send(stream, "GFP")
    stream.ask("navigate", components={"well": "B02", "t": 0})
    stream.ask("clear")
    send(stream)
    assert not overlay.visible
    overlay.visible = True
    assert text(stream) == "well B03 · channel DAPI · t 4"


def test_a_text_of_the_users_own_stays(stream: Stream) -> None:
    overlay = stream.viewer.canvas.overlays.text
    overlay.text, overlay.visible, overlay.position = "plate 7", True, "bottom_left"
    send(stream)
    stream.ask("navigate", components={"well": "B02"})
    assert (text(stream), overlay.position) == ("plate 7", "bottom_left")


def test_closing_takes_the_text_away(stream: Stream) -> None:
    send(stream)
    stream.adapter.close()
    overlay = stream.viewer.canvas.overlays.text
    assert (overlay.text, overlay.visible) == ("", False)
    assert len(stream.viewer.layers) == 1


def test_a_scale_bar_comes_with_the_first_size_in_a_unit(stream: Stream) -> None:
    bar = stream.viewer.canvas.overlays.scale_bar
    send(stream)
    send(stream, source="sized", scale={"Y": 2.0, "X": 2.0})
    assert not bar.visible
    send(stream, source="measured", scale={"Y": 0.5, "X": 0.5}, units="um")
    assert bar.visible
    bar.visible = False
    send(stream, source="again", scale={"Y": 0.5, "X": 0.5}, units="um")
    assert not bar.visible


def test_the_text_is_right_when_a_stream_rests(stream: Stream) -> None:
    overlay = stream.viewer.canvas.overlays.text
    for t in range(6):
        stream.show(np.zeros((40, 40), np.uint8), components={"t": t}, **FULL)
        stream.settle()
    stream.until(lambda: bool(overlay.text == "t 5"))


def test_a_scale_bar_goes_with_the_last_image(stream: Stream) -> None:
    bar = stream.viewer.canvas.overlays.scale_bar
    measured: dict[str, Any] = {"scale": {"Y": 0.5, "X": 0.5}, "units": "um"}
    send(stream, source="measured", **measured)
    send(stream, source="pixels")
    stream.ask("clear", source="measured")
    assert bar.visible
    stream.ask("clear")
    send(stream, source="pixels")
    assert not bar.visible, "a scale of pixels, which nobody asked for"
    send(stream, source="measured", **measured)
    assert bar.visible


def test_a_scale_bar_that_a_person_wants_stays(stream: Stream) -> None:
    bar = stream.viewer.canvas.overlays.scale_bar
    bar.visible = True
    send(stream, source="measured", scale={"Y": 0.5, "X": 0.5}, units="um")
    stream.ask("clear")
    assert bar.visible
