"""How a `planecast.Viewer` asks: one request, one answer, in words and at most one array."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import InvalidComponents
from streaming_core.protocol.components import Value, check_name, check_value

log = logging.getLogger("planecast.client")

Named: TypeAlias = Mapping[str, Value | np.generic]
"""Component name -> the one value that is meant."""

ANSWER: Final = 30.0
"""Seconds that a request waits for its answer, unless said otherwise."""


class Asking(ABC):
    """What all parts of a `planecast.Viewer` that ask for something go through."""

    @abstractmethod
    def _ask(
        self, verb: str, arguments: Mapping[str, Any], timeout: float
    ) -> tuple[Any, NDArray[Any] | None]:
        """Ask the viewer, and wait for its answer: plain data, and an array or None."""


def named(components: Named | None) -> dict[str, Value]:
    """Return the components that a request names, as plain values.

    Raises
    ------
    InvalidComponents
        For what is no component, or not one value.
    """
    if components is None:
        return {}
    if not isinstance(components, Mapping):
        raise InvalidComponents(
            f"components= is a mapping such as {{'well': 'B03'}}, not {components!r:.80}"
        )
    for name, value in components.items():
        check_name(name)
        if isinstance(value, list | tuple | range) or np.ndim(value):
            raise InvalidComponents(f"component {name!r}: give one value, or none for all of them")
    return {name: check_value(name, value) for name, value in components.items()}


def warn_of(viewer: object, result: Mapping[str, Any]) -> None:
    """Log what a viewer notes besides its answer: a name, perhaps, that nothing has."""
    if result.get("note"):
        log.warning("%s: %s", viewer, result["note"])
