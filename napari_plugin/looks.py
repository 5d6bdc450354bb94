"""How a new layer looks: contrast from its first data, colours by channel name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.protocol.components import Value

LOW, HIGH = 0.5, 99.9
"""Percentiles that become black and white; bright structures are small in fluorescence."""

SAMPLES: Final = 256
"""Contrast is taken from at most this many rows and columns: 1 ms whatever the size."""

LARGEST: Final = 1e300
"""Of a contrast limit: differences of two such numbers must be finite."""

COLOURS: Final[Mapping[str, str]] = {
    r"dapi|hoechst|h33342|bfp|af405|alexa405|h(a)?ematoxylin": "blue",
    r"gfp|fitc|af488|alexa488|cy2|calcein|bodipy": "green",
    r"yfp|venus|citrine|af514|alexa514|af532|alexa532": "yellow",
    r"cfp|cerulean|af430|alexa430": "cyan",
    r"rfp|cherry|tritc|texasred|cy3|tomato|rhodamine|af5[4-9]\d|alexa5[4-9]\d|phalloidin": "red",
    r"cy5|cy7|farred|irfp|af6\d\d|alexa6\d\d|af7\d\d|alexa7\d\d|eosin": "magenta",
    r"^dab$": "bop orange",
    r"bright|phase|^bf$|^dic$|^tl$|transmi|^ph\d?$": "gray",
}
"""Part of a channel's name (small letters and digits only) -> napari's name of a colormap."""

CYCLE: Final = ("green", "magenta", "cyan", "yellow", "red", "blue", "bop orange", "bop purple")
"""Colours for channels whose name says nothing, in this order."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Contrast limits, and the range in which a person may move them.

    Attributes
    ----------
    flat
        Whether the data were all the same, so that they say nothing about contrast.
    """

    limits: tuple[float, float]
    range: tuple[float, float]
    flat: bool = False

    def joined(self, other: Contrast) -> Contrast:
        """Return the contrast in which the data of both can be seen."""
        if self.flat or other.flat:
            return self if other.flat else other
        pairs = (self.limits, other.limits), (self.range, other.range)
        limits, room = ((min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs)
        return Contrast(limits, room)


def contrast_of(plane: NDArray[Any], limits: tuple[float, float] | None = None) -> Contrast:
    """Return the contrast for a layer whose first plane this is.

    Parameters
    ----------
    plane
        (Y, X); bool and numbers. NaN and infinities are left out of account.
    limits
        What the producer asked for, if it did.
    """
    steps = tuple(slice(None, None, -(-length // SAMPLES)) for length in plane.shape[:2])
    sample = plane[steps].ravel()
    kind = plane.dtype.kind
    if kind == "b":
        return Contrast(limits or (0.0, 1.0), (0.0, 1.0))
    if kind == "f":
        sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return Contrast(limits or (0.0, 1.0), limits or (0.0, 1.0), flat=limits is None)
    if kind == "f":
        sample = np.clip(sample.astype(np.float64), -LARGEST, LARGEST)
    least, most = float(sample.min()), float(sample.max())
    low, high = (float(value) for value in np.percentile(sample, (LOW, HIGH)))
    if not low < high:
        low, high = least, most
    flat = not low < high
    if flat:
        low, high = min(low, 0.0), max(high, low + 1.0 if low > 0 else 1.0)
    low, high = limits or (low, high)
    room = _room(plane.dtype, min(least, low), max(most, high))
    return Contrast((low, high), room, flat and limits is None)


def is_flat(plane: NDArray[Any]) -> bool:
    """Whether a few pixels of a plane are all the same; much faster than `contrast_of`."""
    few = plane[::16, ::16]
    return bool((few == few[0, 0]).all())


def white_of(plane: NDArray[Any], limits: tuple[float, float] | None = None) -> float | None:
    """Return the value that is white in an RGB plane; None where napari knows it (uint8).

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
    """Range for the contrast slider: room for brighter data, yet fine enough for these."""
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

    def colour(self, channel: Value) -> str:
        """Return the colormap for a channel, by its name or else the next that is free."""
        if channel not in self._colours:
            self._colours[channel] = self._choose(channel)
        return self._colours[channel]

    def keep(self, channels: Iterable[Value]) -> None:
        """Free the colours of all other channels."""
        kept = set(channels)
        self._colours = {name: colour for name, colour in self._colours.items() if name in kept}

    def _choose(self, channel: Value) -> str:
        taken = set(self._colours.values())
        if isinstance(channel, str):
            word = re.sub(r"[^a-z0-9]", "", channel.lower())
            for pattern, colour in COLOURS.items():
                if re.search(pattern, word) and (colour not in taken or colour == "gray"):
                    return colour
        free = [colour for colour in CYCLE if colour not in taken]
        return free[0] if free else CYCLE[len(self._colours) % len(CYCLE)]
