"""Leases: locked files that prove a process is alive, the proof of its death, the janitor.

The lock is the truth and the content only information. The kernel drops a lock when its process
dies, however it dies, and keeps it while the process is merely frozen.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from streaming_core.errors import LeaseHeld
from streaming_core.memory import drafts, locks, places, shm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PATIENCE: Final = 0.5
"""Seconds for which a lease must be held before it counts as held: looks hold it for an instant."""
LOOKS: Final = 10.0
"""Seconds more where it is only looked at, by many programs on a busy machine."""
STRAY: Final = 600.0
"""Seconds after which a segment without a lease is looked at."""

_LEASE: Final = re.compile(
    r"(?:producer-([0-9a-f]{16})|viewer-[0-9]{1,5}|launch-[a-z0-9-]{1,40})\.lease"
)
_SIBLING: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_CONTENT: Final = 64 << 10
"""Bytes of a lease that are read."""

# A child forked between opening a lease and listing it here would keep it locked for ever.
_forks = threading.RLock()
_leases: set[Lease] = set()


class Lease:
    """A lock on a file for as long as this process lives; :meth:`take` gets one.

    It is not released when the object is forgotten, only by :meth:`release` or by death. Forked
    children do not hold it.

    Attributes
    ----------
    path
        The file.
    """

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        _leases.add(self)

    @classmethod
    def take(cls, path: Path, info: Mapping[str, Any]) -> Lease:
        """Lock the file, which is made or taken over from the dead, and write `info` into it.

        Parameters
        ----------
        path
            ``producer-<sid>.lease`` or ``viewer-<port>.lease`` in the run folder.
        info
            Plain values; ``pid`` is added. The janitor uses ``prefixes``, those of our segments,
            and ``files``, names in the same folder that are of no use after our death.

        Raises
        ------
        LeaseHeld
            If a living process holds it; :func:`holder` says more.
        InsecurePath
            If the path is a link or somebody else's.
        """
        content = json.dumps({**info, "pid": os.getpid()}).encode()
        deadline = time.monotonic() + PATIENCE
        while True:
            with _forks:
                descriptor = locks.create(path, content)
                if descriptor is None:
                    descriptor = _take_over(path, content)
                if descriptor is not None:
                    return cls(path, descriptor)
            now = time.monotonic()
            # Who only looks lets others look: then nobody has it, and it can be had in the end.
            if now > deadline and (is_held(path) or now > deadline + LOOKS):
                raise LeaseHeld(f"{path} is held by process {holder(path).get('pid', 'unknown')}")
            time.sleep(0.01)

    def refresh(self) -> bool:
        """Touch the file, for cleaners of /tmp remove old ones; return whether it is there."""
        if self._descriptor is None:
            return False
        with contextlib.suppress(OSError):
            locks.touch(self._descriptor)
        return locks.is_at(self._descriptor, self.path)

    def release(self) -> None:
        """Remove the file and unlock it: from here on this process counts as dead."""
        with _forks:
            descriptor, self._descriptor = self._descriptor, None
            _leases.discard(self)
            if descriptor is None:
                return
            if locks.is_at(descriptor, self.path):
                locks.give_up(descriptor, self.path)
            else:
                locks.let_go(descriptor)

    def _forget(self) -> None:
        """Close without unlocking: the lock is the parent's, and shared with it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_held(path: Path) -> bool | None:
    """Return whether a living process holds the lease.

    False is a proof of death; None means that there is nothing to see, which proves nothing: its
    process may have a file system of its own.
    """
    descriptor = locks.open_own(path, os.O_RDONLY)
    if descriptor is None:
        return None
    try:
        # Shared, so that looks do not see each other; Lease.take() waits for them to end.
        if not locks.lock(descriptor, shared=True):
            return True
        return False if os.fstat(descriptor).st_nlink else None
    except OSError:
        return None
    finally:
        locks.let_go(descriptor)


def holder(path: Path) -> dict[str, Any]:
    """Return what the holder wrote, as far as it can be read; it may be out of date."""
    descriptor = locks.open_own(path, os.O_RDONLY)
    if descriptor is None:
        return {}
    try:
        return _info(descriptor)
    finally:
        os.close(descriptor)


