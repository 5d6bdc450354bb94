"""Images that no viewer owns yet, and how much of its credit they use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import SupportsBytes


@dataclass(slots=True)
class Entry:
    """An image that is not owned yet."""

    nbytes: int
    name: SupportsBytes
    place: bytes = b""
    sent: bool = False
    asked: int = 0


@dataclass(slots=True)
class Queue:
    """What one link has to send and what it sent, by number, the oldest first.

    Attributes
    ----------
    entries
        All of them.
    nbytes
        Their size in bytes.
    sent, sent_bytes
        How many of them are sent, and their size.
    """

    entries: dict[int, Entry] = field(default_factory=dict)
    nbytes: int = 0
    sent: int = 0
    sent_bytes: int = 0
    _unsent: dict[int, Entry] = field(default_factory=dict)
    _unsent_place: dict[bytes, int] = field(default_factory=dict)

    def add(self, seq: int, entry: Entry) -> None:
        """Take a new image; one with a place can be found by it until it is sent."""
        self.entries[seq] = self._unsent[seq] = entry
        self.nbytes += entry.nbytes
        if entry.place:
            self._unsent_place[entry.place] = seq

    def forget(self, seq: int) -> Entry:
        """Take an image out, whatever became of it."""
        entry = self.entries.pop(seq)
        self.nbytes -= entry.nbytes
        if entry.sent:
            self.sent -= 1
            self.sent_bytes -= entry.nbytes
        else:
            self._no_longer_unsent(seq, entry)
        return entry

    def send(self, credit: int, credit_bytes: int) -> Iterator[int]:
        """Mark as sent, and yield, what the credit allows; one image always."""
        while self._unsent:
            seq, entry = next(iter(self._unsent.items()))
            full = self.sent >= credit or self.sent_bytes + entry.nbytes > credit_bytes
            if full and self.sent:
                return
            self._no_longer_unsent(seq, entry)
            entry.sent = True
            self.sent += 1
            self.sent_bytes += entry.nbytes
            yield seq

    def _no_longer_unsent(self, seq: int, entry: Entry) -> None:
        del self._unsent[seq]
        if self._unsent_place.get(entry.place) == seq:
            del self._unsent_place[entry.place]

    def is_sent(self, seq: int) -> bool:
        """Whether a viewer can have it: what it says of others is not true."""
        return seq in self.entries and self.entries[seq].sent

    def unsent_at(self, place: bytes) -> int | None:
        """Return the number of the image of this place that is not sent yet."""
        return self._unsent_place.get(place)

    @property
    def unsent(self) -> int:
        """How many wait for credit."""
        return len(self._unsent)

    @property
    def first_sent(self) -> int:
        """The lowest number that is sent; 0 for none."""
        return next((seq for seq, entry in self.entries.items() if entry.sent), 0)

    def sent_up_to(self, last: int) -> int:
        """Return the number up to which all of ``last`` images are sent."""
        return min(self._unsent) - 1 if self._unsent else last
