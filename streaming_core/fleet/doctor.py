"""What is here, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from streaming_core.errors import InsecurePath, InvalidSetting, StartFailed
from streaming_core.fleet.display import has_display
from streaming_core.fleet.engines import (
    IMAGEJ,
    UNSEEN,
    VARIABLE,
    VARIABLES,
    Engine,
    cached_jar,
    choose,
    fiji_problem,
)
from streaming_core.fleet.javas import find_java, java_version
from streaming_core.fleet.registry import running
from streaming_core.memory.places import run_folder
from streaming_core.memory.segments import SUPPORTED

EXTRAS: Final = {
    "files": ("tifffile",),
    "napari": ("napari", "qtpy"),
    "fiji": ("scyjava", "jpype", "imagej"),
}
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination; ``needed`` ones must be good for Planecast to work."""

    what: str
    words: str
    good: bool
    needed: bool = False


def examine() -> list[Finding]:
    """Look at this environment and machine."""
    return [*_packages(), *_display(), *_fiji(), *_memory(), *_viewers()]


def _packages() -> Iterator[Finding]:
    yield Finding("Python", f"{sys.version.split()[0]}, {sys.executable}", True, True)
    for package in ("planecast", "numpy", "pyzmq", "msgspec"):
        try:
            yield Finding(package, version(package), True, True)
        except PackageNotFoundError:
            yield Finding(package, "not installed", False, True)
    for extra, modules in EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        words = f"pip install 'planecast[{extra}]'" if missing else "installed"
        yield Finding(f"extra {extra}", words, not missing)


def _display() -> Iterator[Finding]:
    yield Finding("display", os.environ.get("DISPLAY") or "none: use --virtual", has_display())
    xvfb = shutil.which("Xvfb")
    yield Finding("virtual display", xvfb or "no Xvfb: apt-get install xvfb", xvfb is not None)


def _fiji() -> Iterator[Finding]:
    """What a Fiji viewer would run in this environment."""
    engine = Engine()
    try:
        engine = choose()
        found = f" (found: {engine.found})" if engine.found else ""
        asked = f" (asked for by {VARIABLE})" if os.environ.get(VARIABLE) else found
        words = str(engine) + (asked or ", as no Fiji was found")
        yield Finding("ImageJ", words, True)
    except InvalidSetting as error:
        yield Finding("ImageJ", str(error), False)
    for variable in VARIABLES:
        wrong = fiji_problem(Path(os.environ[variable])) if os.environ.get(variable) else ""
        if wrong:
            yield Finding(variable, f"{os.environ[variable]}: {wrong}", False)
    jar = cached_jar(IMAGEJ)
    words = "not here yet: the first start of the embedded ImageJ fetches it from Maven Central"
    more = "" if all(map(cached_jar, UNSEEN)) else "; the first start with headless fetches more"
    yield Finding(IMAGEJ, words if jar is None else f"{jar}{more}", jar is not None)
    try:
        home = find_java(engine.folder, windows=has_display())
        yield Finding("Java", f"{java_version(home) or ''} in {home}".strip(), True)
    except StartFailed as error:
        yield Finding("Java", str(error), False)


def _memory() -> Iterator[Finding]:
    shm = Path("/dev/shm")  # noqa: S108 - the system's place for shared memory
    if shm.is_dir():
        free = shutil.disk_usage(shm).free // MIB
        hint = "" if free >= 256 else ": little, so pixels may travel inline"
        yield Finding("shared memory", f"{free} MiB free in {shm}{hint}", free >= 256)
    elif not SUPPORTED:
        yield Finding("shared memory", "none here: pixels travel inside the messages", True)
    try:
        yield Finding("run folder", str(run_folder()), True, True)
    except InsecurePath as error:
        yield Finding("run folder", str(error), False, True)


def _viewers() -> Iterator[Finding]:
    viewers = ", ".join(f"{one.port} ({one.viewer_kind})" for one in running())
    yield Finding("viewers", viewers or "none runs", True)
