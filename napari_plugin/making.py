"""Make the layer of a group: the only place where Planecast chooses how it looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from itertools import islice
from typing import Any, Final
from weakref import WeakSet

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer, Points, Shapes, Tracks
from napari.utils.colormaps import ensure_colormap

from napari_plugin.entry import AT_FIRST, LASTING, Entry, Look
from napari_plugin.growth import axis_labels, starts, steps
from napari_plugin.ids import Ids
from napari_plugin.looks import Contrast, Palette, contrast_of, white_of
from napari_plugin.plan import Axes, layer_title
from napari_plugin.planes import Plane, PlaneStack
from napari_plugin.pyramids import Pyramids
from napari_plugin.sliders import Sliders
from napari_plugin.space import Space
from napari_plugin.view import view_kept
from streaming_core.looks import OPENING
from streaming_core.protocol.components import GroupKey
from streaming_core.protocol.group import Group

MARKS: Final = (Points, Shapes, Tracks)


class Maker:
    """Makes layers and puts them into the list.

    Parameters
    ----------
    viewer
        Also holds layers of others, which are left alone.
    sliders
        Of this viewer: a new layer moves them, which is not the user's doing.
    pyramids
        For planes that the graphics card cannot hold.
    ids
        What labels fit into.
    """

    def __init__(
        self, viewer: ViewerModel, sliders: Sliders, pyramids: Pyramids, ids: Ids
    ) -> None:  # fmt: skip
        self._viewer = viewer
        self._ids = ids
        self._pyramids = pyramids
        self._sliders = sliders
        self._palette = Palette()
        self._marks: WeakSet[Layer] = WeakSet()  # ours: those of the user have no say

    def make(
        self, group: Group[Plane], axes: Axes, space: Space, look: Look = AT_FIRST
    ) -> Entry:  # fmt: skip
        """Make a group's layer from its planes, (Y, X) or (Y, X, S), and show it."""
        image, key = group.latest, group.key
        entry, values = self._begin(group, axes, look)
        if not image.editable:  # napari paints on labels in full size only
            self._add_levels(entry)
        factor = space.factor(image.units)
        origin = next(iter(group.origins.values()), (0.0, 0.0))
        common = {
            "name": self._name(group, look),
            "metadata": dict(image.metadata),
            "axis_labels": axis_labels(axes),
            "scale": (*steps(axes), *(image.scale.get(a, 1.0) * factor for a in "YX")),
            "translate": (*starts(axes), *(at * factor for at in origin)),
            "units": space.units(axes),
            "projection_mode": "none",
            "multiscale": isinstance(entry.stack.layer_data, list),
        }
        if key.kind == "labels":
            entry.layer = LabelsLayer(entry.stack.layer_data, **common)
            entry.layer.editable = False
            if image.editable:
                entry.let_paint()
        elif key.rgb:
            entry.layer = ImageLayer(entry.stack.layer_data, rgb=True, **common)
        else:
            limits = values["contrast_limits"]
            data = entry.stack.layer_data
            entry.layer = ImageLayer(data, contrast_limits=limits, **common)
        if group.origins:
            entry.origin = tuple(entry.layer.translate[-2:])
        _put_on(entry.layer, values)
        self.insert(entry.layer)
        return entry

    def hand_on(self, layer: Layer, group: Group[Plane], axes: Axes, look: Look) -> Entry:
        """Let a layer that is there show another group alike in kind and size of planes.

        It has the new data only when its axes have been told to napari.
        """
        entry, values = self._begin(group, axes, look)
        if layer.multiscale:
            self._add_levels(entry)
        entry.layer = layer
        if group.origins:
            entry.origin = tuple(layer.translate[-2:])
        layer.name = self._name(group, look, layer)
        layer.metadata = dict(group.latest.metadata)
        _put_on(layer, values)
        if group.latest.editable:
            entry.let_paint()
        return entry

    def _add_levels(self, entry: Entry) -> None:
        for level in self._pyramids.levels(entry.group.key, entry.group.planes):
            entry.stack.add_smaller(level, level.shape)

    def _begin(self, group: Group[Plane], axes: Axes, look: Look) -> tuple[Entry, dict[str, Any]]:
        """Return an entry without a layer, and everything that its layer is to look like."""
        image, key, values = group.latest, group.key, dict(look.values)
        limits = image.contrast_limits
        some = islice(group.planes.values(), OPENING)
        if key.kind == "labels":
            stack = stack_of(group, axes, small=self._ids.dtype(key))
            return Entry(group, stack, None), values
        if key.rgb:
            # napari takes floats up to 1, and any integers as bytes.
            known = [look.white, *(white_of(plane, limits) for plane in some)]
            white = max((one for one in known if one is not None), default=None)
            return Entry(group, stack_of(group, axes, white=white), None), values
        channel = dict(key.split).get("channel")
        colour = "gray" if channel is None else self._palette.colour(channel)
        if "colormap" not in values:
            wanted = image.colormap
            values["colormap"] = wanted if wanted and knows_colormap(wanted) else colour
            values["blending"] = "translucent" if channel is None else "additive"
        blank, opening, seen = look.blank, look.opening, look.seen
        if "contrast_limits" not in values:
            contrast = reduce(Contrast.joined, (contrast_of(plane, limits) for plane in some))
            values["contrast_limits_range"] = contrast.range
            values["contrast_limits"] = contrast.limits
            # A blank place has to be black, also where zero is not.
            blank = min(0.0, contrast.limits[0])
            seen = len(group.planes)
            opening = contrast if limits is None and seen < OPENING else None
        return Entry(group, stack_of(group, axes, blank=blank), None, opening, seen), values

    def _name(self, group: Group[Plane], look: Look, but: Layer | None = None) -> str:
        taken = {layer.name for layer in self._viewer.layers if layer is not but}
        if look.name and look.name not in taken:
            return look.name
        return layer_title(group.latest, group.key, taken)

    def forget_all_but(self, keys: Iterable[GroupKey]) -> None:
        """Free the colours of channels that no group has any more."""
        self._palette.keep(value for key in keys for name, value in key.split if name == "channel")

    def insert(self, layer: Layer) -> None:
        """Add a layer: images below labels below marks on top of the list, the rest as it was."""
        layers = self._viewer.layers
        at = len(layers)
        if isinstance(layer, MARKS):
            self._marks.add(layer)
        else:
            labels = (LabelsLayer,) if isinstance(layer, ImageLayer) else ()
            while at and (layers[at - 1] in self._marks or isinstance(layers[at - 1], labels)):
                at -= 1
        with self._sliders.ours():
            if not layers:
                layers.insert(0, layer)  # napari fits its view to the first layer
            else:
                # napari selects the newcomer, and would show its controls for nothing.
                with layers.selection.events.blocker_all(), view_kept(self._viewer):
                    layers.insert(at, layer)


def stack_of(
    group: Group[Plane], axes: Axes, *, blank: float = 0.0, white: float | None = None,
    small: np.dtype[Any] | None = None,
) -> PlaneStack:  # fmt: skip
    """Return what napari reads a group's planes through."""
    key = group.key
    return PlaneStack(
        axes, group.names, group.planes, key.plane, key.dtype, blank, white,
        labels=key.kind == "labels", small=small,
    )  # fmt: skip


def _put_on(layer: Layer, values: Mapping[str, Any]) -> None:
    """Set the attributes that differ: each one set makes napari draw the layer anew."""
    for name in LASTING:
        if name in values:
            new, now = values[name], getattr(layer, name)
            if new is not now and getattr(new, "name", new) != getattr(now, "name", now):
                setattr(layer, name, new)


def knows_colormap(name: str) -> bool:
    """Whether napari has a colormap of this name."""
    try:
        ensure_colormap(name)
    except (KeyError, ValueError, TypeError):
        return False
    return True
