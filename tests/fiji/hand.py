"""What a person does with ImageJ's selections: draws them, adds them to the ROI Manager, paints."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from fiji_bridge import desktop, jvm, rois
from fiji_bridge.edt import on_edt
from streaming_core.testing import poll_until
from tests.fiji.eye import image


def floats(numbers: Sequence[float]) -> Any:
    """Return numbers as ImageJ's constructors take them."""
    return jvm.to_java("float", np.array(numbers, "<f4"))


def selection(tool: str, *given: Any) -> Any:
    """Make the selection that a tool of ImageJ's makes: x before y, as there."""
    types = jvm.java("ij.gui.Roi")
    corners = {
        "polygon": types.POLYGON, "freehand": types.FREEROI, "traced": types.TRACED_ROI,
        "segmented line": types.POLYLINE, "freehand line": types.FREELINE, "angle": types.ANGLE,
    }  # fmt: skip
    if tool in corners:
        xs, ys = zip(*given, strict=True)
        return jvm.java("ij.gui.PolygonRoi")(floats(xs), floats(ys), corners[tool])
    if tool == "points":
        xs, ys = zip(*given, strict=True)
        return jvm.java("ij.gui.PointRoi")(floats(xs), floats(ys), len(given))
    if tool == "clicked points":
        roi = jvm.java("ij.gui.PointRoi")()
        for x, y, index, counter in given:
            roi.setCounter(counter)
            roi.addPoint(x, y, index)
        return roi
    if tool == "ring":
        shape = jvm.java("ij.gui.ShapeRoi")
        return shape(types(*given[0])).xor(shape(types(*given[1])))
    classes = {
        "rectangle": "Roi", "oval": "OvalRoi", "line": "Line", "ellipse": "EllipseRoi",
        "rotated rectangle": "RotatedRectRoi", "text": "TextRoi", "arrow": "Arrow",
    }  # fmt: skip
    return jvm.java(f"ij.gui.{classes[tool]}")(*given)


