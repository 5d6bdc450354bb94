"""Scripts in the languages of SciJava, where ImageJ2's gateway offers them."""

from __future__ import annotations

from typing import Any

from fiji_bridge import jvm
from streaming_core.errors import RequestFailed


class Script:
    """A script, as `interpreter.Macro` is a macro.

    Parameters
    ----------
    language
        Its name in SciJava, such as "groovy".
    code, args
        Its text, and what the variable ``args`` holds in it.
    windows
        Whether there may be dialogs.

    Raises
    ------
    RequestFailed
        When there is no such language.
    """

    def __init__(self, language: str, code: str, args: str, *, windows: bool) -> None:
        self.windows = windows
        self._code = code
        self._line: int | None = None
        self._engine = _engine(language)
        self._engine.put("args", args)

    def run(self) -> str:
        """Run it; return the value of its last line. On its own thread."""
        try:
            value = self._engine.eval(self._code)
        except jvm.java("javax.script.ScriptException") as error:
            self._line = int(error.getLineNumber())
            raise
        return "" if value is None else str(value)

    def abort(self) -> None:
        """Nothing: a script ends when its thread is interrupted, or not at all."""

    def line(self) -> int | None:
        """Return the line at which it failed, if that is known."""
        return self._line if self._line is not None and self._line > 0 else None

    def said(self) -> str:
        """Return the last error that ImageJ showed."""
        words = jvm.java("ij.IJ").getErrorMessage()
        return "" if words is None else str(words)

    def ended_itself(self, line: int | None) -> bool:
        """Scripts end by themselves with an exception, which is told."""
        return False

    def clean(self) -> None:
        """Nothing is left set."""


def _engine(language: str) -> Any:
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
    return found.getScriptEngine()
