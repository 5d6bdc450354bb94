"""What a person sees of ImageJ: windows, menus and dialogs, through its public API."""

from __future__ import annotations

from typing import Any

from fiji_bridge import jvm, standing
from fiji_bridge.edt import on_edt
from streaming_core.testing import poll_until


class Eye:
    """A person's eye, in the process of the bridge."""

    def look(self, title: str) -> dict[str, Any]:
        """What can be seen of a window."""
        imp = image(title)
        return on_edt(imp, lambda: _facts(imp))

    def titles(self) -> list[str]:
        """Of the image windows that are open."""
        manager = jvm.java("ij.WindowManager")
        return sorted(str(title) for title in manager.getImageTitles())

    def dialogs(self) -> list[str]:
        """Titles of the dialogs that are on the screen."""
        kind = jvm.java("java.awt.Dialog")
        return [str(one.getTitle()) for one in standing.visible() if isinstance(one, kind)]

    def words(self, title: str) -> str:
        """Read what a dialog says."""
        (dialog,) = [one for one in standing.visible() if str(one.getTitle()) == title]
        return "\n".join(_words(dialog))

    def at_work(self) -> bool:
        """Whether a command that was chosen in the menus still runs, or waits for its dialog."""
        threads = jvm.java("java.lang.Thread")
        mine = threads.currentThread()  # ImageJ calls it so too, once it has run a command
        return any(
            str(one.getName()).startswith("Run$_") and not one.equals(mine)
            for one in threads.getAllStackTraces().keySet()
        )

    def menu(self) -> dict[str, Any]:
        """What the menu Planecast offers: ticks as bool, submenus as lists, others None."""
        tick, menu = jvm.java("java.awt.CheckboxMenuItem"), jvm.java("java.awt.Menu")
        found: dict[str, Any] = {}
        for item in items(our_menu()):
            name = str(item.getLabel())
            if isinstance(item, tick):
                found[name] = bool(item.getState())
            elif isinstance(item, menu):
                found[name] = [str(one.getLabel()) for one in items(item)]
            elif name != "-":
                found[name] = None
        return found

    def status(self) -> str:
        """Read the status bar."""
        return str(jvm.java("ij.ImageJ").getStatusBarText())

    def text(self, title: str) -> str:
        """Read a text window; empty while there is none."""
        frame = jvm.java("ij.WindowManager").getFrame(title)
        return "" if frame is None else str(frame.getTextPanel().getText())

    def current(self) -> str:
        """Title of the window that commands act on."""
        imp = jvm.java("ij.WindowManager").getCurrentImage()
        return "" if imp is None else str(imp.getTitle())

    def on_screen(self) -> list[str]:
        """Titles of the image windows that can be seen."""
        images = [image(title) for title in self.titles()]
        return [str(imp.getTitle()) for imp in images if imp.getWindow().isShowing()]

    def show_info(self, title: str) -> str:
        """Choose Image > Show Info, and read it."""
        info = jvm.java("ij.plugin.ImageInfo")()
        return str(info.getImageInfo(image(title)))

    def has_menu(self) -> bool:
        """Whether the menu Planecast is in the menu bar."""
        return "Planecast" in menus()

    def value(self, title: str, x: int, y: int, index: int) -> float:
        """Return the calibrated value under the mouse, in the stack's plane ``index`` (from 1)."""
        imp = image(title)
        processor = imp.getStack().getProcessor(index)
        processor.setCalibrationTable(imp.getCalibration().getCTable())
        return float(processor.getPixelValue(x, y))

    def values(self, title: str, x: int, y: int) -> list[float]:
        """Return the stored value of a pixel in each plane of the stack."""
        stack = image(title).getStack()
        return [float(stack.getVoxel(x, y, index)) for index in range(stack.getSize())]

    def tool(self) -> str:
        """Return the tool that is chosen there."""
        return str(jvm.java("ij.IJ").getToolName())


def image(title: str) -> Any:
    """Return ImageJ's image of a window."""
    manager = jvm.java("ij.WindowManager")
    imp = manager.getImage(title)
    assert imp is not None, f"no window {title!r}; there is {list(manager.getImageTitles())}"
    return imp


def menus() -> dict[str, Any]:
    """Return the menus in ImageJ's menu bar, by name."""
    bar = jvm.java("ij.Menus").getMenuBar()
    menus = [bar.getMenu(index) for index in range(bar.getMenuCount())]
    return {str(menu.getLabel()): menu for menu in menus}


def our_menu() -> Any:
    """Return the menu Planecast, once it is there."""
    poll_until(lambda: "Planecast" in menus(), "the menu Planecast")
    return menus()["Planecast"]


def items(menu: Any) -> list[Any]:
    """Return the items of a menu."""
    return [menu.getItem(index) for index in range(menu.getItemCount())]


def _words(container: Any) -> list[str]:
    page, parent = jvm.java("javax.swing.JEditorPane"), jvm.java("java.awt.Container")
    found = []
    for part in container.getComponents():
        if isinstance(part, page):
            text = part.getDocument()
            found.append(str(text.getText(0, text.getLength())))
        elif isinstance(part, parent):
            found += _words(part)
    return found


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
