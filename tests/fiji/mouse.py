"""What a person does with ImageJ's windows, menus and tools, through its public API."""

from __future__ import annotations

from functools import partial

from fiji_bridge import jvm, standing
from fiji_bridge.edt import on_edt
from streaming_core.testing import poll_until
from tests.fiji.eye import image, items, our_menu
from tests.fiji.restless import Restless


class Mouse:
    """A person's mouse, in the process of the bridge."""

    def command(self, command: str) -> None:
        """Choose a command in the menus, whatever it asks then."""
        jvm.java("ij.IJ").doCommand(command)

    def answer_dialogs(self) -> None:
        """Click the close buttons of all dialogs."""
        event = jvm.java("java.awt.event.WindowEvent")
        for one in standing.visible():
            if isinstance(one, jvm.java("java.awt.Dialog")):
                closing = event(one, event.WINDOW_CLOSING)
                on_edt(None, partial(one.dispatchEvent, closing))

    def zoom_in(self, title: str, times: int = 1) -> None:
        """Press + with the mouse over the image."""
        canvas = image(title).getCanvas()
        for _ in range(times):
            on_edt(None, lambda: canvas.zoomIn(10, 10))

    def draw_roi(self, title: str, x: int, y: int, width: int, height: int) -> None:
        """Drag a rectangle."""
        imp = image(title)
        on_edt(imp, lambda: imp.setRoi(x, y, width, height))

    def move(self, title: str, c: int, z: int, t: int) -> None:
        """Drag the sliders."""
        imp = image(title)
        on_edt(imp, lambda: imp.setPosition(c, z, t))

    def contrast(self, title: str, low: float, high: float) -> None:
        """Set the display range of the channel that is shown."""
        imp = image(title)

        def run() -> None:
            imp.setDisplayRange(low, high)
            imp.updateAndDraw()

        on_edt(imp, run)

    def recolor(self, title: str, channel: int, red: int, green: int, blue: int) -> None:
        """Choose another lookup table for a channel."""
        imp = image(title)
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
        imp = image(title)

        def run() -> None:
            imp.getActiveChannels()[channel - 1] = False
            imp.updateAndDraw()

        on_edt(imp, run)

    def close_window(self, title: str) -> None:
        """Click the window's close button."""
        window = image(title).getWindow()
        event = jvm.java("java.awt.event.WindowEvent")
        closing = event(window, event.WINDOW_CLOSING)
        on_edt(None, lambda: window.dispatchEvent(closing))

    def mix_up(self, title: str, index: int, other: int) -> None:
        """Leave a slice with the pixels of another, counted from 1.

        ImageJ's own thread of sliders does that now and then, when a stack grows meanwhile.
        """
        stack = image(title).getImageStack()
        on_edt(None, lambda: stack.setPixels(stack.getPixels(other), index))

    def discard(self, title: str) -> None:
        """Close a window and say no to saving it."""
        imp = image(title)
        imp.changes = False
        on_edt(None, imp.close)

    def paint(self, title: str, value: float) -> None:
        """Fill the whole shown plane with a value, as Edit > Fill does."""
        imp = image(title)

        def run() -> None:
            imp.getProcessor().setValue(value)
            imp.getProcessor().fill()
            imp.updateAndDraw()

        on_edt(imp, run)

    def run(self, title: str, command: str, options: str = "") -> None:
        """Choose a command in the menus."""
        jvm.java("ij.IJ").run(image(title), command, options)

    def pick(self, *names: str) -> None:
        """Choose an item of the menu Planecast; a tick is changed."""
        item = our_menu()
        for name in names:
            labels = {str(one.getLabel()): one for one in items(item)}
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

    def make_menus_anew(self) -> None:
        """Choose Help > Refresh Menus."""
        jvm.java("ij.IJ").run("Refresh Menus")

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

    def click(self, title: str) -> None:
        """Click into a window: it is worked in."""
        window = image(title).getWindow()

        def run() -> None:
            window.toFront()
            jvm.java("ij.WindowManager").setCurrentWindow(window)

        on_edt(None, run)
        poll_until(lambda: bool(window.isFocused()), f"{title} has the focus")

    def display_mode(self, title: str, mode: int) -> None:
        """Choose composite (1), colour (2) or grayscale (3) in the Channels tool."""
        imp = image(title)

        def run() -> None:
            imp.setMode(mode)
            imp.updateAndDraw()

        on_edt(imp, run)

    def choose_tool(self, name: str) -> None:
        """Click a tool in ImageJ's tool bar."""
        on_edt(None, lambda: jvm.java("ij.IJ").setTool(name))

    def begin_work(self, title: str, drags: bool) -> None:
        """Have a person work in a window without pause; see `Restless`."""
        self.person = Restless(title, drags)

    def wait_for_work(self, *acts: str) -> None:
        """Wait until the person has done each of these once more."""
        self.person.wait_for(acts)

    def end_work(self) -> list[str]:
        """Have the person stop; see `Restless.end`."""
        return self.person.end()
