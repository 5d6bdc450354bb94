"""The one crossing to ImageJ's window thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from fiji_bridge import jvm

T = TypeVar("T")


class Crossing:
    """Runs functions on AWT's event thread, one at a time, and knows for how long.

    All that touches an image or a window goes through here. ImageJ's own threads change
    images under the image's monitor, and AWT disposes windows on its thread while others
    wait: doing it elsewhere breaks images, and holding the monitor elsewhere hangs.
    """

    def __init__(self) -> None:
        self._since: dict[int, float] = {}  # by thread

    def __call__(self, imp: Any, function: Callable[[], T]) -> T:
        """Run a function on the event thread, holding the image's monitor; return its result.

        Must not be called while holding any monitor, nor from the I/O thread, which may
        not wait for a window.

        Parameters
        ----------
        imp
            The ImagePlus that the function changes, or None.
        """
        # Taken out when it runs: Java keeps `run` until its next collection, and it must not
        # keep the image and its planes.
        tasks = [(imp, function)]
        del imp, function
        results: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            imp, function = tasks.pop()
            try:
                with nullcontext() if imp is None else jvm.locked(imp):
                    results.append(function())
            # A thread boundary: what goes wrong there is raised here.
            except BaseException as error:
                errors.append(error)

        self._since[threading.get_ident()] = time.monotonic()
        try:
            queue = jvm.java("java.awt.EventQueue")
            if queue.isDispatchThread():
                run()
            else:
                queue.invokeAndWait(jvm.implement("java.lang.Runnable", run=run))
        finally:
            self._since.pop(threading.get_ident(), None)
        if errors:
            error = errors.pop()
            if isinstance(error, jvm.java("java.lang.OutOfMemoryError")):
                raise MemoryError(jvm.full()) from error
            raise error
        return results.pop()

    def age(self) -> float:
        """Seconds that the oldest crossing under way has taken, 0.0 if there is none."""
        return time.monotonic() - min(list(self._since.values()), default=time.monotonic())


on_edt = Crossing()
