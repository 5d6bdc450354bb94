"""Dialogs that a macro waits at: found, read and closed. Those of a person are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fiji_bridge import jvm, standing
from fiji_bridge.edt import on_edt

SHOWS: Final = ("java.awt.Dialog", "show")
BLOCKS: Final = ("java.awt.WaitDispatchSupport", "enter")
"""What a modal dialog does once it is on the screen. Closed before that, it never returns."""

WAITS: Final = {
    SHOWS,
    ("ij.gui.WaitForUserDialog", "show"),
    ("ij.gui.NonBlockingGenericDialog", "showDialog"),
}
"""Where a thread stands that waits for a person, by class and method."""

WAITING: Final = ("WAITING", "TIMED_WAITING")
AWT: Final = "AWT-EventQueue"

NOT_MODAL: Final = ("ij.gui.WaitForUserDialog", "ij.gui.NonBlockingGenericDialog")

ENDED: Final = ("ij.macro.Functions", "exit")
REPORTS: Final = {("ij.macro.Interpreter", "showError"), ("ij.IJ", "error"), ("ij.IJ", "noImage")}

LABELS: Final = ("java.awt.Label", "javax.swing.JLabel", "javax.swing.text.JTextComponent")
LINES: Final = "ij.gui.MultiLineLabel"

CRASHED: Final = "Exception"
"""Title of the window in which ImageJ shows that a plugin crashed."""

EXIT, ERROR, QUESTION, CRASH = "exit", "error", "question", "crash"
"""Kinds of obstacles."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What a macro does not get past by itself.

    Attributes
    ----------
    kind
        EXIT: it ended itself with a text; ERROR: ImageJ reports one; QUESTION: a dialog for a
        person; CRASH: a plugin threw something.
    title, text
        Of the window.
    windows
        To be closed.
    """

    kind: str
    title: str
    text: str
    windows: tuple[Any, ...]

    def clear(self) -> None:
        """Take it off the screen."""
        for one in self.windows:
            on_edt(None, partial(_close, one))


class Guard:
    """Watches the thread of one macro.

    A dialog is the macro's if it came up when the thread of the macro began to wait at one, and
    no other thread began to just then.

    Parameters
    ----------
    thread
        The Java thread.
    """

    def __init__(self, thread: Any) -> None:
        self._thread = thread
        self._theirs = _dialogs()
        self._crashes = list(_crashes())

    def look(self) -> Obstacle | None:
        """Return what is in the macro's way, None if nothing is."""
        for frame in _crashes():
            if frame not in self._crashes:
                text = str(frame.getTextPanel().getText())
                return Obstacle(CRASH, CRASHED, _told(text), (frame,))
        there = _dialogs()  # before the look at the thread, which is in show() before they are
        frames = self._frames()
        if not any(frame in WAITS for frame in frames):
            self._theirs = there
            return None
        if SHOWS in frames and BLOCKS not in frames:
            return None
        mine = [dialog for dialog in there if dialog not in self._theirs]
        if not mine or self._others() > len(there) - len(mine):
            return None  # not open yet, or one of them is a person's, opened in the same moment
        return Obstacle(_kind(frames), str(mine[0].getTitle()), _text(mine[0]), tuple(mine))

    def _frames(self) -> list[tuple[str, str]]:
        """Where the macro stands, or what it has AWT's thread do for it: innermost first."""
        frames = _stack(self._thread)
        if ("java.awt.EventQueue", "invokeAndWait") in frames:
            for thread in _threads():
                if str(thread.getName()).startswith(AWT):
                    frames = [*_invoked(_stack(thread)), *frames]
        return frames

    def _others(self) -> int:
        """How many other threads wait at a dialog."""
        return sum(
            not thread.equals(self._thread)
            and not str(thread.getName()).startswith(AWT)
            and str(thread.getState()) in WAITING
            and any(frame in WAITS for frame in _stack(thread))
            for thread in _threads()
        )


def _dialogs() -> list[Any]:
    """Return the dialogs on the screen that somebody may wait at."""
    kinds = tuple(jvm.java(name) for name in NOT_MODAL)
    return [
        one
        for one in standing.visible()
        if isinstance(one, jvm.java("java.awt.Dialog"))
        and (one.isModal() or isinstance(one, kinds))
    ]


def whereabouts(thread: Any) -> str:
    """Return where a thread stands, and where AWT's do, for the log."""
    there = [thread, *(one for one in _threads() if str(one.getName()).startswith(AWT))]
    return "\n".join(
        "\n  ".join([f"{one.getName()}, {one.getState()}", *map(".".join, _stack(one))])
        for one in there
    )


def _threads() -> list[Any]:
    return list(jvm.java("java.lang.Thread").getAllStackTraces().keySet())


def _stack(thread: Any) -> list[tuple[str, str]]:
    return [
        (str(frame.getClassName()), str(frame.getMethodName())) for frame in thread.getStackTrace()
    ]


def _invoked(frames: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what AWT's thread does because another thread waits for it.

    A person's dialogs are opened there by events of the mouse or keyboard. While a dialog is
    open, the thread does what comes next inside of what opened it.
    """
    found: list[tuple[str, str]] = []
    part: list[tuple[str, str]] = []
    for frame in frames:
        if frame == ("java.awt.event.InvocationEvent", "dispatch"):
            found, part = found + part, []
        elif frame == ("java.awt.Component", "dispatchEvent"):
            part = []
        else:
            part.append(frame)
    return found


def _kind(frames: list[tuple[str, str]]) -> str:
    if ENDED in frames:
        return EXIT
    return ERROR if REPORTS.intersection(frames) else QUESTION


def _crashes() -> Iterator[Any]:
    manager = jvm.java("ij.WindowManager")
    for frame in manager.getNonImageWindows() or ():
        if isinstance(frame, jvm.java("ij.text.TextWindow")) and str(frame.getTitle()) == CRASHED:
            yield frame


def _told(text: str) -> str:
    """Return the line of a stack trace that says what happened: the first behind ImageJ's own."""
    lines = [line.strip() for line in text.splitlines()]
    behind = lines[lines.index("") + 1 :] if "" in lines else lines
    return next((line for line in behind if line), "a plugin crashed")


def _text(container: Any) -> str:
    """Return what a dialog says, without its buttons."""
    return "\n".join(line for line in _lines(container) if line.strip())


def _lines(container: Any) -> Iterator[str]:
    labels = tuple(jvm.java(name) for name in LABELS)
    for part in container.getComponents():
        if isinstance(part, labels):
            yield str(part.getText() or "")
        elif isinstance(part, jvm.java(LINES)):
            field = jvm.java(LINES).class_.getDeclaredField("lines")
            field.setAccessible(True)
            yield from (str(line) for line in field.get(part) or () if line is not None)
        elif isinstance(part, jvm.java("java.awt.Container")):
            yield from _lines(part)


def _close(one: Any) -> None:
    """Close a window as its close button does, which cancels a dialog; or else by force."""
    if isinstance(one, (jvm.java("ij.gui.WaitForUserDialog"), jvm.java("ij.text.TextWindow"))):
        one.close()
        return
    event = jvm.java("java.awt.event.WindowEvent")
    one.dispatchEvent(event(one, event.WINDOW_CLOSING))
    if one.isShowing():
        one.dispose()
