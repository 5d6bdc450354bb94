"""Apply the plan to ``viewer.layers``: make each layer once, let it grow, leave the rest alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any, Final

from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Layer

from napari_plugin.annotations import carry_drawings
from napari_plugin.growth import announce_growth, reshape
from napari_plugin.label_tables import LabelTables
from napari_plugin.looks import Contrast, contrast_of, is_flat, white_of
from napari_plugin.making import Entry, Maker, Plane, view_kept
from napari_plugin.marks import MarkLayers
from napari_plugin.plan import SPLIT, Axes, focus
from napari_plugin.rehearsal import without_xarray
from napari_plugin.sliders import Sliders
from napari_plugin.space import Space
from streaming_core.looks import OPENING
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.components import GroupKey, Value, stack_order
from streaming_core.protocol.messages import Image

log = logging.getLogger("planecast.napari.layers")

THUMBNAIL_EVERY: Final = 0.5
"""Seconds between two thumbnails of a layer whose shown plane keeps changing."""


class Layers:
    """The layers of what was streamed.

    Everything happens on the window's thread, in ticks: `begin` for each image, `put` for
    each of its planes, then one `settle` for all. Only `put` makes layers.

    Parameters
    ----------
    viewer
        Also holds layers of others, which are left alone.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.catalog: Catalog[Plane] = Catalog(SPLIT)
        self.sliders = Sliders(viewer)
        self.axes = Axes()
        self._entries: dict[GroupKey, Entry] = {}
        self._maker = Maker(viewer, self.sliders)
        self.space = Space()
        self._before: dict[str, Value] | None = None
        self._stale_axes = False
        self._moves: list[tuple[str, int]] = []
        self._touched: dict[GroupKey, set[tuple[Value, ...]]] = {}
        self._newest: dict[tuple[str, ...], Image] = {}
        self._removing = False
        self.marks = MarkLayers(self)
        self._tables = LabelTables(self)
        viewer.layers.events.removed.connect(self._on_removed)

    def begin(self, image: Image) -> None:
        """Make room on the axes for all planes of an image."""
        names = [name for name in image.components if name not in SPLIT]
        axes = self.axes.with_names(stack_order(names))
        new_unit = self.space.note_unit(image.units)
        new_steps = axes.new_steps(image.scale, self.space.factor(image.units))
        if axes is not self.axes or new_unit or new_steps:
            self._remember()
            self._stale_axes = True
            self.axes = axes
            axes.steps.update(new_steps)
        for name in names:
            given = image.components[name]
            for value in given if isinstance(given, tuple | list) else (given,):
                if value not in axes.values[name]:
                    self._remember()
                    at = axes.values[name].add(value)
                    if at is not None and at < len(axes.values[name]) - 1:
                        self._moves.append((name, at))
        # Of images with the same components the newest; what another one lacks stays.
        self._newest.pop(tuple(names), None)
        self._newest[tuple(names)] = image

    def put(self, image: Image, key: GroupKey, inside: Mapping[str, Value], plane: Plane) -> bool:
        """Put a plane at its place; return whether a layer was made for it."""
        values = self.axes.values
        if any(name not in values or value not in values[name] for name, value in inside.items()):
            self.begin(image)  # somebody has cleared the viewer since it began
        put = self.catalog.put(image, key, inside, plane)
        if image.kind == "labels" and not put.outdated:
            self._tables.put(image, key, put.place)
        entry = self._entries.get(key)
        if entry is None:
            self._grow()
            with without_xarray():
                self._entries[key] = self._maker.make(put.group, plane, self.axes, self.space)
            return True
        if image.editable and entry.stack.painting is None:
            entry.let_paint()
        if put.outdated:
            return False  # nor has it a say in the contrast
        self._touched.setdefault(key, set()).add(put.place)
        if entry.stack.white is not None and image.contrast_limits is None:
            self._raise_white(entry, entry.stack.white, plane)
        if entry.opening is not None and entry.layer is not None:
            self._open_contrast(entry, entry.opening, entry.layer, plane)
        return False

    def settle(self) -> None:
        """End a tick: grow what grew, follow the newest image, redraw what is looked at."""
        self._grow()
        newest, self._newest = self._newest, {}
        moved = False
        if newest and self.sliders.follow:
            place = self.sliders.place()
            for image in newest.values():
                place |= focus(self.axes, image, place)
            moved = self.sliders.go(place)
        touched, self._touched = self._touched, {}
        if not moved:  # else napari has just read every visible layer anew
            self._redraw(touched)
        self.marks.settle()
        self._tables.settle()

    def refresh_thumbnails(self) -> None:
        """Redraw the thumbnails that were put off; for when nothing else is to be done."""
        for entry in self._live():
            if entry.thumbnail_due and entry.layer is not None:
                self._refresh(entry, entry.layer)

    def clear(self, source: str | None) -> int:
        """Forget groups and remove their layers; return how many groups."""
        self._remember()
        cleared = self.catalog.clear(source)
        gone = [self._entries.pop(group.key) for group in cleared if group.key in self._entries]
        self._removing = True
        try:
            with self.sliders.ours():
                for entry in gone:
                    if entry.layer is not None:
                        self.viewer.layers.remove(entry.layer)
        finally:
            self._removing = False
        for entry in gone:
            self._touched.pop(entry.group.key, None)
        keys, marks = self.catalog.groups, self.marks.entries
        cleared_marks = self.marks.clear(source)
        self._maker.forget_all_but(keys)
        self._tables.forget_all_but(keys)
        self.axes = Axes.of([*keys.values(), *marks.values()], self.axes.steps)
        if not (keys or marks):
            self.space = Space()
        self._stale_axes = True
        self._grow()
        return len(cleared) + cleared_marks

    def layer_name(self, key: GroupKey) -> str | None:
        """Return what a group's layer is called now; None if the user deleted it."""
        entry = self._entries.get(key)
        return str(entry.layer.name) if entry is not None and entry.layer is not None else None

    def layer_of(self, key: GroupKey) -> Layer | None:
        """Return a group's layer; None if the user deleted it."""
        entry = self._entries.get(key)
        return entry.layer if entry is not None else None

    @property
    def held(self) -> int:
        """Bytes of pixels and marks that the viewer owns."""
        groups = self.catalog.groups.values()
        return sum(len(one.planes) * one.plane_bytes for one in groups) + self.marks.held

    def insert(self, layer: Layer) -> None:
        """Add a layer of marks to the list, with room for it on the axes."""
        self._maker.insert(layer)

    def images(self) -> Iterator[Entry]:
        """The images whose layers are there, as they came."""
        return (entry for entry in self._live() if entry.group.key.kind == "image")

    def ours(self) -> Iterator[Layer]:
        """All layers of what was streamed."""
        layers = [entry.layer for entry in self._entries.values()]
        layers += [entry.layer for entry in self.marks.entries.values()]
        return (layer for layer in layers if layer is not None)

    def any_planes(self) -> bool:
        """Whether a layer of images or labels is there, so that there are sliders."""
        return any(True for _ in self._live())

    def close(self) -> None:
        """Listen to the viewer no more; the layers stay as they are."""
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.marks.close()
        self._tables.close()
        self.sliders.close()

    # -- growing ---------------------------------------------------------------------------

    def _remember(self) -> None:
        """Note what the sliders show before axes change under them."""
        if self._before is None:
            self._before = self.sliders.place()

    def _grow(self) -> None:
        """Tell napari about new values and axes, and keep the same image in view."""
        if self._before is None:
            return
        before, self._before = self._before, None
        live = list(self._live())
        with self.sliders.ours():
            if self._stale_axes:
                self._stale_axes = False
                for entry in live:
                    entry.stack = entry.stack.on(self.axes)
                with view_kept(self.viewer):
                    reshape([(e.layer, e.stack) for e in live], self.space.units(self.axes))
                    self.sliders.reorder(self.axes)
            elif live:
                announce_growth([entry.layer for entry in live])
                if self._moves:
                    for entry in live:
                        entry.forget_strokes()
            moves, self._moves = self._moves, []
            if moves:
                carry_drawings(self, moves)
            self.sliders.go(before)

    def _live(self) -> Iterator[Entry]:
        """Entries whose layer is there and still shows our planes."""
        for entry in self._entries.values():
            if entry.layer is not None and entry.layer.data is entry.stack:
                yield entry

    # -- looks -----------------------------------------------------------------------------

    def _open_contrast(
        self, entry: Entry, before: Contrast, layer: ImageLayer, plane: Plane
    ) -> None:
        """Widen the contrast for one of a layer's first planes, unless the user has set it."""
        if tuple(layer.contrast_limits) != before.limits:
            entry.opening = None
            return
        if before.flat and is_flat(plane):
            return
        contrast = before.joined(contrast_of(plane))
        if contrast != before:
            layer.contrast_limits_range = contrast.range
            layer.contrast_limits = contrast.limits
        entry.seen += 1
        entry.opening = contrast if entry.seen < OPENING else None

    def _raise_white(self, entry: Entry, white: float, plane: Plane) -> None:
        """Make room for an RGB plane that is brighter than those before it."""
        needed = white_of(plane)
        if needed is not None and needed > white:
            entry.stack.white = needed
            self._touched[entry.group.key].update(entry.group.planes)

    # -- drawing ---------------------------------------------------------------------------

    def _redraw(self, touched: Mapping[GroupKey, set[tuple[Value, ...]]]) -> None:
        """Refresh the layers that show one of the places."""
        cut = self.sliders.cut() if touched else {}
        for key, places in touched.items():
            entry = self._entries[key]
            layer = entry.layer
            if layer is None or layer.data is not entry.stack:
                continue
            fixed = [(at, cut[name]) for at, name in enumerate(entry.group.names) if name in cut]
            if any(all(place[at] == value for at, value in fixed) for place in places):
                self._refresh(entry, layer)

    def _refresh(self, entry: Entry, layer: Layer) -> None:
        now = monotonic()
        due = now - entry.thumbnail_at >= THUMBNAIL_EVERY
        layer.refresh(extent=False, highlight=False, thumbnail=due)
        entry.thumbnail_due = not due
        if due:
            entry.thumbnail_at = now

    def _on_removed(self, event: Any) -> None:
        if self._removing:
            return
        for entry in self._entries.values():
            if entry.layer is not None and entry.layer is event.value:
                log.info("%r was deleted by its user and stays so", entry.layer.name)
                entry.layer = None
