"""ImageJ's commands where there are no windows: which it has, and what happens if one fails."""

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
    """Has ImageJ know its commands, and end the macro at one that fails."""

    def __init__(self) -> None:
        if jvm.java("ij.Menus").getCommands() is None:
            _list_commands()
        if jvm.gateway() is None:
            listener = jvm.implement("ij.CommandListener", commandExecuting=self._before)
            jvm.java("ij.Executer").addCommandListener(listener)
        self._interpreter = jvm.java("ij.IJ").class_.getDeclaredField("macroInterpreter")
        self._interpreter.setAccessible(True)

    def _before(self, command: Any) -> Any:
        """Take care that its errors end the macro: they go to a dialog of the interpreter's."""
        self._interpreter.set(None, None)
        return command


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
