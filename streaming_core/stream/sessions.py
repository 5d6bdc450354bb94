"""This process's publisher: made when first needed, one per process, ended at its exit."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from typing import ClassVar, Final

from streaming_core.errors import InvalidSetting
from streaming_core.memory.leases import janitor
from streaming_core.memory.places import run_folder
from streaming_core.settings import Settings
from streaming_core.stream.publisher import Publisher

LONGEST_RUN: Final = 256
"""Characters of ``PLANECAST_RUN``."""


class _Current:
    """The one piece of global state: the publisher of this process."""

    publisher: Publisher | None = None
    inherited: ClassVar[list[Publisher | None]] = []
    """Of the process that we were forked from: kept, so that nothing of it is closed here."""
    lock = threading.Lock()


def current_publisher() -> Publisher:
    """Return the publisher of this process; a forked child gets one of its own."""
    with _Current.lock:
        publisher = _Current.publisher
        if publisher is None or publisher.pid != os.getpid() or publisher.ended:
            folder = run_folder()
            janitor(folder)
            publisher = _Current.publisher = Publisher(Settings.load(), folder)
            _at_exit()
        return publisher


def close_publisher(linger: float | None = None) -> None:
    """End this process's session, if it has one: what `atexit` does, for tests too."""
    with _Current.lock:
        publisher, _Current.publisher = _Current.publisher, None
    if publisher is not None and publisher.pid == os.getpid():
        publisher.close(publisher.settings.linger if linger is None else linger)


def new_run() -> str:
    """Name a run: ``PLANECAST_RUN``, which joins the jobs of an array, or time and chance."""
    joined = os.environ.get("PLANECAST_RUN", "")
    if len(joined) > LONGEST_RUN:
        raise InvalidSetting(f"PLANECAST_RUN has {len(joined)} characters; at most {LONGEST_RUN}")
    return joined or f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"


def _at_exit() -> None:
    """Flush when the process ends, also where `atexit` does not run: multiprocessing's forks.

    A process that gets a viewer as an argument connects while multiprocessing still sets it up,
    and forgets then what is to be done at its end: so it is told once more when that is over.
    """
    atexit.unregister(close_publisher)
    atexit.register(close_publisher)
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        _finalize(_Current)
        util.register_after_fork(_Current, _finalize)


def _finalize(_: object) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, close_publisher, exitpriority=10)


def _forget() -> None:
    _Current.inherited.append(_Current.publisher)
    _Current.publisher = None
    _Current.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