class Hand:
    """A person's hand, in the process of the bridge."""

    def outlines(self, tool: str, *given: Any, **touches: Any) -> list[tuple[Any, ...]]:
        """Return a selection as plain data: kind, shape, corners, spot and features.

        Parameters
        ----------
        touches
            Method -> its arguments, to be called on the selection first.
        """
        roi = selection(tool, *given)
        for method, arguments in touches.items():
            getattr(roi, method)(*arguments)
        return [
            (one.kind, one.shape, one.corners.tolist(), tuple(one.spot), one.features)
            for one in rois.outlines(roi)
        ]

    def overlay(self, title: str) -> list[dict[str, Any]]:
        """Return what lies on a window's image, at all places of its stack."""
        imp = image(title)
        overlay = on_edt(imp, imp.getOverlay)
        return [] if overlay is None else [_told(roi) for roi in overlay.toArray()]

    def listed(self) -> list[dict[str, Any]] | None:
        """Return what the ROI Manager lists, None if it is not open."""
        listed = _list()
        return None if listed is None else [_told(roi) for roi in listed.getRoisAsArray()]

    def draw(self, title: str, tool: str, *given: Any, **touches: Any) -> None:
        """Draw a selection on the plane that is seen; see `outlines`."""
        imp, roi = image(title), selection(tool, *given)
        for method, arguments in touches.items():
            getattr(roi, method)(*arguments)
        on_edt(imp, lambda: imp.setRoi(roi))

    def add_to_list(self, title: str, name: str = "") -> None:
        """Press T, and name what was added."""
        imp = image(title)

        def run() -> None:
            jvm.java("ij.WindowManager").setCurrentWindow(imp.getWindow())
            listed = jvm.java("ij.plugin.frame.RoiManager").getRoiManager()
            listed.runCommand("add")
            if name:
                listed.rename(listed.getCount() - 1, name)

        on_edt(None, run)

    def choose(self, title: str, row: int) -> None:
        """Click an entry of the ROI Manager, with this window in front."""
        imp = image(title)
        on_edt(None, lambda: jvm.java("ij.WindowManager").setCurrentWindow(imp.getWindow()))
        on_edt(None, lambda: _list().setSelectedIndexes([row]))

    def press(self, button: str) -> None:
        """Press a button of the ROI Manager: "update", "delete", "reset", "show all" …"""
        on_edt(None, lambda: _list().runCommand(button))

    def selected(self) -> list[int]:
        """Return which entries of the ROI Manager are selected."""
        return [int(one) for one in _list().getSelectedIndexes()]

    def lengths_seen(self, until: int) -> list[int]:
        """Return the lengths that the ROI Manager's list has had until it was so long."""
        seen = [0]

        def look() -> bool:
            listed = _list()
            length = 0 if listed is None else int(on_edt(None, listed.getCount))
            if length != seen[-1]:
                seen.append(length)
            return length >= until

        poll_until(look, "the list is as long", 30)
        return seen

    def hold_window(self) -> None:
        """Keep ImageJ's window thread busy until `sizes_seen`."""
        self.held_back = jvm.java("java.util.concurrent.CountDownLatch")(1)
        held = threading.Event()

        def run() -> None:
            held.set()
            self.held_back["await"]()

        queue = jvm.java("java.awt.EventQueue")
        queue.invokeLater(jvm.implement("java.lang.Runnable", run=run))
        assert held.wait(10)

    def sizes_seen(self, title: str, until: int) -> list[int]:
        """Let the window thread go on; return the lengths that a stack has had until then."""
        imp = image(title)
        seen = [int(imp.getStackSize())]
        self.held_back.countDown()
        deadline = time.monotonic() + 30
        while seen[-1] < until and time.monotonic() < deadline:
            if (size := int(imp.getStackSize())) != seen[-1]:
                seen.append(size)
        return seen

    def close_list(self) -> None:
        """Close the ROI Manager, if it is open."""
        if _list() is not None:
            on_edt(None, lambda: _list().close())

    def add_to_overlay(self, title: str) -> None:
        """Choose Image > Overlay > Add Selection."""
        imp = image(title)

        def run() -> None:
            overlay = imp.getOverlay() or jvm.java("ij.gui.Overlay")()
            overlay.add(imp.getRoi().clone())
            imp.setOverlay(overlay)

        on_edt(imp, run)

    def colour(self, title: str, y: float, x: float) -> list[int]:
        """Return the brightest colour on the screen within half a pixel of one of the image."""
        canvas = image(title).getCanvas()
        picture = desktop.canvas(image(title)).astype(int)
        zoom = float(canvas.getMagnification())
        near = [int(canvas.screenYD(y)), int(canvas.screenXD(x))]
        there = picture[
            near[0] : near[0] + max(1, round(zoom)), near[1] : near[1] + max(1, round(zoom))
        ]
        flat = there.reshape(-1, 3)
        return [int(one) for one in flat[flat.sum(axis=1).argmax()]]

    def open_image(self, title: str, height: int, width: int) -> None:
        """Open an image of one's own."""
        on_edt(
            None,
            lambda: jvm.java("ij.IJ").createImage(title, "8-bit black", width, height, 1).show(),
        )

    def one_channel_at_a_time(self, title: str) -> None:
        """Choose the mode "Color" in the Channels Tool."""
        imp = image(title)
        on_edt(imp, lambda: imp.setDisplayMode(jvm.java("ij.IJ").COLOR))

    def brush(self, title: str, x: int, y: int, label: float) -> None:
        """Make one dab with the brush on the plane that is seen, as ImageJ's tool does."""
        imp = image(title)

        def run() -> None:
            processor = imp.getProcessor()
            processor.setValue(label)
            processor.setLineWidth(5)
            processor.drawDot(x, y)
            imp.updateAndDraw()

        on_edt(imp, run)

    def exchange_pixels(self, title: str, label: int) -> None:
        """Run a plugin that gives the plane that is seen another array."""
        imp = image(title)

        def run() -> None:
            count = imp.getWidth() * imp.getHeight()
            array = jvm.to_java("short", np.full(count, label, "<u2"))
            imp.getStack().setPixels(array, imp.getCurrentSlice())
            imp.updateAndDraw()

        on_edt(imp, run)

    def remove_overlay(self, title: str) -> None:
        """Choose Image > Overlay > Remove Overlay."""
        jvm.java("ij.IJ").run(image(title), "Remove Overlay", "")


def _list() -> Any:
    return jvm.java("ij.plugin.frame.RoiManager").getRawInstance()


def _told(roi: Any) -> dict[str, Any]:
    """Return what a person sees of a selection in a list."""
    color = roi.getStrokeColor()
    parts = rois.outlines(roi)
    return {
        "name": str(roi.getName()),
        "type": str(roi.getTypeAsString()),
        "at": [int(roi.getCPosition()), int(roi.getZPosition()), int(roi.getTPosition())]
        if roi.hasHyperStackPosition()
        else int(roi.getPosition()),
        "colour": None
        if color is None
        else [int(one) for one in (color.getRed(), color.getGreen(), color.getBlue())],
        "corners": [part.corners.tolist() for part in parts],
        "properties": {
            key: value
            for key, _, value in (
                line.partition(": ") for line in str(roi.getProperties() or "").splitlines()
            )
            if key != "planecast"
        },
    }
