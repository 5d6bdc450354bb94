"""Image windows of ImageJ: open one, find it a place, and grow what it shows without a new one."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import Any, Final

from fiji_bridge import jvm
from fiji_bridge.appearance import Look
from fiji_bridge.czt import Czt

MARGIN: Final = (16, 110)
"""About what a window needs around its image: borders; title, subtitle and three sliders."""

OPENING: Final = 1.0
"""Seconds within which a new window gets the keyboard by being new."""

QUIET: Final = (
    "windowOpened",
    "windowClosing",
    "windowClosed",
    "windowIconified",
    "windowDeiconified",
    "windowDeactivated",
)


def show(imp: Any, look: Look | None = None) -> None:
    """Open the window of an image. Event thread only.

    A person who works in another window of ImageJ goes on there.

    Parameters
    ----------
    look
        Where and how it was before.
    """
    manager = jvm.java("ij.WindowManager")
    here, worked_in = manager.getCurrentWindow(), _focused()
    look = look or Look()
    if look.at is not None:
        jvm.java("ij.gui.ImageWindow").setNextLocation(*look.at)
    else:
        _find_place(imp.getWidth() + MARGIN[0], imp.getHeight() + MARGIN[1])
    imp.setOpenAsHyperStack(True)
    if imp.getStackSize() > 1:
        imp.show()
    else:
        # show() would take a window for single images, which ImageJ replaces when it grows.
        jvm.java("ij.gui.StackWindow")(imp)
    if look.zoom:
        _zoom(imp, look.zoom)
    if look.roi is not None:
        imp.setRoi(look.roi.clone())
    if worked_in is not None and here is not None:
        _give_back(imp.getWindow(), worked_in, here)


def _give_back(window: Any, worked_in: Any, here: Any) -> None:
    """Return the keyboard when a window that has just been opened gets it.

    The system gives it some time after the window was opened, and no method of ImageJ's or
    Java's for windows that show themselves prevents that. A click later on is the user's.
    """
    until = time.monotonic() + OPENING
    manager = jvm.java("ij.WindowManager")

    def back() -> None:
        manager.setCurrentWindow(here)
        worked_in.toFront()
        worked_in.requestFocus()

    def activated(event: Any) -> None:
        if time.monotonic() > until:
            window.removeWindowListener(listener)
        elif worked_in.isShowing():
            back()

    others = dict.fromkeys(QUIET, lambda event: None)
    listener = jvm.implement("java.awt.event.WindowListener", windowActivated=activated, **others)
    window.addWindowListener(listener)
    back()


def _focused() -> Any | None:
    """Return the window of ImageJ in which a person types or clicks; not its main window."""
    keyboard = jvm.java("java.awt.KeyboardFocusManager").getCurrentKeyboardFocusManager()
    window = keyboard.getFocusedWindow()
    return None if window == jvm.java("ij.IJ").getInstance() else window


def _zoom(imp: Any, zoom: float) -> None:
    """Magnify as it was, where the whole image fits the screen so."""
    canvas, window = imp.getCanvas(), imp.getWindow()
    width, height = round(imp.getWidth() * zoom), round(imp.getHeight() * zoom)
    most = jvm.java("ij.gui.GUI").getMaxWindowBounds()
    fits = width + MARGIN[0] <= most.width and height + MARGIN[1] <= most.height
    if fits and canvas.getMagnification() != zoom:
        canvas.setSize(width, height)
        canvas.setMagnification(zoom)
        window.pack()


def describe(imp: Any) -> tuple[Any, float, tuple[int, int] | None]:
    """Return selection, magnification and the window's corner; also while it is being closed."""
    roi, canvas, window = imp.getRoi(), imp.getCanvas(), imp.getWindow()
    corner = None if window is None else (int(window.getX()), int(window.getY()))
    zoom = 0.0 if canvas is None else float(canvas.getMagnification())
    return None if roi is None else roi.clone(), zoom, corner


def to_front(imp: Any) -> None:
    """Bring a window before the others; it is the one that commands act on then."""
    window = imp.getWindow()
    for listener in window.getWindowListeners():
        if jvm.is_ours(listener):  # that of `_give_back`: it may have the keyboard now
            window.removeWindowListener(listener)
    window.setVisible(True)
    window.toFront()
    window.requestFocus()  # or another that asked before gets it later, and is the current one
    jvm.java("ij.WindowManager").setCurrentWindow(window)


def hide(imp: Any, hidden: bool) -> None:
    """Take a window off the screen, or put it there again."""
    imp.getWindow().setVisible(not hidden)


