"""Make the layer of a group: the only place where Planecast chooses how it looks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakSet

from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer, Points, Shapes, Tracks
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray

from napari_plugin.growth import axis_labels, steps
from napari_plugin.looks import Contrast, Palette, contrast_of, white_of
from napari_plugin.painting import Painting, forget_strokes
from napari_plugin.plan import Axes, layer_title
from napari_plugin.planes import PlaneStack
from napari_plugin.sliders import Sliders
from napari_plugin.space import Space
from streaming_core.protocol.catalog import Group
from streaming_core.protocol.components import GroupKey
from streaming_core.protocol.messages import Image

log = logging.getLogger("planecast.napari.making")

MARKS: Final = (Points, Shapes, Tracks)

Plane = NDArray[Any]


@dataclass(slots=True, eq=False)
class Entry:
    """A group and its layer.

    Attributes
    ----------
    layer
        None from when the user deleted it: it then stays deleted.
    opening
        The contrast so far, while it is still being found.
    """

    group: Group[Plane]
    stack: PlaneStack
    layer: Layer | None
    opening: Contrast | None = None
    seen: int = 1
    thumbnail_at: float = 0.0
    thumbnail_due: bool = False

    def let_paint(self) -> None:
        """Allow a person to paint on it; for labels."""
        self.stack.painting = Painting(self.group)
        if self.layer is not None:
            self.layer.editable = True

    def forget_strokes(self) -> None:
        """Make napari forget what it could undo, if it is painted at all."""
        if isinstance(self.layer, LabelsLayer) and self.layer.editable:
            forget_strokes(self.layer)


class Maker:
    """Makes layers and puts them into the list.

    Parameters
    ----------
    viewer
        Also holds layers of others, which are left alone.
    sliders
        Of this viewer: a new layer moves them, which is not the user's doing.
    """

    def __init__(self, viewer: ViewerModel, sliders: Sliders) -> None:
        self._viewer = viewer
        self._sliders = sliders
        self._palette = Palette()
        self._marks: WeakSet[Layer] = WeakSet()  # ours: those of the user have no say

    def make(self, group: Group[Plane], plane: Plane, axes: Axes, space: Space) -> Entry:
        """Make a group's layer from its first plane, (Y, X) or (Y, X, S), and show it."""
        image, key = group.latest, group.key
        taken = {layer.name for layer in self._viewer.layers}
        factor = space.factor(image.units)
        common = {
            "name": layer_title(image, key, taken),
            "metadata": dict(image.metadata),
            "axis_labels": axis_labels(axes),
            "scale": (*steps(axes), *(image.scale.get(a, 1.0) * factor for a in "YX")),
            "units": space.units(axes),
            "projection_mode": "none",
        }
        if key.kind == "labels":
            entry = Entry(group, _stack(group, axes), None)
            entry.layer = LabelsLayer(entry.stack, **common)
            entry.layer.editable = False
            if image.editable:
                entry.let_paint()
        elif key.rgb:
            # napari takes floats up to 1, and any integers as bytes.
            white = white_of(plane, image.contrast_limits)
            entry = Entry(group, _stack(group, axes, white=white), None)
            entry.layer = ImageLayer(entry.stack, rgb=True, **common)
        else:
            contrast = contrast_of(plane, image.contrast_limits)
            # A blank place has to be black, also where zero is not.
            entry = Entry(group, _stack(group, axes, blank=min(0.0, contrast.limits[0])), None)
            entry.layer = self._image_layer(entry.stack, image, key, contrast, common)
            entry.opening = contrast if image.contrast_limits is None else None
        self.insert(entry.layer)
        return entry

    def forget_all_but(self, keys: Iterable[GroupKey]) -> None:
        """Free the colours of channels that no group has any more."""
        self._palette.keep(value for key in keys for name, value in key.split if name == "channel")

    def _image_layer(
        self, stack: PlaneStack, image: Image, key: GroupKey, contrast: Contrast,
        common: dict[str, Any],
    ) -> ImageLayer:  # fmt: skip
        channel = dict(key.split).get("channel")
        colour = "gray" if channel is None else self._palette.colour(channel)
        layer = ImageLayer(
            stack,
            contrast_limits=contrast.limits,
            colormap=_colormap(image.colormap, colour),
            blending="translucent" if channel is None else "additive",
            **common,
        )
        layer.contrast_limits_range = contrast.range
        return layer

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


@contextmanager
def view_kept(viewer: ViewerModel) -> Iterator[None]:
    """Inside, napari may fit the view or select the newcomer; afterwards it was not."""
    camera, selection = viewer.scene.camera, viewer.layers.selection
    center, zoom = camera.center, camera.zoom
    selected, active = set(selection), selection.active
    try:
        yield
    finally:
        if (camera.center, camera.zoom) != (center, zoom):
            camera.center, camera.zoom = center, zoom
        if set(selection) != selected:
            if active is not None:
                selection.active = active
            selection.clear()
            selection.update(selected)


def _stack(
    group: Group[Plane], axes: Axes, *, blank: float = 0.0, white: float | None = None
) -> PlaneStack:
    key = group.key
    return PlaneStack(axes, group.names, group.planes, key.plane, key.dtype, blank, white)


def _colormap(wanted: str, otherwise: str) -> Any:
    """Return the producer's colormap, or ours where napari does not know it."""
    if not wanted:
        return otherwise
    try:
        return ensure_colormap(wanted)
    except (KeyError, ValueError, TypeError):
        log.warning("napari has no colormap %r; using %r", wanted, otherwise)
        return otherwise
