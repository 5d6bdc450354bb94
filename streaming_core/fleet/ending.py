"""How a viewer process ends: somebody asks for it, or a signal comes."""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from types import FrameType
from typing import Final, Self

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class ProcessEnd:
    """The end of this process, which its main thread waits for.

    Make it on that thread, and leave its context there. A signal wakes it by a socket: the system
    may give a signal to any thread, often to one that starts just then, and a lock that the main
    thread waits for would not hear of it.
    """

    def __init__(self) -> None:
        self._reasons: list[str] = []
        self._heard, self._wake = socket.socketpair()
        self._wake.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        self._heard.close()
        self._wake.close()

    def end(self, reason: str) -> None:
        """Ask for the end; any thread may, and the first reason counts."""
        self._reasons.append(reason)
        # It is full, so it has been woken often enough; or the end has come.
        with suppress(OSError):
            self._wake.send(b"\0")

    def on_signals(self) -> None:
        """From now on SIGTERM and SIGINT ask for it, too."""

        def on_signal(number: int, frame: FrameType | None) -> None:
            self.end(f"it got {signal.Signals(number).name}")

        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, on_signal)

    def fileno(self) -> int:
        """What can be read when somebody has asked for it: for loops of events."""
        return self._heard.fileno()

    def wait(self) -> str:
        """Wait until somebody asks for it, and return why."""
        while not self._reasons:
            self._heard.recv(1)
        return self._reasons[0]