def update_channels() -> None:
    """Let ImageJ's Channels tool, if it is open, show which channels are drawn."""
    jvm.java("ij.plugin.frame.Channels").updateChannels()


def is_open(imp: Any) -> bool:
    """Whether an image that was shown still has its window."""
    window = imp.getWindow()
    return window is not None and not window.isClosed()


def place(frame: Any, wanted: bool = True) -> None:
    """Move a window that is open where it covers no other, if that is wanted and possible."""
    spot = _free_spot(frame.getWidth(), frame.getHeight()) if wanted else None
    if spot is not None:
        frame.setLocation(*spot)


def _find_place(width: int, height: int) -> None:
    """Keep the next window from covering others, if the screen has room; else ImageJ cascades."""
    spot = _free_spot(width, height)
    if spot is not None:
        jvm.java("ij.gui.ImageWindow").setNextLocation(*spot)


def _free_spot(width: int, height: int) -> tuple[int, int] | None:
    rectangle = jvm.java("java.awt.Rectangle")
    screen = jvm.java("ij.gui.GUI").getMaxWindowBounds()
    main = jvm.java("ij.IJ").getInstance()
    if main is None:
        return None
    there = [window.getBounds() for window in visible()]
    corner = main.getBounds()
    start = (corner.x, corner.y + corner.height)
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


def visible() -> list[Any]:
    """All windows on the screen, dialogs too."""
    return [window for window in jvm.java("java.awt.Window").getWindows() if window.isShowing()]


@dataclass(frozen=True)
class Inner:
    """Fields of ImageJ's StackWindow that decide whether it fits a stack, opened by reflection.

    ImageJ itself makes a new window whenever a stack changes its dimensions, and loses
    zoom, position and focus with the old one.

    Attributes
    ----------
    fields
        Java fields by name: lengths, positions and sliders.
    add_scrollbars
        The Java method that makes sliders for the lengths an image has.
    """

    fields: dict[str, Any]
    add_scrollbars: Any

    def set(self, window: Any, **values: int) -> None:
        """Set fields that are whole numbers."""
        for name, value in values.items():
            self.fields[name].setInt(window, value)


@functools.cache
def _inner() -> Inner | None:
    cls = jvm.java("ij.gui.StackWindow").class_
    names = "nChannels nSlices nFrames hyperStack cSelector zSelector tSelector c z t".split()
    try:
        fields = {name: cls.getDeclaredField(name) for name in names}
        method = cls.getDeclaredMethod("addScrollbars", jvm.java("ij.ImagePlus").class_)
        for item in (*fields.values(), method):
            item.setAccessible(True)
    except jvm.java("java.lang.Exception"):  # another ImageJ: its windows are replaced instead
        return None
    return Inner(fields, method)


def _sliders(size: Czt) -> tuple[bool, bool, bool, bool]:
    """Which sliders ImageJ has for a size: whether as a hyperstack, then c, z and t."""
    c, z, t = (length > 1 for length in size)
    return c or (z and t), c, z, t


def set_stack(imp: Any, stack: Any, old: Czt, new: Czt) -> None:
    """Give an image a larger stack in the window that it has. Event thread only.

    Leaves the image at some position, and the lookup tables of a composite reset.

    Parameters
    ----------
    stack
        An ImageStack of the size ``new``.
    old, new
        Sizes before and after.
    """
    window = imp.getWindow()
    inner = _inner()
    imp.setOpenAsHyperStack(True)
    if inner is None or not isinstance(window, jvm.java("ij.gui.StackWindow")):
        imp.setStack(stack, *new)
        return
    hyper, rebuild = _sliders(new)[0], _sliders(old) != _sliders(new)
    inner.set(window, nChannels=new.c, nSlices=new.z, nFrames=new.t)
    inner.fields["hyperStack"].setBoolean(window, hyper)
    if window.getNScrollbars() == 0:
        # A window without sliders would be laid out anew, at another zoom.
        slider = jvm.java("ij.gui.ScrollbarWithLabel")(window, 1, 1, 1, 2, "z")
        inner.fields["zSelector"].set(window, slider)
    imp.setStack(stack, *new)
    if not hyper:  # one slider, for whichever axis is longer than 1
        inner.set(window, nChannels=1, nSlices=stack.getSize(), nFrames=1)
    if rebuild:
        inner.add_scrollbars.invoke(window, imp)
        inner.set(window, c=1, z=1, t=1)
        window.pack()
    elif hyper:
        for name, length in zip(("cSelector", "zSelector", "tSelector"), new, strict=True):
            slider = inner.fields[name].get(window)
            if slider is not None:
                slider.setMaximum(length + 1)
                slider.setBlockIncrement(max(1, length // 10))
