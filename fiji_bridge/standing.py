"""Where windows stand, and which of them has the keyboard.

A window system tells both in notices, and AWT on X11 takes the last one it read for what is true:

* Where no window manager runs, a window whose size changes while an older notice of its place is
  still to be read moves back to that place, and stays there (``handleConfigureNotifyEvent`` and
  ``reshape`` of OpenJDK's ``sun.awt.X11.XDecoratedPeer``). ImageJ packs a window that it has just
  moved and shown, so a new one stood at (0, 0) now and then.
* A window that is told that it has the keyboard asks for it once more (``requestFocusInWindow`` in
  ``java.awt.DefaultKeyboardFocusManager``). Two windows whose notices are under way together take
  it from each other so, and either may have it last.

So what a window was meant to be is kept here, and windows are moved and given the keyboard when all
notices have been read.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fiji_bridge import jvm
from fiji_bridge.edt import on_edt

OPENING: Final = 1.0
"""Seconds within which a new window gets the keyboard by being new."""

LONGEST: Final = 2000
"""Milliseconds that windows are waited for."""

CASCADE: Final = (8, 12)
"""Pixels from one window to the next where they cover each other; as in ImageJ."""

CASCADED: Final = 6
"""Windows after which a cascade begins anew; as in ImageJ."""

QUIET: Final = (
    "windowOpened",
    "windowClosing",
    "windowClosed",
    "windowIconified",
    "windowDeiconified",
    "windowDeactivated",
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A window that is on the screen only just.

    Attributes
    ----------
    at
        The corner that it was opened at.
    """

    window: Any
    at: tuple[int, int]


def settle() -> None:
    """Wait until the notices about windows that are under way have been read.

    Not on the event thread. It takes some 10 ms. Where a plugin draws without pause it does not
    wait until that ends: the notices have been read before the drawing is waited for.
    """
    robot = find_robot()
    if robot is not None:
        idle = jvm.implement("java.lang.Runnable", run=robot.waitForIdle)
        waiting = jvm.java("java.lang.Thread")(idle, "planecast-settle")
        waiting.setDaemon(True)
        waiting.start()
        waiting.join(LONGEST)
    on_edt(None, lambda: None)


@functools.cache
def find_robot() -> Any | None:
    """Return what knows when all is painted; None on an X server that lets no program type.

    That is one without XTEST, such as ``ssh -X`` gives to programs that it does not trust.
    """
    try:
        return jvm.java("java.awt.Robot")()
    except jvm.java("java.awt.AWTException"):
        return None


def finish(opened: Opened) -> None:
    """Have a new window stand where it was opened. Not on the event thread."""
    settle()
    on_edt(None, partial(_put_right, opened))


def _put_right(opened: Opened) -> None:
    window, at = opened.window, opened.at
    if window.isShowing() and not _managed() and (window.getX(), window.getY()) != at:
        window.setLocation(*at)


def _managed() -> bool:
    """Whether a window manager is there, with which a person moves windows."""
    toolkit = jvm.java("java.awt.Toolkit").getDefaultToolkit()
    return bool(toolkit.isFrameStateSupported(jvm.java("java.awt.Frame").MAXIMIZED_BOTH))


def to_front(images: Sequence[Any]) -> None:
    """Bring windows before the others; commands act on the last one then.

    Not on the event thread.
    """
    settle()
    for imp in images:
        on_edt(imp, partial(_raise, imp, keyboard=imp is images[-1]))
    settle()
    if images:
        on_edt(None, partial(_make_current, images[-1]))


def _raise(imp: Any, *, keyboard: bool) -> None:
    window = imp.getWindow()
    if window is None:  # it may have been closed just now
        return
    for listener in window.getWindowListeners():
        if jvm.is_ours(listener):  # that of `give_back`: it may have the keyboard now
            window.removeWindowListener(listener)
    _show_quietly(window)
    _lift(window)
    if keyboard:
        _focus(window)


def _lift(window: Any) -> None:
    window.setAutoRequestFocus(False)
    window.toFront()
    window.setAutoRequestFocus(True)


def _focus(window: Any) -> None:
    """Ask for the keyboard, once: ``toFront`` does not, where no window manager runs."""
    (window.getMostRecentFocusOwner() or window).requestFocus()


def _make_current(imp: Any) -> None:
    window = imp.getWindow()
    if window is not None:
        jvm.java("ij.WindowManager").setCurrentWindow(window)


