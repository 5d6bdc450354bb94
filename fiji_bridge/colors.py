"""Colours of channels and labels. No Java here."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Collection
from typing import Final, TypeAlias

from streaming_core.protocol.components import Value

Rgb: TypeAlias = tuple[int, int, int]

GRAY: Final[Rgb] = (255, 255, 255)
NAMED: Final[dict[str, Rgb]] = {
    "green": (0, 255, 0), "magenta": (255, 0, 255), "cyan": (0, 255, 255),
    "yellow": (255, 255, 0), "red": (255, 0, 0), "blue": (0, 0, 255), "orange": (255, 128, 0),
    "gray": GRAY, "grey": GRAY, "grays": GRAY, "greys": GRAY, "white": GRAY,
}  # fmt: skip
"""Colormaps that run from black to one colour."""

PALETTE: Final = tuple(list(NAMED.values())[:7])
"""For channels whose names say nothing; the first two are told apart by everybody."""

STAINS: Final = (
    (r"dapi|hoechst|h33342|bfp|af405|alexa405|ha?ematoxylin", "blue"),
    (r"gfp|fitc|af488|alexa488|cy2|calcein|bodipy", "green"),
    (r"yfp|venus|citrine|(af|alexa)5[13]\d", "yellow"),
    (r"cfp|cerulean|(af|alexa)430", "cyan"),
    (r"rfp|cherry|tritc|texasred|cy3|tomato|rhodamine|(af|alexa)5[4-9]\d|phalloidin", "red"),
    (r"cy5|cy7|farred|irfp|(af|alexa)[67]\d\d|eosin", "magenta"),
    (r"^dab$", "orange"),
    (r"bright|phase|^bf$|^dic$|^tl$|transmi|^ph\d?$", "gray"),
)
"""Colours that people expect of stains: a pattern for the channel's name in small letters and
digits, and the colour."""


def colormap(name: str) -> Rgb | None:
    """Return the colour that a colormap runs to, None if it is not of that sort.

    Parameters
    ----------
    name
        A colour's name as napari and ImageJ know it, or "#ff8000".
    """
    if re.fullmatch(r"#[0-9a-fA-F]{6}", name):
        return int(name[1:3], 16), int(name[3:5], 16), int(name[5:], 16)
    return NAMED.get(name.lower())


def of_channel(value: Value, taken: Collection[Rgb]) -> Rgb:
    """Return the colour of a channel: by its name, else the first that is not taken.

    Parameters
    ----------
    value
        The channel's value of component ``channel``.
    taken
        Colours of the channels that are there.
    """
    if isinstance(value, str):
        word = re.sub(r"[^a-z0-9]", "", value.lower())
        for pattern, name in STAINS:
            color = NAMED[name]
            if re.search(pattern, word) and (color not in taken or color == GRAY):
                return color
    free = [color for color in PALETTE if color not in taken]
    return free[0] if free else PALETTE[len(taken) % len(PALETTE)]


def labels() -> tuple[bytes, bytes, bytes]:
    """Return a lookup table of 256 colours for labels: neighbours differ, 0 is black."""
    table = [(0.0, 0.0, 0.0)]
    for label in range(1, 256):
        # The golden ratio spreads hues so that near numbers get far colours.
        hue = label * 0.618033988749895 % 1.0
        table.append(colorsys.hsv_to_rgb(hue, 0.6 + 0.4 * (label % 3) / 2, 1 - 0.3 * (label % 2)))
    red, green, blue = zip(*table, strict=True)
    return _bytes(red), _bytes(green), _bytes(blue)


def _bytes(values: tuple[float, ...]) -> bytes:
    return bytes(round(255 * value) for value in values)
