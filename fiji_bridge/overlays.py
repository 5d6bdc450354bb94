"""The overlay of one window: marks at their places, beside what its user put there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fiji_bridge import jvm
from fiji_bridge.czt import Grid
from fiji_bridge.edt import on_edt
from fiji_bridge.hyperstack import Hyperstack
from fiji_bridge.parts import Missing, Part, components_at, places_of, stays
from fiji_bridge.rois import Spot, point_planes, set_point_planes, spot_of
from streaming_core.protocol.components import Value

Free = tuple[Value, ...]
"""Values of components that a part leaves open, where ImageJ has no dimension for them."""


ROI: Final = 450
"""Bytes that a ROI takes in Java, about, with its name: measured 300 for a rectangle, 480 for a
polygon, 1600 for an ellipse."""

CORNER: Final = 13
"""Bytes that each of its points or corners takes besides: measured 8 in outlines, 15 in points."""

CELL: Final = 115
"""Bytes of a feature of a ROI: a name and a text."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Placed:
    """The ROIs of a part in one window: for each of its places all of them, and where it is."""

    part: Part
    rois: dict[Free, list[Any]]
    spots: dict[Free, Spot]
    block: Any = None  # all of them, as ImageJ's own list
    listed: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes that its ROIs take in Java, about; with the copies that the ROI Manager lists."""
        drawing, rows = self.part.drawing, self.part.rows
        number = sum(len(rois) for rois in self.rois.values())
        corners = len(drawing.rows) if rows is None else len(rows)
        cells = len(drawing.features) * number
        places = len(self.rois)
        once = (ROI * number + CELL * cells) // max(places, 1) + CORNER * corners
        return once * (places + self.listed)


class Overlaid:
    """Marks on one window's image.

    Parameters
    ----------
    stack
        Its hyperstack, which has an image now.

    Attributes
    ----------
    imp
        That image.
    placed
        Number of a part -> what lies there of it.
    again
        Parts that have more places than before since the stack grew, or have come to have one.
    """

    def __init__(self, stack: Hyperstack) -> None:
        self.stack = stack
        self.imp = stack.imp
        self.placed: dict[int, Placed] = {}
        self.again: list[Part] = []
        self._waiting: dict[Missing, dict[int, Part]] = {}
        self._wide: set[int] = set()
        self._overlay: Any = None
        self._removed = False

    @property
    def split(self) -> Mapping[str, Value]:
        """Components that all of its planes have."""
        return dict(self.stack.group.key.split)

    def find(self, part: Part) -> dict[Free, Spot]:
        """Return where a part stands now; noted if it waits for values to come."""
        found = places_of(part.at, self.stack.slices.grid, self.split)
        if isinstance(found, dict):
            return found
        if found is not None:
            self._waiting.setdefault(found, {})[part.number] = part
        return {}

    def forget(self, numbers: Iterable[int]) -> None:
        """Wait no more for these parts."""
        gone = set(numbers)
        for missing in list(self._waiting):
            parts = self._waiting[missing]
            for number in gone & parts.keys():
                del parts[number]
            if not parts:
                del self._waiting[missing]

    def exchange(self, added: Iterable[Placed], gone: Iterable[int]) -> None:
        """Put parts on the image, in place of what there was of them, and take some away."""
        new = {placed.part.number: placed for placed in added}
        before = [number for number in {*new, *gone} if number in self.placed]
        for number, placed in new.items():
            placed.block = jvm.java("ij.gui.Overlay")()
            for roi in (roi for rois in placed.rois.values() for roi in rois):
                placed.block.add(roi)
            if len(placed.rois) > 1 or any(placed.rois):
                self._wide.add(number)
        on_edt(self.imp, lambda: self._exchange(new, before))

    # What follows runs on the event thread.

    def _exchange(self, new: Mapping[int, Placed], before: list[int]) -> None:
        imp, overlay = self.imp, self.imp.getOverlay()
        self._removed = self._removed or (overlay is None and self._overlay is not None)
        old = [self.placed.pop(number) for number in before]
        self._wide -= {placed.part.number for placed in old} - new.keys()
        self.placed |= new
        for placed in new.values():
            self._move(placed)
        if not self.placed:
            self._removed = False  # all are gone: what comes next is something new
        if self._removed:
            return  # its user has removed the overlay, and it stays so
        if overlay is None:
            if not new:
                self._overlay = None
                return
            overlay = jvm.java("ij.gui.Overlay")()
            overlay.setDraggable(False)
        if old:
            _take_out(overlay, [placed.block for placed in old])
        for placed in new.values():
            overlay.add(placed.block)
        self._overlay = overlay if self.placed else None
        imp.setOverlay(overlay)  # which paints

    def grew(self, old: Grid, new: Grid) -> None:
        """Follow the image: spots mean other planes when values came between."""
        numbers = self._wide if stays(old, new) else self.placed.keys()
        if not stays(old, new):
            self._carry(old, new)
        for number in list(numbers):
            if not self._move(self.placed[number]):
                self.again.append(self.placed[number].part)
        came = [
            (name, value)
            for name, value in self._waiting
            if new.where(name, value) is not None and old.where(name, value) is None
        ]
        for missing in came:
            self.again += self._waiting.pop(missing).values()

    def _carry(self, old: Grid, new: Grid) -> None:
        overlay, active = self.imp.getOverlay(), self.imp.getRoi()
        if overlay is not None:
            blocks = [placed.block for placed in self.placed.values()]
            for roi in others(overlay.toArray(), [block.toArray() for block in blocks]):
                carry(roi, old, new)
        if active is not None and isinstance(active, jvm.java("ij.gui.PointRoi")):
            carry(active, old, new)

    def _move(self, placed: Placed) -> bool:
        """Set the positions of a part's ROIs; return whether it has no places besides."""
        found = places_of(placed.part.at, self.stack.slices.grid, self.split)
        spots = found if isinstance(found, dict) else {}
        for free, rois in placed.rois.items():
            spot = spots.get(free)
            if spot is not None and spot != placed.spots.get(free):
                placed.spots[free] = spot
                for roi in rois:
                    set_spot(roi, spot)
        return spots.keys() <= placed.rois.keys()


