"""A program that streams to a listening napari of this process, on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pytestqt.qtbot import QtBot


class Program:
    """A program that streams: on a thread of its own, while the window goes on."""

    def __init__(self, qtbot: QtBot) -> None:
        self._qtbot = qtbot
        self._thread = ThreadPoolExecutor(1, "program")

    def begin(self, do: Callable[..., Any], *given: Any, **words: Any) -> Future[Any]:
        return self._thread.submit(do, *given, **words)

    def __call__(self, do: Callable[..., Any], *given: Any, **words: Any) -> Any:
        future = self.begin(do, *given, **words)
        self._qtbot.waitUntil(future.done, timeout=20000)
        return future.result()

    def close(self) -> None:
        self._thread.shutdown()
