"""What was refused, in a log that nobody can fill."""

from __future__ import annotations

import logging
import math
import time
from typing import Final

MOST: Final = 10
"""Refusals that are logged in a while; the rest is counted."""

WHILE: Final = 5.0
"""How many seconds that is."""

LONGEST: Final = 300
"""Characters of a text in the log; it may quote what somebody sent."""


class Refusals:
    """Logs what is refused: a few, then how many more. Whoever sends rubbish fills no disk."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._count = 0
        self._told_at = -math.inf

    def note(self, sender: str, reason: str) -> None:
        """Log one refusal, or count it."""
        if time.monotonic() - self._told_at > WHILE:
            self.tell()
        self._count += 1
        if self._count <= MOST:
            self._log.warning("%s: refused: %s", sender, plain(reason))

    def tell(self) -> None:
        """Log how many more there were since the last time."""
        if self._count > MOST:
            self._log.warning("%d more messages were refused", self._count - MOST)
        self._count, self._told_at = 0, time.monotonic()


def plain(text: str) -> str:
    """Return what somebody else said as it may stand in a log: cut, and printable."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST])