def set_spot(roi: Any, spot: Spot) -> None:
    """Put a ROI where it belongs in a stack."""
    roi.setPosition(spot.n)
    if not spot.n and any(spot):
        roi.setPosition(spot.c, spot.z, spot.t)


def carry(roi: Any, old: Grid, new: Grid) -> None:
    """Keep a person's ROI on its image when values were inserted before it."""
    if isinstance(roi, jvm.java("ij.gui.PointRoi")) and roi.getPosition():
        positions = point_planes(roi)
        there = (positions > 0) & (positions <= old.planes)
        positions[there] = old.moves(new)[positions[there] - 1] + 1
        set_point_planes(roi, positions)
        return
    found = places_of(components_at(spot_of(roi), old, {}), new, {})
    if isinstance(found, dict) and len(found) == 1:
        set_spot(roi, *found.values())


def others(rois: Any, known: Iterable[Any]) -> Any:
    """Return which ROIs are none of those that are known.

    ROIs that look alike are equal to ImageJ; here only the same ones are.

    Parameters
    ----------
    rois, known
        Java arrays.
    """
    array = jvm.java("java.util.Arrays")
    identity = jvm.java("java.util.IdentityHashMap")
    gone = jvm.java("java.util.Collections").newSetFromMap(identity())
    for some in known:
        gone.addAll(array.asList(some))
    left = jvm.java("java.util.ArrayList")(array.asList(rois))
    left.removeAll(gone)
    return left


def _take_out(overlay: Any, blocks: Iterable[Any]) -> None:
    """Take ROIs out of an overlay that has many; the others keep their order."""
    left = others(overlay.toArray(), [block.toArray() for block in blocks])
    overlay.clear()
    for roi in left:
        overlay.add(roi)
