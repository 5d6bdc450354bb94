"""The requests that have ImageJ do something: macros, one at a time, and what they leave."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from fiji_bridge import findings, jvm
from fiji_bridge.active import described
from fiji_bridge.edt import on_edt
from fiji_bridge.interpreter import EXITED, UNAWAITED, Ending, Macro, Running, why
from fiji_bridge.scripts import Script
from fiji_bridge.stacks import Stacks
from fiji_bridge.unseen import Unseen
from streaming_core.errors import RequestFailed
from streaming_core.protocol.findings import pack
from streaming_core.stream.adapter import Call

OWN: Final = "ijm"
"""Names ImageJ's own language, as the ending of its files does."""

log = logging.getLogger("planecast.fiji")


class Macros:
    """Carries out these requests. Macros run on a thread of their own, in the order they came.

    Attributes
    ----------
    table
        Verb -> method.
    """

    def __init__(self, stacks: Stacks) -> None:
        self._stacks = stacks
        self._unseen = None if stacks.visible else Unseen(stacks)
        self._queue: deque[Call] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._runs = False
        self._stuck: Any = None
        self._thread: threading.Thread | None = None
        self.table: Mapping[str, Callable[[Call], None]] = {
            "run_macro": self._run_macro,
            "results": self._results,
            "active_image": self._active_image,
        }

    @property
    def state(self) -> str:
        """What goes on: "runs", "busy" where Java cannot stop a macro, or empty."""
        if self._stuck is not None and self._stuck.isAlive():
            return "busy"
        return "runs" if self._runs else ""

    def close(self) -> None:
        """Begin no other macro."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def _results(self, call: Call) -> None:
        title = call.arguments.get("title", findings.RESULTS)
        if not isinstance(title, str):
            raise RequestFailed(f"title={title!r}; the name of a table")
        call.reply(*pack(table=on_edt(None, lambda: findings.table(title))))

    def _active_image(self, call: Call) -> None:
        if self._unseen is None:
            imp = jvm.java("ij.WindowManager").getCurrentImage()
        else:
            imp = self._unseen.active
        if imp is None:
            raise RequestFailed("no image is open")
        call.reply(*on_edt(imp, lambda: described(imp)))

    def _run_macro(self, call: Call) -> None:
        with self._wake:
            self._queue.append(call)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._serve, name="planecast-macro", daemon=True
                )
                self._thread.start()
            self._wake.notify()

    def _serve(self) -> None:
        jvm.find_classes()  # the threads of macros inherit it
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._queue)
                if self._stopping:
                    return
                call = self._queue.popleft()
            if not call.awaited():
                call.fail(UNAWAITED)
                continue
            try:
                self._carry_out(call)
            except RequestFailed as error:
                call.fail(str(error))
            # The thread must outlive whatever ImageJ throws; the asker gets the reason.
            except Exception as error:
                log.exception("a macro")
                call.fail(f"{error}")

    def _carry_out(self, call: Call) -> None:
        code, args, language = (_text(call, name) for name in ("code", "args", "language"))
        timeout = call.arguments.get("timeout")
        if not isinstance(timeout, int | float) or not timeout > 0:
            raise RequestFailed(f"timeout={timeout!r}; a number of seconds above 0")
        if self.state == "busy":
            raise RequestFailed(
                "busy: a macro goes on that Java could not stop. If it never ends, "
                "viewer.restart() replaces the viewer; images have to be sent again then"
            )
        windows = self._stacks.visible
        macro: Macro | Script
        if language in ("", OWN):
            macro = Macro(code, args, self._unseen)
        else:
            macro = Script(language, code, args, self._unseen)
        lines = findings.Log(windows=windows)
        self._runs = True
        try:
            ending = Running(macro).finish(timeout, call.awaited)
        finally:
            self._runs = False
            written = lines.end()
            self._stacks.tend()
        if not windows:
            ending = _with_log(ending, written)
        self._reply(call, ending, written)

    def _reply(self, call: Call, ending: Ending, written: str) -> None:
        if ending.thread is not None:
            self._stuck = ending.thread
        if ending.error:
            said = {"text": ending.error, "line": ending.line, "log": written}
            call.reply({"error": said})
            return
        table, rois = on_edt(None, lambda: (findings.table(), findings.roi_list()))
        call.reply(*pack(value=ending.value, log=written, table=table, rois=rois))


def _text(call: Call, name: str) -> str:
    given = call.arguments.get(name, "")
    if not isinstance(given, str):
        raise RequestFailed(f"{name}={given!r}; a text")
    return given


def _with_log(ending: Ending, written: str) -> Ending:
    """Add what ImageJ says in its log where it has no windows to say it in."""
    crashed, lines = findings.crash(written), written.split("\n")
    if crashed:
        return replace(ending, error=why(crashed))
    if ending.error == EXITED and len(lines) > 1:
        return replace(ending, error=lines[-2])
    return ending
