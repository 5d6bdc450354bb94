"""Points, shapes and tracks: their layers hold what belongs to the images that are looked at.

A layer of all marks at all places would cost more with each place that arrives, and more
again with each value that is inserted before others. So each layer has the two dimensions
of a plane, lies on everything, and gets other marks when a slider moves. Dimensions that
are drawn (3-D), along which a track runs, or which no image has yet, are dimensions of the
layer too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from napari.layers import Layer

from napari_plugin.drawn import Content, fill, look_of, made_anew, make_layer, note_style
from napari_plugin.growth import axis_labels
from napari_plugin.plan import layer_title
from napari_plugin.sight import Kept, MarkEntry, Span, View, content_of, meets, told
from napari_plugin.view import view_kept
from streaming_core.protocol.components import (
    GroupKey,
    Values,
    group_of,
    planes,
    stack_order,
)
from streaming_core.protocol.group import Group, check_room
from streaming_core.protocol.messages import Image
from streaming_core.protocol.regroup import Regrouped
from streaming_core.protocol.tables import Drawing
from streaming_core.stream.adapter import words_of

if TYPE_CHECKING:
    from napari_plugin.layers import Layers

log = logging.getLogger("planecast.napari.marks")

LETTERS = ("id", "T", "Z", "Y", "X")


class MarkLayers:
    """The layers of points, shapes and tracks that were streamed. On the window's thread.

    Parameters
    ----------
    layers
        Of the images: they say which axes there are.
    """

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self.entries: dict[GroupKey, MarkEntry] = {}
        self._ages: dict[str, int] = {}
        self._waiting: list[tuple[MarkEntry, Callable[..., None]]] = []
        self._ours = False
        self.wanted: Callable[[], None] = lambda: None
        self._events = layers.viewer.dims.events
        for event in (self._events.point, self._events.ndisplay, self._events.order):
            event.connect(self._on_moved, position="last")  # `Sliders` asks first who moved
        layers.viewer.layers.events.removed.connect(self._on_removed)

    @property
    def busy(self) -> bool:
        """Whether a layer does not hold yet all that it is to hold."""
        return any(
            entry.pieces is not None or (entry.layer is None and not entry.deleted)
            for entry in self.entries.values()
        )

    def held(self, key: GroupKey) -> int:
        """Bytes of the numbers of a group."""
        entry = self.entries.get(key)
        return entry.nbytes if entry else 0

    def restore(self, key: GroupKey) -> None:
        """Bring back the layer of a group that its user deleted."""
        entry = self.entries.get(key)
        if entry is not None and entry.deleted:
            entry.deleted, entry.shown = False, None
            self.wanted()

    def put(self, image: Image, drawing: Drawing, shown: Callable[..., None]) -> None:
        """Take a drawing; ``shown`` is called when it is in its layer, if it is looked at."""
        swept = drawing.swept()
        place = next(planes("", (), image.components))[0]
        key, inside = group_of(
            place, source=image.source, kind=image.kind, dtype="<f8",
            plane=[LETTERS.index(column) for column in drawing.columns],
            split=self._layers.catalog.split,
        )  # fmt: skip
        entry = self.entries.get(key)
        if entry is None and not all(swept.values()):
            shown()  # no rows, and none that they could take the place of: no values of z or t
            return
        self._layers.begin(replace(image, components=image.components | swept))
        if entry is None:
            check_room(len(self.entries))
            names = tuple(stack_order([name for name, _ in inside]))
            values = {name: Values(name) for name in names}
            columns = [letter.lower() for letter in drawing.columns if letter in "TZ"]
            group: Group[Kept] = Group(key, image, names, values, self._ages)
            entry = MarkEntry(group, {name: Values(name) for name in columns})
            self.entries[key] = entry
        shift = tuple(
            image.origin.get(letter, 0.0) / image.scale.get(letter, 1.0) for letter in "YX"
        )
        put = entry.group.put(image, dict(inside), Kept(drawing, (shift[0], shift[1])))
        if not put.outdated:
            entry.blank |= {name: column[:0] for name, column in drawing.features.items()}
            for name, given in swept.items():
                for value in given:
                    entry.swept[name].add(value)
            if entry.shown is not None and meets(put.place, entry.group.names, entry.shown):
                entry.shown = None
        self._waiting.append((entry, shown))

    def settle(self) -> None:
        """Bring the layers up to date: a bounded piece of work on each, and one new layer."""
        made = False
        for entry in list(self.entries.values()):
            try:
                if entry.layer is None and not entry.deleted and not made:
                    made = True
                    self._make(entry)
                self._step(entry)
            except Exception as error:
                # The boundary to napari: whoever sent the marks is told, and others come.
                log.exception("%s of %r", entry.group.key.kind, entry.group.key.source)
                entry.pieces, entry.deleted = None, entry.layer is None
                self._tell(entry, f"napari could not show it: {words_of(error)}")
        waiting, self._waiting = self._waiting, []
        for entry, shown in waiting:
            if entry.pieces is None and (entry.layer is not None or entry.deleted):
                shown()
            else:
                self._waiting.append((entry, shown))

    def _tell(self, entry: MarkEntry, reason: str) -> None:
        for one, shown in self._waiting:
            if one is entry:
                shown(reason)
        self._waiting = [item for item in self._waiting if item[0] is not entry]

    def clear(self, source: str | None) -> int:
        """Forget groups and remove their layers; return how many groups."""
        gone = [key for key in self.entries if source in (None, key.source)]
        for key in gone:
            entry = self.entries.pop(key)
            entry.deleted = True
            entry.pieces = None
            if entry.layer is not None:
                self._remove(entry.layer)
        return len(gone)

    def spans(self) -> list[Span]:
        """Return the sliders that the groups need."""
        split = self._layers.catalog.split
        return [entry.span(split) for entry in self.entries.values()]

    def regrouped(self, made: Regrouped[Kept]) -> None:
        """Go on with other groups of the same drawings; layers that are there as far as they go."""
        old = {key: self.entries.pop(key) for key in list(self.entries) if key not in made.groups}
        heirs: dict[int, MarkEntry] = {}
        taken = {layer.name for layer in self._layers.viewer.layers}
        for key, parents in made.parents.items():
            mine = [old[one.key] for one in parents]
            entry = MarkEntry(made.groups[key], {}, deleted=all(one.deleted for one in mine))
            for one in mine:
                heirs.setdefault(id(one), entry)
                entry.style = entry.style or dict(one.style)
                entry.blank |= one.blank
                for name, values in one.swept.items():
                    for value in values:
                        entry.swept.setdefault(name, Values(name)).add(value)
                if entry.layer is None and one.layer is not None:
                    entry.layer, one.layer = one.layer, None
                    image, name = entry.group.latest, entry.layer.name
                    entry.layer.name = layer_title(image, _without_size(key), taken - {name})
            self.entries[key] = entry
        for one in old.values():
            if one.layer is not None:
                self._remove(one.layer)
        self._waiting = [(heirs.get(id(entry), entry), shown) for entry, shown in self._waiting]
        self.wanted()

    def state(self) -> list[dict[str, Any]]:
        """``state()["marks"]``."""
        return [told(entry) for entry in self.entries.values()]

    def close(self) -> None:
        """Listen to the viewer no more; the layers stay as they are."""
        for event in (self._events.point, self._events.ndisplay, self._events.order):
            event.disconnect(self._on_moved)
        self._layers.viewer.layers.events.removed.disconnect(self._on_removed)
        waiting, self._waiting = self._waiting, []
        for _, shown in waiting:
            shown()

    # -- one layer -------------------------------------------------------------------------

    def _make(self, entry: MarkEntry) -> None:
        view = self._view(entry)
        image, key = entry.group.latest, entry.group.key
        taken = {layer.name for layer in self._layers.viewer.layers}
        look = dict(entry.look)
        name = look.pop("name", "")
        if not name or name in taken:
            name = layer_title(image, _without_size(key), taken)
        layer = make_layer(
            content_of(entry, view, self._layers.axes.values),
            name=name
            if name and name not in taken
            else layer_title(image, _without_size(key), taken),
            metadata=dict(image.metadata),
            **self._space(entry, view),
        )
        for what, value in look.items():
            setattr(layer, what, value)
        entry.layer = layer
        self._layers.maker.insert(layer)

    def _step(self, entry: MarkEntry) -> None:
        """Do the next piece of work on a layer; begin anew if something else is looked at."""
        if entry.layer is None:
            return
        view = self._view(entry)
        with view_kept(self._layers.viewer), self._layers.sliders.ours():
            if view != entry.shown:
                entry.shown = view
                content = content_of(entry, view, self._layers.axes.values)
                if content.ndim != entry.layer.ndim:
                    self._exchange(entry, entry.layer, content, view)
                units = self._space(entry, view)["units"]
                if tuple(map(str, entry.layer.units)) != tuple(map(str, units)):
                    entry.layer.units = units
                entry.pieces = fill(entry.layer, content, entry.style)
            if entry.pieces is not None:
                try:
                    next(entry.pieces)
                except StopIteration:
                    entry.pieces = None

    def _exchange(self, entry: MarkEntry, layer: Layer, content: Content, view: View) -> None:
        """Put a layer of other dimensions in the place of one."""
        viewer = self._layers.viewer
        fill_in = {"name": layer.name, "metadata": layer.metadata, **self._space(entry, view)}
        fill_in["scale"] = (*fill_in["scale"][:-2], *layer.scale[-2:])
        new = made_anew(layer, content, **fill_in)
        at = viewer.layers.index(layer)
        self._remove(layer)
        entry.layer = new
        viewer.layers.insert(at, new)
        new.name = layer.name

    def _remove(self, layer: Layer) -> None:
        self._ours = True
        try:
            with self._layers.sliders.ours():
                self._layers.viewer.layers.remove(layer)
        finally:
            self._ours = False

    def _space(self, entry: MarkEntry, view: View) -> dict[str, Any]:
        layers, image = self._layers, entry.group.latest
        ndim = len(view.lead) + 2
        factor = layers.space.factor(image.units)
        return {
            "axis_labels": axis_labels(layers.axes)[-ndim:],
            "scale": (
                *(layers.axes.step(name) for name in view.lead),
                *(image.scale.get(letter, 1.0) * factor for letter in "YX"),
            ),
            "translate": (*(layers.axes.start(name) for name in view.lead), 0.0, 0.0),
            "units": layers.space.units(layers.axes)[-ndim:],
        }

    def _view(self, entry: MarkEntry) -> View:
        layers = self._layers
        axes, names = layers.axes, entry.names
        cut = layers.sliders.cut() if layers.any_planes() else {}
        if entry.group.key.kind == "tracks":  # napari has them along t, or t and z, and no others
            first = axes.names.index("t")
        else:
            drawn = (at for at, name in enumerate(axes.names) if name not in cut)
            first = min(drawn, default=len(axes.names))
        lead = axes.names[first:]
        shown = layers.sliders.place()
        return View(
            lead,
            tuple((name, cut[name]) for name in names if name not in lead and name in cut),
            tuple(
                (name, axes.values[name].position(shown[name]) if name in shown else 0)
                for name in lead
                if name not in names
            ),
            tuple(len(axes.values[name]) for name in lead),
        )

    # -- what the user does ----------------------------------------------------------------

    def _on_moved(self, event: Any = None) -> None:
        """Change marks with the images, in the same paint. While data arrive, `settle` does."""
        if self._layers.sliders.moving or not self.entries:
            return
        for entry in self.entries.values():
            self._step(entry)
        if self.busy:
            self.wanted()

    def _on_removed(self, event: Any) -> None:
        if self._ours:
            return
        for entry in self.entries.values():
            if entry.layer is not None and entry.layer is event.value:
                log.info("%r was deleted by its user and stays so", entry.layer.name)
                entry.look = look_of(entry.layer) | {"name": entry.layer.name, "visible": True}
                note_style(entry.layer, entry.style)
                entry.layer, entry.deleted, entry.pieces = None, True, None


def _without_size(key: GroupKey) -> GroupKey:
    """Return a key whose size is no size of a picture, for a layer's name."""
    return GroupKey(key.source, key.kind, key.dtype, (), key.stacked, key.split)
