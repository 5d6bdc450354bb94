"""How an image looks in its window: taken down before the window goes, to look so again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fiji_bridge.opening import Opening
from streaming_core.protocol.components import Value


@dataclass(slots=True)
class Look:
    """What a person made of an image. All of it may be unknown.

    Attributes
    ----------
    tables
        Value of component ``channel`` (None where there is none) -> ImageJ's lookup table, which
        holds the display range too.
    active
        Whether a channel is drawn in the composite.
    openings
        The display ranges of channels while they are being found.
    mode
        ImageJ's display mode of a composite; 0 for the usual one.
    place
        Where the sliders stand, by component.
    roi
        ImageJ's selection.
    zoom
        Magnification of the canvas; 0 for the usual one.
    at
        Corner of the window on the screen.
    """

    tables: dict[Value | None, Any] = field(default_factory=dict)
    active: dict[Value | None, bool] = field(default_factory=dict)
    openings: dict[Value | None, Opening] = field(default_factory=dict)
    mode: int = 0
    place: dict[str, Value] = field(default_factory=dict)
    roi: Any = None
    zoom: float = 0.0
    at: tuple[int, int] | None = None


def inherited(looks: Iterable[Look]) -> Look:
    """Return the look of a window from those in which its planes were before.

    Of each channel the first that is known; the rest is as in the first window.
    """
    whole: Look | None = None
    for look in looks:
        if whole is None:
            whole = Look(mode=look.mode, place=dict(look.place), roi=look.roi, zoom=look.zoom)
        whole.tables = look.tables | whole.tables
        whole.active = look.active | whole.active
        whole.openings = look.openings | whole.openings
    return whole or Look()
