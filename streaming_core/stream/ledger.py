"""What a viewer never got, and what was lost with one: by name, and logged once a burst."""

from __future__ import annotations

import logging
import math
from collections import deque
from typing import Final

from streaming_core.protocol.actions import Lost

log = logging.getLogger("planecast.publisher")

REMEMBERED: Final = 10_000
"""Undelivered images and gaps that are kept by name."""

LONGEST_REASON: Final = 1000
"""Characters of a reason that are kept: it may be the viewer's."""

BURST: Final = 5.0
"""Seconds between two ERROR lines about images that were not delivered, at least."""


class Ledger:
    """The undelivered images and the gaps of one route.

    Parameters
    ----------
    viewer
        Who it is about: "napari viewer on port 5555".

    Attributes
    ----------
    undelivered, gaps
        The newest of them, by name; of an undelivered one with the reason.
    lost
        How many were never owned.
    report, reported
        A line for each image that is not where it should be, for `Viewer.flush`: never owned, or
        owned by a viewer that died; and how many there were in all.
    """

    def __init__(self, viewer: str) -> None:
        self.undelivered: deque[str] = deque(maxlen=REMEMBERED)
        self.gaps: deque[str] = deque(maxlen=REMEMBERED)
        self.lost = 0
        self.report: deque[str] = deque(maxlen=REMEMBERED)
        self.reported = 0
        self._viewer = viewer
        self._unsaid = 0
        self._quiet_until = -math.inf

    def miss(self, name: str, reason: str) -> None:
        """Note an image that the viewer never will own; `say` logs it."""
        self.undelivered.append(f"{name}: {reason[:LONGEST_REASON]}")
        self.report.append(self.undelivered[-1])
        self.reported += 1
        self.lost += 1
        self._unsaid += 1

    def lose(self, gap: Lost) -> None:
        """Note what a viewer owned that is gone. Who closed it knows, so that is no error."""
        names = [name.decode() for name in gap.names]
        self.gaps.extend(names)
        if not gap.closed:
            self.report.extend(f"{name}: it was lost with the viewer" for name in names)
            self.reported += gap.count
            log.error(
                "%s: it died; %d image%s that it had %s gone with it, see Viewer.gaps",
                self._viewer, gap.count, "s" * (gap.count > 1), "are" if gap.count > 1 else "is",
            )  # fmt: skip

    def say(self, now: float, *, attached: bool, last: bool = False) -> None:
        """Log what was not delivered: at once, then not before a while; detached, not again.

        Parameters
        ----------
        now
            The time, in seconds.
        attached
            Whether the viewer is to get more images.
        last
            Nothing more will be said: keep nothing back.
        """
        if not self._unsaid or (now < self._quiet_until and not last):
            return
        log.error(
            "%s: %d image%s not delivered (%s)%s; see Viewer.undelivered",
            self._viewer, self._unsaid, "s" * (self._unsaid > 1), self.undelivered[-1],
            "" if attached or last else ", nor are others until it is back",
        )  # fmt: skip
        self._unsaid = 0
        self._quiet_until = now + BURST if attached else math.inf

    def back(self) -> None:
        """The viewer takes images again: log how many it did not get meanwhile."""
        if self._quiet_until == math.inf:
            log.warning("%s: it is back; %d more images were not delivered meanwhile",
                        self._viewer, self._unsaid)  # fmt: skip
            self._unsaid, self._quiet_until = 0, -math.inf
