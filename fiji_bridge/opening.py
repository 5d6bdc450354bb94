"""Planes that have come, and the display range that the first of a channel ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fiji_bridge import looks
from fiji_bridge.pixels import Plane
from streaming_core.looks import OPENING, Limits
from streaming_core.protocol.components import Value
from streaming_core.protocol.messages import Image


@dataclass(frozen=True, slots=True)
class Fresh:
    """A plane that has come.

    Attributes
    ----------
    image
        The message that brought it.
    place
        Its component values, in the order of the group's names.
    grew
        Whether a value of them is new to the group.
    """

    image: Image
    place: tuple[Value, ...]
    plane: Plane
    grew: bool


@dataclass(slots=True)
class Opening:
    """The display range of a channel while it is still being found.

    Attributes
    ----------
    limits
        In which all planes so far can be seen, None if they do not say.
    stands
        What ImageJ made of it: another range now is the user's.
    seen
        Planes it was found from.
    """

    limits: Limits | None = None
    stands: Limits = (0.0, 0.0)
    seen: int = 0

    def take(self, fresh: Sequence[Fresh]) -> bool:
        """Widen the limits for new planes; return whether they changed."""
        before = self.limits
        for item in fresh:
            if self.seen >= OPENING:
                break
            found = looks.limits(item.image, item.plane)
            self.limits = looks.join(self.limits, found)
            if found is not None:
                self.seen = OPENING if looks.is_fixed(item.image) else self.seen + 1
        return self.limits != before
