"""How a new layer looks: contrast from its first data, colours by channel name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.looks import Limits, colour_of, joined, limits_of, own_colours, sample
from streaming_core.protocol.components import Value

LARGEST: Final = 1e300
"""Of a contrast limit: differences of two such numbers must be finite."""

COLORMAPS: Final = {"orange": "bop orange", "purple": "bop purple"}
"""Colours whose colormap napari calls otherwise."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Contrast limits, and the range in which a person may move them.

    Attributes
    ----------
    flat
        Whether the data were all the same, so that they say nothing about contrast.
    """

    limits: Limits
    range: Limits
    flat: bool = False

    def joined(self, other: Contrast) -> Contrast:
        """Return the contrast in which the data of both can be seen."""
        if self.flat or other.flat:
            return self if other.flat else other
        return Contrast(joined(self.limits, other.limits), joined(self.range, other.range))


def contrast_of(plane: NDArray[Any], limits: Limits | None = None) -> Contrast:
    """Return the contrast for a layer whose first plane this is.

    Parameters
    ----------
    plane
        (Y, X); bool and numbers. NaN and infinities are left out of account.
    limits
        What the producer asked for, if it did.
    """
    kind = plane.dtype.kind
    if kind == "b":
        return Contrast(limits or (0.0, 1.0), (0.0, 1.0))
    values = sample(plane)
    if values.size == 0:
        return Contrast(limits or (0.0, 1.0), limits or (0.0, 1.0), flat=limits is None)
    if kind == "f":
        values = np.clip(values.astype(np.float64), -LARGEST, LARGEST)
    least, most = float(values.min()), float(values.max())
    found = limits_of(values)
    blank = min(least, 0.0), max(most, least + 1.0 if least > 0 else 1.0)
    low, high = limits or found or blank
    room = _room(plane.dtype, min(least, low), max(most, high))
    return Contrast((low, high), room, found is None and limits is None)


def is_flat(plane: NDArray[Any]) -> bool:
    """Whether a few pixels of a plane (Y, X) are all the same; much faster than `contrast_of`."""
    few = plane[::16, ::16]
    return bool((few == few[0, 0]).all())


def white_of(plane: NDArray[Any], limits: Limits | None = None) -> float | None:
    """Return the value that is white in an RGB plane (Y, X, S); None where napari knows it (uint8).

    What the producer says, else the end of the range that the plane's values need: 1 for
    floats up to 1 and bool, 255, 4095 (12 bits), 65535 and so on.
    """
    if plane.dtype == np.uint8:
        return None
    if limits is not None:
        return limits[1] if limits[1] > 0 else 1.0
    most = float(np.nanmax(plane, initial=0))
    if plane.dtype.kind in "bf" and most <= 1:
        return 1.0
    return next((top for top in (255.0, 4095.0, 65535.0) if most <= top), most)


def _room(dtype: np.dtype[Any], low: float, high: float) -> tuple[float, float]:
    """Return the ends of the contrast slider: room for brighter data, yet fine enough for these.

    Parameters
    ----------
    low, high
        Pixel values that must lie within.
    """
    if dtype.kind == "f":
        span = high - low
        return (0.0 if low >= 0 else low - span, high + span)
    if dtype.itemsize == 1:
        info = np.iinfo(dtype)
        return (min(float(info.min), low), max(float(info.max), high))
    top = 4095.0
    while top < 2 * high or top < -2 * low:
        top = 2 * top + 1
    return (min(-top if low < 0 else 0.0, low), top)


class Palette:
    """Colours of channels: one value has one colour in all layers of a viewer."""

    def __init__(self) -> None:
        self._colours: dict[Value, str] = {}
        self._own = own_colours()

    def colour(self, channel: Value) -> str:
        """Return the colormap for a channel, by its name or else the next that is free."""
        if channel not in self._colours:
            self._colours[channel] = colour_of(channel, self._colours.values(), self._own)
        colour = self._colours[channel]
        return COLORMAPS.get(colour, colour)

    def keep(self, channels: Iterable[Value]) -> None:
        """Free the colours of all other channels."""
        kept = set(channels)
        self._colours = {name: colour for name, colour in self._colours.items() if name in kept}
