"""What users say about the arrangement of a viewer: what is a slider, and what a layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from streaming_core.controls import ANSWER
from streaming_core.protocol.regroup import check_modes

ModeWord: TypeAlias = Literal["stack", "split"]


class Arranging(ABC):
    """The requests of a `planecast.Viewer` that say where images are and how they are grouped."""

    @abstractmethod
    def _ask(
        self, verb: str, arguments: Mapping[str, Any], timeout: float
    ) -> tuple[Any, NDArray[Any] | None]:
        """Ask the viewer, and wait for its answer: plain data, and an array or None."""

    def arrange(self, **modes: ModeWord) -> None:
        """Group images in another way: ``arrange(well="split", z="stack")``.

        What the viewer has is regrouped without being sent again, and what comes later follows.
        Components that are not named keep their mode.

        Parameters
        ----------
        modes
            For each component "stack", one slider, or "split", a layer for each value.

        Raises
        ------
        InvalidComponents
            For what is no component or no mode.
        RequestFailed
            With the viewer's words: it would make too many layers.
        """
        words = {name: str(mode) for name, mode in check_modes(modes).items()}
        self._ask("arrange", {"modes": words}, ANSWER)
