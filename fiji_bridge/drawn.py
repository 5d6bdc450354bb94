"""What a person drew in ImageJ: selections of streamed windows, and entries of the ROI Manager."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiji_bridge import jvm
from fiji_bridge.edt import on_edt
from fiji_bridge.entries import Sheet
from fiji_bridge.hyperstack import Hyperstack
from fiji_bridge.marks import Marks
from fiji_bridge.rois import Cell, Outline, Spot, is_same, outlines, spot_of
from fiji_bridge.stacks import Stacks
from streaming_core.protocol.components import Value
from streaming_core.protocol.words import Wanted

LIST = "ROI Manager"


@dataclass(frozen=True, slots=True)
class Drawn:
    """One outline that a person drew, and where."""

    layer: str
    stack: Hyperstack | None
    components: Mapping[str, Value]
    outline: Outline


def drawings_of(stacks: Stacks, marks: Marks) -> list[dict[str, Any]]:
    """Return what a person drew, as entries of `annotations`: what was sent is left out."""
    listed = [roi for roi in on_edt(None, _listed) if not marks.is_ours(roi)]
    found: list[Drawn] = []
    for stack in stacks.of.values():
        active = _selection(stack)
        # Who added a selection to the list still sees it on the image.
        if active is not None and not any(is_same(active[0], roi) for roi in listed):
            if not marks.is_ours(active[0]):
                found += _of_window(stack, *active)
    for roi in listed:
        found += _of_list(stacks, marks, roi)
    return _entries(found)


def _listed() -> list[Any]:
    there = jvm.java("ij.plugin.frame.RoiManager").getRawInstance()
    return [] if there is None else [roi.clone() for roi in there.getRoisAsArray()]


def _active(stack: Hyperstack) -> tuple[Any, Spot] | None:
    """Return a window's selection, and where adding it to the list would put it. Event thread."""
    imp = stack.imp
    roi = imp.getRoi()
    if roi is None or roi.getState() == roi.CONSTRUCTING:
        return None
    copy = roi.clone()
    added = roi.clone()
    added.setPosition(imp)  # as ImageJ does it: channels that are seen together are one
    return copy, spot_of(added)


def _selection(stack: Hyperstack) -> tuple[Any, Spot] | None:
    if stack.imp is None or stack.closed:
        return None
    return on_edt(stack.imp, lambda: _active(stack))


def _of_window(stack: Hyperstack, roi: Any, here: Spot) -> Iterable[Drawn]:
    imp = stack.imp
    if imp is None:  # it was closed just now
        return
    sheet = Sheet.of(stack, imp)
    for outline in outlines(roi):
        spot = outline.spot if any(outline.spot) else here
        yield Drawn(stack.title, stack, sheet.components(spot), outline)


def _of_list(stacks: Stacks, marks: Marks, roi: Any) -> Iterable[Drawn]:
    number = int(roi.getImageID())
    stack = _image_of(stacks, number)
    imp = None if stack is None else stack.imp
    sheet = marks.sheet(number) if stack is None or imp is None else Sheet.of(stack, imp)
    for outline in outlines(roi):
        components = {} if sheet is None else sheet.components(outline.spot)
        there = _stack_with(stacks, sheet, components) if imp is None else stack
        yield Drawn(LIST, there, components, outline)


def _image_of(stacks: Stacks, number: int) -> Hyperstack | None:
    """Return the hyperstack on which a ROI was drawn; the front one where it does not say."""
    if number == 0:
        return stacks.front()
    there = [(stack, stack.imp) for stack in stacks.of.values()]
    return next(
        (stack for stack, imp in there if imp is not None and int(imp.getID()) == number), None
    )


def _stack_with(
    stacks: Stacks, gone: Sheet | None, components: dict[str, Value]
) -> Hyperstack | None:
    """Return the hyperstack that has the planes now on which a ROI was drawn."""
    if gone is None:
        return None
    for group, _ in Wanted(gone.key.source, gone.key.kind, components).among(stacks.groups()):
        if group.key.plane == gone.key.plane:
            return stacks.of.get(group.key)  # its window may never have been opened
    return None


def _entries(found: Iterable[Drawn]) -> list[dict[str, Any]]:
    """Return one entry for each kind of thing, window or list, and place."""
    grouped: dict[tuple[Any, ...], list[Drawn]] = {}
    for one in found:
        image = None if one.stack is None else one.stack.group.key
        key = (one.layer, one.outline.kind, image, tuple(one.components.items()))
        grouped.setdefault(key, []).append(one)
    return [_entry(items) for items in grouped.values()]


def _entry(items: list[Drawn]) -> dict[str, Any]:
    first = items[0]
    data = [one.outline.corners for one in items]
    world = [_world(first, corners) for corners in data]
    rows = [_rows(one.outline) for one in items]
    names = dict.fromkeys(name for one in rows for name in one)
    count = [len(one.outline.corners) if one.outline.kind == "points" else 1 for one in items]
    features = {
        name: [
            cell
            for one, length in zip(rows, count, strict=True)
            for cell in one.get(name, [None] * length)
        ]
        for name in names
    }
    entry: dict[str, Any] = {
        "kind": first.outline.kind,
        "layer": first.layer,
        "components": dict(first.components),
        "image": None if first.stack is None else first.stack.group.key.source,
        "features": features,
    }
    if first.outline.kind == "points":
        return entry | {"data": [np.concatenate(data)], "world": [np.concatenate(world)]}
    return entry | {"shapes": [one.outline.shape for one in items], "data": data, "world": world}


def _rows(outline: Outline) -> dict[str, list[Cell]]:
    """Return the features of each point, or of one shape."""
    count = len(outline.corners) if outline.kind == "points" else 1
    return {
        name: list(value) if isinstance(value, list) else [value] * count
        for name, value in outline.features.items()
    }


def _world(one: Drawn, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions in the image's unit, as ImageJ's calibration has it."""
    imp = None if one.stack is None else one.stack.imp
    if one.stack is None or imp is None:
        return corners
    calibration = imp.getCalibration()
    step = np.array([float(calibration.pixelHeight), float(calibration.pixelWidth)])
    start = -np.array([float(calibration.yOrigin), float(calibration.xOrigin)]) * step
    group = one.stack.group
    if all(name in one.components for name in group.names):
        place = tuple(one.components[name] for name in group.names)
        start = np.array(group.origins.get(place, start))
    return np.asarray(corners * step + start, np.float64)
