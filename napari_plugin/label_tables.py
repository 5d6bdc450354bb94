"""The tables that came with labels: a layer has that of the plane which is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from numpy.typing import NDArray

from streaming_core.protocol.components import GroupKey, Value
from streaming_core.protocol.group import Group
from streaming_core.protocol.messages import Image
from streaming_core.protocol.regroup import Regrouped
from streaming_core.protocol.tables import columns_of

if TYPE_CHECKING:
    from napari_plugin.layers import Layers

Columns = Mapping[str, NDArray[Any]]


class LabelTables:
    """Tables of labels by place. On the window's thread.

    Parameters
    ----------
    layers
        They say which layer a group has, and where the sliders stand.
    """

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._tables: dict[GroupKey, dict[tuple[Value, ...], Columns]] = {}
        self._shown: dict[GroupKey, Columns | None] = {}
        self._last: tuple[Image, Columns] | None = None
        self._point = layers.viewer.dims.events.point
        self._point.connect(self._on_moved, position="last")

    def put(self, image: Image, key: GroupKey, place: tuple[Value, ...]) -> None:
        """Take the table that came with a plane; no table takes away one that was there."""
        if not image.features:
            if key in self._tables:
                self._tables[key].pop(place, None)
            return
        if self._last is None or self._last[0] is not image:
            table = columns_of(image.features)
            # napari's own word for the column that says to which label a line belongs
            self._last = image, {"index": table.pop("label"), **table}
        self._tables.setdefault(key, {})[place] = self._last[1]

    def settle(self) -> None:
        """Give each layer the table of what is looked at."""
        shown = self._layers.sliders.place() if self._tables else {}
        for key, tables in self._tables.items():
            layer, group = self._layers.layer_of(key), self._layers.catalog.groups[key]
            if not isinstance(layer, Labels) or any(name not in shown for name in group.names):
                continue
            table = tables.get(tuple(shown[name] for name in group.names))
            if self._shown.get(key, ...) is not table:
                self._shown[key] = table
                layer.features = dict(table or {})

    def regrouped(self, made: Regrouped[Any]) -> None:
        """Go on with other groups of the same planes."""
        for key, parents in made.parents.items():
            known = {
                _whole(one, place): table
                for one in parents
                for place, table in self._tables.get(one.key, {}).items()
            }
            group = made.groups[key]
            found = {place: known.get(_whole(group, place)) for place in group.planes}
            if known:
                self._tables[key] = {place: one for place, one in found.items() if one is not None}
        self.forget_all_but(made.groups)
        for key in made.parents:
            self._shown.pop(key, None)  # its layer has shown another group

    def forget_all_but(self, keys: Mapping[GroupKey, Any]) -> None:
        """Forget the tables of groups that are gone."""
        self._tables = {key: one for key, one in self._tables.items() if key in keys}
        self._shown = {key: one for key, one in self._shown.items() if key in keys}
        self._last = None

    def close(self) -> None:
        """Listen to the viewer no more."""
        self._point.disconnect(self._on_moved)

    def _on_moved(self, event: Any = None) -> None:
        if not self._layers.sliders.moving:
            self.settle()


def _whole(group: Group[Any], place: tuple[Value, ...]) -> frozenset[tuple[str, Value]]:
    """Return all components of a plane, however it is grouped."""
    return frozenset([*group.key.split, *zip(group.names, place, strict=True)])
