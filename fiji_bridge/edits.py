"""What a person or a macro did to a streamed image. Event thread only."""

from __future__ import annotations

from typing import Any, Final

from fiji_bridge.pixels import Plane
from fiji_bridge.slices import Slices
from streaming_core.protocol.group import Group

LABELS: Final = "labels"
"""The kind whose holes a person may paint."""


def are_theirs(imp: Any, slices: Slices) -> bool:
    """Whether somebody made something else of the image: another type, other slices.

    It is theirs then, and the group goes on in another window.
    """
    size, stack = slices.grid.planes, slices.stack
    if (imp.getWidth(), imp.getHeight()) != slices.size or imp.getStackSize() != size:
        return True
    if imp.getBitDepth() != stack.getBitDepth():
        return True
    other = imp.getImageStack()
    if size > 1 and other != stack:
        sizes = (imp.getNChannels(), imp.getNSlices(), imp.getNFrames())
        if other.isVirtual() or sizes != slices.grid.size:
            return True
        slices.move_to(other)  # the result of a filter, in the place of what it was made of
    return False


def straighten(imp: Any) -> None:
    """Have an image show the slice that its sliders stand at.

    A move of a slider that was under way while the stack grew ends in another one.
    """
    at = imp.getC(), imp.getZ(), imp.getT()
    if imp.isDisplayedHyperStack() and imp.getStackIndex(*at) != imp.getCurrentSlice():
        imp.setPosition(*at)


def adopt(imp: Any, slices: Slices, group: Group[Plane]) -> None:
    """Let the group have the arrays that ImageJ has put into the place of its own."""
    straighten(imp)
    for place, before, now in slices.edited(imp, holes=group.key.kind != LABELS):
        plane = group.planes.get(place)
        if plane is not None:
            plane.take(before, now)


def tend(imp: Any, slices: Slices, group: Group[Plane]) -> bool:
    """Adopt what was edited, so that there is nothing to save; return whether holes changed."""
    if are_theirs(imp, slices):
        return False
    adopt(imp, slices, group)
    imp.changes = False
    return group.key.kind != LABELS and slices.heal()
