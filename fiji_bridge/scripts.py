"""Scripts in the languages of SciJava, where ImageJ2's gateway offers them."""

from __future__ import annotations

import re
from typing import Any, Final

from fiji_bridge import jvm
from fiji_bridge.unseen import Unseen
from streaming_core.errors import RequestFailed

CANCELED: Final = "Macro canceled"
"""What ImageJ throws where a command failed."""

NAME: Final = "planecast_macro"
"""The script's file, if it had one: errors name it."""

STEPS: Final = ("Preprocessor", "Postprocessor")
"""What SciJava's plugins do around a script: find its inputs, show its outputs."""


class Script:
    """A script, as `interpreter.Macro` is a macro.

    It is run as SciJava does it, so its parameters (``#@ ImagePlus imp``) are found. What it
    prints goes to ImageJ's log.

    Parameters
    ----------
    language
        Its name in SciJava, such as "groovy".
    code, args
        Its text, and what the variable ``args`` holds in it.
    unseen
        The images that it sees where there are no windows.

    Raises
    ------
    RequestFailed
        When there is no such language.
    """

    def __init__(self, language: str, code: str, args: str, unseen: Unseen | None) -> None:
        self.windows = unseen is None
        self._unseen = unseen
        gateway, ending = _found(language)
        self._context = gateway.context()
        self._file = f"{NAME}.{ending}"
        text = jvm.java("java.io.StringReader")(code)
        info = jvm.java("org.scijava.script.ScriptInfo")(self._context, self._file, text)
        modules = self._context.service("org.scijava.module.ModuleService")
        self._module = modules.createModule(info)
        self._module.getEngine().put("args", args)
        if info.getInput("args") is not None:
            self._module.setInput("args", args)
            self._module.resolveInput("args")
        self._refused = ""
        self._printed, self._error = (jvm.java("java.io.StringWriter")() for _ in range(2))
        self._module.setOutputWriter(self._printed)
        self._module.setErrorWriter(self._error)

    def run(self) -> str:
        """Run it; return the value of its last line. On its own thread."""
        runner = jvm.java("org.scijava.module.ModuleRunner")(
            self._context, self._module, *(self._plugins(step) for step in STEPS)
        )
        if self._unseen is not None:
            self._unseen.offer()
        unmet = runner.preProcess()
        if unmet is not None:
            self._refused = str(unmet.getCancelReason() or "it was cancelled")
            return ""
        try:
            self._module.run()
        finally:
            printed = str(self._printed).rstrip("\n")
            if printed:
                jvm.java("ij.IJ").log(printed)
        runner.postProcess()
        if self._unseen is not None:
            self._unseen.keep()
        value = self._module.getReturnValue()
        return "" if value is None else str(value)

    def _plugins(self, step: str) -> Any:
        kind = jvm.java(f"org.scijava.module.process.{step}Plugin")
        return self._context.service("org.scijava.plugin.PluginService").createInstancesOfType(kind)

    def abort(self) -> None:
        """Nothing: a script ends when its thread is interrupted, or not at all."""

    def line(self) -> int | None:
        """Return the line at which it failed, if that is known."""
        found = re.search(rf"\b{re.escape(self._file)}(?:: ?|\", line )(\d+)", str(self._error))
        return int(found[1]) if found else None

    def said(self) -> str:
        """Return the error that was found in it, or the last that ImageJ showed."""
        thrown = str(self._error).partition("\n\tat ")[0].strip()
        if thrown and not thrown.endswith(CANCELED):
            return thrown
        if self._refused:
            return self._refused
        words = jvm.java("ij.IJ").getErrorMessage()  # why ImageJ has cancelled it
        return thrown if words is None else str(words)

    def ended_itself(self, line: int | None) -> bool:
        """Scripts end by themselves with an exception, which is told."""
        return False

    def clean(self) -> None:
        """Nothing is left set."""


def _found(language: str) -> tuple[Any, str]:
    """Return the gateway, and how names of files in this language end."""
    gateway = jvm.gateway()
    if gateway is None:
        raise RequestFailed(
            f"language={language!r}: this viewer runs the embedded ImageJ, which has its own macro "
            "language alone; others come with an installed Fiji: launch('fiji', fiji='/path')"
        )
    service = gateway.script()
    found = service.getLanguageByName(language)
    if found is None:
        known = ", ".join(sorted(str(one.getLanguageName()) for one in service.getLanguages()))
        raise RequestFailed(f"language={language!r} is not known to this ImageJ; it has: {known}")
    return gateway, str(found.getExtensions()[0])
