"""Colours of channels and labels. No Java here."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from streaming_core.looks import CYCLE, colour_of, own_colours
from streaming_core.protocol.components import Value

Rgb: TypeAlias = tuple[int, int, int]

GRAY: Final[Rgb] = (255, 255, 255)
NAMED: Final[dict[str, Rgb]] = {
    "green": (0, 255, 0), "magenta": (255, 0, 255), "cyan": (0, 255, 255),
    "yellow": (255, 255, 0), "red": (255, 0, 0), "blue": (0, 0, 255),
    "orange": (255, 128, 0), "purple": (128, 0, 255),
    "gray": GRAY, "grey": GRAY, "grays": GRAY, "greys": GRAY, "white": GRAY,
}  # fmt: skip
"""Colormaps that run from black to one colour."""

COLOURS: Final = f"there is: {', '.join(NAMED)}, or '#ff8000'"
"""What to give instead of a name that is none of these."""

NAMES: Final = {NAMED[name]: name for name in (*CYCLE, "gray")}
"""What these colours are called where channels get theirs."""


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


def of_channel(value: Value, taken: Iterable[Rgb]) -> Rgb:
    """Return the colour of a channel: by its name, else the first that is not taken.

    Parameters
    ----------
    value
        The channel's value of component ``channel``.
    taken
        Colours of the channels that are there.
    """
    return NAMED[colour_of(value, [NAMES.get(colour, "") for colour in taken], own_colours())]


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
