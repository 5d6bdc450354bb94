"""Where am I: the text on the canvas that names the place in view, and the scale bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

from napari.components import ViewerModel

from napari_plugin.entry import Entry
from napari_plugin.sliders import Sliders
from napari_plugin.space import PIXEL
from streaming_core.protocol.components import (
    Components,
    GroupKey,
    Place,
    Value,
    describe,
    stack_order,
)
from streaming_core.protocol.messages import Image

CORNER: Final = "top_left"
"""Of the text; the scale bar stands where napari puts overlays, at the bottom right."""


LONGEST: Final = 40
"""Characters of a value that the text shows; the end of a long line would be out of sight."""

READABLE: Final = 0.2
"""Seconds that a text stays while sliders follow a stream: to draw another one takes 2 ms with an
OpenGL of software, where the image itself takes 1 ms. Nobody reads faster."""


class Position:
    """Says on the canvas what is in view: "well B03 · channel DAPI · t 4".

    The overlay belongs to the user. Planecast switches it on once, if nobody had written
    anything there, and never again after they have switched it off. A text that they put there
    stays. The scale bar is switched on once too, by the first image that has a size and a unit,
    and goes when the last image has gone.

    Parameters
    ----------
    viewer
        Whose text overlay and scale bar these are.
    sliders, entries
        They say what is in view.
    """

    def __init__(
        self, viewer: ViewerModel, sliders: Sliders, entries: Mapping[GroupKey, Entry]
    ) -> None:  # fmt: skip
        self._viewer = viewer
        self._sliders = sliders
        self._entries = entries
        self._text = viewer.canvas.overlays.text
        self._wrote = ""
        self._offered = False
        self._measured = self._our_bar = False
        self._unhurried = False
        self._wrote_at = 0.0
        dims, layers = viewer.dims.events, viewer.layers.events
        self._events = [
            dims.point, dims.ndisplay, dims.order, layers.inserted, layers.removed,
            self._text.events.visible,
        ]  # fmt: skip
        for event in self._events:
            event.connect(self.update)
        layers.inserted.connect(self._on_inserted)
        for layer in viewer.layers:
            layer.events.visible.connect(self.update)

    def update(self, event: Any = None) -> None:
        """Write what is in view, where it may be written and somebody sees it."""
        if self._text.text != self._wrote:
            return  # the user's own words
        if self._unhurried and monotonic() - self._wrote_at < READABLE:
            return
        seen = [e for e in self._entries.values() if e.layer is not None and e.layer.visible]
        cut = self._sliders.cut() if seen else {}
        words = in_words(in_view(cut, (entry.group.key.split for entry in seen)))
        if words and not self._offered:
            self._offered = True
            if not self._text.visible:
                self._text.position = CORNER
                self._text.visible = True
        if words != self._wrote and (self._text.visible or not words):
            self._wrote = self._text.text = words
            self._wrote_at = monotonic()

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """Inside, the text may stay as it is for a moment; `update` it when the stream rests."""
        self._unhurried = True
        try:
            yield
        finally:
            self._unhurried = False

    def note_scale(self, image: Image) -> None:
        """Switch the scale bar on for the first image whose pixels have a size in a unit."""
        if not self._measured and image.units not in PIXEL and "X" in image.scale:
            bar = self._viewer.canvas.overlays.scale_bar
            self._measured, self._our_bar = True, not bar.visible
            bar.visible = True

    def begin_anew(self) -> None:
        """All images have gone: let the sliders follow those to come, and take our scale bar away.

        One that its user has switched off stays off; else the next image with a size brings it.
        """
        self._sliders.follow = True
        bar = self._viewer.canvas.overlays.scale_bar
        if self._our_bar and bar.visible:
            self._measured = self._our_bar = bar.visible = False

    def close(self) -> None:
        """Write nothing more, and take away what was written."""
        for event in self._events:
            event.disconnect(self.update)
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        for layer in self._viewer.layers:
            layer.events.visible.disconnect(self.update)
        if self._wrote and self._text.text == self._wrote:
            self._text.visible = False
            self._text.text = ""

    def _on_inserted(self, event: Any) -> None:
        event.value.events.visible.connect(self.update)


def in_words(shown: Components) -> str:
    """Say a place in the order of sliders, channel, t and z last."""
    return describe({name: _short(shown[name]) for name in stack_order(list(shown))})


def _short(value: Any) -> Any:
    """Return a value, or each of several, without the middle of a long text."""
    if isinstance(value, tuple | list):
        return tuple(_short(one) for one in value)
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[: LONGEST // 2]}…{value[1 - LONGEST // 2 :]}"
    return value


def in_view(cut: Mapping[str, Value], splits: Iterable[Place]) -> Components:
    """Return what is in view: where the sliders stand, and what the visible layers are of.

    Parameters
    ----------
    cut
        The values of the sliders that are not drawn.
    splits
        For each visible layer its split components.
    """
    apart: dict[str, dict[Value, None]] = {}
    for name, value in (pair for split in splits for pair in split):
        apart.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in apart.items()} | dict(cut)
