"""How images look at first in any viewer: display range from the data, colours of stains."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import InvalidSetting
from streaming_core.protocol.components import Value

Limits: TypeAlias = tuple[float, float]

TAILS: Final = (0.5, 99.9)
"""Percentiles that become black and white; bright structures are small in fluorescence."""

SAMPLES: Final = 256
"""A range is found from at most this many rows and columns: 1 ms whatever the size."""

OPENING: Final = 16
"""Planes of a new channel from which its range is found, if the user does not set it before.

The first one alone misleads: in a stack that starts out of focus the sharp planes are ten
times as bright. What comes later never moves the range.
"""

STAINS: Final[Mapping[str, str]] = {
    r"dapi|hoechst|h33342|bfp|af405|alexa405|ha?ematoxylin|^dna$|^nucle(i|us)$": "blue",
    r"gfp|fitc|af488|alexa488|cy2|calcein|bodipy": "green",
    r"yfp|venus|citrine|(af|alexa)5(14|32)": "yellow",
    r"cfp|cerulean|(af|alexa)430": "cyan",
    r"rfp|cherry|tritc|texasred|cy3|tomato|rhodamine|(af|alexa)5[4-9]\d|phalloidin": "red",
    r"cy5|cy7|farred|irfp|(af|alexa)[67]\d\d|eosin": "magenta",
    r"^dab$": "orange",
    r"bright|phase|^bf$|^dic$|^tl$|transmi|^ph[12]?$": "gray",
}
"""Part of a channel's name (small letters and digits only) -> the colour that people expect."""

CYCLE: Final = ("green", "magenta", "cyan", "yellow", "red", "blue", "orange", "purple")
"""Colours for channels whose names say nothing; the first two are told apart by everybody."""

COLOURS: Final = (*CYCLE, "gray")
"""Colours that a channel may have in every viewer."""


def sample(plane: NDArray[Any]) -> NDArray[Any]:
    """Return some finite values of a plane (Y, X), spread evenly: one dimension, maybe none."""
    steps = tuple(slice(None, None, -(-length // SAMPLES)) for length in plane.shape[:2])
    values = plane[steps].ravel()
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def limits_of(values: NDArray[Any]) -> Limits | None:
    """Return the values that become black and white, None if all are the same or there are none."""
    if not values.size:
        return None
    low, high = (float(value) for value in np.percentile(values, TAILS))
    if not low < high:
        low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else None


def joined(one: Limits, other: Limits) -> Limits:
    """Return the range in which the data of both can be seen."""
    return min(one[0], other[0]), max(one[1], other[1])


def own_colours(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the user's own table: part of a channel's name, as `word_of` has it -> colour.

    Parameters
    ----------
    environment
        Where ``PLANECAST_COLOURS`` stands: ``"DAPI=cyan; mNeon=green"``.

    Raises
    ------
    InvalidSetting
        Naming what is no pair of a name and a colour.
    """
    text = (os.environ if environment is None else environment).get("PLANECAST_COLOURS", "")
    table: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(";"))):
        name, _, colour = (word.strip() for word in pair.partition("="))
        if not word_of(name) or colour not in COLOURS:
            raise InvalidSetting(
                f"PLANECAST_COLOURS={text!r}: {pair!r} is not a channel and one of the colours "
                + ", ".join(COLOURS)
            )
        table[word_of(name)] = colour
    return table


def word_of(channel: str) -> str:
    """Return the letters of a channel's name that tell its stain."""
    return re.sub(r"[^a-z0-9]", "", channel.lower())


def colour_of(
    channel: Value, taken: Collection[str], own: Mapping[str, str] | None = None
) -> str:  # fmt: skip
    """Return the colour of a channel: the user's, its stain's, else the first that is free.

    Parameters
    ----------
    channel
        The channel's value of component ``channel``.
    taken
        Colours of the channels that are there, one for each.
    own
        What the user wants, as `own_colours` returns it: always given, also twice.

    Returns
    -------
    colour
        One of `COLOURS`; of those that nobody asked for only gray is given twice while others
        are free.
    """
    if isinstance(channel, str):
        word = word_of(channel)
        for part, colour in (own or {}).items():
            if part in word:
                return colour
        for pattern, colour in STAINS.items():
            if re.search(pattern, word) and (colour == "gray" or colour not in taken):
                return colour
    free = [colour for colour in CYCLE if colour not in taken]
    return free[0] if free else CYCLE[len(taken) % len(CYCLE)]
