"""Stands in for PyImageJ: takes the calls of `imagej.init`'s contract, and writes them down.

As the real one it starts Java with scyjava's options, and returns a gateway, raises, or returns
False after it has logged why. It makes no image and no window; what is on the class path of a
folder is the real ImageJ's. For scripts it has the real SciJava, with Groovy, from Maven Central.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import jpype
import scyjava

log = logging.getLogger("imagej")

SCIJAVA = ["org.scijava:scijava-common:2.100.1", "org.apache.groovy:groovy-jsr223:4.0.28"]


def note(**call: Any) -> None:
    """Add a line to the file that the test reads."""
    with Path(os.environ["STAND_IN_CALLS"]).open("a") as file:
        file.write(json.dumps(call) + "\n")


class Gateway:
    """The ``ij`` that init returns."""

    def __init__(self, scripts: bool) -> None:
        if scripts:
            self._context = jpype.JClass("org.scijava.Context")(False)
            groovy = jpype.JClass("org.scijava.script.AdaptedScriptLanguage")("groovy")
            groovy.setContext(self._context)
            self.script().getIndex().add(groovy, True)

    def ui(self) -> Gateway:
        """Return the service of the user interface."""
        return self

    def showUI(self) -> None:
        """Note that the main window was asked for."""
        note(call="showUI")

    def context(self) -> Any:
        """Return SciJava's context, with Groovy as the only language."""
        return self._context

    def script(self) -> Any:
        """Return the service of scripts."""
        return self.context().service("org.scijava.script.ScriptService")


def init(ij_dir_or_version_or_endpoint: str, mode: str, add_legacy: bool = True) -> Any:
    """Note what it was called with, and what was configured before."""
    note(
        call="init", wish=ij_dir_or_version_or_endpoint, mode=mode, legacy=add_legacy,
        options=list(scyjava.config.get_options()), java=os.environ.get("JAVA_HOME"),
        library=scyjava.config.get_kwargs()["jvmpath"], fetch=scyjava.config.get_fetch_java(),
        repositories=list(scyjava.config.get_repositories()), started=jpype.isJVMStarted(),
    )  # fmt: skip
    match os.environ.get("STAND_IN_OUTCOME"):
        case "raises":
            raise ValueError("a jar is\nbroken")
        case "logs":
            log.error("Invalid initialization string: %s", ij_dir_or_version_or_endpoint)
            raise RuntimeError("Failed to create a JVM with the requested environment.")
        case "nothing":
            scyjava.start_jvm()
            return False
    for jar in Path(ij_dir_or_version_or_endpoint).glob("jars/*.jar"):
        scyjava.config.add_classpath(str(jar))
    if mode == "headless":
        scyjava.config.add_option("-Djava.awt.headless=true")
    scripts = bool(os.environ.get("STAND_IN_SCRIPTS"))
    if scripts:
        scyjava.config.get_repositories().pop("scijava.public")
        scyjava.config.endpoints.extend(SCIJAVA)
    scyjava.start_jvm()
    return Gateway(scripts)
