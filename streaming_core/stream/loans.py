"""Arrays that users compute into, in shared memory, and show without a copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary, ref

import numpy as np
from numpy.typing import NDArray

from streaming_core.memory.pool import Pool, Slot
from streaming_core.stream.pixels import SlotPixels


@dataclass(slots=True, eq=False)
class Loan:
    """A slot that a user writes to: ``nbytes`` from ``address`` on, by this array at first."""

    slot: Slot
    address: int
    nbytes: int
    array: ref[NDArray[Any]]


class Loans:
    """The slots of a pool that users hold and have not shown yet.

    Calls come under the publisher's lock. A slot is written by the user alone until
    `redeem`; after that its array is read-only, and the slot is used again only when every
    viewer has acked and no reference of the user's is left.
    """

    def __init__(self) -> None:
        self._loans: list[Loan] = []
        self._ordinary: WeakValueDictionary[int, NDArray[Any]] = WeakValueDictionary()

    def lend(self, slot: Slot, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return a writable array in the slot."""
        slot.segment.begin_write()
        array = slot.lend(shape, dtype)
        self._loans.append(Loan(slot, slot.address, array.nbytes, ref(array)))
        return array

    def ordinary(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array in ordinary memory, where no slot can be had; `redeem` treats it alike.

        A program that writes to an array after it was shown fails here as it does everywhere.
        """
        array = np.empty(shape, dtype)
        self._ordinary[_address(array)] = array
        return array

    def redeem(self, array: NDArray[Any], users: int) -> SlotPixels | None:
        """Return the pixels of a lent array; None for any other. Ours are read-only from here on.

        Parameters
        ----------
        array
            As lent. A part of it is copied like any array, for the rest could still be written
            to; so is a view in another order.
        users
            Routes that send it.
        """
        if not (self._loans or self._ordinary):
            return None
        place = self._find(array)
        if place is None:
            return None
        loan = self._loans.pop(place)
        array.setflags(write=False)
        return SlotPixels(loan.slot, loan.nbytes, loan.slot.segment.end_write(), users)

    def _find(self, array: NDArray[Any]) -> int | None:
        """Return which loan this is, of one that was reshaped too; an ordinary one is redeemed."""
        if not array.flags.c_contiguous:
            return None
        for place, loan in enumerate(self._loans):
            if loan.array() is array and array.nbytes == loan.nbytes:  # nearly all
                return place
        address, nbytes = _address(array), array.nbytes
        ordinary = self._ordinary.get(address)
        if ordinary is not None and ordinary.nbytes == nbytes:
            del self._ordinary[address]
            array.setflags(write=False)
            return None
        for place, loan in enumerate(self._loans):
            if (address, nbytes) == (loan.address, loan.nbytes):
                return place
        return None

    def collect(self, pool: Pool) -> None:
        """Give back the slots whose arrays were dropped without being shown."""
        if not self._loans:
            return
        for loan in [loan for loan in self._loans if not loan.slot.lent]:
            self._loans.remove(loan)
            pool.give_back(loan.slot)

    def fill(self, pool: Pool) -> bool:
        """Whether users hold all slots in use, so that waiting for one could last for ever."""
        held = {loan.slot for loan in self._loans}
        return all(slot.idle or slot in held for slot in pool.slots)


def _address(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
