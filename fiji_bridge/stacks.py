"""All hyperstacks of a viewer: which image goes into which."""

from __future__ import annotations

import logging

from fiji_bridge import jvm
from fiji_bridge.channels import Fresh
from fiji_bridge.hyperstack import Hyperstack
from fiji_bridge.pixels import Plane
from streaming_core.errors import InvalidImage
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.components import GroupKey
from streaming_core.protocol.group import Group
from streaming_core.stream.adapter import Arrival

log = logging.getLogger("planecast.fiji")


class Stacks:
    """The groups of a viewer and the hyperstacks that show them. The bridge's own thread only.

    Parameters
    ----------
    visible
        Whether there are windows.

    Attributes
    ----------
    catalog
        What is held, by group and place.
    of
        The hyperstack of each group that has had one.
    newest
        The hyperstack that got the newest image, None if there is none.
    """

    def __init__(self, *, visible: bool) -> None:
        self.visible = visible
        self.catalog: Catalog[Plane] = Catalog(split=frozenset())
        self.of: dict[GroupKey, Hyperstack] = {}
        self.newest: Hyperstack | None = None

    def show(self, batch: list[Arrival]) -> None:
        """Put images into their groups; then grow and paint each hyperstack once."""
        fresh: dict[GroupKey, list[Fresh]] = {}
        taken = []
        for arrival in batch:
            try:
                self._put(arrival, fresh)
            except InvalidImage as error:
                arrival.shown(str(error))
            else:
                taken.append(arrival)
        failed: dict[GroupKey, str] = {}
        for key, items in fresh.items():
            try:
                self._stack(key).update(items)
            # The thread must outlive whatever ImageJ or a plugin throws; the producer is told.
            except Exception as error:
                log.exception("%r could not be shown", key.title())
                failed[key] = f"ImageJ could not show it: {error}"
        for arrival in taken:
            key = next(iter(self.catalog.locate(arrival.image)))[0]
            arrival.shown(*([failed[key]] if key in failed else []))

    def _put(self, arrival: Arrival, fresh: dict[GroupKey, list[Fresh]]) -> None:
        places = self.catalog.locate(arrival.image)
        for (key, inside, _), plane in zip(places, arrival.pixels, strict=True):
            put = self.catalog.put(arrival.image, key, inside, plane)
            if not put.outdated:  # else a newer run is there: the image counts as shown, and is not
                item = Fresh(arrival.image, put.place, plane, bool(put.grew))
                fresh.setdefault(key, []).append(item)

    def clear(self, source: str | None = None) -> int:
        """Forget what a source, or all, has shown; return how many groups went."""
        gone = self.catalog.clear(source)
        for group in gone:
            self._close(group.key)
        jvm.collect()
        return len(gone)

    def _stack(self, key: GroupKey) -> Hyperstack:
        stack = self.of.get(key)
        if stack is None:
            group = self.catalog.groups[key]
            stack = Hyperstack(group, self._title(group), visible=self.visible)
            self.of[key] = stack
        self.newest = stack
        return stack

    def _title(self, group: Group[Plane]) -> str:
        """Name a window after the source, and say what sets it apart where others have it."""
        key, taken = group.key, {stack.title for stack in self.of.values()}
        height, width = key.plane[:2]
        title = group.latest.name or key.title() or "images"
        for words in (key.dtype.lstrip("<|=>"), f"{width} x {height}", ", ".join(key.stacked)):
            if title in taken:
                title = f"{title} · {words}"
        return title

    def _close(self, key: GroupKey) -> None:
        stack = self.of.pop(key, None)
        if stack is not None:
            stack.close()
        if stack is self.newest:
            self.newest = None
