"""Which planes the newest images of a source brought, for sources that keep only so many."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any

from streaming_core.protocol.messages import Image


class Recent:
    """The images that were sent with ``keep``, by source, the oldest first.

    Planes are remembered, not held: one that was replaced meanwhile is let go of at once.
    """

    def __init__(self) -> None:
        self._images: dict[str, deque[tuple[Image, list[weakref.ref[Any]]]]] = {}

    def note(self, image: Image, pixels: Any) -> None:
        """Remember a plane of an image, in the order of its planes."""
        images = self._images.setdefault(image.source, deque())
        if not images or (images[-1][0].sid, images[-1][0].seq) != (image.sid, image.seq):
            images.append((image, []))
        images[-1][1].append(weakref.ref(pixels))

    def exceeding(self, image: Image) -> Iterator[tuple[Image, list[Any]]]:
        """Yield and forget the images that have to go before this one is put.

        With each come its planes: None for one that was let go of already.
        """
        images = self._images.get(image.source)
        while image.keep and images and len(images) >= image.keep:
            old, planes = images.popleft()
            yield old, [plane() for plane in planes]

    def forget(self, source: str) -> None:
        """Forget the images of a source that was cleared."""
        self._images.pop(source, None)
