"""Locks on files: who has one lives, whoever gets one knows that nobody else does.

The lock belongs to the open file, not to the name: after locking, :func:`is_at` tells whether
the file still stands where it was opened.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Final

from streaming_core.errors import InsecurePath

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

try:
    import fcntl
except ImportError:
    SUPPORTED = False
else:
    SUPPORTED = True

OPEN: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags for opening what somebody may have planted: no links, no waiting for FIFOs."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int | None]:
    """Hold the lock of a file while it is looked into; None if that cannot be had."""
    try:
        descriptor = seize(path)
    except OSError:  # no locks here: then nothing can be proven
        descriptor = None
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            let_go(descriptor)


def seize(path: Path, strict: bool = False) -> int | None:
    """Open and lock the file; None if somebody holds it, or it is not at the path any more."""
    descriptor = open_own(path, os.O_RDWR, strict)
    if descriptor is None:
        return None
    won = False
    try:
        won = lock(descriptor) and is_at(descriptor, path)
    finally:
        if not won:
            let_go(descriptor)
    return descriptor if won else None


def open_own(path: Path, mode: int, strict: bool = False) -> int | None:
    """Open an ordinary file of our own; otherwise None, or InsecurePath if `strict`."""
    try:
        descriptor = os.open(path, mode | OPEN)
    except OSError as error:
        if strict and not isinstance(error, FileNotFoundError):
            raise InsecurePath(f"{path} cannot be opened ({error.strerror}); remove it") from error
        return None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and (not SUPPORTED or status.st_uid == os.getuid()):
        return descriptor
    os.close(descriptor)
    if strict:
        raise InsecurePath(f"{path} is no file of yours; remove it")
    return None


def lock(descriptor: int, *, shared: bool = False) -> bool:
    """Try to lock; False if somebody else does."""
    if not SUPPORTED:
        raise OSError(errno.ENOTSUP, "no file locks of a POSIX system")
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Unlock, also for the copies that forked children have."""
    if SUPPORTED:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def let_go(descriptor: int) -> None:
    """Unlock and close; closing alone would leave it locked by a child forked meanwhile."""
    with contextlib.suppress(OSError):
        unlock(descriptor)
    os.close(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Return whether the open file is the one that stands at the path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False
