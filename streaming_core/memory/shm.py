"""The system's shared memory: create, map, unlink and sweep named blocks; its sole user.

A block is a header page and a payload. The first 32 bytes of the header are magic, version,
pid of the creator, generation and total size; see :mod:`streaming_core.memory.segments`.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import re
import stat
import struct
import sys
import time
from typing import TYPE_CHECKING, Final

from streaming_core.errors import OutOfSharedMemory, SegmentGone, SharedMemoryError

if TYPE_CHECKING:
    from collections.abc import Container

try:
    # The standard library's own binding of shm_open. Its SharedMemory class is of no use here:
    # before Python 3.13 a process that attaches destroys the segment when it exits.
    import _posixshmem  # type: ignore[import-not-found]  # has no stubs
    import fcntl
except ImportError:
    SUPPORTED = False
else:
    SUPPORTED = os.name == "posix"

GRAIN: Final = 64 << 10
"""Segments are sized in multiples of this."""
HEADER: Final = 4096
"""Bytes before the payload."""
FOLDER: Final = "/dev/shm" if sys.platform == "linux" else None  # noqa: S108 - not a file of ours
"""Where the system lists its shared memory, if it does."""
GENERATION: Final = 2
"""Which 64-bit word of the header is the generation."""
NUMBERS: Final = 4
"""Which word of a producer's segment 0 says how many numbers it gave away."""

_MAGIC: Final = b"PLANECST"
_VERSION: Final = 1
_LAYOUT: Final = struct.Struct("=8sIIQQ")
_PREFIX: Final = re.compile(r"pc[0-9a-f]{16}")
_NAME: Final = re.compile(r"(pc[0-9a-f]{16})_[0-9a-f]{1,8}")  # macOS takes 30 characters
# A planted FIFO must not hold a reader; glibc's shm_open passes the flag on, macOS has no FIFOs.
_READ: Final = os.O_RDONLY | (os.O_NONBLOCK if sys.platform == "linux" else 0)
_STEP: Final = 1 << 20
"""Bytes that are reserved at once."""
_MISSES: Final = 64
"""Names in a row that are not there, after which a sweep ends."""


def is_prefix(text: str) -> bool:
    """Return whether names of segments may begin so."""
    return _PREFIX.fullmatch(text) is not None


