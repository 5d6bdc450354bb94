"""Java: find it, start ImageJ in it, and reach its classes. The only module that imports Java."""

from __future__ import annotations

import ctypes
import functools
import gc
import logging
import os
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from fiji_bridge import options
from fiji_bridge.jars import fetching
from streaming_core.errors import MissingDependency, StartFailed
from streaming_core.fleet.engines import IMAGEJ, INSTEAD, UNSEEN, Engine, cached_jar
from streaming_core.fleet.javas import LIBRARY, find_java, java_version

# Packages of the extra are imported where they are used: without them this module can be
# imported, and `start` says what to install.

log = logging.getLogger("planecast.fiji.jvm")

OURS: Final = ("VM_CREATION", "MANAGEMENT")
"""Where Java says that it has an option from, if that is `start` or `give_back`."""

HEADLESS: Final = ("-Djava.awt.headless=true", "--add-opens=java.base/java.lang=ALL-UNNAMED")
"""PyImageJ says that by itself. The second is for `dialogs`, which changes classes of ImageJ."""

LONGEST_REASON: Final = 300
"""Characters of a foreign error's text."""

TYPECODES: Final = {"byte": "u1", "short": "<u2", "int": "<u4", "float": "<f4"}
"""What the arrays of a Java type look like to numpy. Java's own byte and short are signed;
ImageJ reads them as unsigned."""


def start(engine: Engine | None = None, *, headless: bool = False, memory: str = "") -> str:
    """Start Java with an ImageJ in it, unless it runs already.

    The embedded one is on the class path then and nothing of it is loaded; any other is started
    by PyImageJ, has its `gateway`, and shows no window yet. Install handlers for signals after
    this, or Java's replace them.

    Parameters
    ----------
    engine
        Which ImageJ; None for the embedded one.
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
        There is no Java that can be used, or the ImageJ cannot be had or does not start.
    """
    try:
        import jpype
        import scyjava.config
    except ImportError as error:
        raise MissingDependency("The Fiji viewer", "fiji") from error
    if not jpype.isJVMStarted():
        engine = engine or Engine()
        home = find_java(engine.folder, windows=not headless)
        os.environ["JAVA_HOME"] = str(home)
        for name, value in options.AWT.items():
            os.environ.setdefault(name, value)
        told = options.choose(java_version(home), memory, os.environ)
        # It says that it fetches a Java, and then takes this one.
        logging.getLogger("scyjava").setLevel(logging.WARNING)
        scyjava.config.add_kwargs(jvmpath=str(home / LIBRARY))
        log.info("starting %s in Java in %s: %s", engine, home, " ".join(told))
        start_it = _start_embedded if engine.embedded else _start_gateway
        with fetching():
            _started.append((engine, start_it(engine, home, told, headless)))
        _leave_java_alone()
    return str(java("java.lang.System").getProperty("java.version"))


def gateway() -> Any | None:
    """Return the gateway of ImageJ2 (PyImageJ's ``ij``), or None where ImageJ is alone.

    It offers scripts and conversions. Never ask it about an image that is streamed: it would
    keep the old planes and dimensions of that image for good.
    """
    return _started[0][1]


def engine() -> Engine:
    """Return the ImageJ that was started."""
    return _started[0][0]


_started: list[tuple[Engine, Any]] = []  # with its gateway; Java starts once in a process


def _leave_java_alone() -> None:
    """Keep JPype from having Java collect everything after Python's garbage collections.

    It does so whenever the process has grown: in a stream up to twelve times a second, for 15 to
    70 ms, and finds nothing.
    """
    gc.callbacks[:] = [one for one in gc.callbacks if getattr(one, "__module__", "") != "_jpype"]


def _start_embedded(engine: Engine, home: Path, told: list[str], headless: bool) -> None:
    import jpype
    import scyjava.config

    # ij comes from Maven Central, the repository that is always asked.
    scyjava.config.get_repositories().pop("scijava.public", None)
    scyjava.config.set_java_constraints(fetch="never")
    wanted = (engine.endpoint, *(UNSEEN if headless else ()))
    jars = [jar for jar in map(cached_jar, wanted) if jar is not None]
    for jar in jars:
        if not zipfile.is_zipfile(jar):  # jgo would take it as it is
            raise StartFailed(_cut_off(jar))
    if len(jars) < len(wanted):
        scyjava.config.endpoints += [engine.endpoint, *UNSEEN]
    else:
        # jgo would link them anew at each start, and take them from a Java that starts just then.
        for jar in jars:
            jpype.addClassPath(jar)
    try:
        scyjava.start_jvm([*told, *HEADLESS] if headless else told)
    except jpype.JVMNotFoundException as error:
        raise StartFailed(f"Java in {home} cannot be started: {_said(error)}") from error
    except (OSError, RuntimeError, ValueError) as error:
        # What is on the class path was there: then it is Java itself that failed.
        words = f"Java in {home} cannot be started with {' '.join(told)}: {_said(error)}"
        raise StartFailed(words if jpype.getClassPath(False) else _no_jar(error)) from error
    if not jpype.isJVMStarted():
        raise StartFailed(f"Java in {home} did not start")
    if java("java.lang.ClassLoader").getSystemResource("ij/IJ.class") is None:
        raise StartFailed(_cut_off(jpype.getClassPath(False)))


