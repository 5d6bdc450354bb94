"""Units of space and time, one set for all layers of a viewer."""

from __future__ import annotations

from typing import Any, Final

import pint

from napari_plugin.plan import Axes
from streaming_core import calibration

PIXEL: Final = frozenset({"", "pixel", "pixels", "px"})


class Space:
    """The unit in which a viewer measures space.

    The first image that has a unit gives it to the viewer; others are converted to it. All
    layers must agree: napari gives up on units where pixels and micrometres meet, and zooms
    by a thousand where nanometres and micrometres do. An image without a unit takes part at
    one unit per pixel, which is where napari would draw it anyway.
    """

    def __init__(self) -> None:
        self._unit = "pixel"
        self._factors: dict[str, float] = {}

    def forget(self) -> None:
        """Take the unit of the next image that has one."""
        self._unit = "pixel"
        self._factors.clear()

    def note_unit(self, unit: str) -> bool:
        """Take an image's unit if it is the first; return whether it was."""
        if self._unit != "pixel" or unit in PIXEL or unit in self._factors:
            return False
        if micrometres(unit) is None:
            self._factors[unit] = 1.0
            return False
        self._unit = "um" if micrometres(unit) == 1.0 else unit
        self._factors.clear()
        return True

    def factor(self, unit: str) -> float:
        """What lengths in a unit are multiplied by to stand in the viewer's unit."""
        if unit == self._unit or unit in PIXEL:
            return 1.0
        if unit not in self._factors:
            theirs, ours = micrometres(unit), micrometres(self._unit)
            self._factors[unit] = theirs / ours if theirs and ours else 1.0
        return self._factors[unit]

    def units(self, axes: Axes) -> tuple[str, ...]:
        """Units of all dimensions of a layer; T is in seconds where its step is known."""
        known = {"z": self._unit, "t": "s" if "t" in axes.steps else "pixel"}
        return (*(known.get(name, "pixel") for name in axes.names), self._unit, self._unit)


def knows_unit(unit: str) -> bool:
    """Whether lengths in a unit can be shown; none at all means pixels."""
    return unit in PIXEL or micrometres(unit) is not None


def micrometres(unit: str) -> float | None:
    """How many micrometres a unit of length is; None for what is no length."""
    known = calibration.micrometres(unit)
    if known is not None:
        return known
    registry: Any = pint.get_application_registry()  # type: ignore[no-untyped-call]  # pint's
    try:
        return float(registry.Quantity(1.0, unit).to("um").magnitude)
    except (pint.PintError, ValueError, TypeError, AttributeError):
        return None
