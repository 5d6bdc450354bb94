"""Arrays that users compute into, in shared memory, and show without a copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streaming_core.memory.segments import Pool, Slot
from streaming_core.stream.payload import SlotPayload


@dataclass(frozen=True, slots=True)
class Loan:
    """A slot that a user writes to: its payload begins at ``address``."""

    slot: Slot
    address: int


class Loans:
    """The slots of a pool that users hold and have not shown yet.

    Calls come under the publisher's lock. A slot is written by the user alone until
    `redeem`; after that its array is read-only, and the slot is used again only when every
    viewer has acked and no reference of the user's is left.
    """

    def __init__(self) -> None:
        self._loans: list[Loan] = []

    def lend(self, slot: Slot, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return a writable array in the slot."""
        slot.segment.begin_write()
        array = slot.lend(shape, dtype)
        self._loans.append(Loan(slot, _address(array)))
        return array

    def redeem(self, array: NDArray[Any], users: int) -> SlotPayload | None:
        """Return the payload of a lent array, read-only from here on; None for any other.

        Parameters
        ----------
        array
            As lent, or a part of it in C order; a view in another order is copied like any array.
        users
            Routes that send it.
        """
        if not self._loans or not array.flags.c_contiguous:
            return None
        address = _address(array)
        for loan in self._loans:
            offset = address - loan.address
            if 0 <= offset and offset + array.nbytes <= loan.slot.capacity:
                self._loans.remove(loan)
                array.flags.writeable = False
                generation = loan.slot.segment.end_write()
                return SlotPayload(loan.slot, array.nbytes, generation, users, offset=offset)
        return None

    def collect(self, pool: Pool) -> None:
        """Give back the slots whose arrays were dropped without being shown."""
        for loan in [loan for loan in self._loans if not loan.slot.lent]:
            self._loans.remove(loan)
            pool.give_back(loan.slot)


def _address(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
