"""How much memory a viewer may fill with images, and how much of it is filled."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections import deque
from pathlib import Path
from typing import Any, Final, Protocol

if sys.platform != "win32":  # which knows no such limits
    import resource

UNITS: Final = ("B", "kB", "MB", "GB", "TB")
UNKNOWN: Final = 4 << 30
"""Bytes that are taken for the machine's memory where the system does not tell."""


def say_bytes(number: float) -> str:
    """Return bytes in words for a person: "15.7 MB"."""
    for unit in UNITS[:-1]:
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} {UNITS[-1]}"


def allowance(root: Path = Path("/")) -> int:
    """Return how many bytes this process may use.

    The least of the machine's memory, the limits of its control groups (Linux, version 1 and 2,
    those further up the tree too) and the limit of its address space (RLIMIT_AS).

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` are found.
    """
    limits = [_physical(), *_group_limits(root)]
    if sys.platform != "win32":
        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            limits.append(soft)
    return min(limits)


def _physical() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return UNKNOWN


def _group_limits(root: Path) -> list[int]:
    """Return the limits of all control groups that this process is in."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # Inside a container the path may be the one outside: then only the top can be seen.
        group = top / path.lstrip("/")
        while True:
            found += _limit(group / name)
            if group == top or top not in group.parents:
                break
            group = group.parent
    return found


def _limit(file: Path) -> list[int]:
    try:
        text = file.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() else []  # "max" is none


class Sized(Protocol):
    """What has memory."""

    @property
    def nbytes(self) -> int:
        """How much."""
        ...


class _Owner(weakref.ref[Any]):
    """Memory that is counted: what owns it, as long as it lives, and its bytes."""

    __slots__ = ("key", "nbytes")
    key: int
    nbytes: int


class Budget:
    """Counts the memory of arrays that are kept, until it is really let go of.

    A view keeps the whole array below it, so that is what is counted. Any thread may ask, take
    and set the limit.

    Parameters
    ----------
    limit
        Bytes; 0 for half of what this process may use.

    Attributes
    ----------
    advice
        How its user gets more.
    """

    advice = "raise the budget in its window (or PLANECAST_MEMORY, in bytes, before it starts)"

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit or allowance() // 2
        self._owners: dict[int, _Owner] = {}
        # A callback may run in any thread, in the middle of anything: it only appends.
        self._gone: deque[_Owner] = deque()
        self._lock = threading.Lock()
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes that are kept now."""
        with self._lock:
            while self._gone:
                owner = self._gone.popleft()
                self._held -= owner.nbytes
                if self._owners.get(owner.key) is owner:  # else that address has another by now
                    del self._owners[owner.key]
            return self._held

    def has_room(self, nbytes: int) -> bool:
        """Whether so many bytes more are within the limit."""
        return self.held + nbytes <= self.limit

    def take(self, array: Sized) -> None:
        """Count an array, or what else has ``nbytes``, once, until nothing refers to it."""
        owner: Any = array
        while getattr(owner, "base", None) is not None:
            owner = owner.base
        with self._lock:
            counted = self._owners.get(id(owner))
            if counted is not None and counted() is owner:
                return
            made = self._owners[id(owner)] = _Owner(owner, self._gone.append)
            made.key, made.nbytes = id(owner), max(array.nbytes, getattr(owner, "nbytes", 0))
            self._held += made.nbytes
