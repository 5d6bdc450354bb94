"""What a viewer never got, and what was lost with one: by name, and logged once a burst."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from streaming_core.protocol.actions import Lost

log = logging.getLogger("planecast.publisher")

REMEMBERED: Final = 10_000
"""Undelivered images and gaps that are kept by name."""

LONGEST_REASON: Final = 1000
"""Characters of a reason that are kept: it may be the viewer's."""

LOST: Final = "it was lost with the viewer"

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
    gaps
        The newest of them, by name.
    lost
        How many were never owned.
    reported
        How many lines there were in all for `since`.
    """

    def __init__(self, viewer: str) -> None:
        self.gaps: deque[str] = deque(maxlen=REMEMBERED)
        self.lost = 0
        self.reported = 0
        self._viewer = viewer
        self._lines: dict[int, str] = {}
        self._missed: dict[int, tuple[int, str]] = {}
        self._found: deque[int] = deque(maxlen=REMEMBERED)
        self._unsaid = self._unsaid_found = self._unseen = 0
        self._quiet_until = self._found_quiet_until = self._unseen_quiet_until = -math.inf
        self._not_shown = ""

    @property
    def undelivered(self) -> Sequence[str]:
        """Images that were never owned, by name and reason; the newest last."""
        return [line for _, line in self._missed.values()]

    def since(self, number: int) -> tuple[int, Sequence[str]]:
        """Return how many images are not where they should be, and the newest of them by name.

        They were never owned, or owned by a viewer that died.

        Parameters
        ----------
        number
            What `reported` was when they were asked for the last time.
        """
        count = self.reported - number - sum(found > number for found in self._found)
        newest = islice(reversed(self._lines.items()), max(0, count))
        return count, [line for _, line in newest][::-1]

    def miss(self, seq: int, name: str, reason: str) -> None:
        """Note an image that the viewer never will own; `say` logs it."""
        line = f"{name}: {reason[:LONGEST_REASON]}"
        self._report(line)
        _keep(self._missed, seq, (self.reported, line))
        self.lost += 1
        self._unsaid += 1

    def _report(self, line: str) -> None:
        self.reported += 1
        _keep(self._lines, self.reported, line)

    def found(self, seq: int) -> None:
        """Take back that an image was not delivered: the viewer had it, and was too slow to say."""
        self.lost -= 1
        self._unsaid = max(0, self._unsaid - 1)
        self._unsaid_found += 1
        if seq in self._missed:
            number, _ = self._missed.pop(seq)
            self._lines.pop(number, None)
            self._found.append(number)

    def hide(self, name: str, reason: str) -> None:
        """Note an image that the viewer has and does not show; `say` logs it."""
        self._unseen += 1
        self._not_shown = f"{name} is not shown: {reason}"

    def lose(self, gap: Lost, *, asked: bool) -> None:
        """Note what a viewer owned that is gone; ``asked``: this program ended it, and knows."""
        names = [name.decode() for name in gap.names]
        self.gaps.extend(names)
        if asked:
            return
        self.reported += gap.count - len(names)  # those that are not remembered
        for name in names:
            self._report(f"{name}: {'the viewer was closed' if gap.closed else LOST}")
        if not gap.closed:  # else it said good-bye, which was logged
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
        if self._unsaid_found and (now >= self._found_quiet_until or last):
            log.warning("%s: %d reported as undelivered came after all",
                        self._viewer, self._unsaid_found)  # fmt: skip
            self._unsaid_found, self._found_quiet_until = 0, now + BURST
        if self._unseen and (now >= self._unseen_quiet_until or last):
            others = f" (one of {self._unseen})" if self._unseen > 1 else ""
            log.error("%s: %s%s", self._viewer, self._not_shown, others)
            self._unseen, self._unseen_quiet_until = 0, now + BURST
        if not self._unsaid or (now < self._quiet_until and not last):
            return
        log.error(
            "%s: %d image%s not delivered (%s)%s; see Viewer.undelivered",
            self._viewer, self._unsaid, "s" * (self._unsaid > 1), self._latest(),
            "" if attached or last else ", nor are others until it is back",
        )  # fmt: skip
        self._unsaid = 0
        self._quiet_until = now + BURST if attached else math.inf

    def _latest(self) -> str:
        return next(reversed(self._missed.values()), (0, "and found since"))[1]

    def back(self) -> None:
        """The viewer takes images again: log how many it did not get meanwhile."""
        if self._quiet_until == math.inf:
            lost = f"; {self._unsaid} more images were not delivered meanwhile"
            log.warning("%s: it is back%s", self._viewer, lost * bool(self._unsaid))
            self._unsaid, self._quiet_until = 0, -math.inf


def _keep(lines: dict[int, Any], number: int, line: object) -> None:
    lines[number] = line
    if len(lines) > REMEMBERED:
        del lines[next(iter(lines))]
