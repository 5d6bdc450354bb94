"""ImageJ's commands where there are no windows: which it has, and which would ask a person."""

from __future__ import annotations

import re
from typing import Any, Final

from fiji_bridge import jvm

MENU_ITEM: Final = re.compile(r'"(.+?)(?:\[.*\])?",(\S.*)')
"""A command and its class in the list from which ImageJ makes its menus; without its shortcut."""

CONVERSIONS: Final = (
    "8-bit", "16-bit", "32-bit", "8-bit Color", "RGB Color", "RGB Stack", "HSB Stack",
    "HSB (32-bit)", "Lab Stack",
)  # fmt: skip

COMMANDS: Final = {
    "Analyze Particles...": "filter.ParticleAnalyzer", "Calibrate...": "filter.Calibrator",
    "Clear": "filter.Filler('clear')", "Clear Outside": "filter.Filler('outside')",
    "Clear Results": "filter.Analyzer('clear')", "Close": "Commands('close')",
    "Close All": "Commands('close-all')", "Copy": "Clipboard('copy')", "Crop": "Resizer('crop')",
    "Cut": "Clipboard('cut')", "Distribution...": "Distribution",
    "Draw": "filter.Filler('draw')", "Duplicate...": "Duplicator",
    "Enhance Contrast...": "ContrastEnhancer", "Fill": "filter.Filler('fill')",
    "Find Edges": "filter.Filters('edge')", "Find Maxima...": "filter.MaximumFinder",
    "Histogram": "Histogram", "Image Calculator...": "ImageCalculator",
    "Invert": "filter.Filters('invert')", "Label": "filter.Filler('label')",
    "Measure": "filter.Analyzer", "Open...": "Commands('open')", "Paste": "Clipboard('paste')",
    "Plot Profile": "Profiler('plot')", "Properties...": "filter.ImageProperties",
    "Rename...": "SimpleCommands('rename')", "Revert": "Commands('revert')",
    "Save": "Commands('save')", "Scale...": "Scaler",
    "Set Measurements...": "filter.Analyzer('set')", "Set Scale...": "filter.ScaleDialog",
    "Sharpen": "filter.Filters('sharpen')",
    "Show Info...": "ImageInfo", "Smooth": "filter.Filters('smooth')",
    "Subtract Background...": "filter.BackgroundSubtracter",
    "Summarize": "filter.Analyzer('sum')", "Surface Plot...": "SurfacePlotter",
} | {name: f"Converter('{name}')" for name in CONVERSIONS}  # fmt: skip
"""Those that ImageJ lists in its code only, and that work on images."""


class Commands:
    """Has ImageJ know its commands, and keeps it from running those whose dialog cannot be.

    ImageJ runs a filter whose dialog failed all the same, with other values than the macro gave.

    Attributes
    ----------
    refused
        Why the last macro was ended; empty if it was not. Whoever starts one empties it.
    """

    def __init__(self) -> None:
        self.refused = ""
        if jvm.java("ij.Menus").getCommands() is None:
            _list_commands()
        kind = jvm.java("ij.gui.GenericDialog").class_
        if jvm.java("java.awt.Dialog").class_.isAssignableFrom(kind):  # ImageJ2 has one without AWT
            listener = jvm.implement("ij.CommandListener", commandExecuting=self._before)
            jvm.java("ij.Executer").addCommandListener(listener)
        self._interpreter = jvm.java("ij.IJ").class_.getDeclaredField("macroInterpreter")
        self._interpreter.setAccessible(True)

    def _before(self, command: Any) -> Any:
        """Let a command run, or end the macro. On its thread."""
        # Else its errors go through a dialog of the interpreter's, and a filter runs all the same.
        self._interpreter.set(None, None)
        name = str(command)
        if not _asks(name):
            return command
        self.refused = (
            f"{name!r} takes its options from a dialog, which needs a window, and the viewer is "
            "headless: virtual=True gives it some"
        )
        jvm.java("ij.Macro").abort()
        return None


def _asks(command: str) -> bool:
    """Whether a command is a filter with a dialog."""
    listed = jvm.java("ij.Menus").getCommands().get(command)
    if listed is None or not command.strip().endswith("..."):
        return False
    loader = jvm.java("ij.IJ").getClassLoader()
    try:
        cls = jvm.java("java.lang.Class").forName(str(listed).partition("(")[0], False, loader)
    except jvm.java("java.lang.ClassNotFoundException"):
        return False  # ImageJ will say so
    return bool(jvm.java("ij.plugin.filter.ExtendedPlugInFilter").class_.isAssignableFrom(cls))


def _list_commands() -> None:
    """Tell ImageJ which commands it has: it takes that from its menus, which are not there."""
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
