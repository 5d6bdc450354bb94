"""Make the layer of a group: the only place where Planecast chooses how it looks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import islice
from time import monotonic
from typing import Any, Final
from weakref import WeakSet

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer, Points, Shapes, Tracks
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray

from napari_plugin.growth import axis_labels, give, starts, steps
from napari_plugin.ids import Ids
from napari_plugin.looks import Contrast, Palette, contrast_of, is_flat, white_of
from napari_plugin.painting import Painting, forget_strokes
from napari_plugin.plan import Axes, layer_title
from napari_plugin.planes import PlaneStack
from napari_plugin.pyramids import Pyramids
from napari_plugin.sliders import Sliders
from napari_plugin.space import Space
from streaming_core.looks import OPENING
from streaming_core.protocol.components import GroupKey, Value
from streaming_core.protocol.group import Group

log = logging.getLogger("planecast.napari.making")

THUMBNAIL_EVERY: Final = 0.5
"""Seconds between two thumbnails of a layer whose shown plane keeps changing."""

MARKS: Final = (Points, Shapes, Tracks)

Plane = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Look:
    """How a layer looks, for one that takes its place.

    Attributes
    ----------
    name
        Empty where it is to be found anew.
    rank
        Where it stood in the list of layers.
    values
        Attributes of the layer, by name; what is missing is found from the data.
    blank, white
        As `PlaneStack` has them.
    opening, seen
        As `Entry` has them.
    """

    name: str = ""
    rank: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    blank: float = 0.0
    white: float | None = None
    opening: Contrast | None = None
    seen: int = 1

    def seen_again(self) -> Look:
        """Return the look of a layer that its user asked back, hidden or not."""
        return replace(self, values={**self.values, "visible": True})


AT_FIRST: Final = Look()
"""Of a layer about which nothing is known but its data."""

LASTING: Final = (
    "visible", "opacity", "blending", "gamma", "colormap", "contrast_limits_range",
    "contrast_limits", "auto_contrast", "interpolation2d", "interpolation3d", "rendering",
    "contour",
)  # fmt: skip
"""What a `Look` keeps, as far as a layer has it; the range before the limits in it."""


@dataclass(slots=True, eq=False)
class Entry:
    """A group and its layer.

    Attributes
    ----------
    layer
        None from when the user deleted it: it then stays deleted.
    opening
        The contrast so far, while it is still being found.
    origin
        Where Planecast put the layer, (y, x) in world units; None where it has no say.
    """

    group: Group[Plane]
    stack: PlaneStack
    layer: Layer | None
    opening: Contrast | None = None
    seen: int = 1
    origin: tuple[float, ...] | None = None
    thumbnail_at: float = 0.0
    thumbnail_due: bool = False

    def refresh(self) -> None:
        """Draw the layer anew; its thumbnail not each time."""
        if self.layer is not None:
            late = self.put_off_thumbnail()
            if self.layer.multiscale and self.layer.ndim == 2:
                give(self.layer, self.stack)  # else napari shows a copy that it has kept
            else:
                self.layer.refresh(extent=False, highlight=False, thumbnail=not late)

    def put_off_thumbnail(self) -> bool:
        """Whether the thumbnail that napari is about to make is to wait; notes that."""
        now = monotonic()
        self.thumbnail_due = now - self.thumbnail_at < THUMBNAIL_EVERY
        if not self.thumbnail_due:
            self.thumbnail_at = now
        return self.thumbnail_due

    @property
    def live(self) -> bool:
        """Whether the layer is there, and shows our planes: the user may give it other data."""
        return self.layer is not None and self.stack.is_of(self.layer)

    def open_contrast(self, plane: Plane) -> None:
        """Widen the contrast for one of a layer's first planes, unless the user has set it."""
        before, layer = self.opening, self.layer
        if before is None or layer is None:
            return
        if tuple(layer.contrast_limits) != before.limits:
            self.opening = None
            return
        if before.flat and is_flat(plane):
            return
        contrast = before.joined(contrast_of(plane))
        if contrast != before:
            layer.contrast_limits_range = contrast.range
            layer.contrast_limits = contrast.limits
        self.seen += 1
        self.opening = contrast if self.seen < OPENING else None

    def raise_white(self, plane: Plane) -> bool:
        """Make room for an RGB plane that is brighter than those before; return if it was."""
        white = self.stack.white
        needed = None if white is None else white_of(plane)
        if white is None or needed is None or needed <= white:
            return False
        self.stack.white = needed
        return True

    def widen(self, ids: Ids) -> Iterable[tuple[Value, ...]]:
        """Show labels as a wider type once one needs it; return the places that change."""
        small = ids.dtype(self.group.key)
        if small == self.stack.small:
            return ()
        self.stack.widen(small)
        if self.layer is not None:
            self.layer.events.data(value=self.layer.data)
        return self.group.planes

    def let_paint(self) -> None:
        """Allow a person to paint on it; for labels."""
        self.stack.painting = Painting(self.group)
        if self.layer is not None and not self.layer.multiscale:
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


@contextmanager
def few_thumbnails(viewer: ViewerModel, entries: Iterable[Entry]) -> Iterator[None]:
    """Inside, sliders move: napari reads all layers anew, and draws its list of them now and then.

    The list is another part of the window than the image: drawn with each image of a stream it
    doubles what an image costs (12 ms with an OpenGL of software). napari draws a line of it anew
    at any event of its layer, which the list of layers passes on.
    """
    late = True
    with ExitStack() as silence:
        for entry in entries:
            layer = entry.layer
            if layer is not None and layer.visible:
                if entry.put_off_thumbnail():
                    silence.enter_context(layer.events.thumbnail.blocker())
                else:
                    late = False
        if late:
            silence.enter_context(viewer.layers.events.blocker())
        yield


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
        selected &= set(viewer.layers)
        if set(selection) != selected:
            if active in selected:
                selection.active = active
            selection.clear()
            selection.update(selected)


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
