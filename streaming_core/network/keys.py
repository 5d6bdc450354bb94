"""Key pairs, and who is admitted. Keys are Z85 text, as CURVE uses them."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec


class KeyPair(msgspec.Struct, frozen=True):
    """A CURVE key pair; its repr never shows the secret half."""

    public: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r})"


class ViewerKeys(msgspec.Struct, frozen=True):
    """The keys of one (user, port): the viewer's own, and the one that producers show.

    They last, so that a restarted viewer is the same to its producers.
    """

    viewer: KeyPair
    client: KeyPair

    def __repr__(self) -> str:
        return f"ViewerKeys(viewer={self.viewer!r})"


@dataclass(frozen=True, slots=True)
class Admission:
    """The public keys that a viewer lets in; any other key is refused before it can speak."""

    clients: frozenset[str] = field(default_factory=frozenset)

    def admits(self, key: str) -> bool:
        """Whether the holder of this public key may connect."""
        return key in self.clients
