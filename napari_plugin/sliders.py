"""Where the viewer's sliders stand, in names and values; and who moved them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from napari.components import ViewerModel
from psygnal import Signal

from napari_plugin.plan import Axes
from streaming_core.protocol.components import Value


class Sliders:
    """The stacked axes of a viewer's ``dims``, addressed by component.

    Sliders follow the newest image until somebody moves one: a person, a play button, a
    script. What Planecast and napari move while data arrive does not count, for it happens
    inside `ours`.

    Parameters
    ----------
    viewer
        Layers of others may have more dimensions than ours; napari aligns the last ones.
    """

    follow_changed = Signal(bool)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._axes = Axes()
        self._ours = 0
        self._follow = True
        self._last: dict[str, Value] = {}
        viewer.dims.events.point.connect(self._on_moved)

    @property
    def follow(self) -> bool:
        """Whether the sliders go to the newest image."""
        return self._follow

    @follow.setter
    def follow(self, follow: bool) -> None:
        if follow != self._follow:
            self._follow = follow
            self.follow_changed.emit(follow)

    @property
    def moving(self) -> bool:
        """Whether what moves now is not the user's doing."""
        return self._ours > 0

    def place(self) -> dict[str, Value]:
        """Return the component value that each slider shows; empty while no layer is there."""
        first = self._first()
        if first is None:
            return {}
        point = self._viewer.dims.point
        names = self._axes.names
        return self._axes.place(
            [self._axes.index(name, point[first + at]) for at, name in enumerate(names)]
        )

    def cut(self) -> dict[str, Value]:
        """Return the place without the axes that are drawn (3-D, or turned by the user)."""
        first = self._first()
        if first is None:
            return {}
        drawn = {at - first for at in self._viewer.dims.displayed}
        place = self.place()
        return {
            name: place[name]
            for at, name in enumerate(self._axes.names)
            if at not in drawn and name in place
        }

    def go(self, place: Mapping[str, Value]) -> bool:
        """Move sliders to component values; return whether any moved. Others are ignored."""
        first = self._first()
        if first is None:
            return False
        dims = self._viewer.dims
        point = list(dims.point)
        for at, name in enumerate(self._axes.names):
            if place.get(name) in self._axes.values[name]:
                point[first + at] = self._axes.world(name, place[name])
        if tuple(point) == tuple(dims.point):
            return False
        with self.ours():
            dims.point = tuple(point)
        return True

    def reorder(self, axes: Axes) -> None:
        """Stand on other axes, after the layers do; keep the user's order of dimensions."""
        before, after = self._axes.names, axes.names
        order = tuple(self._viewer.dims.order)
        turned = order != tuple(range(len(order)))
        self._axes = axes
        first = self._first()
        if turned and first is not None and set(before) <= set(after):
            # napari has put the new dimensions in front; ours stand where the axes say.
            grown = len(after) - len(before)
            where = {name: at for at, name in enumerate((*after, "y", "x"))}
            old = [name for name in after if name not in before] + [*before, "y", "x"]
            moved = [where[old[at - first]] + first if at >= first else at for at in order]
            if grown and sorted(moved) == list(range(len(order))):
                self._viewer.dims.order = tuple(moved)

    @contextmanager
    def ours(self) -> Iterator[None]:
        """Inside, moved sliders are not the user's doing."""
        self._ours += 1
        try:
            yield
        finally:
            self._ours -= 1
            if not self._ours:
                self._last = self.place()

    def close(self) -> None:
        """Listen to the viewer no more."""
        self._viewer.dims.events.point.disconnect(self._on_moved)

    def _first(self) -> int | None:
        """Dimension of our first axis, or None where the viewer has fewer than we need."""
        first = int(self._viewer.dims.ndim) - len(self._axes.names) - 2
        return first if first >= 0 else None

    def _on_moved(self, event: object = None) -> None:
        if self._ours:
            return
        place = self.place()
        if place and self._last and place != self._last:
            self.follow = False
        self._last = place
