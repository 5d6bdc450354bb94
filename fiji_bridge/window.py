"""Image windows of ImageJ: open one, and grow what it shows without a new one."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

from fiji_bridge import jvm, standing
from fiji_bridge.appearance import Look
from fiji_bridge.czt import Czt
from fiji_bridge.standing import Opened

MARGIN: Final = (16, 110)
"""About what a window needs around its image: borders; title, subtitle and three sliders."""


def show(imp: Any, look: Look | None = None) -> Opened:
    """Open the window of an image. Event thread only.

    A person who works in another window of ImageJ goes on there.

    Parameters
    ----------
    look
        Where and how it was before.

    Returns
    -------
    Opened
        What is to be finished, by `standing.finish`.
    """
    look, before = look or Look(), standing.worked_in()
    at = look.at or standing.find_place(imp.getWidth() + MARGIN[0], imp.getHeight() + MARGIN[1])
    jvm.java("ij.gui.ImageWindow").setNextLocation(*at)
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
    if before is not None:
        standing.give_back(imp.getWindow(), before)
    return Opened(imp.getWindow(), at)


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


def update_channels() -> None:
    """Let ImageJ's Channels tool, if it is open, show which channels are drawn."""
    jvm.java("ij.plugin.frame.Channels").updateChannels()


def is_open(imp: Any) -> bool:
    """Whether an image that was shown still has its window."""
    window = imp.getWindow()
    return window is not None and not window.isClosed()


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
