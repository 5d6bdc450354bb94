"""The page *Layers* of the widget *Planecast streams*: what came, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_plugin.adapter import NapariAdapter
from napari_plugin.tables import Groups
from napari_plugin.viewing import auto_contrast
from streaming_core.protocol.components import GroupKey


class LayersPage(QWidget):
    """The table of layers, and buttons for those that are chosen in it.

    Parameters
    ----------
    adapter
        Returns the one of this window, if it receives.
    """

    def __init__(self, adapter: Callable[[], NapariAdapter | None]) -> None:
        super().__init__()
        self._adapter = adapter
        self._groups = Groups()
        self._groups.itemSelectionChanged.connect(self._on_selected)
        self._clear = button("Clear all", "Remove layers and free their memory", self._on_clear)
        self._old = button(
            "Clear old runs", "Remove what only earlier runs of a source have shown", self._on_old
        )
        self._release = button(
            "Release memory", "Let go of the pixels of the chosen layers", self._on_release
        )
        self._restore = button(
            "Bring back", "Show the chosen layers again that you have deleted", self._on_restore
        )
        self._once = button(
            "Once", "Find the contrast of the chosen layers, or of all, in what is in view",
            self._on_once,
        )  # fmt: skip
        self._always = button(
            "Continuous", "The same whenever the view changes; once more ends it", self._on_always
        )
        self._always.setCheckable(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._groups, stretch=1)
        column.addLayout(row(QLabel("Auto contrast"), self._once, self._always))
        column.addLayout(row(self._release, self._restore))
        column.addLayout(row(self._clear, self._old))

    def refresh(self, adapter: NapariAdapter) -> None:
        """Show what the layers hold now."""
        self._groups.refresh(adapter.layers)
        self._on_selected()

    def _source(self) -> str | None:
        """Source of the selected row; None when no row is selected."""
        return next((key.source for key in self._groups.chosen()), None)

    def _meant(self) -> list[Image]:
        """Return the chosen layers that have a contrast, or all of them where none is chosen."""
        adapter = self._adapter()
        if adapter is None:
            return []
        keys = self._groups.chosen() or [group.key for group in adapter.layers.groups()]
        layers = (adapter.layers.layer_of(key) for key in keys)
        return [one for one in layers if isinstance(one, Image) and not one.rgb]

    def _on_selected(self) -> None:
        adapter = self._adapter()
        if adapter is None:
            return
        layers = adapter.layers
        chosen, source, any_there = self._groups.chosen(), self._source(), bool(layers.groups())
        self._clear.setText("Clear all" if source is None else f"Clear {source!r}")
        self._clear.setEnabled(any_there)
        self._old.setEnabled(any_there)
        self._release.setEnabled(any(key in layers.catalog.groups for key in chosen))
        self._restore.setEnabled(any(layers.layer_name(key) is None for key in chosen))
        images = self._meant()
        self._once.setEnabled(bool(images))
        self._always.setEnabled(bool(images))
        self._always.setChecked(bool(images) and all(one.auto_contrast for one in images))

    def _each_chosen(self, do: Callable[[NapariAdapter, list[GroupKey]], Any]) -> None:
        adapter = self._adapter()
        if adapter is not None:
            do(adapter, self._groups.chosen())
            self.refresh(adapter)

    def _on_clear(self) -> None:
        source = self._source()
        self._each_chosen(lambda adapter, _: adapter.clear(source))

    def _on_old(self) -> None:
        self._each_chosen(lambda adapter, _: adapter.forget_old_runs())

    def _on_release(self) -> None:
        self._each_chosen(lambda adapter, keys: adapter.release(keys))

    def _on_restore(self) -> None:
        self._each_chosen(lambda adapter, keys: adapter.restore(keys))

    def _on_once(self) -> None:
        for layer in self._meant():
            auto_contrast(layer, "once")
        self._on_selected()

    def _on_always(self, checked: bool) -> None:
        for layer in self._meant():
            auto_contrast(layer, "continuous" if checked else "off")


def button(text: str, tip: str, do: Any) -> QPushButton:
    """Return a button with a tip."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.clicked.connect(do)
    return made


def row(*parts: QWidget) -> QHBoxLayout:
    """Put parts side by side."""
    made = QHBoxLayout()
    made.setSpacing(4)
    for part in parts:
        made.addWidget(part)
    return made
