"""Layers that get longer, or get new axes: told to napari once, cheaply, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer

from napari_plugin.annotations import carry_drawings
from napari_plugin.painting import forget_strokes
from napari_plugin.plan import Axes
from napari_plugin.planes import PlaneStack
from napari_plugin.view import view_kept
from streaming_core.protocol.components import Value

if TYPE_CHECKING:
    from napari_plugin.entry import Entry
    from napari_plugin.layers import Layers

CHEAP: Final = "_clear_extent"
"""The one private method of napari that Planecast calls."""


class Growth:
    """What has grown since napari was told of it; the same image stays in view.

    Parameters
    ----------
    layers
        They have the axes, and are told.
    """

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._before: dict[str, Value] | None = None
        self._stale = False
        self._moves: list[tuple[str, int]] = []
        self._handed: list[Entry] = []

    def remember(self) -> None:
        """Note what the sliders show before axes change under them."""
        if self._before is None:
            self._before = self._layers.sliders.place()

    def look_at(self, place: Mapping[str, Value]) -> None:
        """Show these values afterwards, instead of those that were remembered."""
        if self._before is not None:
            self._before |= place

    def on_other_axes(self, handed: Iterable[Entry] = ()) -> None:
        """Note that layers need other dimensions, steps or units; those handed on do, too."""
        self._stale = True
        self._handed += handed

    def inserted(self, name: str, at: int) -> None:
        """Note that a value has come before others of its axis."""
        self._moves.append((name, at))

    def tell(self) -> None:
        """Tell napari, if there is anything to tell."""
        if self._before is None:
            return
        before, self._before = self._before, None
        layers, live = self._layers, [*self._layers.live(), *self._handed]
        self._handed.clear()
        with layers.sliders.ours():
            if self._stale:
                self._stale = False
                for entry in live:
                    entry.stack = entry.stack.on(layers.axes)
                with view_kept(layers.viewer):
                    units = layers.space.units(layers.axes)
                    reshape([(entry.layer, entry.stack) for entry in live], units)
                    layers.sliders.reorder(layers.axes)
            elif live:
                with layers.viewer.layers.events.blocker():
                    announce_growth(layers.viewer, [entry.layer for entry in live])
                if self._moves:
                    for entry in live:
                        entry.forget_strokes()
            moves, self._moves = self._moves, []
            if moves:
                carry_drawings(layers, moves)
            layers.sliders.go(before)


def announce_growth(viewer: ViewerModel, layers: Iterable[Layer]) -> None:
    """Make napari see that the data of layers have become longer along their sliders.

    `layer.refresh` does not do this, and assigning ``layer.data`` anew reads and draws
    every layer (5 ms each instead of 1.5 ms for all). Where napari no longer has the cheap
    method, a public way does the same, slower: a new scale, and be it the old one.
    """
    for layer in layers:
        clear = getattr(layer, CHEAP, None)
        if clear is not None:
            clear()
        else:
            with layer.events.scale.blocker():
                layer.scale = layer.scale
    # What napari does itself at an event of a layer, without all the rest that cannot have changed:
    # its dimensions check themselves at each attribute that is set.
    extent = viewer.layers.extent
    viewer.dims.range = tuple(zip(*extent.world, extent.step, strict=True))


def reshape(layers: Iterable[tuple[Layer, PlaneStack]], units: tuple[str, ...]) -> None:
    """Give layers stacks over other axes: other dimensions, steps or units.

    Scale and place of the plane itself stay as they are, since the user may have changed
    them.
    """
    layers = list(layers)
    for layer, stack in layers:
        inner, shift = tuple(layer.scale[-2:]), tuple(layer.translate[-2:])
        editable, mode = layer.editable, getattr(layer, "mode", None)
        # napari hears of it when all layers have changed: in between they do not fit each
        # other, and of a hidden layer it would remember the old number of dimensions.
        with ExitStack() as silence:
            for event in ("data", "axis_labels", "scale", "translate", "units"):
                silence.enter_context(getattr(layer.events, event).blocker())
            give(layer, stack)
            layer.axis_labels = axis_labels(stack.axes)
            layer.scale = (*steps(stack.axes), *inner)
            layer.translate = (*starts(stack.axes), *shift)
            layer.units = units
        if isinstance(layer, Labels):
            layer.editable = False  # a new array makes napari forget that it was so
            if editable:
                forget_strokes(layer, mode)
    # One event is enough: the viewer then asks all layers how long they are. Of all events that
    # make it ask, this one has nobody else who listens: at "data", labels read a whole row of
    # planes, and build their colours anew.
    for layer, _ in layers[:1]:
        layer.events.axis_labels()


def give(layer: Layer, stack: PlaneStack) -> None:
    """Let a layer show a stack, with its smaller versions."""
    data = stack.layer_data
    if isinstance(data, list):
        # napari begins with the smallest version, and would keep the corners of the one before.
        last = np.array(data[-1].shape[: len(stack.axes.names) + 2]) - 1  # without samples
        layer.corner_pixels = np.array([np.zeros_like(last), last])
    layer.data = data


def axis_labels(axes: Axes) -> tuple[str, ...]:
    """Names of all dimensions of a layer, one for each: stacked ones, then y and x."""
    return (*axes.names, "y", "x")


def steps(axes: Axes) -> tuple[float, ...]:
    """Scale of the stacked dimensions: world units from one index to the next."""
    return tuple(axes.step(name) for name in axes.names)


def starts(axes: Axes) -> tuple[float, ...]:
    """Where the stacked dimensions begin, in world units."""
    return tuple(axes.start(name) for name in axes.names)


def ranges(axes: Axes) -> tuple[tuple[float, float, float], ...]:
    """Return first value, last value and step of the stacked dimensions, in world units."""
    along = zip(starts(axes), steps(axes), axes.lengths, strict=True)
    return tuple((start, start + step * (length - 1), step) for start, step, length in along)
