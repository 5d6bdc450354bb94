"""Apply the plan to ``viewer.layers``: make each layer once, let it grow, leave the rest alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer
from psygnal import Signal

from napari_plugin.arranging import Arranger
from napari_plugin.entry import AT_FIRST, Entry, Look
from napari_plugin.growth import Growth, axis_labels, ranges
from napari_plugin.ids import Ids
from napari_plugin.label_tables import LabelTables
from napari_plugin.making import Maker
from napari_plugin.marks import MarkLayers
from napari_plugin.origins import Origins
from napari_plugin.plan import SPLIT, Axes, Spanned, focus
from napari_plugin.planes import Plane
from napari_plugin.position import Position
from napari_plugin.pyramids import Pyramids
from napari_plugin.redraw import Redraw, few_thumbnails
from napari_plugin.rehearsal import without_xarray
from napari_plugin.sight import needs
from napari_plugin.sliders import Sliders
from napari_plugin.space import Space
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.components import GroupKey, Mode, Value, stack_order
from streaming_core.protocol.forgetting import forget_old_runs, make_room, release
from streaming_core.protocol.group import Group
from streaming_core.protocol.messages import Image
from streaming_core.protocol.regroup import regroup, split_after

log = logging.getLogger("planecast.napari.layers")


class Layers:
    """The layers of what was streamed.

    Everything happens on the window's thread, in ticks: `begin` for each image, `put` for
    each of its planes, then one `settle` for all. Only `put` makes layers.

    Parameters
    ----------
    viewer
        Also holds layers of others, which are left alone.
    limit
        Returns how many pixels its graphics card takes along a side; None for any number.
    """

    due = Signal()
    """A layer is to be made, as soon as there is time: `make_due`."""

    def __init__(
        self, viewer: ViewerModel, limit: Callable[[], int | None] = lambda: None
    ) -> None:  # fmt: skip
        self.viewer = viewer
        self.catalog: Catalog[Plane] = Catalog(SPLIT)
        self.sliders = Sliders(viewer)
        self.axes = Axes()
        self._entries: dict[GroupKey, Entry] = {}
        self.pyramids = Pyramids(limit)
        self.ids = Ids()
        self.maker = Maker(viewer, self.sliders, self.pyramids, self.ids)
        self.space = Space()
        self._growth = Growth(self)
        self.redraw = Redraw(self.sliders, self._entries)
        self._newest: dict[tuple[str, ...], Image] = {}
        self._arranger = Arranger(viewer, self.maker)
        self.origins = Origins(viewer, self.sliders, self.live, self.space)
        self.position = Position(viewer, self.sliders, self._entries)
        self._order: dict[str, None] = {}
        self._removing = False
        self.marks = MarkLayers(self)
        self._tables = LabelTables(self)
        viewer.layers.events.removed.connect(self._on_removed)

    def begin(self, image: Image) -> None:
        """Make room on the axes for all planes of an image, and in memory if it asks for that."""
        self._forget(make_room(self.catalog, image))
        split = self.catalog.split
        names = [one for one in image.components if one not in split or needs(image.kind, one)]
        axes = self.axes.with_names(stack_order(names))
        new_unit = self.space.note_unit(image.units)
        self.position.note_scale(image)
        factor = self.space.factor(image.units)
        steps, starts = axes.new_steps(image.scale, factor), axes.new_starts(image.origin, factor)
        if axes is not self.axes or new_unit or steps or starts:
            self._growth.remember()
            self._growth.on_other_axes()
            self.axes = axes
            axes.measure(steps, starts)
        for name in names:
            given = image.components[name]
            for value in given if isinstance(given, tuple | list) else (given,):
                if value not in axes.values[name]:
                    self._growth.remember()
                    at = axes.values[name].add(value)
                    if at is not None and at < len(axes.values[name]) - 1:
                        self._growth.inserted(name, at)
        # Of images with the same components the newest; what another one lacks stays.
        self._newest.pop(tuple(names), None)
        self._newest[tuple(names)] = image

    def make_sliders(self) -> bool:
        """Give a viewer without layers the sliders that ours need; return if it lacked them."""
        dims = self.viewer.dims
        if self.viewer.layers or dims.ndim >= len(self.axes.names) + 2:
            return False
        with self.sliders.ours():
            dims.ndim = len(self.axes.names) + 2
            dims.axis_labels = axis_labels(self.axes)
            dims.range = (*ranges(self.axes), *dims.range[-2:])
        return True

    def put(self, image: Image, key: GroupKey, inside: Mapping[str, Value], plane: Plane) -> bool:
        """Put a plane at its place; return whether a layer was made for it.

        Parameters
        ----------
        image
            It has begun.
        key, inside
            Of the plane's group, and its place there: component -> value, as `Catalog.locate`
            said. If the grouping has changed since, it goes where it belongs now.
        plane
            (Y, X), or (Y, X, S) for RGB; kept as it is.
        """
        values = self.axes.values
        if any(name not in values or value not in values[name] for name, value in inside.items()):
            self.begin(image)  # somebody has cleared the viewer since it began
        key, inside = self.catalog.now(key, inside)
        put = self.catalog.put(image, key, inside, plane)
        if image.kind == "labels" and not put.outdated:
            self._tables.put(image, key, put.place)
        entry = self._entries.get(key)
        if entry is None:
            self._growth.tell()
            self._make(put.group, self._arranger.due.pop(key, AT_FIRST))
            return True
        self.redraw.touch(key, entry.widen(self.ids))
        if image.editable and entry.stack.painting is None:
            entry.let_paint()
        if put.outdated:
            return False  # nor has it a say in the contrast
        self.redraw.touch(key, [put.place])
        if image.contrast_limits is None and entry.raise_white(plane):
            self.redraw.touch(key, entry.group.planes)
        entry.open_contrast(plane)
        return False

    def settle(self) -> None:
        """End a tick: grow what grew, follow the newest image, redraw what is looked at."""
        self._growth.tell()
        newest, self._newest = self._newest, {}
        moved = False
        if newest and self.sliders.follow:
            place = self.sliders.place()
            for image in newest.values():
                place |= focus(self.axes, image, place)
            with few_thumbnails(self.viewer, self.live()), self.position.unhurried():
                moved = self.sliders.go(place)
        touched = self.redraw.take()
        if touched and not moved:
            self.origins.update()
        if not moved:  # else napari has just read every visible layer anew
            self.redraw.draw(touched)
            self.position.update()
        self.marks.settle()
        self._tables.settle()

    def clear(self, source: str | None) -> int:
        """Forget the groups of a source, or all and what was expected; return how many."""
        self._growth.remember()
        self._arranger.forget(source)
        return self.marks.clear(source) + self._discard(self.catalog.clear(source))

    def forget_old_runs(self) -> int:
        """Let go of what only older runs have shown; return from how many groups."""
        self._growth.remember()
        changed = forget_old_runs(self.catalog)
        self._discard([group for group in changed if not group.planes])
        self._forget((group.key, place) for group in changed for place in group.planes)
        return len(changed)

    def release(self, key: GroupKey) -> None:
        """Let go of the pixels of a group; its layer stays, blank, and is filled again."""
        self._forget((key, place) for place in release(self.catalog, key))

    def _forget(self, gone: Iterable[tuple[GroupKey, tuple[Value, ...]]]) -> None:
        """Redraw at the next `settle` where planes are gone."""
        for key, place in gone:
            self.redraw.touch(key, [place])

    def _discard(self, groups: Sequence[Group[Plane]]) -> int:
        """Remove the layers of forgotten groups, and values that only they had; return how many."""
        gone = [self._entries.pop(group.key) for group in groups if group.key in self._entries]
        self._remove(entry.layer for entry in gone if entry.layer is not None)
        for group in groups:
            self.redraw.forget(group.key)
            self._arranger.due.pop(group.key, None)
        keys = self.catalog.groups
        self.maker.forget_all_but(keys)
        self._tables.forget_all_but(keys)
        self.axes = Axes.of([*keys.values(), *self.marks.spans()], self.axes)
        self.axes = self.axes.expecting(self._expected())
        if not (keys or self.marks.entries):
            self.space.forget()
            self.position.begin_anew()
            self._order.clear()
        self._growth.on_other_axes()
        self._growth.tell()
        return len(groups)

    def arrange(self, modes: Mapping[str, Mode], done: Callable[[], None] | None = None) -> None:
        """Let components be sliders ("stack") or layers ("split"), of what is here and will come.

        Nothing is sent again and no pixel is touched. A layer that is there goes on with
        other planes; those that must be made follow one by one (`due`).

        Parameters
        ----------
        modes
            Component -> mode.
        done
            Called when all layers are there.

        Raises
        ------
        InvalidComponents
            When it would make too many layers; nothing has changed then.
        """
        split = split_after(self.catalog.split, modes)
        made = regroup(self.catalog.groups.values(), split)
        marks = regroup((entry.group for entry in self.marks.entries.values()), split)
        self.settle()
        self._growth.remember()
        self._growth.look_at(self._arranger.looked_at(self.live()))
        self.catalog.groups, self.catalog.split = made.groups, split
        handed, left = self._arranger.hand_on(self._entries, made, self.axes)
        self._remove(left)
        self.marks.regrouped(marks)
        self._tables.regrouped(made)
        self._order |= dict.fromkeys(self.axes.names)
        spanned: list[Spanned] = [*made.groups.values(), *self.marks.spans()]
        axes = self.axes.among(spanned, self._order)
        self.axes = axes.expecting(self._expected())
        self._order |= dict.fromkeys(self.axes.names)
        self._growth.on_other_axes(handed)
        self._growth.tell()
        self.origins.update()
        self._go_on_arranging(done)

    def expect(self, components: Mapping[str, Sequence[Value]]) -> None:
        """Give sliders these values from the start, as `check_expected` returns them.

        What sets layers apart gets none: a layer comes with its first image.

        Raises
        ------
        InvalidComponents
            When it is too much together.
        """
        self.catalog.expect(components)
        self._growth.remember()
        axes = self.axes.expecting(self._expected())
        if axes is not self.axes:
            self._growth.on_other_axes()
        self.axes = axes
        self._growth.tell()
        self.position.update()

    def modes(self) -> dict[str, Mode]:
        """Return what each component of what is here does: "stack" or "split"."""
        split = sorted(self.catalog.split)
        return dict.fromkeys(self.axes.names, Mode.STACK) | dict.fromkeys(split, Mode.SPLIT)

    def make_due(self) -> None:
        """Make one of the layers that regrouping asked for, or some where there are many."""
        try:
            self._arranger.make_some(lambda key, look: self._make(self.catalog.groups[key], look))
        finally:
            self._go_on_arranging()

    def restore(self, key: GroupKey) -> None:
        """Bring back the layer of a group that the user deleted. It looks as it did."""
        self.marks.restore(key)
        entry = self._entries.get(key)
        if entry is not None and entry.layer is None:
            self._make(entry.group, self._arranger.ask_back(key).seen_again())

    def groups(self) -> list[Group[Any]]:
        """Return all groups, of planes and of marks."""
        return [*self.catalog.groups.values(), *(e.group for e in self.marks.entries.values())]

    def layer_of(self, key: GroupKey) -> Layer | None:
        """Return the layer of a group, of marks too; None if the user deleted it."""
        entry = self._entries.get(key) or self.marks.entries.get(key)
        return None if entry is None else entry.layer

    def layer_name(self, key: GroupKey) -> str | None:
        """Return what a group's layer is called now; None if the user deleted it."""
        layer = self.layer_of(key)
        return None if layer is None else str(layer.name)

    def held(self, key: GroupKey) -> int:
        """Return how many bytes a group holds."""
        group = self.catalog.groups.get(key)
        return self.marks.held(key) if group is None else len(group.planes) * group.plane_bytes

    def live(self) -> Iterator[Entry]:
        """Entries whose layer is there and still shows our planes."""
        return (entry for entry in self._entries.values() if entry.live)

    def images(self) -> Iterator[Entry]:
        """The images whose layers are there, as they came."""
        return (entry for entry in self.live() if entry.group.key.kind == "image")

    def ours(self) -> Iterator[Layer]:
        """All layers of what was streamed."""
        layers = [one.layer for one in self._entries.values()]
        layers += [one.layer for one in self.marks.entries.values()]
        return (layer for layer in layers if layer is not None)

    def any_planes(self) -> bool:
        """Whether a layer of images or labels is there, so that there are sliders."""
        return any(True for _ in self.live())

    def close(self) -> None:
        """Listen to the viewer no more; the layers stay as they are."""
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self._arranger.close()
        self.position.close()
        self.origins.close()
        self.marks.close()
        self._tables.close()
        self.sliders.close()
        self.pyramids.close()

    # -- making and regrouping -------------------------------------------------------------

    def _make(self, group: Group[Plane], look: Look) -> None:
        with without_xarray():
            self._entries[group.key] = self.maker.make(group, self.axes, self.space, look)

    def _go_on_arranging(self, done: Callable[[], None] | None = None) -> None:
        with self.sliders.ours():
            if self._arranger.go_on(self._entries, done):
                self.due.emit()

    def _remove(self, layers: Iterable[Layer]) -> None:
        """Take layers away, which is then not the user's doing."""
        self._removing = True
        try:
            # In a batch: napari collects garbage and draws once, not for each of them.
            with self.sliders.ours(), self.viewer.layers.batched_update():
                for layer in layers:
                    if layer in self.viewer.layers:
                        self.viewer.layers.remove(layer)
        finally:
            self._removing = False

    def _expected(self) -> dict[str, tuple[Value, ...]]:
        """Return what is expected on sliders."""
        split, expected = self.catalog.split, self.catalog.expected
        return {name: values for name, values in expected.items() if name not in split}

    def _on_removed(self, event: Any) -> None:
        if self._removing:
            return
        for entry in self._entries.values():
            if entry.layer is not None and entry.layer is event.value:
                log.info("%r was deleted by its user and stays so", entry.layer.name)
                self._arranger.note(entry)
                entry.layer = None
