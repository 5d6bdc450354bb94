"""How much a viewer takes: what it has not shown yet, its user's pause, its memory budget."""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

import numpy as np

from streaming_core.errors import InvalidImage
from streaming_core.memory.budget import Budget, say_bytes
from streaming_core.network.transport import Part
from streaming_core.protocol.tables import Drawing
from streaming_core.settings import Settings
from streaming_core.stream.adapter import ViewerAdapter

log = logging.getLogger("planecast.receiver")

PAUSED: Final = "its user has paused it"


class Intake:
    """Decides whether images are taken now; if not they wait, un-acked, and producers with them.

    The I/O thread asks; `shown`, `why` and `budget` are for any thread.

    Parameters
    ----------
    adapter
        Its user may have paused it.
    settings
        Limits.
    budget
        Of the memory for images, where that is not this process's own; its adapter counts
        what it takes of it.

    Attributes
    ----------
    budget
        Of the memory for images.
    backlog
        Images that are owned and not shown yet.
    progress
        Images that were shown so far, or never will be.
    """

    def __init__(
        self, adapter: ViewerAdapter, settings: Settings, budget: Budget | None = None
    ) -> None:  # fmt: skip
        self.budget = budget or Budget(settings.memory)
        self.backlog = 0
        self.progress = 0
        self._adapter = adapter
        self._most = settings.backlog
        self._count = threading.Lock()
        self._waiting: tuple[list[Part], int] | None = None

    @property
    def full(self) -> bool:
        """Whether the window has to show some before more are taken."""
        return self.backlog >= self._most

    @property
    def taking(self) -> bool:
        """Whether images are taken now."""
        return not self.full and not self._adapter.paused and not self._over()

    @property
    def paused(self) -> bool:
        """Whether it is for its user to end the wait: no stall clock runs meanwhile."""
        return bool(self.why)

    @property
    def why(self) -> str:
        """Why producers wait for the user, and what to do; empty while they do not."""
        if self._adapter.paused:
            return PAUSED
        if self.backlog or not self._over():  # what is shown next may give memory back
            return ""
        held, limit = say_bytes(self.budget.held), say_bytes(self.budget.limit)
        return (
            f"its memory budget is full ({held} of {limit}): clear or release what is not needed, "
            f"{self.budget.advice}, "
            "or keep only the newest images of a source: show(..., keep=N)"
        )

    def came(self, kept: Any) -> None:
        """Count an image that is owned now, and its memory."""
        numbers = kept.rows if isinstance(kept, Drawing) else kept
        if isinstance(numbers, np.ndarray):
            self.budget.take(numbers)
        with self._count:
            self.backlog += 1

    def shown(self) -> None:
        """Count an image that is shown, or never will be."""
        with self._count:
            self.backlog -= 1
            self.progress += 1

    def admits(self, parts: list[Part], nbytes: int) -> bool:
        """Whether there is room for this image; if not its message is kept until there is.

        Raises
        ------
        InvalidImage
            When there never will be.
        """
        if nbytes > self.budget.limit:
            raise InvalidImage(
                f"it takes {say_bytes(nbytes)}, and the whole memory budget of this viewer is "
                f"{say_bytes(self.budget.limit)}; {self.budget.advice}, or send the image in parts"
            )
        if self.budget.has_room(nbytes):
            return True
        self._waiting = (parts, nbytes)
        return False

    def take_waiting(self) -> list[Part] | None:
        """Return and forget the message that was kept."""
        waiting, self._waiting = self._waiting, None
        return waiting[0] if waiting else None

    def tell(self) -> None:
        """Say in the log that producers wait, and why, or do so no more."""
        why = self.why
        if why:
            log.warning("this viewer takes no images for now: %s", why)
        else:
            log.info("this viewer takes images again")

    def state(self) -> dict[str, Any]:
        """The viewer's part of ``state()``."""
        why = self.why
        memory = {"held": self.budget.held, "budget": self.budget.limit}
        return {"memory": memory, "paused": bool(why), "why": why, "backlog": self.backlog}

    def _over(self) -> bool:
        waiting = self._waiting
        if waiting is None:
            return False
        nbytes = waiting[1]
        return nbytes <= self.budget.limit and not self.budget.has_room(nbytes)
