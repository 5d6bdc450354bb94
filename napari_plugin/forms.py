"""Small forms of the widget *Planecast streams*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from magicgui import magicgui
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from streaming_core.memory.budget import Budget

MB: Final = 1_000_000
MOST: Final = 1_000_000_000
"""MB that can be typed: a petabyte, so that nobody is in the way."""

WORDS: Final = {"stack": "slider", "split": "layers"}


def budget_form(budget: Callable[[], Budget | None]) -> Any:
    """Return a magicgui form that sets the memory budget, in ``megabytes``.

    Parameters
    ----------
    budget
        The one that is meant now, None while there is none.
    """

    @magicgui(
        call_button="Set",
        layout="horizontal",
        megabytes={"label": "MB", "min": 1, "max": MOST, "step": 100},
    )
    def form(megabytes: int) -> None:
        """Producers wait when the images fill more than this."""
        found = budget()
        if found is not None:
            found.limit = megabytes * MB

    return form


class Modes(QWidget):
    """One box for each component: a slider, or a layer for each of its values.

    Parameters
    ----------
    arrange
        Called with the name and "stack" or "split" when the user chooses.
    """

    def __init__(self, arrange: Callable[[str, str], None]) -> None:
        super().__init__()
        self._arrange = arrange
        self._boxes: dict[str, QComboBox] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)

    def refresh(self, modes: dict[str, str]) -> None:
        """Show what the components of the data are now."""
        for name in [name for name in self._boxes if name not in modes]:
            self._form.removeRow(self._boxes.pop(name))
        for name, mode in modes.items():
            box = self._boxes.get(name)
            if box is None:
                box = self._boxes[name] = self._add(name)
            if box.currentData() != mode and not box.view().isVisible():
                box.setCurrentIndex(box.findData(mode))

    def _add(self, name: str) -> QComboBox:
        box = QComboBox()
        box.setProperty("component", name)
        for mode, word in WORDS.items():
            box.addItem(word, mode)
        box.activated.connect(lambda _: self._arrange(name, str(box.currentData())))
        self._form.addRow(name, box)
        return box
