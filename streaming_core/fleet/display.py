"""Displays: is there one for a window, and a virtual one where there is none."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from streaming_core.errors import NoDisplay

SIZE: Final = "1400x900x24"
PR_SET_PDEATHSIG: Final = 1


def has_display() -> bool:
    """Whether windows can be opened, as far as the environment tells."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def check_display(viewer_kind: str) -> None:
    """Raise NoDisplay, saying what to do, unless windows can be opened."""
    if not has_display():
        raise NoDisplay(
            f"there is no display for the window of a {viewer_kind} viewer (DISPLAY is not set). "
            "On a server use a virtual one: planecast.launch(..., virtual=True), "
            f"or planecast {viewer_kind} --virtual"
        )


def check_virtual() -> str:
    """Return the path of Xvfb, or raise NoDisplay saying how to get it."""
    found = shutil.which("Xvfb")
    if found is None:
        raise NoDisplay("a virtual display needs Xvfb. On Debian or Ubuntu: apt-get install xvfb")
    return found


@contextmanager
def display(virtual: bool, viewer_kind: str = "napari") -> Iterator[None]:
    """Give this process a display: the one it has, or a virtual one of its own.

    Parameters
    ----------
    virtual
        Start a virtual display, which ends with this process however it ends.

    Raises
    ------
    NoDisplay
        When there is none, or a virtual one cannot be started.
    """
    if not virtual:
        check_display(viewer_kind)
        yield
        return
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [check_virtual(), "-displayfd", str(writing), "-screen", "0", SIZE, "-nolisten", "tcp"],
        pass_fds=[writing],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(_end_with, os.getpid()) if sys.platform == "linux" else None,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as answer:
            number = answer.readline().strip()
        if not number:
            raise NoDisplay(f"Xvfb ended with code {process.wait()} before it had a display")
        os.environ["DISPLAY"] = f":{number}"
        os.environ.pop("WAYLAND_DISPLAY", None)
        yield
    finally:
        process.terminate()
        process.wait()


def _end_with(parent: int) -> None:
    """Ask the kernel to end this process when its parent dies, also by SIGKILL."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)
