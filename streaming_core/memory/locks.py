"""Locks on files: who has one lives, whoever gets one knows that nobody else does.

The lock belongs to the open file, not to the name: after locking, :func:`is_at` tells whether
the file still stands where it was opened.

Windows differs in three ways. A lock keeps others from reading what it covers, so it covers a
byte far behind the content. All locks are exclusive. And an open file cannot be removed: so a
file is closed before it is removed, which fails as long as anybody else has it open, and nobody
keeps one open but its holder.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import weakref
from typing import TYPE_CHECKING, Final

from streaming_core.errors import InsecurePath
from streaming_core.memory import places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

OPEN: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags for opening what somebody may have planted: no links, no waiting for FIFOs."""

_BINARY: Final = getattr(os, "O_BINARY", 0)
_FAR: Final = 1 << 30
"""Where the byte is that Windows locks; files may be shorter."""
_REFUSED: Final = OSError if sys.platform == "win32" else BlockingIOError
"""What says that somebody has the lock; on Windows it is no error of its own."""


def remove(path: Path, ready: Callable[[int], bool]) -> bool:
    """Remove a file that nobody holds, if ``ready``, which may look into it, says yes.

    Returns whether it was removed.
    """
    try:
        descriptor = seize(path)
    except OSError:  # no locks here: then nothing can be proven
        return False
    if descriptor is None:
        return False
    agreed = False
    try:
        agreed = ready(descriptor)
    finally:
        if not agreed:
            let_go(descriptor)
    return agreed and give_up(descriptor, path)


def create(path: Path, content: bytes) -> int | None:
    """Make the file, visible only when it is locked; None if there is one to be seized."""
    if os.path.lexists(path):
        return None
    if sys.platform == "win32":
        path.touch()  # whoever seizes it first has it: it cannot be removed from under them
        return None
    descriptor, temporary = begin(path)
    try:
        os.write(descriptor, content)
        os.link(temporary, path)
    except FileExistsError:  # somebody was faster
        let_go(descriptor)
        return None
    except BaseException:  # Ctrl-C too: no lock stays behind, the error goes on
        let_go(descriptor)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    return descriptor


def begin(path: Path) -> tuple[int, Path]:
    """Make a draft beside the file: open, and locked for as long as we live, then a janitor's.

    Windows renames no open file, so nothing is locked there.
    """
    while True:
        draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | OPEN | _BINARY, 0o600)
        try:
            if sys.platform == "win32" or (lock(descriptor) and is_at(descriptor, draft)):
                return descriptor, draft
        except BaseException:  # as in `create`
            let_go(descriptor)
            draft.unlink(missing_ok=True)
            raise
        let_go(descriptor)  # a janitor was faster than our lock, and removes it


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
        descriptor = places.insist(lambda: os.open(path, mode | OPEN | _BINARY))
    except OSError as error:
        if strict and not isinstance(error, FileNotFoundError):
            raise InsecurePath(f"{path} cannot be opened ({error.strerror}); remove it") from error
        return None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and (sys.platform == "win32" or status.st_uid == os.getuid()):
        return descriptor
    os.close(descriptor)
    if strict:
        raise InsecurePath(f"{path} is no file of yours; remove it")
    return None


def lock(descriptor: int, *, shared: bool = False) -> bool:
    """Try to lock; False if somebody else does."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except _REFUSED:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Unlock, also for the copies that forked children have."""
    if sys.platform == "win32":
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def let_go(descriptor: int) -> None:
    """Unlock and close; closing alone would leave it locked by a child forked meanwhile."""
    with contextlib.suppress(OSError):
        unlock(descriptor)
    os.close(descriptor)


def give_up(descriptor: int, path: Path) -> bool:
    """Remove the file that is locked, and let go of it; False if others keep it there."""
    if sys.platform == "win32":
        let_go(descriptor)
        try:
            places.remove(path)
        except PermissionError:  # somebody has taken it over
            return False
        return True
    try:
        path.unlink(missing_ok=True)
    finally:
        let_go(descriptor)
    return True


def touch(descriptor: int) -> None:
    """Make the file look new, for cleaners of /tmp remove old ones; Windows has none."""
    if sys.platform != "win32":
        os.utime(descriptor)


def unlocked(descriptor: int, otherwise: bool = False) -> bool:
    """Return whether nobody holds the lock, or `otherwise` where there are no locks."""
    try:
        if not lock(descriptor, shared=True):
            return False
        unlock(descriptor)
    except OSError:
        return otherwise
    return True


class Sight:
    """A file that somebody was seen to have locked, to be looked at again.

    Parameters
    ----------
    descriptor
        The file, open. It belongs to this object from now on.
    path
        Where it stands.
    """

    __slots__ = ("__weakref__", "_close", "_descriptor", "_path", "_status")

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self._path = descriptor, path
        self._status = os.fstat(descriptor)
        self._close = weakref.finalize(self, os.close, descriptor)
        if sys.platform == "win32":
            self._close()

    def ended(self) -> bool:
        """Return whether the lock of that very file is free; on Windows also if it is gone."""
        if sys.platform == "win32":
            descriptor = open_own(self._path, os.O_RDONLY)
            if descriptor is None:
                return not os.path.lexists(self._path)
            try:
                same = os.path.samestat(os.fstat(descriptor), self._status)
                return not same or unlocked(descriptor)
            finally:
                os.close(descriptor)
        # Kept open: another file may stand at the path when the holder is dead.
        return unlocked(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        self._close()


def is_at(descriptor: int, path: Path) -> bool:
    """Return whether the open file is the one that stands at the path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False
