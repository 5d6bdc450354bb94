"""What a person put into the ROI Manager: where it lies, also when its window has gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fiji_bridge import jvm
from fiji_bridge.czt import Grid
from fiji_bridge.edt import on_edt
from fiji_bridge.hyperstack import Hyperstack
from fiji_bridge.overlays import set_spot
from fiji_bridge.parts import components_at, named, places_of
from fiji_bridge.rois import Spot, outlines, point_planes, set_point_planes
from streaming_core.protocol.components import GroupKey, Value


@dataclass(frozen=True, slots=True)
class Sheet:
    """A window's image as it is, or as it was when it went: what its positions mean.

    Attributes
    ----------
    together
        Whether its channels are seen together: what is drawn then belongs to all of them.
    """

    key: GroupKey
    grid: Grid
    together: bool

    @classmethod
    def of(cls, stack: Hyperstack, imp: Any) -> Sheet:
        """Take down a hyperstack and its image."""
        together = bool(imp.isComposite()) and imp.getMode() == imp.COMPOSITE
        return cls(stack.group.key, stack.slices.grid, together)

    def components(self, spot: Spot) -> dict[str, Value]:
        """Return the components of what lies at a spot, in the order in which slices name them."""
        found = components_at(spot, self.grid, dict(self.key.split))
        if spot.n and self.together:
            found.pop("channel", None)
        return dict(named(found))

    def spot(self, components: dict[str, Value]) -> Spot | None:
        """Return where something with these components lies here; None if that is nowhere."""
        found = places_of(components, self.grid, dict(self.key.split))
        return next(iter(found.values()), None) if isinstance(found, dict) else None

    def is_like(self, other: Sheet) -> bool:
        """Whether both show planes of the same source and size, however grouped."""
        ours, theirs = self.key, other.key
        return (ours.source, ours.kind, ours.plane) == (theirs.source, theirs.kind, theirs.plane)


class Entries:
    """Keeps entries on their planes when windows go, and others come with the same planes.

    Entries know their window by the number of ImageJ's image. The bridge's own thread only.

    Parameters
    ----------
    theirs
        Returns the entries; called on the event thread.
    """

    def __init__(self, theirs: Callable[[], list[Any]]) -> None:
        self._theirs = theirs
        self._gone: dict[int, Sheet] = {}

    def leave(self, stack: Hyperstack, imp: Any) -> None:
        """Note what positions on an image meant that has gone."""
        drawn_on = {int(roi.getImageID()) for roi in on_edt(None, self._theirs)}
        self._gone[int(imp.getID())] = Sheet.of(stack, imp)
        self._gone = {number: sheet for number, sheet in self._gone.items() if number in drawn_on}

    def move_to(self, stack: Hyperstack, imp: Any) -> None:
        """Have entries of windows that have gone lie on an image that has their planes."""
        if self._gone:
            on_edt(imp, lambda: self._move_to(Sheet.of(stack, imp), imp))

    def sheet(self, number: int) -> Sheet | None:
        """Return what positions meant on an image that has gone."""
        return self._gone.get(number)

    def _move_to(self, here: Sheet, imp: Any) -> None:
        listed = jvm.java("ij.plugin.frame.RoiManager").getRawInstance()
        for roi in self._theirs():
            before = self._gone.get(int(roi.getImageID()))
            if before is None or not before.is_like(here) or not _move(roi, before, here):
                continue
            roi.setImage(imp)
            listed.setRoi(roi.clone(), listed.getRoiIndex(roi))  # it knows the image's number alone


def _move(roi: Any, before: Sheet, here: Sheet) -> bool:
    """Give a ROI the position that it has here; False if not all of it lies here."""
    spots: dict[Spot, Spot] = {}
    for one in outlines(roi):
        there = here.spot(before.components(one.spot))
        if there is None:
            return False
        spots[one.spot] = there
    if isinstance(roi, jvm.java("ij.gui.PointRoi")) and any(spot.n for spot in spots):
        _move_points(roi, before.grid, here)
    elif spots:
        set_spot(roi, next(iter(spots.values())))
    return bool(spots)


def _move_points(roi: Any, before: Grid, here: Sheet) -> None:
    """Give each point the plane that it was clicked on."""
    positions = point_planes(roi)
    names, split = here.grid.names, dict(here.key.split)
    for at in np.flatnonzero(positions):
        place = before.place(before.czt(int(positions[at]) - 1))
        known = split | dict(zip(before.names, place, strict=True))
        there = here.grid.find(tuple(known[name] for name in names))
        positions[at] = 0 if there is None else here.grid.index(there) + 1
    set_point_planes(roi, positions)