class Witness:
    """Sees a lease held, and can later tell that its holder is dead.

    Parameters
    ----------
    path
        The lease. It may appear later: each :meth:`proven_dead` looks again until it is seen.
    """

    __slots__ = ("_dead", "_sight", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._dead = False
        self._sight: locks.Sight | None = None
        self._look()

    def proven_dead(self) -> bool:
        """Return whether a lock that was seen held can now be had, on the very same file."""
        if not self._dead and self._sight is None:
            self._look()
        elif self._sight is not None and self._sight.ended():
            self._sight.close()
            self._dead, self._sight = True, None
        return self._dead

    def _look(self) -> None:
        descriptor = locks.open_own(self.path, os.O_RDONLY)
        if descriptor is None:
            return
        if locks.unlocked(descriptor, otherwise=True):
            os.close(descriptor)
        else:
            self._sight = locks.Sight(descriptor, self.path)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a janitor removed.

    Attributes
    ----------
    leases, segments, files
        How many of each; drafts count as files.
    """

    leases: int = 0
    segments: int = 0
    files: int = 0


def janitor(folder: Path) -> Cleaned:
    """Remove what the dead left in `folder` and in shared memory; the living lose nothing.

    Any number of janitors may run at once, and each counts only what it removed itself.
    """
    leases = segments = files = 0

    def clear(descriptor: int) -> bool:
        nonlocal segments, files
        swept, removed = _clear(folder, _info(descriptor))
        segments, files = segments + swept, files + removed
        return True

    for path in _listed(folder):
        if _LEASE.fullmatch(path.name):
            # The lease goes last: a janitor that is killed before leaves it to the next one.
            leases += _remove(path, clear)
        elif path.name.endswith(drafts.ENDING):
            files += drafts.remove(path)
    if shm.SUPPORTED:
        segments += shm.sweep_strays(_known({folder, *places.run_folders()}), STRAY)
    return Cleaned(leases, segments, files)


def _remove(path: Path, clear: Callable[[int], bool]) -> bool:
    """Remove a lease that nobody holds; who just looks at it, as at a sudden end, is waited for."""
    deadline = time.monotonic() + PATIENCE
    while not locks.remove(path, clear):
        if is_held(path) is not False or time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _clear(folder: Path, info: Mapping[str, Any]) -> tuple[int, int]:
    """Remove the segments and files of a dead process; its word is checked, not trusted."""
    segments = sum(shm.sweep(prefix) for prefix in _texts(info, "prefixes"))
    files = 0
    for name in _texts(info, "files"):
        if _SIBLING.fullmatch(name) and not name.endswith(".lease"):
            with contextlib.suppress(OSError):
                (folder / name).unlink()
                files += 1
    return segments, files


def _known(folders: set[Path]) -> set[str]:
    """Return the prefixes of all segments that a lease speaks for."""
    prefixes: set[str] = set()
    for path in (path for folder in folders for path in _listed(folder)):
        match = _LEASE.fullmatch(path.name)
        if match:
            prefixes.update(_texts(holder(path), "prefixes"), {f"pc{match[1]}"})
    return prefixes


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _texts(info: Mapping[str, Any], key: str) -> list[str]:
    values = info.get(key)
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _take_over(path: Path, content: bytes) -> int | None:
    """Take a dead process's lease by locking that very file; None if it cannot be had now.

    To remove it and make a new one would let two win: the slower removes the other's new lease.
    """
    descriptor = locks.seize(path, strict=True)
    if descriptor is None:
        return None
    try:
        _clear(path.parent, _info(descriptor))
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, content)
    except BaseException:  # Ctrl-C too: it is nobody's again, the error goes on
        locks.let_go(descriptor)
        raise
    return descriptor


def _info(descriptor: int) -> dict[str, Any]:
    """Return the content as far as it is one JSON object."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        value = json.loads(os.read(descriptor, _CONTENT))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _after_fork_in_child() -> None:
    try:
        for lease in _leases:
            lease._forget()
        _leases.clear()
    finally:
        _forks.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_forks.acquire,
        after_in_parent=_forks.release,
        after_in_child=_after_fork_in_child,
    )
