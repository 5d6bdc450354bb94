"""One macro, in a Java thread of its own that can be ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fiji_bridge import jvm
from fiji_bridge.guard import CRASH, EXIT, QUESTION, Guard, Obstacle, whereabouts
from fiji_bridge.scripts import CANCELED, Script
from fiji_bridge.unseen import Unseen

log = logging.getLogger("planecast.fiji.macros")

NAME: Final = "planecast_Macro$"
"""ImageJ knows the threads of macros by the end of their names: only those can be cancelled."""

LOOK_MS: Final = 20
"""Milliseconds between two looks at a macro that runs."""
ABORT: Final = 0.5
"""Seconds that a macro has to end between two statements; it mostly takes 20 ms."""

ESCAPE: Final = 5.0
"""Seconds that a command has to end after Esc."""

HEADLESS: Final = ("HeadlessException", '"ij.gui.GenericDialog.', '"ij.gui.MultiLineLabel.')
"""In what crashes for want of a window: Java made none, or a dialog has nothing in it."""

ASKS: Final = "Cannot instantiate headless dialog"
UNAWAITED: Final = "nobody waits for it any more"
EXITED: Final = "it ended itself with exit"
STUCK: Final = (
    "its time is over, and Java cannot stop it: the viewer runs no other macro while it goes on. "
    "If it never ends, viewer.restart() replaces it; images have to be sent again then"
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a macro ended.

    Attributes
    ----------
    value
        What it returned, as text.
    error
        What went wrong; empty where nothing did.
    line
        Where, from 1; None if that is not known.
    thread
        The Java thread, if it could not be ended.
    """

    value: str = ""
    error: str = ""
    line: int | None = None
    thread: Any = None


class Macro:
    """A macro in ImageJ's language.

    Parameters
    ----------
    code, args
        Its text, and what ``getArgument()`` returns in it.
    unseen
        The images that it sees where there are no windows.
    """

    def __init__(self, code: str, args: str, unseen: Unseen | None) -> None:
        self.windows = unseen is None
        self._unseen = unseen
        self._code = code
        self._args = args
        self._interpreter = jvm.java("ij.macro.Interpreter")()
        self._done = jvm.java("ij.macro.Interpreter").class_.getDeclaredField("done")
        self._done.setAccessible(True)

    def run(self) -> str:
        """Run it; return its value. On its own thread."""
        if self._unseen is not None:
            self._unseen.offer()
        value = self._interpreter.run(self._code, self._args)
        if self._unseen is not None:
            self._unseen.keep()
        return "" if value is None else str(value)

    def abort(self) -> None:
        """Have it end after the statement that it is at; call it until it does."""
        # Not abortMacro(): that goes on for 2 s, and may hit the next macro then.
        self._done.setBoolean(self._interpreter, True)

    def line(self) -> int | None:
        """Return the line that it is at, None before the first."""
        try:
            return int(self._interpreter.getLineNumber())
        except jvm.java("java.lang.RuntimeException"):  # it could not even be read
            return None

    def said(self) -> str:
        """Return the error that was found in it."""
        words = self._interpreter.getErrorMessage() or jvm.java("ij.IJ").getErrorMessage()
        return "" if words is None else str(words)

    def ended_itself(self, line: int | None) -> bool:
        """Whether there is an ``exit`` in a line."""
        lines = self._code.splitlines()
        return line is not None and 0 < line <= len(lines) and "exit" in lines[line - 1]

    def clean(self) -> None:
        """Undo what is left set by a macro that did not come to its end."""
        cls = jvm.java("ij.macro.Interpreter")
        if cls.getInstance() is not None and cls.getInstance().equals(self._interpreter):
            instance = cls.class_.getDeclaredField("instance")
            instance.setAccessible(True)
            instance.set(None, None)
        if self.windows:
            cls.batchMode = False


