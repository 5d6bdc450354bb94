"""The Fiji bridge in a process of its own, driven by the tests through a pipe.

Started as ``python -m tests.fiji.driver FD``: each message is a method of `Driver` with its
arguments, each answer a result or the traceback. What a person does with ImageJ is done
through ImageJ's public API.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections import deque
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from fiji_bridge import desktop, jvm, window
from fiji_bridge.adapter import FijiAdapter
from fiji_bridge.edt import on_edt
from streaming_core.fleet.display import display
from streaming_core.fleet.engines import choose
from streaming_core.protocol.components import check_components
from streaming_core.protocol.messages import Image, Inline
from streaming_core.stream.adapter import Arrival, Call
from streaming_core.stream.marks import drawing_of, make_marks
from streaming_core.testing import poll_until
from tests.fiji.hand import Hand
from tests.fiji.restless import Restless

LIMIT = 30.0


class Driver(Hand):
    """What a producer sends, what a person does, and what a person sees."""

    def __init__(self) -> None:
        self.adapter = FijiAdapter(lambda: None)
        self.waiting: list[threading.Event] = []
        self.seq = 0
        self.asked: deque[tuple[threading.Event, list[Any]]] = deque()

    # the producer

    def show(self, array: NDArray[Any], axes: str = "YX", wait: bool = True, **image: Any) -> Any:
        """Send an image; return why it is not shown, or None."""
        self.seq += 1
        given = check_components(image.pop("components", None), axes, array.shape)
        message = Image(
            sid="test", seq=self.seq, run=image.pop("run", "run"), shape=array.shape,
            dtype=array.dtype.str, axes=axes, components=given,
            where=Inline(nbytes=array.nbytes, parts=0), **image,
        )  # fmt: skip
        return self._deliver(message, array, wait)

    def mark(
        self, kind: str, data: Any, axes: str = "YX", features: Any = None,
        shape: Any = "polygon", wait: bool = True, **words: Any,
    ) -> Any:  # fmt: skip
        """Send points, shapes or tracks; return why they are not shown, or None."""
        self.seq += 1
        drawing = drawing_of(kind, data, axes, features, shape)
        message, array = make_marks(kind, drawing, run=words.pop("run", "run"), **words)
        where = Inline(nbytes=array.nbytes, parts=0)
        return self._deliver(replace(message, seq=self.seq, where=where), array, wait)

    def _deliver(self, message: Image, array: NDArray[Any], wait: bool) -> Any:
        borrowed = np.array(array, order="C", copy=True)
        borrowed.flags.writeable = False
        kept = self.adapter.own(message, borrowed)
        borrowed.flags.writeable = True
        borrowed.fill(0)  # the memory is used again
        done, reasons = threading.Event(), []

        def shown(*reason: str, note: str = "") -> None:
            reasons.append(reason)
            done.set()

        self.adapter.post(Arrival(message, kept, shown))
        if not wait:
            self.waiting.append(done)
            return None
        assert done.wait(LIMIT), "not shown"
        assert len(reasons) == 1
        return reasons[0][0] if reasons[0] else None

    def settle(self) -> None:
        """Wait until all is shown."""
        for done in self.waiting:
            assert done.wait(LIMIT), "not shown"
        self.waiting.clear()

    def call(self, verb: str, **arguments: Any) -> tuple[Any, NDArray[Any] | None]:
        """Make a request; a failed one is RuntimeError with its text."""
        return self._answer(*self._request(verb, arguments))

    def begin(self, verb: str, **arguments: Any) -> None:
        """Make a request, and do not wait for its answer."""
        self.asked.append(self._request(verb, arguments))

    def finish(self) -> tuple[Any, NDArray[Any] | None]:
        """Wait for the answer to the oldest request that was begun."""
        return self._answer(*self.asked.popleft())

    def _request(self, verb: str, arguments: dict[str, Any]) -> tuple[threading.Event, list[Any]]:
        done: threading.Event = threading.Event()
        answers: list[tuple[Any, NDArray[Any] | None] | RuntimeError] = []

        def reply(result: Any = None, array: NDArray[Any] | None = None) -> None:
            answers.append((result, array))
            done.set()

        def fail(text: str) -> None:
            answers.append(RuntimeError(text))
            done.set()

        self.adapter.call(Call(verb, arguments, reply, fail))
        return done, answers

    def _answer(
        self, done: threading.Event, answers: list[Any]
    ) -> tuple[Any, NDArray[Any] | None]:  # fmt: skip
        assert done.wait(LIMIT), "no answer"
        answer: tuple[Any, NDArray[Any] | None] | RuntimeError = answers[0]
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    # the person

    def look(self, title: str) -> dict[str, Any]:
        """What can be seen of a window."""
        imp = self._image(title)
        return on_edt(imp, lambda: _facts(imp))

    def titles(self) -> list[str]:
        """Of the image windows that are open."""
        manager = jvm.java("ij.WindowManager")
        return sorted(str(title) for title in manager.getImageTitles())

    def dialogs(self) -> list[str]:
        """Titles of the dialogs that are on the screen."""
        kind = jvm.java("java.awt.Dialog")
        return [str(one.getTitle()) for one in window.visible() if isinstance(one, kind)]

    def command(self, command: str) -> None:
        """Choose a command in the menus, whatever it asks then."""
        jvm.java("ij.IJ").doCommand(command)

    def at_work(self) -> bool:
        """Whether a command that was chosen in the menus still runs, or waits for its dialog."""
        threads = jvm.java("java.lang.Thread")
        mine = threads.currentThread()  # ImageJ calls it so too, once it has run a command
        return any(
            str(one.getName()).startswith("Run$_") and not one.equals(mine)
            for one in threads.getAllStackTraces().keySet()
        )

    def answer_dialogs(self) -> None:
        """Click the close buttons of all dialogs."""
        event = jvm.java("java.awt.event.WindowEvent")
        for one in window.visible():
            if isinstance(one, jvm.java("java.awt.Dialog")):
                closing = event(one, event.WINDOW_CLOSING)
                on_edt(None, partial(one.dispatchEvent, closing))

    def zoom_in(self, title: str, times: int = 1) -> None:
        """Press + with the mouse over the image."""
        canvas = self._image(title).getCanvas()
        for _ in range(times):
            on_edt(None, lambda: canvas.zoomIn(10, 10))

    def draw_roi(self, title: str, x: int, y: int, width: int, height: int) -> None:
        """Drag a rectangle."""
        imp = self._image(title)
        on_edt(imp, lambda: imp.setRoi(x, y, width, height))

    def move(self, title: str, c: int, z: int, t: int) -> None:
        """Drag the sliders."""
        imp = self._image(title)
        on_edt(imp, lambda: imp.setPosition(c, z, t))

    def contrast(self, title: str, low: float, high: float) -> None:
        """Set the display range of the channel that is shown."""
        imp = self._image(title)

        def run() -> None:
            imp.setDisplayRange(low, high)
            imp.updateAndDraw()

        on_edt(imp, run)

    def recolor(self, title: str, channel: int, red: int, green: int, blue: int) -> None:
        """Choose another lookup table for a channel."""
        imp = self._image(title)
        color = jvm.java("java.awt.Color")(red, green, blue)
        table = jvm.java("ij.process.LUT").createLutFromColor(color)

        def run() -> None:
            old = imp.getChannelLut(channel)
            table.min, table.max = old.min, old.max
            imp.setChannelLut(table, channel)
            imp.updateAndDraw()

        on_edt(imp, run)

    def switch_off(self, title: str, channel: int) -> None:
        """Take a channel out of the composite."""
        imp = self._image(title)

        def run() -> None:
            imp.getActiveChannels()[channel - 1] = False
            imp.updateAndDraw()

        on_edt(imp, run)

    def close_window(self, title: str) -> None:
        """Click the window's close button."""
        window = self._image(title).getWindow()
        event = jvm.java("java.awt.event.WindowEvent")
        closing = event(window, event.WINDOW_CLOSING)
        on_edt(None, lambda: window.dispatchEvent(closing))

    def discard(self, title: str) -> None:
        """Close a window and say no to saving it."""
        imp = self._image(title)
        imp.changes = False
        on_edt(None, imp.close)

    def paint(self, title: str, value: float) -> None:
        """Fill the whole shown plane with a value, as Edit > Fill does."""
        imp = self._image(title)

        def run() -> None:
            imp.getProcessor().setValue(value)
            imp.getProcessor().fill()
            imp.updateAndDraw()

        on_edt(imp, run)

    def run(self, title: str, command: str, options: str = "") -> None:
        """Choose a command in the menus."""
        jvm.java("ij.IJ").run(self._image(title), command, options)

    def pick(self, *names: str) -> None:
        """Choose an item of the menu Planecast; a tick is changed."""
        item = self._menu()
        for name in names:
            labels = {str(one.getLabel()): one for one in _items(item)}
            assert name in labels, f"no {name!r} in {list(labels)}"
            item = labels[name]
        assert item.isEnabled(), f"{names} cannot be chosen"
        action, changed = (
            jvm.java("java.awt.event.ActionEvent"),
            jvm.java("java.awt.event.ItemEvent"),
        )

        def run() -> None:
            if isinstance(item, jvm.java("java.awt.CheckboxMenuItem")):
                item.setState(not item.getState())
                item.dispatchEvent(
                    changed(item, changed.ITEM_STATE_CHANGED, names[-1], changed.SELECTED)
                )
            else:
                item.dispatchEvent(action(item, action.ACTION_PERFORMED, names[-1]))

        on_edt(None, run)

    def menu(self) -> dict[str, Any]:
        """What the menu Planecast offers: ticks as bool, submenus as lists, others None."""
        tick, menu = jvm.java("java.awt.CheckboxMenuItem"), jvm.java("java.awt.Menu")
        found: dict[str, Any] = {}
        for item in _items(self._menu()):
            name = str(item.getLabel())
            if isinstance(item, tick):
                found[name] = bool(item.getState())
            elif isinstance(item, menu):
                found[name] = [str(one.getLabel()) for one in _items(item)]
            elif name != "-":
                found[name] = None
        return found

    def make_menus_anew(self) -> None:
        """Choose Help > Refresh Menus."""
        jvm.java("ij.IJ").run("Refresh Menus")

    def status(self) -> str:
        """Read the status bar."""
        return str(jvm.java("ij.ImageJ").getStatusBarText())

    def text(self, title: str) -> str:
        """Read a text window; empty while there is none."""
        frame = jvm.java("ij.WindowManager").getFrame(title)
        return "" if frame is None else str(frame.getTextPanel().getText())

    def close_text(self, title: str) -> None:
        """Close a text window."""
        frame = jvm.java("ij.WindowManager").getFrame(title)
        on_edt(None, lambda: frame.close(False))

    def close_dialogs(self) -> None:
        """Close them."""
        dialog = jvm.java("java.awt.Dialog")
        for one in jvm.java("java.awt.Window").getWindows():
            if isinstance(one, dialog) and one.isShowing():
                on_edt(None, one.dispose)

    def current(self) -> str:
        """Title of the window that commands act on."""
        imp = jvm.java("ij.WindowManager").getCurrentImage()
        return "" if imp is None else str(imp.getTitle())

    def click(self, title: str) -> None:
        """Click into a window: it is worked in."""
        window = self._image(title).getWindow()

        def run() -> None:
            window.toFront()
            jvm.java("ij.WindowManager").setCurrentWindow(window)

        on_edt(None, run)
        poll_until(lambda: bool(window.isFocused()), f"{title} has the focus")

    def on_screen(self) -> list[str]:
        """Titles of the image windows that can be seen."""
        images = [self._image(title) for title in self.titles()]
        return [str(imp.getTitle()) for imp in images if imp.getWindow().isShowing()]

    def display_mode(self, title: str, mode: int) -> None:
        """Choose composite (1), colour (2) or grayscale (3) in the Channels tool."""
        imp = self._image(title)

        def run() -> None:
            imp.setMode(mode)
            imp.updateAndDraw()

        on_edt(imp, run)

    def show_info(self, title: str) -> str:
        """Choose Image > Show Info, and read it."""
        info = jvm.java("ij.plugin.ImageInfo")()
        return str(info.getImageInfo(self._image(title)))

    def paused(self) -> bool:
        """Whether the viewer takes images."""
        return self.adapter.paused

    def has_menu(self) -> bool:
        """Whether the menu Planecast is in the menu bar."""
        return "Planecast" in _menus()

    def _menu(self) -> Any:
        poll_until(self.has_menu, "the menu Planecast")
        return _menus()["Planecast"]

    def value(self, title: str, x: int, y: int, index: int) -> float:
        """Return the calibrated value under the mouse, in the stack's plane ``index`` (from 1)."""
        imp = self._image(title)
        processor = imp.getStack().getProcessor(index)
        processor.setCalibrationTable(imp.getCalibration().getCTable())
        return float(processor.getPixelValue(x, y))

    def values(self, title: str, x: int, y: int) -> list[float]:
        """Return the stored value of a pixel in each plane of the stack."""
        stack = self._image(title).getStack()
        return [float(stack.getVoxel(x, y, index)) for index in range(stack.getSize())]

    def choose_tool(self, name: str) -> None:
        """Click a tool in ImageJ's tool bar."""
        on_edt(None, lambda: jvm.java("ij.IJ").setTool(name))

    def tool(self) -> str:
        """Return the tool that is chosen there."""
        return str(jvm.java("ij.IJ").getToolName())

    def begin_work(self, title: str, drags: bool) -> None:
        """Have a person work in a window without pause; see `Restless`."""
        self.person = Restless(title, drags)

    def end_work(self) -> dict[str, Any]:
        """Have the person stop; see `Restless.end`."""
        return self.person.end()

    def _image(self, title: str) -> Any:
        imp = jvm.java("ij.WindowManager").getImage(title)
        assert imp is not None, f"no window {title!r}; there is {self.titles()}"
        return imp


