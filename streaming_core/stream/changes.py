"""What the threads of a producer wait for, all under one lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Changes(threading.Condition):
    """A condition that wakes those who wait when one of them can go on.

    The I/O thread changes something with each message, and hardly ever what is waited for. A
    thread that is woken in vain takes the interpreter's lock from the one that woke it.
    """

    def __init__(self, lock: Any) -> None:
        super().__init__(lock)
        self._hoped_for: list[Callable[[], Any]] = []

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait, with the lock held, until ``predicate()`` or for ``timeout`` seconds."""
        self._hoped_for.append(predicate)
        try:
            return super().wait_for(predicate, timeout)
        finally:
            self._hoped_for.remove(predicate)

    def notify_all(self) -> None:
        """Wake them, with the lock held, if one of them can go on now."""
        if any(ready() for ready in self._hoped_for):
            super().notify_all()
