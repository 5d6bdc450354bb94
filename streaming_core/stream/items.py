"""The images of one route, from the call that sends them to their final state."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from streaming_core.memory.pool import Pool
from streaming_core.protocol.actions import Free, Settle, State
from streaming_core.protocol.messages import Image
from streaming_core.stream.image import Name
from streaming_core.stream.ledger import Ledger
from streaming_core.stream.outcome import Delivery
from streaming_core.stream.pixels import Pixels
from streaming_core.stream.refusals import plain

log = logging.getLogger("planecast.publisher")

FINAL: Final = (State.SHOWN, State.UNDELIVERED, State.REPLACED)
UNHEARD: Final = "the connection ended before the viewer said that it is shown"


@dataclass(slots=True)
class Item:
    """An image between `Publisher.publish` and its final state on one route."""

    pixels: Pixels
    image: Image
    name: Name
    delivery: Delivery
    inline: bool = False


class Items:
    """What one route has under way, by number, and what became of it.

    Parameters
    ----------
    viewer
        Who it is for: "napari viewer on port 5555".

    Attributes
    ----------
    ledger
        What did not arrive, or was lost.
    """

    def __init__(self, viewer: str) -> None:
        self.ledger = Ledger(viewer)
        self._viewer = viewer
        self._items: dict[int, Item] = {}
        self._reported: WeakValueDictionary[int, Delivery] = WeakValueDictionary()

    def add(self, seq: int, item: Item) -> None:
        """Take an image that is to be sent."""
        self._items[seq] = item

    def get(self, seq: int) -> Item | None:
        """Return an image that is not final yet."""
        return self._items.get(seq)

    def free(self, action: Free, pool: Pool) -> None:
        """Give back the memory of an image."""
        item = self._items.get(action.seq)
        if item is not None:
            item.pixels.drop(pool, proven=action.proven)
            if item.delivery.state in FINAL:
                del self._items[action.seq]

    def settle(self, action: Settle, *, ended: bool) -> None:
        """Tell what became of an image; ``ended``: the connection did."""
        item = self._items.get(action.seq)
        delivery = self._reported.get(action.seq) if item is None else item.delivery
        if delivery is not None:
            delivery.state, delivery.reason = action.state, action.text
            if action.text == "gap":
                delivery.reason = UNHEARD if ended else "it was lost with the viewer"
        if item is None:
            return
        if action.state is State.UNDELIVERED:
            self.ledger.miss(action.seq, str(item.name), action.text)
            self._reported[action.seq] = item.delivery
        elif action.state is State.SHOWN:
            del self._items[action.seq]
            if action.text:
                self.ledger.hide(str(item.name), plain(action.text))
        elif action.text == "gap":
            del self._items[action.seq]

    def note(self, notes: Mapping[str, str]) -> None:
        """Tell the user what the viewer says of images as it shows them."""
        for number, text in notes.items():
            item = self._items.get(int(number)) if number.isdecimal() else None
            if item is not None:
                log.warning("%s: %s: %s", self._viewer, str(item.name), plain(text))

    def found(self, seq: int) -> None:
        """Take back that an image was not delivered: the viewer has it."""
        self.ledger.found(seq)
        delivery = self._reported.get(seq)
        if delivery is not None:
            delivery.state, delivery.reason = State.OWNED, ""