def _menus() -> dict[str, Any]:
    bar = jvm.java("ij.Menus").getMenuBar()
    menus = [bar.getMenu(index) for index in range(bar.getMenuCount())]
    return {str(menu.getLabel()): menu for menu in menus}


def _items(menu: Any) -> list[Any]:
    return [menu.getItem(index) for index in range(menu.getItemCount())]


def _facts(imp: Any) -> dict[str, Any]:
    window, canvas, roi = imp.getWindow(), imp.getCanvas(), imp.getRoi()
    calibration, stack = imp.getCalibration(), imp.getStack()
    composite = bool(imp.isComposite())
    luts = list(imp.getLuts())
    return {
        "window": int(jvm.java("java.lang.System").identityHashCode(window)),
        "kind": str(window.getClass().getSimpleName()),
        "at": [int(window.getX()), int(window.getY())],
        "size": [int(imp.getNChannels()), int(imp.getNSlices()), int(imp.getNFrames())],
        "sliders": int(window.getNScrollbars()) if stack.getSize() > 1 else 0,
        "position": [int(imp.getC()), int(imp.getZ()), int(imp.getT())],
        "zoom": float(canvas.getMagnification()),
        "roi": None if roi is None else str(roi.getBounds()),
        "bits": int(imp.getBitDepth()),
        "mode": int(imp.getCompositeMode()) if composite else 0,
        "active": [bool(on) for on in imp.getActiveChannels()] if composite else [],
        "ranges": [[float(table.min), float(table.max)] for table in luts]
        if composite
        else [[float(imp.getProcessor().getMin()), float(imp.getProcessor().getMax())]],
        "colors": [jvm.to_numpy("byte", table.getBytes())[255::256].tolist() for table in luts],
        "labels": [str(stack.getSliceLabel(i + 1)) for i in range(stack.getSize())],
        "subtitle": str(window.createSubtitle()),
        "pixel": [float(calibration.pixelWidth), float(calibration.pixelHeight)],
        "depth": float(calibration.pixelDepth),
        "unit": str(calibration.getUnit()),
        "origin": [float(calibration.xOrigin), float(calibration.yOrigin)],
        "interval": float(calibration.frameInterval),
        "changes": bool(imp.changes),
    }


def main() -> None:
    """Serve one test session."""
    with Connection(int(sys.argv[1])) as pipe, display(True, "fiji"):
        jvm.start(choose())
        desktop.open_imagej(lambda: None)
        driver = Driver()
        pipe.send(("result", driver.adapter.engine))
        while True:
            try:
                method, arguments, keywords = pipe.recv()
            except EOFError:
                break
            try:
                pipe.send(("result", getattr(driver, method)(*arguments, **keywords)))
            # A process boundary: the test raises it.
            except Exception as error:
                pipe.send((type(error).__name__, f"{error}\n{traceback.format_exc()}"))
        os._exit(0)


if __name__ == "__main__":
    main()
