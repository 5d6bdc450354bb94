"""Where planes lie in stage coordinates: a layer stands where the plane in view was taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from napari.components import ViewerModel

from napari_plugin.entry import Entry
from napari_plugin.sliders import Sliders
from napari_plugin.space import Space
from streaming_core.protocol.components import Value


class Origins:
    """Moves layers to the ``origin=`` of the plane that the sliders show.

    A layer has one place in napari, its planes may have many. So it is carried along when the
    sliders move, before napari reads the plane. Once the user has moved a layer, it is theirs.

    Parameters
    ----------
    entries
        Returns those whose layers show our planes.
    """

    def __init__(
        self, viewer: ViewerModel, sliders: Sliders, entries: Callable[[], Iterable[Entry]],
        space: Space,
    ) -> None:  # fmt: skip
        self._viewer = viewer
        self._sliders = sliders
        self._entries = entries
        self._space = space
        viewer.dims.events.point.connect(self.update, position="first")

    def update(self, event: Any = None) -> None:
        """Bring every layer to the plane that it shows."""
        cut: dict[str, Value] | None = None
        for entry in self._entries():
            if not entry.group.origins or entry.layer is None:
                continue
            cut = self._sliders.cut() if cut is None else cut
            found = _origin(entry, cut)
            if found is None:
                continue
            factor = self._space.factor(entry.group.latest.units)
            here, origin = tuple(entry.layer.translate), tuple(one * factor for one in found)
            if here[-2:] == (entry.origin or here[-2:]) != origin:
                entry.origin = origin
                entry.layer.translate = (*here[:-2], *origin)
            elif entry.origin is None:
                entry.origin = origin

    def shift(self, entry: Entry, place: Mapping[str, Value]) -> tuple[float, ...]:
        """How far, in world units (y, x), a plane lies from where its layer stands now."""
        found, layer = _origin(entry, place), entry.layer
        if found is None or layer is None or tuple(layer.translate[-2:]) != entry.origin:
            return 0.0, 0.0
        factor = self._space.factor(entry.group.latest.units)
        return tuple(one * factor - at for one, at in zip(found, entry.origin, strict=True))

    def close(self) -> None:
        """Move no layer any more."""
        self._viewer.dims.events.point.disconnect(self.update)


def _origin(entry: Entry, cut: Mapping[str, Value]) -> tuple[float, float] | None:
    """Return the origin of a plane in view; where an axis is drawn, of the first along it."""
    names, origins = entry.group.names, entry.group.origins
    if all(name in cut for name in names):
        return origins.get(tuple(cut[name] for name in names))
    fixed = [(at, cut[name]) for at, name in enumerate(names) if name in cut]
    return next(
        (one for place, one in origins.items() if all(place[at] == v for at, v in fixed)), None
    )
