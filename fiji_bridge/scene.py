"""What holds for all windows of a viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    """

    visible: bool
    follow: bool = True
    expected: Mapping[str, Sequence[Value]] = field(default_factory=dict)
