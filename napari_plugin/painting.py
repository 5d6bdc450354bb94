"""What a person paints on streamed labels: theirs from then on, whatever arrives later."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import ArrayLike, NDArray

from streaming_core.protocol.components import Value
from streaming_core.protocol.group import Group


class Painting:
    """Writes into the planes of one group of labels. On the window's thread.

    Planes that were sent are read-only, and may be memory of their producer. The first
    stroke on a place therefore copies its plane; the next ones write into that copy, which
    a thread that reads it meanwhile may see half done.

    Parameters
    ----------
    group
        Its places that were painted keep what was painted.
    """

    def __init__(self, group: Group[NDArray[Any]]) -> None:
        self._group = group

    def write(
        self, place: tuple[Value, ...], inside: tuple[int | slice, ...], value: ArrayLike
    ) -> None:
        """Set a part of the plane at a place, which may not have had one.

        Parameters
        ----------
        inside
            Index into the plane, (Y, X).
        """
        group = self._group
        if place not in group.edited:
            sent = group.planes.get(place)
            blank = np.zeros(group.key.plane, np.dtype(group.key.dtype))
            group.edit(place, blank if sent is None else np.array(sent, copy=True))
        group.planes[place][inside] = value


def forget_strokes(layer: Labels, mode: str | None = None) -> None:
    """Make napari forget what it could undo: its indices mean other planes now.

    Parameters
    ----------
    mode
        The tool in the user's hand, which napari would put away; as the layer says if None.
    """
    mode = str(layer.mode) if mode is None else mode
    layer.editable = False
    layer.editable = True
    layer.mode = mode