def rounded(capacity: int) -> int:
    """Return the size of a segment with room for `capacity` bytes."""
    return -(-(HEADER + capacity) // GRAIN) * GRAIN


def room() -> tuple[int, int] | None:
    """Return the free and all bytes of shared memory, where the system tells."""
    if FOLDER is None:
        return None
    try:
        status = os.statvfs(FOLDER)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


def total_room() -> int:
    """Return all bytes of shared memory, 1 GiB where the system does not tell."""
    found = room()
    return found[1] if found else 1 << 30


def exists(name: str) -> bool:
    """Return whether a block still has its name, which its maker takes away to give it up."""
    try:
        attach(name, HEADER)
    except SegmentGone:
        return False
    return True


def create(name: str, capacity: int) -> mmap.mmap:
    """Make a block whose memory is really there, so that no write to it can fail.

    Raises
    ------
    OutOfSharedMemory
        If the system has or gives no more. Nothing is left behind.
    SharedMemoryError
        If the name is taken or malformed.
    """
    if not _NAME.fullmatch(name) or capacity < 0:
        raise SharedMemoryError(f"not a segment: {name!r} of {capacity} bytes")
    if not SUPPORTED:
        raise OutOfSharedMemory("this system has no POSIX shared memory")
    size, left = rounded(capacity), room()
    if left is not None and size > left[0]:
        # Asked first: a refusal by posix_fallocate takes, and clears, all pages there are.
        raise OutOfSharedMemory(f"{size} bytes asked for, {FOLDER} has {left[0]} left")
    try:
        # No O_CLOEXEC: shm_open sets it by itself, and macOS 26 refuses the flag.
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
        descriptor = _posixshmem.shm_open(f"/{name}", flags, mode=0o600)
    except FileExistsError:
        raise SharedMemoryError(f"segment {name} exists already") from None
    except OSError as error:
        raise OutOfSharedMemory(f"no shared memory: {error.strerror}") from error
    try:
        memory = _allocate(descriptor, size)
        _LAYOUT.pack_into(memory, 0, _MAGIC, _VERSION, os.getpid(), 0, size)
        return memory
    except BaseException as error:  # Ctrl-C too: no block stays behind, the error goes on
        unlink(name)
        if isinstance(error, OSError):
            message = f"{size} bytes of shared memory refused: {error.strerror}"
            raise OutOfSharedMemory(message) from error
        raise
    finally:
        os.close(descriptor)


def attach(name: str, size: int, uid: int | None = None) -> mmap.mmap:
    """Map a block of user `uid` (ours) that has at least `size` bytes, read-only and whole.

    Raises
    ------
    SegmentGone
        With the reason.
    """
    if not SUPPORTED:
        raise SegmentGone(f"{name}: this system has no POSIX shared memory")
    if not _NAME.fullmatch(name):
        raise SegmentGone(f"not the name of a segment: {name[:64]!r}")
    try:
        # shm_open itself refuses symbolic links.
        descriptor = _posixshmem.shm_open(f"/{name}", _READ, mode=0o600)
    except OSError as error:
        raise SegmentGone(f"{name}: {error.strerror}") from error
    try:
        # The real size first: to read beyond it is a SIGBUS.
        status = os.fstat(descriptor)
        reason = _refusal(status, size, os.getuid() if uid is None else uid)
        if reason:
            raise SegmentGone(f"{name}: {reason}")
        memory = _map(descriptor, status.st_size, mmap.ACCESS_READ)
    except OSError as error:
        raise SegmentGone(f"{name}: {error.strerror}") from error
    finally:
        os.close(descriptor)
    magic, version, *_ = _LAYOUT.unpack_from(memory)
    if magic != _MAGIC or version != _VERSION:
        raise SegmentGone(f"{name}: not a segment of this version")
    return memory


def unlink(name: str) -> bool:
    """Remove a name; False when somebody else did, or it is not ours to remove."""
    try:
        _posixshmem.shm_unlink(f"/{name}")
    except OSError:
        return False
    return True


def sweep(prefix: str, folder: str | None = FOLDER) -> int:
    """Unlink all segments of a dead producer and return how many there were.

    Where the system lists them in a `folder`, that is read. Elsewhere the numbers are tried in
    turn: as many as segment 0 says were given away, and on until 64 in a row are missing.
    """
    if not SUPPORTED or not is_prefix(prefix):
        return 0
    with contextlib.suppress(OSError):
        if folder is not None:
            return sum(unlink(name) for name in os.listdir(folder) if _prefix(name) == prefix)
    given = 0
    with contextlib.suppress(SegmentGone):
        given = memoryview(attach(f"{prefix}_0", HEADER)).cast("Q")[NUMBERS]
    count = misses = 0
    number = 1
    while number < given or misses < _MISSES:
        removed = unlink(f"{prefix}_{number:x}")
        count, misses = count + removed, 0 if removed else misses + 1
        number += 1
    return count + unlink(f"{prefix}_0")  # last: a sweep that is cut short can be done again


def sweep_strays(known: Container[str], age: float) -> int:
    """Unlink our user's segments that nobody owns, and return how many there were (Linux).

    Those are the ones whose prefix is not `known`, that are older than `age` seconds and whose
    creator is proven dead: it held a lock on them. A missing lease alone proves nothing, for
    the creator may live in a container with folders of its own.
    """
    if not SUPPORTED or FOLDER is None:
        return 0
    try:
        names = os.listdir(FOLDER)
    except OSError:
        return 0
    strays = [name for name in names if (prefix := _prefix(name)) and prefix not in known]
    return sum(_remove_abandoned(name, age) for name in strays)


def _remove_abandoned(name: str, age: float) -> bool:
    try:
        descriptor = os.open(f"{FOLDER}/{name}", _READ | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if _refusal(status, HEADER, os.getuid()) or time.time() - status.st_mtime < age:
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return unlink(name)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _prefix(name: str) -> str:
    match = _NAME.fullmatch(name)
    return match[1] if match else ""


def _allocate(descriptor: int, size: int) -> mmap.mmap:
    """Give a new block its size and pages, and map it."""
    # Not all systems lock shared memory; where they do the lock lasts as long as the mapping,
    # and tells every janitor, in other containers too, that the creator lives.
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.ftruncate(descriptor, size)  # once: macOS refuses a second time
    if hasattr(os, "posix_fallocate"):
        # Without this a full /dev/shm is a SIGBUS at the first write. In steps, because older
        # kernels undo the step that a signal falls into: with a profiler's timer, for ever.
        for start in range(0, size, _STEP):
            _reserve(descriptor, start, min(_STEP, size - start))
    memory = _map(descriptor, size, mmap.ACCESS_WRITE)
    # Helps only where the administrator allows it for shared memory: 1.7 becomes 30 GB/s.
    with contextlib.suppress(AttributeError, OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _reserve(descriptor: int, start: int, length: int) -> None:
    try:
        os.posix_fallocate(descriptor, start, length)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        os.pwrite(descriptor, bytes(length), start)  # as safe, and slower


def _map(descriptor: int, size: int, access: int) -> mmap.mmap:
    if sys.version_info >= (3, 13):
        return mmap.mmap(descriptor, size, access=access, trackfd=False)
    return mmap.mmap(descriptor, size, access=access)


def _refusal(status: os.stat_result, size: int, uid: int) -> str:
    """Return why a block of this status must not be read, or nothing."""
    if stat.S_IFMT(status.st_mode) not in (stat.S_IFREG, 0):  # macOS gives segments no type
        return "not a segment"
    if status.st_uid != uid:
        return f"belongs to user {status.st_uid}, not {uid}"
    if not HEADER <= size <= status.st_size:
        return f"has {status.st_size} bytes, {size} were announced"
    return ""
