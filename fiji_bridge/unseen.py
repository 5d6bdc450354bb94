"""Images without windows, where Java runs headless: which of them a macro sees."""

from __future__ import annotations

from typing import Any

from fiji_bridge import jvm
from fiji_bridge.commands import Commands
from fiji_bridge.stacks import Stacks


class Unseen:
    """The streamed images, and those that macros made and did not close.

    ImageJ keeps images without a window only while a macro runs in its batch mode.
    """

    def __init__(self, stacks: Stacks) -> None:
        self._stacks = stacks
        self._made: list[Any] = []
        self._active: Any = None
        self._commands = Commands()  # which ImageJ calls

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
