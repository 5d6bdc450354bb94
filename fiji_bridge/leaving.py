"""Quitting in ImageJ, by its menu or its main window: no question about what is streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from fiji_bridge import jvm

QUIT: Final = "Quit"
"""ImageJ's command; with a listener for commands, closing the main window is that command too."""


def ask_nothing(streamed: Callable[[], Iterable[Any]]) -> None:
    """Have ImageJ quit at once, whatever was painted on streamed images.

    Their programs have them. About an image that the user made, ImageJ asks as ever.

    Parameters
    ----------
    streamed
        Gives the ImagePlus of each streamed image, on any thread.
    """

    def executing(command: Any) -> Any:
        if command == QUIT:
            for imp in streamed():
                imp.changes = False
        return command

    listener = jvm.implement("ij.CommandListener", commandExecuting=executing)
    jvm.java("ij.Executer").addCommandListener(listener)
