"""How a `planecast.Viewer` asks: one request, one answer, in words and at most one array."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from numpy.typing import NDArray

log = logging.getLogger("planecast.client")

ANSWER: Final = 30.0
"""Seconds that a request waits for its answer, unless said otherwise."""


class Asking(ABC):
    """What all parts of a `planecast.Viewer` that ask for something go through."""

    @abstractmethod
    def _ask(
        self, verb: str, arguments: Mapping[str, Any], timeout: float
    ) -> tuple[Any, NDArray[Any] | None]:
        """Ask the viewer, and wait for its answer: plain data, and an array or None."""


def warn_of(viewer: object, result: Mapping[str, Any]) -> None:
    """Log what a viewer notes besides its answer: a name, perhaps, that nothing has."""
    if result.get("note"):
        log.warning("%s: %s", viewer, result["note"])
