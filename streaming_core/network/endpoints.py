"""Addresses: what a user types, and where the two sockets of a viewer are."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streaming_core.errors import InvalidSetting

LOOPBACK: Final = "127.0.0.1"
DATA_OFFSET: Final = 1000
"""The data socket's port is the control port plus this."""

FIRST_PORT: Final[dict[str, int]] = {"napari": 5555, "fiji": 5655}
"""Where the search for a free pair of ports begins, by viewer kind."""

ANY_FIRST_PORT: Final = 5755
PAIRS: Final = 90
"""How many pairs are tried, one port after the other."""

LISTEN: Final = "0A"
"""State of a socket that listens, in Linux's tables."""


@dataclass(frozen=True, slots=True)
class Address:
    """A viewer's address: a host and the port of its control socket."""

    host: str
    port: int

    @property
    def control(self) -> str:
        """Endpoint of the control socket."""
        return f"tcp://{self.host}:{self.port}"

    @property
    def data(self) -> str:
        """Endpoint of the data socket."""
        return f"tcp://{self.host}:{self.port + DATA_OFFSET}"

    def __str__(self) -> str:
        return f"port {self.port}" if self.host == LOOPBACK else f"{self.host}:{self.port}"


def check_port(port: object) -> int:
    """Return the port, or raise InvalidSetting: both it and port + 1000 must be usable."""
    if isinstance(port, bool) or not isinstance(port, int):
        raise InvalidSetting(f"port {port!r} is not a whole number")
    highest = 65535 - DATA_OFFSET
    if not 1024 <= port <= highest:
        raise InvalidSetting(
            f"port {port} is out of range: 1024 to {highest}, since a viewer also uses port + 1000"
        )
    return port


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens on a port."""
    try:
        socket.create_server((host, port)).close()  # asks each system in the way that it needs
    except OSError:
        return False
    return True


def user_of(port: int) -> str:
    """Name the program that listens on a port, as far as Linux tells it of this user's: or ""."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for folder in Path("/proc").glob("[0-9]*") if sockets else ():
        try:
            if any(os.readlink(one) in sockets for one in (folder / "fd").iterdir()):
                name = (folder / "comm").read_text().strip()
                return f"{name} (pid {folder.name})"
        except OSError:  # it has ended, or is somebody else's
            continue
    return ""


def _listening(port: int) -> set[str]:
    """Return the inodes of the sockets that listen on a port."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            if words[3] == LISTEN and int(words[1].rpartition(":")[2], 16) == port:
                found.add(words[9])
    return found


def parse_address(address: int | str) -> Address:
    """Read what a user types: 5555, "5555", ":5555", "tcp://127.0.0.1:5555".

    Raises
    ------
    InvalidSetting
        When it is not an address, or not on this machine.
    """
    if isinstance(address, int):
        return Address(LOOPBACK, check_port(address))
    text = str(address).removeprefix("tcp://")
    host, _, port = text.rpartition(":")
    if not port.isdecimal():
        raise InvalidSetting(f"{address!r} is not an address; write a port such as 5555")
    if host not in ("", "localhost", LOOPBACK):
        raise InvalidSetting(f"{address!r}: viewers on other machines cannot be reached yet")
    return Address(LOOPBACK, check_port(int(port)))
