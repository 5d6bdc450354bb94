"""Which layers have to be drawn anew: those that show a plane which has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from napari.components import ViewerModel

from napari_plugin.entry import Entry
from napari_plugin.sliders import Sliders
from streaming_core.protocol.components import GroupKey, Value

Places = Mapping[GroupKey, set[tuple[Value, ...]]]
"""Of planes that have changed, by group."""


class Redraw:
    """Notes planes that change in a tick, and draws the layers that show one of them.

    Parameters
    ----------
    sliders, entries
        They say what is in view.
    """

    def __init__(self, sliders: Sliders, entries: Mapping[GroupKey, Entry]) -> None:
        self._sliders = sliders
        self._entries = entries
        self._touched: dict[GroupKey, set[tuple[Value, ...]]] = {}

    def touch(self, key: GroupKey, places: Iterable[tuple[Value, ...]]) -> None:
        """Note that planes of a group have come, or gone."""
        if key in self._entries:
            self._touched.setdefault(key, set()).update(places)

    def forget(self, key: GroupKey) -> None:
        """A group is gone."""
        self._touched.pop(key, None)

    def take(self) -> Places:
        """Return what was noted, and begin anew."""
        touched, self._touched = self._touched, {}
        return touched

    def draw(self, touched: Places) -> None:
        """Refresh the layers that show one of the places."""
        cut = self._sliders.cut() if touched else {}
        for key, places in touched.items():
            entry = self._entries[key]
            if not entry.live:
                continue
            fixed = [(at, cut[name]) for at, name in enumerate(entry.group.names) if name in cut]
            if any(all(place[at] == value for at, value in fixed) for place in places):
                entry.refresh()

    def pyramids(self) -> None:
        """Draw the layers that have smaller versions of their planes: there are new ones."""
        for entry in self._entries.values():
            if entry.live and entry.layer is not None and entry.layer.multiscale:
                entry.refresh()

    def thumbnails(self) -> None:
        """Draw thumbnails that were put off; for when nothing else is to be done."""
        for entry in self._entries.values():
            if entry.live and entry.thumbnail_due:
                entry.refresh()


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
