"""Images without windows, where Java runs headless: which of them a macro sees."""

from __future__ import annotations

import re
from typing import Any, Final

from fiji_bridge import jvm
from fiji_bridge.stacks import Stacks

MENU_ITEM: Final = re.compile(r'"(.+?)(?:\[.*\])?",(\S.*)')
"""A command and its class in the list from which ImageJ makes its menus; without its shortcut."""

COMMANDS: Final = {
    "Close": "Commands('close')", "Close All": "Commands('close-all')",
    "Cut": "Clipboard('cut')", "Copy": "Clipboard('copy')", "Paste": "Clipboard('paste')",
    "Clear": "filter.Filler('clear')", "Clear Outside": "filter.Filler('outside')",
    "Fill": "filter.Filler('fill')", "Draw": "filter.Filler('draw')",
    "Label": "filter.Filler('label')", "Invert": "filter.Filters('invert')",
    "Smooth": "filter.Filters('smooth')", "Sharpen": "filter.Filters('sharpen')",
    "Find Edges": "filter.Filters('edge')", "Crop": "Resizer('crop')",
    "Measure": "filter.Analyzer", "Summarize": "filter.Analyzer('sum')",
    "Clear Results": "filter.Analyzer('clear')",
}  # fmt: skip
"""Those that ImageJ lists in its code only, and that need no window."""


class Unseen:
    """The streamed images, and those that macros made and did not close.

    ImageJ keeps images without a window only while a macro runs in its batch mode.
    """

    def __init__(self, stacks: Stacks) -> None:
        self._stacks = stacks
        self._made: list[Any] = []
        self._active: Any = None
        _know_commands()

    @property
    def active(self) -> Any:
        """The image that was active at the end of the last macro, else the newest; or None."""
        streamed = self._streamed()
        if self._active is not None and any(map(self._active.equals, [*self._made, *streamed])):
            return self._active
        return streamed[-1] if streamed else None

    def offer(self) -> None:
        """Open them for a macro, on its thread, before it runs."""
        active = self.active
        interpreter = jvm.java("ij.macro.Interpreter")
        interpreter.batchMode = True
        for imp in [*self._made, *self._streamed(), *([] if active is None else [active])]:
            interpreter.removeBatchModeImage(imp)
            interpreter.addBatchModeImage(imp)
        jvm.java("ij.WindowManager").setTempCurrentImage(active)

    def keep(self) -> None:
        """Note what a macro has made, on its thread, when it has come to its end."""
        manager, interpreter = jvm.java("ij.WindowManager"), jvm.java("ij.macro.Interpreter")
        streamed = self._streamed()
        there = [manager.getImage(number) for number in interpreter.getBatchModeImageIDs()]
        self._made = [imp for imp in there if not any(map(imp.equals, streamed))]
        self._active = interpreter.getLastBatchModeImage()

    def _streamed(self) -> list[Any]:
        """The images of all hyperstacks, the newest last."""
        newest = self._stacks.newest
        stacks = sorted(self._stacks.of.copy().values(), key=lambda stack: stack is newest)
        return [stack.imp for stack in stacks if stack.imp is not None]


def _know_commands() -> None:
    """Tell ImageJ which commands it has: it takes that from its menus, which are not there."""
    if jvm.java("ij.Menus").getCommands() is not None:
        return
    listed = jvm.java("java.util.Properties")()
    with jvm.java("ij.ImageJ").class_.getResourceAsStream("/IJ_Props.txt") as stream:
        listed.load(stream)
    commands = jvm.java("java.util.Hashtable")()
    for name, plugin in COMMANDS.items():
        commands.put(name, "ij.plugin." + plugin.replace("'", '"'))
    for line in listed.values():
        item = MENU_ITEM.fullmatch(str(line).strip())
        if item is not None:
            commands.put(item[1], item[2])
    field = jvm.java("ij.Menus").class_.getDeclaredField("pluginsTable")
    field.setAccessible(True)
    field.set(None, commands)
