"""What a person paints on streamed labels: theirs from then on, whatever arrives later.

ImageJ's tools and commands write into the arrays that it shows, and tell nobody. So each plane
of labels that may be painted is known by a digest of its pixels as they came, which is compared
before another plane would take its place, and when somebody asks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fiji_bridge import jvm
from fiji_bridge.edt import on_edt
from fiji_bridge.hyperstack import Hyperstack
from fiji_bridge.pixels import Form, Plane
from streaming_core.memory.budget import Sized
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.components import GroupKey, Value
from streaming_core.protocol.group import Group
from streaming_core.protocol.messages import Image

log = logging.getLogger("planecast.fiji.painting")

Place = tuple[Value, ...]


class Painting:
    """Notices what was painted. The bridge's own thread, but for `on_updated`.

    Parameters
    ----------
    catalog
        Its places that were painted keep what was painted.
    stacks
        Where it is shown.
    take
        Counts memory, as `Budget.take`: what was painted takes it, and each hole that was on the
        screen has pixels of its own from then on.
    """

    def __init__(
        self, catalog: Catalog[Plane], stacks: Mapping[GroupKey, Hyperstack],
        take: Callable[[Sized], None],
    ) -> None:  # fmt: skip
        self._catalog = catalog
        self._stacks = stacks
        self._take = take
        self._editable: set[GroupKey] = set()
        self._seen: dict[GroupKey, set[Place]] = {}
        self._holes: dict[GroupKey, dict[Place, Plane]] = {}

    def before(self, image: Image, key: GroupKey, inside: Mapping[str, Value]) -> None:
        """Look at a place where a plane is about to be put."""
        if image.kind != "labels":
            return
        if image.editable:
            self._editable.add(key)
        group = self._catalog.groups.get(key)
        if group is not None and key in self._editable:
            self._look_at(group, tuple(inside[name] for name in group.names))

    def look(self) -> None:
        """Look at all planes that somebody can have painted since they were looked at.

        That is each that was on the screen. A command for a whole stack marks its image as
        changed: from then on all its planes are looked at, about 1 ms a MiB.
        """
        groups = self._catalog.groups.items()
        self._editable |= {
            key for key, group in groups if key.kind == "labels" and group.latest.editable
        }
        for key in list(self._editable):
            group, stack = self._catalog.groups.get(key), self._stacks.get(key)
            if group is None:
                self._forget(key)
                continue
            places = self._seen.pop(key, set()) | self._holes.get(key, {}).keys() | group.edited
            if stack is not None and stack.imp is not None and stack.imp.changes:
                places |= group.planes.keys()
            for place in places:
                self._look_at(group, place)

    def on_updated(self, imp: Any) -> None:
        """Note which plane is on the screen, and let a person paint where none has come yet.

        ImageJ calls it on any thread whenever it paints an image anew.
        """
        try:
            for key in self._editable & self._stacks.keys():
                if self._stacks[key].imp is not None and self._stacks[key].imp == imp:
                    self._on_screen(key, self._stacks[key], imp)
        # The boundary to ImageJ: its tools must go on.
        except Exception:
            log.exception("an image that changed")

    def painted(self) -> Iterator[dict[str, Any]]:
        """Yield the planes that were painted, as entries of `annotations`."""
        for key, group in self._catalog.groups.items():
            stack = self._stacks.get(key)
            for place in sorted(group.edited, key=lambda place: _order(group, place)):
                yield {
                    "kind": "labels",
                    "layer": stack.title if stack is not None else key.title(),
                    "source": key.source,
                    "components": dict(key.split) | dict(zip(group.names, place, strict=True)),
                    "data": [group.planes[place].read()],
                }

    def _look_at(self, group: Group[Plane], place: Place) -> None:
        stack = self._stacks.get(group.key)
        plane = group.planes.get(place) or self._holes.get(group.key, {}).get(place)
        if plane is None:
            return
        if stack is not None and stack.imp is not None:
            at = stack.slices.grid.find(place)
            shown = plane.array if at is None else stack.slices.array(at)
            if len(shown) == len(plane.array) and not jvm.same(shown, plane.array):
                plane = replace(plane, array=shown)  # some commands put another array there
        if place in group.edited:
            group.planes[place] = plane
            self._take(plane)
        elif plane.digest and plane.digest != plane.taken():
            hole = place not in group.planes
            plane = replace(plane, exact=None, digest=b"")
            group.edit(place, plane)
            self._take(plane)
            self._holes.get(group.key, {}).pop(place, None)
            if hole and stack is not None and stack.imp is not None:
                on_edt(stack.imp, lambda: stack.slices.put(place, plane))  # its label too

    def _on_screen(self, key: GroupKey, stack: Hyperstack, imp: Any) -> None:
        slices, group = stack.slices, stack.group
        if imp.getStackSize() != slices.grid.planes:
            return  # it grows just now
        index = int(imp.getCurrentSlice()) - 1
        place = slices.grid.place(slices.grid.czt(index))
        self._seen.setdefault(key, set()).add(place)
        if place not in group.planes and place not in self._holes.get(key, {}):
            blank = self._holes.setdefault(key, {})[place] = self._claim(stack, imp, index)
            self._take(blank)

    def _claim(self, stack: Hyperstack, imp: Any, index: int) -> Plane:
        """Give a hole on the screen pixels of its own, with what was just painted on it."""
        key = stack.group.key
        form = Form.of(key.dtype, rgb=key.rgb)
        empty = form.encode(np.zeros(key.plane, form.dtype))
        blank = Plane(form, key.plane, jvm.to_java(form.kind, empty), digest=b"")
        digest = blank.taken()
        dabs = stack.slices.take_blank()
        if dabs.any():
            array = np.where(dabs != 0, dabs, empty.ravel().view(dabs.dtype))
            blank = replace(blank, array=jvm.to_java(form.kind, array))
        imp.getStack().setPixels(blank.array, index + 1)
        imp.getProcessor().setPixels(blank.array)
        return replace(blank, digest=digest)

    def _forget(self, key: GroupKey) -> None:
        self._editable.discard(key)
        self._seen.pop(key, None)
        self._holes.pop(key, None)


def _order(group: Group[Plane], place: Place) -> list[int]:
    return [
        group.values[name].position(value) for name, value in zip(group.names, place, strict=True)
    ]
