"""Names that look like others mistyped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from streaming_core.protocol.group import MOST_GROUPS
from streaming_core.protocol.messages import Image

ALIKE: Final = 0.8
"""From which likeness on, of 1, a name counts as another one mistyped: "wells" and "well"."""

MOST_SETS: Final = 64
"""Sets of names that are looked at, of one source: a program uses few."""


def alike(name: str, names: Iterable[str]) -> str:
    """Return the name that this one may have been meant to be; empty if none is like it."""
    return next(iter(get_close_matches(name, list(names), 1, ALIKE)), "")


@dataclass(slots=True)
class Used:
    """The component names of one source: all good ones, and the sets of them in this run."""

    run: str
    names: dict[str, None] = field(default_factory=dict)
    sets: set[tuple[str, ...]] = field(default_factory=set)


class Doubts:
    """Finds component names that a source most likely did not mean, once in each run.

    A source that has sent ``channel`` and now sends ``channels`` in its place makes another layer,
    which nobody has asked for; but it may, so it is told and not refused.
    """

    def __init__(self) -> None:
        self._sources: dict[str, Used] = {}

    def about(self, image: Image) -> str:
        """Return what to say of an image's component names; mostly nothing."""
        names = tuple(image.components)
        used = self._sources.get(image.source)
        if used is not None and used.run == image.run and names in used.sets:
            return ""  # nearly all
        if used is None:
            if len(self._sources) >= MOST_GROUPS:
                return ""
            used = self._sources[image.source] = Used(image.run)
        if used.run != image.run:
            used.run, used.sets = image.run, set()
        if len(used.sets) >= MOST_SETS:
            return ""
        used.sets.add(names)
        others = [name for name in used.names if name not in names]
        likely = {name: alike(name, others) for name in names if name not in used.names}
        used.names |= dict.fromkeys(name for name in names if not likely.get(name))
        return "; ".join(
            f"its component {name!r} may be mistyped: images of this source had {other!r}"
            for name, other in likely.items()
            if other
        )
