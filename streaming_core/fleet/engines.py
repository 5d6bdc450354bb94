"""Which ImageJ a Fiji viewer runs: the one that is named, one that is installed, or our own."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streaming_core.errors import InvalidSetting

log = logging.getLogger("planecast.fleet")

VARIABLE: Final = "PLANECAST_FIJI"
"""Names the ImageJ where no keyword does."""

EMBEDDED: Final = "embedded"
"""Asks for the ImageJ that Planecast brings, though a Fiji may be installed."""

IMAGEJ: Final = "net.imagej:ij:1.54p"
"""The embedded ImageJ, by its name in Maven Central."""

UNSEEN: Final = ("net.imagej:ij1-patcher:1.2.6", "org.javassist:javassist:3.29.2-GA")
"""What it needs besides to run commands without windows; fetched together with it."""

INSTEAD: Final = f"To go without it: fiji={EMBEDDED!r}, or {VARIABLE}={EMBEDDED}"

VARIABLES: Final = ("FIJI_HOME", "IMAGEJ_DIR")
"""In which people and other programs say where their Fiji is."""

ENDPOINT: Final = re.compile(r"[\w.-]+(:[\w.-]+){1,4}(\+[\w.-]+(:[\w.-]+){1,4})*")
"""As in "sc.fiji:fiji" or "net.imagej:imagej:2.16.0": Maven's names, joined by +."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An ImageJ to run.

    Attributes
    ----------
    folder
        Of an installed Fiji or ImageJ2; None for the other two.
    endpoint
        What is fetched from Maven; empty for a folder.
    found
        How the folder was found; empty when the user named it.
    """

    folder: Path | None = None
    endpoint: str = IMAGEJ
    found: str = ""

    @property
    def embedded(self) -> bool:
        """Whether it is ImageJ alone. All others are started through PyImageJ."""
        return (
            self.folder is None and re.fullmatch(r"net\.imagej:ij(:.*)?", self.endpoint) is not None
        )

    @property
    def wish(self) -> str:
        """What ``imagej.init`` gets: the folder or the endpoint."""
        return self.endpoint if self.folder is None else str(self.folder)

    def __str__(self) -> str:
        if self.embedded:
            return "embedded"
        return self.endpoint if self.folder is None else f"Fiji in {self.folder}"


def choose(named: str | None = None) -> Engine:
    """Return the ImageJ to run.

    What is named is used: by ``named``, else by ``PLANECAST_FIJI``. Without a name it is the
    first Fiji that is found, and where none is installed the embedded one.

    Parameters
    ----------
    named
        A folder, an endpoint, "embedded", or None.

    Raises
    ------
    InvalidSetting
        When what is named is none of these, or the folder has no Fiji that can be used.
    """
    where = "fiji=" if named else VARIABLE
    wish = (named or os.environ.get(VARIABLE, "")).strip()
    if not wish:
        return next(_found(), Engine())
    if wish == EMBEDDED:
        return Engine()
    folder = Path(wish).expanduser()
    if is_endpoint(wish):
        return Engine(endpoint=wish)
    if folder.is_file() or folder.suffix == ".app":  # its launcher
        near = [one for one in _around(folder) if not fiji_problem(one)]
        folder = near[0] if near else folder.resolve().parent if folder.is_file() else folder
    wrong = fiji_problem(folder)
    if wrong:
        raise InvalidSetting(
            f"{where}{'' if named else '='}{wish!r}: {wrong}. It can be the folder of a Fiji, an "
            f"endpoint such as 'sc.fiji:fiji', or {EMBEDDED!r} for the ImageJ that Planecast brings"
        )
    return Engine(folder.absolute(), "")


def is_endpoint(named: str | None) -> bool:
    """Whether an endpoint is named, by the keyword or ``PLANECAST_FIJI``: it may be fetched."""
    wish = (named or os.environ.get(VARIABLE, "")).strip()
    drive = re.match(r"[A-Za-z]:", wish)  # of Windows
    return bool(ENDPOINT.fullmatch(wish)) and not drive and not Path(wish).exists()


def cached_jar(endpoint: str) -> Path | None:
    """Return the file of an endpoint in Maven's cache.

    None while it was not fetched, or if the endpoint does not name one version of one thing.
    """
    if endpoint.count(":") != 2 or "+" in endpoint:
        return None
    group, name, version = endpoint.split(":")
    folder = Path.home() / ".m2/repository" / group.replace(".", "/") / name / version
    jar = folder / f"{name}-{version}.jar"
    return jar if jar.exists() else None


def fiji_problem(folder: Path) -> str:
    """Return why a folder is no Fiji that can be used, in words; empty if it is one."""
    if not folder.is_dir():
        return "there is no such folder"
    if not any((folder / "jars").glob("ij-*.jar")):
        return "that is no folder of Fiji or ImageJ2: there is no jars/ij-*.jar in it"
    if not any((folder / "jars").glob("imagej-legacy*.jar")):
        return (
            "that ImageJ has no jars/imagej-legacy-*.jar, which is needed to show its windows from "
            "Python: update it (Help > Update), or use a new Fiji"
        )
    return ""


def _found() -> Iterator[Engine]:
    """Yield the Fijis that are installed, in the order in which they are preferred."""
    for folder, how in _places():
        wrong = fiji_problem(folder)
        if not wrong:
            yield Engine(folder.absolute(), "", how)
        elif how in VARIABLES:  # the user meant it
            log.warning("%s=%s is not used: %s", how, folder, wrong)


def _places() -> Iterator[tuple[Path, str]]:
    """Yield folders that may have a Fiji, and what points to them."""
    yield from ((folder, "it runs now") for folder in _running())
    for variable in VARIABLES:
        if os.environ.get(variable):
            yield Path(os.environ[variable]).expanduser(), variable
    for folder in _launchers():
        yield folder, "on the PATH"
    home = Path.home()
    roots = [home, home / "Applications", Path("/Applications"), Path("/opt")]
    if sys.platform == "win32":
        roots += [Path(os.environ[name]) for name in ("ProgramFiles", "LOCALAPPDATA")
                  if name in os.environ]  # fmt: skip
    for root in roots:
        for name in ("Fiji", "Fiji.app", "fiji", "fiji.app"):
            yield root / name, f"in {root}"


def _launchers() -> Iterator[Path]:
    """Yield the folders of launchers on the PATH, and those above."""
    for folder in filter(None, os.environ.get("PATH", "").split(os.pathsep)):
        for pattern in ("fiji*", "Fiji*", "ImageJ-*"):
            for program in sorted(Path(folder).glob(pattern)):
                if os.access(program, os.X_OK):
                    yield from _around(program)


def _around(launcher: Path) -> list[Path]:
    """Return the folders of which a launcher may be: on macOS it is ``Fiji.app/Contents/MacOS/…``.

    Until 2024 the folder of a Fiji was that ``Fiji.app``; now it is one that has it inside.
    """
    return [launcher, *list(launcher.resolve().parents)[:4]]


def _running() -> Iterator[Path]:
    """Yield folders of this user's Fijis that run now. Linux only."""
    if sys.platform != "linux":
        return
    for process in sorted(Path("/proc").glob("[0-9]*")):
        try:
            if process.stat().st_uid != os.getuid():
                continue  # what it says would be run with our rights
            program = (process / "exe").readlink()
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended
            continue
        if re.match("fiji|imagej", program.name, re.IGNORECASE):
            yield from _around(program)
        for word in words:
            said = re.fullmatch(r"-D(?:imagej|ij|fiji)\.dir=(/.+)", word)
            if said:
                yield Path(said[1])
