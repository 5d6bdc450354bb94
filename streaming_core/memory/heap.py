"""Memory that the allocator keeps for later: given back to the system when a viewer is at rest.

glibc keeps what was freed between blocks that are in use. After a stream of images of mixed sizes
that is several times what a viewer holds, and clearing its layers would give nothing back.
"""

from __future__ import annotations


class Heap:
    """Gives memory back once after each stream; between images it would only be fetched again."""

    def __init__(self) -> None:
        self._seen: tuple[int, ...] = ()
        self._trimmed: tuple[int, ...] = ()

    def look(self, *signs: int) -> bool:
        """Give memory back if nothing has happened since the last look; return whether it did.

        Parameters
        ----------
        signs
            Numbers that change with each image that comes or goes.
        """
        rests = signs == self._seen
        self._seen = signs
        if not rests or signs == self._trimmed:
            return False
        self._trimmed = signs
        return trim()


def trim() -> bool:
    """Return what is free in the allocator to the system; False where it cannot be asked to."""
    import ctypes  # only viewers come here

    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError, TypeError):  # not glibc; no library of that kind
        return False
