"""What a TIFF file says about itself: names of channels, size of pixels, units and spellings."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from streaming_core.protocol.components import LONGEST_VALUE

if TYPE_CHECKING:
    from tifffile import TiffFile

MICROMETRES: Final[Mapping[str, float]] = {
    "m": 1e6, "cm": 1e4, "mm": 1e3, "nm": 1e-3, "pm": 1e-6, "inch": 25_400.0, "\u00e5": 1e-4,
    "um": 1.0, "\u03bcm": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
    "micrometre": 1.0,
}  # fmt: skip
SECONDS: Final[Mapping[str, float]] = {
    "s": 1.0, "sec": 1.0, "ms": 1e-3, "\u03bcs": 1e-6, "us": 1e-6, "min": 60.0, "h": 3600.0,
}  # fmt: skip

TIFF_UNITS: Final[Mapping[int, float]] = {3: 1e4, 4: 1e3, 5: 1.0}
"""Micrometres in the resolution units centimetre, millimetre and micrometre. Not the inch: it
stands in nearly every file and means the dots of a screen."""

COARSEST: Final = 20.0
"""Micrometres: larger pixels in a plain TIFF are a printer's resolution, not a microscope's."""


@dataclass(frozen=True, slots=True)
class Details:
    """What the metadata say about one image of a file.

    Attributes
    ----------
    channels
        Their names; none where they are missing or not unique.
    scale
        Micrometres by axis letter, seconds for T; only what the file says and can be trusted.
    """

    channels: tuple[str, ...] = ()
    scale: dict[str, float] = field(default_factory=dict)


def details_of(tif: TiffFile, count: int) -> list[Details]:
    """Return the details of each image of the file, from whichever program wrote them.

    Parameters
    ----------
    count
        How many images tifffile finds in the file.
    """
    if tif.ome_metadata:
        return _ome(tif.ome_metadata, count)
    if tif.imagej_metadata:
        scale = _imagej(tif, tif.imagej_metadata)
    elif tif.metaseries_metadata:
        scale = _metaseries(tif.metaseries_metadata)
    else:
        unit = TIFF_UNITS.get(tif.pages.first.resolutionunit, 0.0)
        scale = {axis: size * unit for axis, size in _spacing(tif).items()}
        if any(size > COARSEST for size in scale.values()):
            scale = {}
    return [Details(scale=_sound(scale))] * count


def _ome(xml: str, count: int) -> list[Details]:
    tree = ElementTree.fromstring(xml)  # noqa: S314 - tifffile has parsed it already
    found = []
    for pixels in tree.iterfind("{*}Image/{*}Pixels"):
        scale = {
            axis: _measure(
                pixels.get(f"PhysicalSize{axis}"),
                pixels.get(f"PhysicalSize{axis}Unit", "um"),
                MICROMETRES,
            )
            for axis in "ZYX"
        }
        scale["T"] = _measure(
            pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"), SECONDS
        )
        names = tuple(channel.get("Name", "") for channel in pixels.iterfind("{*}Channel"))
        # two channels of one name would be one place: numbers tell them apart
        usable = all(0 < len(name) <= LONGEST_VALUE for name in names)
        usable = usable and len(set(names)) == len(names)
        found.append(Details(names if usable else (), _sound(scale)))
    return found if len(found) == count else [Details()] * count


def _imagej(tif: TiffFile, meta: Mapping[str, Any]) -> dict[str, float]:
    unit = meta.get("unit")
    scale = {axis: _measure(size, unit, MICROMETRES) for axis, size in _spacing(tif).items()}
    scale["Z"] = _measure(meta.get("spacing"), meta.get("zunit", unit), MICROMETRES)
    scale["T"] = _measure(meta.get("finterval"), meta.get("tunit", "s"), SECONDS)
    return scale


def _metaseries(meta: Mapping[str, Any]) -> dict[str, float]:
    info = meta.get("PlaneInfo", {})
    if info.get("spatial-calibration-state") is not True:
        return {}
    unit = info.get("spatial-calibration-units")
    sizes = {axis: info.get(f"spatial-calibration-{axis.lower()}") for axis in "YX"}
    return {axis: _measure(size, unit, MICROMETRES) for axis, size in sizes.items()}


def _spacing(tif: TiffFile) -> dict[str, float]:
    """Return the pixel size in the file's own unit, by the resolution tags if they are there."""
    page = tif.pages.first
    if "XResolution" not in page.tags or "YResolution" not in page.tags:
        return {}
    x, y = page.resolution
    return {"Y": 1 / y, "X": 1 / x} if x > 0 and y > 0 else {}


def micrometres(unit: str) -> float | None:
    """Return how many micrometres a unit of length is, by its spelling; None if it is not known."""
    return MICROMETRES.get(_spelled(unit))


def _spelled(unit: object) -> str:
    # ImageJ writes the micro sign as an escape, and Unicode has two letters for it
    return unicodedata.normalize("NFKC", str(unit).replace(r"\u00B5", "\u00b5")).strip()


def _measure(value: object, unit: object, units: Mapping[str, float]) -> float:
    """Return the value in micrometres or seconds, 0 for what is not known."""
    text = _spelled(unit)
    factor = units.get(text, units.get(text.lower(), 0.0))
    try:
        return float(value) * factor if isinstance(value, str | int | float) else 0.0
    except ValueError:
        return 0.0


def _sound(scale: Mapping[str, float]) -> dict[str, float]:
    """Keep what can be used: sizes above 0, and X and Y only together."""
    good = {axis: size for axis, size in scale.items() if math.isfinite(size) and size > 0}
    return good if {"X", "Y"} <= set(good) else {a: good[a] for a in good if a == "T"}
