"""What holds for all windows of a viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fiji_bridge import standing
from fiji_bridge.standing import Opened
from streaming_core.protocol.components import Value


@dataclass(slots=True)
class Scene:
    """What all hyperstacks of a viewer go by.

    Attributes
    ----------
    visible
        Whether there are windows; there are none where Java runs headless.
    follow
        Whether sliders go to the newest image; until somebody moves one.
    expected
        Component -> values that were announced: sliders have room for them.
    opened
        Windows that are to be finished.
    """

    visible: bool
    follow: bool = True
    expected: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    opened: list[Opened] = field(default_factory=list)

    def finish(self) -> None:
        """Have windows that were opened stand as they have to. The bridge's own thread only."""
        while self.opened:
            standing.finish(self.opened.pop())