def hide(imp: Any, hidden: bool) -> None:
    """Take a window off the screen, or put it there again, where it does not get the keyboard."""
    window = imp.getWindow()
    if hidden:
        window.setVisible(False)
    else:
        _show_quietly(window)


def _show_quietly(window: Any) -> None:
    if not window.isVisible():
        window.setAutoRequestFocus(False)
        window.setVisible(True)
        window.setAutoRequestFocus(True)


def worked_in() -> tuple[Any, Any] | None:
    """Return the window in which a person types or clicks, and the one that commands act on.

    None where that is no window of ImageJ, or its main window.
    """
    keyboard = jvm.java("java.awt.KeyboardFocusManager").getCurrentKeyboardFocusManager()
    window, here = keyboard.getFocusedWindow(), jvm.java("ij.WindowManager").getCurrentWindow()
    if window is None or here is None or window == jvm.java("ij.IJ").getInstance():
        return None
    return window, here


def give_back(window: Any, before: tuple[Any, Any]) -> None:
    """Return the keyboard when a window that has just been opened gets it. Event thread only.

    The system gives it some time after the window was opened, and no method of ImageJ's or
    Java's for windows that show themselves prevents that. A click later on is the user's.

    Parameters
    ----------
    before
        What `worked_in` returned before that.
    """
    until = time.monotonic() + OPENING
    worked_in, here = before
    manager, queue = jvm.java("ij.WindowManager"), jvm.java("java.awt.EventQueue")

    def back() -> None:
        if worked_in.isShowing() and window.isFocused():
            manager.setCurrentWindow(here)
            _lift(worked_in)
            _focus(worked_in)

    def activated(event: Any) -> None:
        window.removeWindowListener(listener)
        if time.monotonic() < until:
            # Later: the window asks for the keyboard once more in this event.
            queue.invokeLater(jvm.implement("java.lang.Runnable", run=back))

    others = dict.fromkeys(QUIET, lambda event: None)
    listener = jvm.implement("java.awt.event.WindowListener", windowActivated=activated, **others)
    window.addWindowListener(listener)
    manager.setCurrentWindow(here)


def place(frame: Any, wanted: bool = True) -> None:
    """Move a window that is open where it covers no other, if that is wanted and possible."""
    spot = _free_spot(frame.getWidth(), frame.getHeight()) if wanted else None
    if spot is not None:
        frame.setLocation(*spot)


def find_place(width: int, height: int) -> tuple[int, int]:
    """Return where a window covers no others, if the screen has room; else where it cascades."""
    return _free_spot(width, height) or _cascaded(width, height)


def _free_spot(width: int, height: int) -> tuple[int, int] | None:
    rectangle = jvm.java("java.awt.Rectangle")
    screen, start = _screen(), _start()
    there = [window.getBounds() for window in visible()]
    spots = [start, (screen.x, start[1])]
    for other in there:
        right, below = other.x + other.width, other.y + other.height
        spots += [(right, other.y), (other.x - width, other.y), (other.x, below)]
    spots.sort(key=lambda spot: abs(spot[0] - start[0]) + abs(spot[1] - start[1]))
    for x, y in spots:
        spot = rectangle(x, y, width, height)
        if screen.contains(spot) and not any(spot.intersects(other) for other in there):
            return x, y
    return None


def _cascaded(width: int, height: int) -> tuple[int, int]:
    screen, (x, y) = _screen(), _start()
    count = jvm.java("ij.WindowManager").getWindowCount() % CASCADED
    x, y = x + CASCADE[0] * count, y + CASCADE[1] * count
    right, below = screen.x + screen.width - width, screen.y + screen.height - height
    return int(max(screen.x, min(x, right))), int(max(screen.y, min(y, below)))


def _screen() -> Any:
    return jvm.java("ij.gui.GUI").getMaxWindowBounds()


def _start() -> tuple[int, int]:
    """The corner below the main window, of the screen where that is gone."""
    main = jvm.java("ij.IJ").getInstance()
    if main is None:
        return _screen().x, _screen().y
    corner = main.getBounds()
    return corner.x, corner.y + corner.height


def visible() -> list[Any]:
    """All windows on the screen, dialogs too."""
    return [window for window in jvm.java("java.awt.Window").getWindows() if window.isShowing()]
