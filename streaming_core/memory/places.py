"""Where Planecast keeps its small files: private folders that only the user can read."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from streaming_core.errors import InsecurePath

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

VARIABLE: Final = "PLANECAST_RUN_FOLDER"
LIMIT: Final = 1 << 20
"""Most bytes that :func:`read_private` reads; keys and connection files have a few hundred."""

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
# Windows has neither of these, and no symlinks that an ordinary user could plant.
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_NO_BLOCK: Final = getattr(os, "O_NONBLOCK", 0)
_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)
_PATIENCE: Final = 2.0
"""Seconds for which Windows may hold a file that is to be replaced."""


def run_folder() -> Path:
    """Return this user's folder for connection files, leases and logs; make it if needed.

    ``PLANECAST_RUN_FOLDER`` replaces it. Never choose a network disk: locks on those prove
    nothing.

    Raises
    ------
    InsecurePath
        If the folder belongs to somebody else, is a link or is open to others.
    """
    folder = _candidates()[0]
    # An existing folder is judged, never repaired: somebody else may have laid it out.
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    reason = _distrust(folder)
    if reason:
        raise InsecurePath(
            f"{folder} {reason}. Planecast keeps keys there, so it must be a folder of your own "
            f"with mode 700: remove it or run chmod 700, or name another folder in {VARIABLE}."
        )
    return folder


def run_folders() -> list[Path]:
    """Return every existing folder that is safe to read, the one of :func:`run_folder` first.

    A cron job and a desktop session of one user differ in it, so readers look in all.
    """
    return [folder for folder in _candidates() if not _distrust(folder)]


def read_private(path: Path) -> bytes:
    """Return the content of a file that nobody else can have written or read.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InsecurePath
        If it is a link or no ordinary file, belongs to somebody else, can be read by others
        or has more than 1 MiB.
    """
    try:
        # Without O_NONBLOCK a planted FIFO would hold us here for ever.
        flags = os.O_RDONLY | _NO_FOLLOW | _NO_BLOCK | _CLOEXEC
        descriptor = insist(lambda: os.open(path, flags))
    except FileNotFoundError:
        raise
    except OSError as error:
        link = error.errno in (errno.ELOOP, errno.EMLINK)
        reason = "is a symbolic link" if link else f"cannot be opened ({error.strerror})"
        raise InsecurePath(f"{path} {reason}; remove it") from error
    try:
        reason = _unsafe(os.fstat(descriptor), stat.S_IFREG)
        if reason:
            raise InsecurePath(f"{path} {reason}; remove it, it will be made anew")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(LIMIT + 1)
    finally:
        os.close(descriptor)
    if len(data) > LIMIT:
        raise InsecurePath(f"{path} has more than {LIMIT} bytes, so it is not ours; remove it")
    return data


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    insist(lambda: path.unlink(missing_ok=True))


def insist(action: Callable[[], T]) -> T:
    """Do something with a file; again for a while on Windows, where others are in the way."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return action()
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _candidates() -> list[Path]:
    """Return the folders that this user may have, the preferred one first."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return [Path(chosen).absolute()]
    if sys.platform == "win32":
        return [Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "planecast"]
    user = os.getuid()
    folders = [Path(f"/tmp/planecast-{user}")]  # noqa: S108 - checked by _distrust
    if sys.platform == "darwin" and os.environ.get("TMPDIR"):
        folders.insert(0, Path(os.environ["TMPDIR"]) / "planecast")
    session = Path(f"/run/user/{user}")
    if not _distrust(session):
        folders.insert(0, session / "planecast")
    return folders


def _distrust(folder: Path) -> str:
    """Return why the folder is not to be used, or nothing."""
    try:
        status = folder.lstat()
    except OSError as error:
        return f"cannot be used ({error.strerror})"
    return _unsafe(status, stat.S_IFDIR)


def _unsafe(status: os.stat_result, kind: int) -> str:
    """Return why a file of this status is not private to us, or nothing."""
    if stat.S_ISLNK(status.st_mode):
        return "is a symbolic link"
    if stat.S_IFMT(status.st_mode) != kind:
        return "is not a folder" if kind == stat.S_IFDIR else "is not an ordinary file"
    if sys.platform == "win32":
        return ""  # LOCALAPPDATA is private by its access list; these bits mean nothing
    if status.st_uid != os.getuid():
        return f"belongs to user {status.st_uid}, not to you"
    if status.st_mode & _OTHERS:
        return f"is open to others (mode {stat.S_IMODE(status.st_mode):03o})"
    return ""
