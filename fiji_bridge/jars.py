"""The cache of jars, ``~/.jgo`` and ``~/.m2``: one viewer at a time may fetch what is missing.

jgo, which fetches, has no lock: of two that began together with an empty cache one failed, and
one that was killed left half a jar for all that came after it.
"""

from __future__ import annotations

import logging
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from streaming_core.errors import LeaseHeld
from streaming_core.memory.leases import Lease

log = logging.getLogger("planecast.fiji.jvm")

LOOK: Final = 0.05
"""Seconds between two looks whether another viewer is done."""


@contextmanager
def fetching() -> Iterator[None]:
    """Keep other viewers from fetching meanwhile; first wait for one that is at it.

    What one that died left unfinished is removed, and will be fetched again. Where files cannot
    be locked it goes on without.
    """
    try:
        lease = _take(_caches()[0] / "planecast.lease")
    except OSError as error:
        log.warning("the cache of jars cannot be locked; start one viewer at a time: %s", error)
        lease = None
    try:
        yield
    finally:
        if lease is not None:
            lease.release()


def _caches() -> tuple[Path, Path]:
    return Path.home() / ".jgo", Path.home() / ".m2" / "repository"


def _take(path: Path) -> Lease:
    path.parent.mkdir(parents=True, exist_ok=True)
    told = False
    while True:
        since = path.stat().st_mtime if path.exists() else None
        try:
            lease = Lease.take(path, {})
        except LeaseHeld as error:
            if not told:
                log.info("another viewer looks for jars just now: %s", error)
                told = True
            time.sleep(LOOK)
            continue
        if since is not None:  # its holder ended without releasing it
            _remove_unfinished(since)
        return lease


def _remove_unfinished(since: float) -> None:
    """Remove what was changed since a time, in seconds since 1970, and cannot be read."""
    ours, shared = _caches()
    for path in [*ours.rglob("*"), *shared.rglob("*")]:
        if path.is_file() and path.stat().st_mtime >= since and not _is_whole(path, path.suffix):
            log.info("removing %s: a viewer that fetched it was ended", path)
            path.unlink()


def _is_whole(path: Path, suffix: str) -> bool:
    match suffix:
        case ".jar":
            return zipfile.is_zipfile(path)
        case ".pom" | ".xml":
            try:
                ElementTree.parse(path)  # noqa: S314 - it is not used
            except ElementTree.ParseError:
                return False
            return True
        case ".toml" | ".json":  # what jgo notes of jars, and makes anew at once
            return False
    return True
