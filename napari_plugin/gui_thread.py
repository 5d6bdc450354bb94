"""The one crossing to Qt: work is queued from any thread and done on the window's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import ceil
from time import monotonic
from typing import Final, Protocol

from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtGui import QGuiApplication

BUDGET: Final = 0.008
"""Seconds of work in one tick; the rest of the tick is for painting and the user."""


class Job(Protocol):
    """Work for the window's thread."""

    def steps(self) -> Iterator[bool]:
        """Do the work in small steps; True asks for the tick to end after this one."""
        ...

    def abandon(self) -> None:
        """Tell whoever waits that the rest of the work will not be done."""
        ...


class Crossing(QObject):
    """Carries jobs to the thread it was made in, where Qt's event loop runs.

    The first job after a pause is done at once, later ones once per display tick. Jobs are
    taken from the queue as late as possible, so that one tick shows everything that came
    before it. A tick that has used its budget leaves the rest for the next one. Only one
    wake-up is under way at a time: a flood of jobs does not flood Qt's queue.

    Parameters
    ----------
    settle
        Called at the end of every tick that did something: grow, move, paint.
    """

    _wake = Signal()

    def __init__(self, settle: Callable[[], None]) -> None:
        super().__init__()
        self._settle = settle
        self._queue: deque[Job] = deque()
        self._job: Job | None = None
        self._steps: Iterator[bool] = iter(())
        self._woken = False
        self._busy = False
        self._closed = False
        self._asked: float | None = None
        self._tick = _tick_of_display()
        self._last = -1.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._flush)
        self._wake.connect(self._on_wake, Qt.ConnectionType.QueuedConnection)

    def put(self, job: Job) -> bool:
        """Queue a job, from any thread; return False after `close`."""
        if self._closed:
            return False
        self._queue.append(job)
        self._ring()
        return True

    def age(self) -> float:
        """Seconds since this thread was asked for a sign of life that it still owes; else 0.

        Asks anew, so a second call tells whether the window answered the first.
        """
        asked = self._asked
        if asked is None:
            self._asked = monotonic()
            self._ring(again=True)
            return 0.0
        return monotonic() - asked

    @property
    def idle(self) -> bool:
        """Whether nothing is waiting."""
        return not self._queue and self._job is None

    @property
    def more(self) -> bool:
        """Whether jobs wait behind the one that is being done."""
        return bool(self._queue)

    def close(self) -> None:
        """Take no more jobs, and abandon those that are not finished."""
        self._closed = True
        with suppress(RuntimeError):  # a program that ends deletes Qt's half of it first
            self._timer.stop()
        left = [self._job] if self._job is not None else []
        self._job, self._steps = None, iter(())
        while self._queue:
            left.append(self._queue.popleft())
        for job in left:
            job.abandon()

    def _ring(self, *, again: bool = False) -> None:
        if (self._woken and not again) or self._closed:
            return
        self._woken = True
        try:
            self._wake.emit()
        except RuntimeError:
            # Qt has deleted its half of this object: the application is going down.
            self._closed = True

    def _on_wake(self) -> None:
        self._asked = None
        self._woken = False  # before the queue is drained, so that nothing waits unseen
        if self._closed or self._timer.isActive() or self._busy:
            return
        wait = self._last + self._tick - monotonic()
        if wait <= 0.001:
            self._flush()
        elif self._queue:
            self._timer.start(ceil(wait * 1000))

    def _flush(self) -> None:
        if self._busy or self.idle:  # busy: a job opened a dialog, whose event loop we are in
            return
        self._busy = True
        self._last = monotonic()
        try:
            self._drain(self._last + BUDGET)
            self._settle()
        finally:
            self._busy = False
            self._asked = None
            if not self.idle and not self._closed:
                wait = self._last + self._tick - monotonic()
                self._timer.start(max(ceil(wait * 1000), 1))

    def _drain(self, end: float) -> None:
        while self._job is not None or self._queue:
            if self._job is None:
                self._job = self._queue.popleft()
                self._steps = self._job.steps()
            for enough in self._steps:
                if enough or self._closed or monotonic() >= end:
                    return
            self._job = None
            if monotonic() >= end:
                return


def _tick_of_display() -> float:
    """Seconds between two frames of the screen."""
    screen = QGuiApplication.primaryScreen()
    rate = screen.refreshRate() if screen is not None else 60.0
    return 1.0 / min(max(rate, 30.0), 144.0)