class Running:
    """A macro under way.

    Parameters
    ----------
    macro
        What is run.
    """

    def __init__(self, macro: Macro | Script) -> None:
        self._macro = macro
        self._values: list[str] = []
        self._thrown: list[str] = []
        self._met: list[Obstacle] = []
        self._thread = jvm.java("java.lang.Thread")(
            jvm.implement("java.lang.Runnable", run=self._run), NAME
        )
        self._thread.setDaemon(True)
        self._guard = Guard(self._thread) if macro.windows else None

    def _run(self) -> None:
        try:
            self._values.append(self._macro.run())
        # Java's thread ends here: whatever a macro or a plugin throws is told to the program.
        except jvm.java("java.lang.Throwable") as error:
            self._thrown.append(_words(error))

    def finish(self, timeout: float, awaited: Callable[[], bool]) -> Ending:
        """Run it to its end, or end it.

        When its time is over, it waits for a person, or nobody waits for it any more.
        """
        jvm.java("ij.IJ").getErrorMessage()  # an older one is not this macro's
        self._thread.start()
        asked = self._wait(timeout, awaited)
        late = self._thread.isAlive() and not asked
        why_ended = f"it took longer than {timeout:g} s" if awaited() else UNAWAITED
        line = self._macro.line()
        if late:
            log.warning("a macro is ended, %s: %s", why_ended, whereabouts(self._thread))
        if self._thread.isAlive():
            self._end()
        if self._thread.isAlive():
            return Ending(error=STUCK, line=line, thread=self._thread)
        self._macro.clean()
        self._look()  # a plugin may have crashed at the very end
        if late:
            return Ending(error=f"{why_ended}, and was ended", line=line)
        error = self._error(line)
        if error:
            return Ending(error=error, line=line)
        return Ending(value=self._values[0])

    def _wait(self, timeout: float, awaited: Callable[[], bool]) -> bool:
        """Wait until it has ended; True as soon as it cannot go on."""
        deadline = time.monotonic() + timeout
        while self._thread.isAlive() and time.monotonic() < deadline and awaited():
            self._thread.join(LOOK_MS)
            if self._look():
                return True
        return False

    def _look(self) -> bool:
        """Clear what is in its way; return whether it must not go on."""
        found = None if self._guard is None else self._guard.look()
        if found is None:
            return False
        self._met.append(found)
        ends = found.kind in (QUESTION, CRASH)
        if ends:
            self._macro.abort()  # first, or it would go on as if it had been answered
        found.clear()
        return ends

    def _end(self) -> None:
        """End it: between statements, in its sleep, and as Esc ends commands."""
        imagej, escape = jvm.java("ij.IJ"), jvm.java("java.awt.event.KeyEvent").VK_ESCAPE
        began = time.monotonic()
        while self._thread.isAlive() and time.monotonic() - began < ABORT + ESCAPE:
            self._macro.abort()
            self._thread.interrupt()
            if time.monotonic() - began > ABORT:
                imagej.setKeyDown(escape)
            self._thread.join(LOOK_MS)
            self._look()
        imagej.resetEscape()

    def _error(self, line: int | None) -> str:
        """Return what went wrong, empty if nothing did."""
        for one in self._met:
            if one.kind == QUESTION:
                return f"it asks a person, which no program can answer: {_quoted(one)}"
            if one.kind == CRASH:
                return why(one.text)
            if one.kind == EXIT:
                return one.text
        said = self._macro.said() or next((one.text for one in self._met), "")
        if said:
            return said
        if not self._thrown:
            return "" if self._values else "it ended without a result"
        if CANCELED not in self._thrown[0]:
            return why(self._thrown[0])
        return EXITED if self._macro.ended_itself(line) else "it was cancelled"


def why(crashed: str) -> str:
    """Return what to tell of a command that threw something."""
    if any(words in crashed for words in HEADLESS):
        return "this needs a window, and the viewer is headless: virtual=True gives it some"
    if ASKS in crashed:
        return (
            "it asks a person, which no program can answer. A command asks nothing where it has "
            'its options, as in run("Add...", "value=7")'
        )
    return f"a command crashed: {crashed}"


def _quoted(found: Obstacle) -> str:
    text = found.text.replace("\n", " ")
    return f"{found.title!r}: {text}" if text else repr(found.title)


def _words(error: Any) -> str:
    words = error.getMessage()
    name = str(error.getClass().getSimpleName())
    return name if words is None else f"{name}: {words}"