def _start_gateway(engine: Engine, home: Path, told: list[str], headless: bool) -> Any:
    import scyjava.config

    try:
        import imagej
    except ImportError as error:
        raise MissingDependency(
            f"{engine} is started by PyImageJ, which is not installed in this Python environment: "
            f"pip install 'planecast[fiji]'. {INSTEAD}"
        ) from error
    # With "never" PyImageJ 1.8 fails; it finds the Java of JAVA_HOME, so nothing is fetched.
    scyjava.config.set_java_constraints(fetch="auto")
    for option in told:
        scyjava.config.add_option(option)
    said = Said()
    logging.getLogger("imagej").addHandler(said)
    try:
        started = imagej.init(engine.wish, mode="headless" if headless else "interactive")
    # Whatever a foreign program throws while it starts: the reason has to reach the launcher.
    except Exception as error:
        log.exception("%s did not start", engine)
        raise StartFailed(_not_started(engine, home, [*said.words, _said(error)])) from error
    finally:
        logging.getLogger("imagej").removeHandler(said)
    if not started:  # it is False when there is no ImageJ2 on the class path
        raise StartFailed(_not_started(engine, home, said.words))
    return started


class Said(logging.Handler):
    """Keeps the errors that PyImageJ logs: what it raises does not say what was wrong."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of an error."""
        self.words.append(" ".join(record.getMessage().split()))


def _not_started(engine: Engine, home: Path, reasons: list[str]) -> str:
    import jpype

    reason = "; ".join(reasons) or "PyImageJ does not say why"
    found = f" (found: {engine.found})" if engine.found else ""
    if jpype.isJVMStarted():
        hint = "See whether it starts by itself, and update it"
    elif engine.folder is None:
        hint = "The first start fetches it: that needs a network, and the name has to be right"
    else:
        hint = (
            f"Java is the one in {home}; JAVA_HOME names another. The first start needs a network"
        )
    return f"{engine}{found} cannot be started: {reason}. {hint}. {INSTEAD}"


def _said(error: Exception) -> str:
    """Return the text of a foreign error in one line, cut where it is long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def _cut_off(jar: Path | str) -> str:
    return (
        f"{jar} is no jar that can be used: its download may have been cut off. "
        "Remove that file, and start again"
    )


def _no_jar(error: Exception) -> str:
    return (
        f"ImageJ ({IMAGEJ}) is not in the cache (~/.m2) and could not be fetched from Maven "
        "Central. Start it once with a network, or copy that folder from a machine that has it. "
        f"({_said(error)})"
    )


@functools.cache
def java(name: str) -> Any:
    """Return a class of Java by its full name."""
    import jpype

    return jpype.JClass(name)


def find_classes() -> None:
    """Have Java code on this thread find classes by name as Java's own threads do.

    A thread of Python's has no loader for them: Groovy, and whatever looks for services, fails.
    """
    loader = java("java.lang.ClassLoader").getSystemClassLoader()
    java("java.lang.Thread").currentThread().setContextClassLoader(loader)


def implement(interface: str, **methods: Callable[..., Any]) -> Any:
    """Make a Java object of an interface from Python functions."""
    import jpype

    return jpype.JProxy(interface, dict=methods)


def is_ours(thing: Any) -> bool:
    """Whether a Java object was made by `implement`."""
    import jpype

    return isinstance(thing, jpype.JProxy)


def same(one: Any, other: Any) -> bool:
    """Whether two are one array of Java's, or both are null."""
    return bool(java("java.util.Objects").equals(one, other))


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
        raise MemoryError(full()) from error


def full() -> str:
    """Say that Java's memory is."""
    most = java("java.lang.Runtime").getRuntime().maxMemory() >> 20
    return (
        f"Java's memory for images ({most} MiB) is full; clear some, or PLANECAST_FIJI_MEMORY=16g"
    )


def to_java(kind: str, pixels: NDArray[Any]) -> Any:
    """Copy a C-contiguous array into a Java array of the same item size.

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


def floats(numbers: NDArray[Any]) -> Any:
    """Copy a few numbers into a Java ``float[]``; for many at once see `to_java`."""
    import jpype

    return jpype.JArray(jpype.JFloat)(np.asarray(numbers, np.float32))


def collect() -> None:
    """Find memory that is no longer used: what comes next gets it."""
    java("java.lang.System").gc()


def give_back() -> None:
    """Give memory that is not used back to the system, unless Java's user has told it to keep it.

    The next images that come make Java collect everything some times more, as at its start.
    """
    bean = _hotspot()
    if bean is None or not all(_is_ours(bean.getVMOption(name)) for name in options.FREE):
        collect()
        return
    for name, share in (("MinHeapFreeRatio", "0"), ("MaxHeapFreeRatio", "10")):
        bean.setVMOption(name, share)
    # A collection leaves gaps of up to a twentieth of what Java has: much at first.
    collect()
    collect()
    for name, share in options.FREE.items():
        bean.setVMOption(name, share)


def _is_ours(option: Any) -> bool:
    return str(option.getOrigin()) in OURS


@functools.cache
def _hotspot() -> Any | None:
    """Return what changes Java's options while it runs, None where it has nothing like that."""
    try:
        bean = java("com.sun.management.HotSpotDiagnosticMXBean")
    except TypeError:  # there is no such class
        return None
    return java("java.lang.management.ManagementFactory").getPlatformMXBean(bean.class_)


@functools.cache
def _little_endian() -> Any:
    return java("java.nio.ByteOrder").LITTLE_ENDIAN


def to_numpy(kind: str, array: Any) -> NDArray[Any]:
    """Copy a Java array into numpy: unsigned integers or float32, one dimension."""
    pixels: NDArray[Any] = np.frombuffer(memoryview(array), TYPECODES[kind])
    return pixels
