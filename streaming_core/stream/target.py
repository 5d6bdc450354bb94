"""A viewer to reach: its address and keys, and how to start one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streaming_core.errors import NotAdmitted, ViewerNotFound
from streaming_core.network.endpoints import Address
from streaming_core.network.keys import KeyPair


@dataclass(frozen=True, slots=True)
class Target:
    """A viewer as its connection file describes it."""

    address: Address
    viewer_kind: str
    viewer_public: str
    client: KeyPair
    lease: Path | None
    reread: Callable[[], Target | None]

    @property
    def name(self) -> str:
        """For a person: "napari viewer on port 5555"."""
        return f"{self.viewer_kind} viewer on {self.address}"

    def absent(self) -> ViewerNotFound:
        """Say that nobody answers there."""
        return ViewerNotFound(
            f"no viewer answers on {self.address}. "
            f"Start one: {start_line(self.viewer_kind, self.address.port)}"
        )

    def foreign(self) -> NotAdmitted:
        """Say that what listens there is not this viewer."""
        return NotAdmitted(
            f"what listens on {self.address} does not accept our key. It is not the "
            f"{self.viewer_kind} viewer of its connection file; use another port"
        )


def start_line(viewer_kind: str, port: int | None = None) -> str:
    """The command that starts a viewer, for the texts of errors."""
    where = f" --port {port}" if port else ""
    keyword = f", port={port}" if port else ""
    return f"planecast {viewer_kind}{where}, or planecast.launch({viewer_kind!r}{keyword})"
