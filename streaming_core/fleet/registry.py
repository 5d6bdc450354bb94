"""Connection files: which viewers run on this machine, and how to reach them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec

from streaming_core.errors import InsecurePath, ViewerNotFound
from streaming_core.memory.drafts import write_private
from streaming_core.memory.leases import holder, is_held
from streaming_core.memory.places import read_private, run_folder, run_folders
from streaming_core.network.endpoints import LOOPBACK, Address
from streaming_core.network.keys import KeyPair, ViewerKeys
from streaming_core.network.transport import new_key_pair
from streaming_core.stream.target import Target, start_line

log = logging.getLogger("planecast.fleet")

ENDING: Final = ".connection"


class Begun(msgspec.Struct, frozen=True):
    """How a viewer process was started, so that another can take its place."""

    python: str | None = None
    virtual: bool = False
    headless: bool = False
    fiji: str | None = None


class Connection(msgspec.Struct, frozen=True):
    """A connection file: a viewer, and the key that admits the user's programs to it.

    ``begun`` is None for a window that a person opened, which listens.
    """

    viewer_kind: str
    host: str
    port: int
    pid: int
    vid: str
    version: str
    viewer_public: str
    client: KeyPair
    lease: str
    begun: Begun | None = None

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address(self.host, self.port)

    def alive(self) -> bool:
        """Whether its process lives: False if its lease is free, or another viewer's by now."""
        lease = Path(self.lease)
        return is_held(lease) is True and holder(lease).get("pid", self.pid) == self.pid

    def target(self) -> Target:
        """What a route needs to reach it."""
        return Target(
            self.address, self.viewer_kind, self.viewer_public, self.client, Path(self.lease),
            reread=lambda: _target(self.port),
        )  # fmt: skip


def _target(port: int) -> Target | None:
    connection = find(port)
    return None if connection is None else connection.target()


def connection_path(folder: Path, port: int) -> Path:
    """Where the connection file of a port stands."""
    return folder / f"viewer-{port}{ENDING}"


def lease_path(folder: Path, port: int) -> Path:
    """Where the lease of the viewer on a port stands."""
    return folder / f"viewer-{port}.lease"


def publish(folder: Path, connection: Connection) -> Path:
    """Write a connection file; from then on the viewer is found."""
    path = connection_path(folder, connection.port)
    write_private(path, msgspec.json.format(msgspec.json.encode(connection)))
    return path


def find(port: int) -> Connection | None:
    """Return the connection file of a port, of a living viewer if there is one."""
    found = [
        connection
        for folder in run_folders()
        if (connection := _read(connection_path(folder, port))) is not None
    ]
    return next((connection for connection in found if connection.alive()), None) or next(
        iter(found), None
    )


def running(viewer_kind: str | None = None) -> list[Connection]:
    """Return the living viewers of this user, of one kind or all, by port."""
    seen: dict[int, Connection] = {}
    for folder in run_folders():
        for path in folder.glob(f"viewer-*{ENDING}"):
            connection = _read(path)
            if connection is None or viewer_kind not in (None, connection.viewer_kind):
                continue
            if connection.alive():
                seen[connection.port] = connection
    return [seen[port] for port in sorted(seen)]


def _read(path: Path) -> Connection | None:
    try:
        return msgspec.json.decode(read_private(path), type=Connection)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, InsecurePath, OSError) as error:
        log.warning("%s is not used: %s", path, error)
        return None


def reach(port: int, viewer_kind: str) -> Target:
    """Return the way to a viewer that runs, or that may come back: its keys outlast it.

    Raises
    ------
    ViewerNotFound
        When this user never had a viewer on that port, on this machine.
    """
    connection = find(port)
    if connection is not None:
        return connection.target()
    folder, address = run_folder(), Address(LOOPBACK, port)
    keys = _lasting(folder, port)
    if keys is None:
        raise ViewerNotFound(
            f"no viewer was ever started on {address} here. "
            f"Start one: {start_line(viewer_kind, port)}"
        )
    return Target(
        address, viewer_kind, keys.viewer.public, keys.client, lease_path(folder, port),
        reread=lambda: _target(port),
    )  # fmt: skip


def viewer_keys(port: int) -> ViewerKeys:
    """Return the lasting keys of this user's viewers on a port, making them the first time."""
    folder = run_folder()
    keys = _lasting(folder, port)
    if keys is None:
        keys = ViewerKeys(new_key_pair(), new_key_pair())
        write_private(_keys_path(folder, port), msgspec.json.encode(keys))
    return keys


def _keys_path(folder: Path, port: int) -> Path:
    return folder / f"viewer-{port}.keys"


def _lasting(folder: Path, port: int) -> ViewerKeys | None:
    path = _keys_path(folder, port)
    try:
        return msgspec.json.decode(read_private(path), type=ViewerKeys)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:
        log.warning("%s could not be read", path)
        return None
