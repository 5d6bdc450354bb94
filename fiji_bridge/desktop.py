"""ImageJ's main window, and pictures of what is on the screen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fiji_bridge import jvm
from fiji_bridge.edt import on_edt
from fiji_bridge.standing import find_robot, visible
from streaming_core.errors import NoDisplay, RequestFailed, StartFailed
from streaming_core.fleet.engines import INSTEAD

OTHER_EVENTS: Final = (
    "windowOpened",
    "windowClosing",
    "windowIconified",
    "windowDeiconified",
    "windowActivated",
    "windowDeactivated",
)

LONGEST_START: Final = 120.0
"""Seconds that the main window of an installed Fiji may take; it is there after 5 to 10."""

LOOK: Final = 0.05
"""Seconds between two looks for the main window."""

PACKAGES: Final = "apt-get install libxi6 libxtst6 libfontconfig1 fonts-dejavu-core"


def open_imagej(closed: Callable[[], None]) -> None:
    """Open ImageJ's main window; ``closed`` is called once it is gone.

    Raises
    ------
    NoDisplay
        When there is no display for it.
    StartFailed
        When Java lacks libraries or fonts.
    """

    def run() -> None:
        frame = jvm.java("ij.IJ").getInstance()
        frame.exitWhenQuitting(False)
        ignored = dict.fromkeys(OTHER_EVENTS, _ignore)
        listener = jvm.implement(
            "java.awt.event.WindowListener", windowClosed=lambda event: closed(), **ignored
        )
        frame.addWindowListener(listener)

    try:
        _show()
        on_edt(None, run)
    except (jvm.java("java.awt.AWTError"), jvm.java("java.awt.HeadlessException")) as error:
        display = os.environ.get("DISPLAY", "")
        raise NoDisplay(
            f"Java cannot open windows on display {display!r}: is there a screen? On a server "
            "use a virtual one: planecast.launch('fiji', virtual=True)"
        ) from error
    except (jvm.java("java.lang.LinkageError"), jvm.java("java.lang.RuntimeException")) as error:
        first = str(error).splitlines()[0]
        raise StartFailed(
            f"Java cannot open windows: {first}. On Debian or Ubuntu it needs: {PACKAGES}"
        ) from error


def _show() -> None:
    gateway = jvm.gateway()
    if gateway is None:
        imagej = jvm.java("ij.ImageJ")
        on_edt(None, lambda: imagej(imagej.EMBEDDED))
        return
    gateway.ui().showUI()
    deadline = time.monotonic() + LONGEST_START
    while not on_edt(None, _is_showing):
        if time.monotonic() > deadline:
            raise StartFailed(
                f"{jvm.engine()} did not show its main window within {LONGEST_START:g} s. {INSTEAD}"
            )
        time.sleep(LOOK)


def _is_showing() -> bool:
    frame = jvm.java("ij.IJ").getInstance()
    return frame is not None and bool(frame.isShowing())


def _ignore(event: Any) -> None:
    pass


def set_title(title: str) -> None:
    """Name the main window."""
    on_edt(None, lambda: jvm.java("ij.IJ").getInstance().setTitle(title))


def engine() -> str:
    """What shows the images: "ImageJ 1.54p (embedded), Java 25.0.2"."""
    java = jvm.java("java.lang.System").getProperty("java.version")
    return f"ImageJ {jvm.java('ij.ImageJ').VERSION} ({jvm.engine()}), Java {java}"


def screen() -> NDArray[np.uint8]:
    """Take a picture of all windows of ImageJ as they are on the screen: (Y, X, 3).

    Raises
    ------
    RequestFailed
        When there is no window.
    """
    return _pixels(_capture())


def open_screen(title: str) -> None:
    """Open a picture of all windows as an image of its own, to be saved or copied."""
    picture = _capture()
    on_edt(None, lambda: jvm.java("ij.ImagePlus")(title, picture).show())


def _capture() -> Any:
    _wait_for_paint()
    windows = on_edt(None, visible)
    if not windows:
        raise RequestFailed("there is no window to take a picture of")
    area = windows[0].getBounds()
    for other in windows[1:]:
        area = area.union(other.getBounds())
    whole = windows[0].getGraphicsConfiguration().getBounds()
    return jvm.java("java.awt.Robot")().createScreenCapture(area.intersection(whole))


def say(text: str) -> None:
    """Write in ImageJ's status bar."""
    on_edt(None, lambda: jvm.java("ij.IJ").showStatus(text))


def tell(title: str, html: str) -> None:
    """Open a window with a text that waits for nobody."""
    on_edt(None, lambda: jvm.java("ij.gui.HTMLDialog")(title, html, False))


def canvas(imp: Any) -> NDArray[np.uint8]:
    """Paint the canvas of an image by itself, with ROI and overlay, at its zoom: (Y, X, 3)."""
    _wait_for_paint()

    def run() -> Any:
        there = imp.getCanvas()
        kind = jvm.java("java.awt.image.BufferedImage")
        picture = kind(there.getWidth(), there.getHeight(), kind.TYPE_INT_RGB)
        graphics = picture.createGraphics()
        there.paint(graphics)
        graphics.dispose()
        return picture

    return _pixels(on_edt(imp, run))


def _wait_for_paint() -> None:
    """Wait until windows have their sizes and are painted; a new one takes some events."""
    robot = find_robot()
    if robot is not None:
        robot.waitForIdle()


def _pixels(picture: Any) -> NDArray[np.uint8]:
    width, height = picture.getWidth(), picture.getHeight()
    argb = picture.getRGB(0, 0, width, height, None, 0, width)
    samples = jvm.to_numpy("int", argb).reshape(height, width)
    return np.ascontiguousarray(samples.view(np.uint8).reshape(height, width, 4)[..., 2::-1])
