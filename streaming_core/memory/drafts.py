"""Drafts: files and folders in the making, which appear at one stroke or not at all.

A draft is locked while its writer lives. So the next janitor, and no earlier one, removes what
the killed left, however young it is.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from streaming_core.memory import locks, places

ENDING: Final = ".tmp"
ABANDONED: Final = 60.0
"""Seconds after which a draft is removed where its writer cannot lock it (Windows)."""


def write_private(path: Path, data: bytes) -> None:
    """Write a file with mode 0600 at one stroke: readers see the old content or the new."""
    descriptor, draft = locks.begin(path)
    windows = sys.platform == "win32"  # where no file is renamed that is open
    try:
        try:
            with os.fdopen(descriptor, "wb", closefd=windows) as file:
                file.write(data)
            places.insist(lambda: os.replace(draft, path))
        finally:
            if not windows:
                locks.let_go(descriptor)
    except BaseException:  # Ctrl-C too: no draft stays behind, the error goes on
        draft.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def private_folder(parent: Path, name: str) -> Iterator[Path]:
    """Make a folder with mode 0700 to work in; it is removed at the end with all that is in it.

    Parameters
    ----------
    name
        How its own name begins.
    """
    import shutil  # reads three libraries for archives: producers do without

    made, descriptor = _begin(parent, name)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if descriptor is not None:
            locks.let_go(descriptor)


def _begin(parent: Path, name: str) -> tuple[Path, int | None]:
    while True:
        made = parent / f"{name}{os.urandom(8).hex()}{ENDING}"
        made.mkdir(0o700)
        if sys.platform == "win32":
            return made, None
        with contextlib.suppress(FileNotFoundError):  # a janitor was faster than our lock
            descriptor = os.open(made, os.O_RDONLY)
            if locks.lock(descriptor) and locks.is_at(descriptor, made):
                return made, descriptor
            locks.let_go(descriptor)


def remove(path: Path) -> bool:
    """Remove a draft whose writer is dead; return whether it was."""
    return _remove_folder(path) if path.is_dir() else locks.remove(path, _abandoned)


def _abandoned(descriptor: int) -> bool:
    """Whether a draft that nobody has locked is of no use."""
    return sys.platform != "win32" or _old(os.fstat(descriptor))


def _old(status: os.stat_result) -> bool:
    return time.time() - status.st_mtime >= ABANDONED


def _remove_folder(path: Path) -> bool:
    import shutil

    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            if _old(path.lstat()):
                shutil.rmtree(path, ignore_errors=True)
                return not path.exists()
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        try:
            if locks.lock(descriptor) and locks.is_at(descriptor, path):
                shutil.rmtree(path, ignore_errors=True)
                return not path.exists()
        finally:
            locks.let_go(descriptor)
    return False
