"""The marks that ImageJ's ROI Manager lists, beside what its user put there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from fiji_bridge import jvm, standing
from fiji_bridge.czt import Grid
from fiji_bridge.edt import on_edt
from fiji_bridge.overlays import carry, others, set_spot
from fiji_bridge.rois import Spot

PIECE: Final = 300
"""Entries that are put in or taken out at once, 5 ms; then ImageJ's own events get their turn."""


class RoiList:
    """Entries of the ROI Manager, by the part that they belong to.

    Its window is opened for the first mark. When its user closes it, it stays closed; when they
    open it again, marks that come from then on are listed. It goes when all marks have been cleared
    and nothing of its user's is in it.
    """

    def __init__(self) -> None:
        self._entries: dict[int, list[Any]] = {}
        self._wanted: deque[tuple[int, Any, Spot]] = deque()
        self._unwanted: deque[Any] = deque()
        self._opened = False
        self._ours: Any = None

    @property
    def busy(self) -> bool:
        """Whether something is to be put in or taken out."""
        return bool(self._wanted or self._unwanted)

    def add(self, number: int, rois: Iterable[Any], spot: Spot) -> None:
        """List the ROIs of a part; what is in the list is a copy of each."""
        self._entries.setdefault(number, [])
        self._wanted.extend((number, roi, spot) for roi in rois)

    def drop(self, number: int) -> None:
        """Take a part out of the list."""
        self._unwanted.extend(self._entries.pop(number, ()))
        self._wanted = deque(item for item in self._wanted if item[0] != number)

    def begin_anew(self) -> None:
        """Open the window again for the next mark: its user has closed it, or it is closed here."""
        self._opened = False
        on_edt(None, self._close)

    def follow(self, number: int, spot: Spot) -> None:
        """Give a part another place. Event thread only."""
        for roi in self._entries.get(number, ()):
            set_spot(roi, spot)
        if any(item[0] == number for item in self._wanted):
            self._wanted = deque(
                (one, roi, spot if one == number else at) for one, roi, at in self._wanted
            )

    def carry(self, imp: Any, old: Grid, new: Grid) -> None:
        """Keep what a person added from an image where it lies. Event thread only."""
        for roi in self.theirs():
            if roi.getImageID() == imp.getID():
                carry(roi, old, new)

    def theirs(self) -> list[Any]:
        """Return what a person put there. Event thread only."""
        listed = jvm.java("ij.plugin.frame.RoiManager").getRawInstance()
        if listed is None:
            return []
        ours = [*self._unwanted, *(roi for rois in self._entries.values() for roi in rois)]
        known = [jvm.java("ij.gui.Roi")[:](ours)] if ours else []
        return list(others(listed.getRoisAsArray(), known))

    def step(self) -> None:
        """Do a bounded piece of the work."""
        if self.busy:
            on_edt(None, self._step)

    # What follows runs on the event thread.

    def _step(self) -> None:
        listed = self._window()
        if listed is None:
            self._wanted.clear()
            self._unwanted.clear()
            return
        with _quiet(listed):
            for roi in _some(self._unwanted, PIECE):
                at = listed.getRoiIndex(roi)
                if at >= 0:  # else its user has deleted or changed it
                    listed.delete(at)
            last = -1
            for number, roi, spot in _some(self._wanted, PIECE):
                set_spot(roi, spot)
                listed.add(roi, -1)
                last = listed.getCount() - 1
                self._entries[number].append(listed.getRoi(last))
                final = number
            if last >= 0:
                # The only way to have it draw anew, where "Show All" is switched on, that
                # leaves the user's selection.
                listed.setRoi(listed.getRoi(last), last)
                self._entries[final][-1] = listed.getRoi(last)

    def _window(self) -> Any | None:
        manager = jvm.java("ij.plugin.frame.RoiManager")
        there = manager.getRawInstance()
        if there is None and not self._opened:
            self._ours = there = manager()
            standing.place(there, jvm.java("ij.Prefs").getLocation(manager.LOC_KEY) is None)
        self._opened = True
        return there

    def _close(self) -> None:
        """Close the window if it was opened here, and is empty."""
        ours, self._ours = self._ours, None
        there = jvm.java("ij.plugin.frame.RoiManager").getRawInstance()
        if ours is not None and ours == there and not there.getCount():
            there.close()


def _some(items: deque[Any], most: int) -> Iterator[Any]:
    for _ in range(min(most, len(items))):
        yield items.popleft()


@contextmanager
def _quiet(listed: Any) -> Iterator[None]:
    """Keep the list from choosing an entry again, and so a slice, because others move in it."""
    rows = _rows(listed)
    if rows is not None:
        rows.removeListSelectionListener(listed)
    try:
        yield
    finally:
        if rows is not None:
            rows.addListSelectionListener(listed)


def _rows(component: Any) -> Any | None:
    if isinstance(component, jvm.java("javax.swing.JList")):
        return component
    if isinstance(component, jvm.java("java.awt.Container")):
        for inner in component.getComponents():
            found = _rows(inner)
            if found is not None:
                return found
    return None
