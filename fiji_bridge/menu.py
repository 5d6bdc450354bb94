"""The menu *Planecast* in ImageJ's menu bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from fiji_bridge import jvm
from fiji_bridge.edt import on_edt
from streaming_core.protocol.components import GroupKey

NAME: Final = "Planecast"


@dataclass(frozen=True, slots=True)
class Sight:
    """What the menu shows.

    Attributes
    ----------
    follow, paused
        Whether these are ticked.
    sources
        Whose images can be cleared.
    closed
        Windows that can be brought back: group and title.
    """

    follow: bool
    paused: bool
    sources: tuple[str, ...]
    closed: tuple[tuple[GroupKey, str], ...]


class Choices(Protocol):
    """What a person can choose. Each is called on the event thread, and must not wait."""

    def follow(self, on: bool) -> None:
        """Let sliders go to the newest image."""
        ...

    def pause(self, on: bool) -> None:
        """Take no more images for now."""
        ...

    def clear(self, source: str | None) -> None:
        """Close the windows of a source, or all, and free their memory."""
        ...

    def clear_old_runs(self) -> None:
        """Let go of what only earlier runs have shown."""
        ...

    def restore(self, key: GroupKey) -> None:
        """Bring a window back."""
        ...

    def compose(self) -> None:
        """Draw all channels of the current image together."""
        ...

    def screenshot(self) -> None:
        """Take a picture of ImageJ's windows."""
        ...

    def producers(self) -> None:
        """Show which programs send."""
        ...

    def about(self) -> None:
        """Say what this is."""
        ...


class Menu:
    """Java's menu, kept up to date by `refresh`; ImageJ drops it when it makes its menus anew.

    Parameters
    ----------
    choices
        What its items do.
    """

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._sight: Sight | None = None
        self._menu: Any = None
        self._ticks: dict[str, Any] = {}
        self._parts: dict[str, Any] = {}

    def refresh(self, sight: Sight) -> None:
        """Put the menu where it has to be, and show in it what there is now."""
        on_edt(None, lambda: self._refresh(sight))

    def _refresh(self, sight: Sight) -> None:
        bar = jvm.java("ij.Menus").getMenuBar()
        if bar is None:
            return
        if self._menu is None:
            self._make()
        if self._menu.getParent() != bar:
            bar.add(self._menu)
        for name, on in (("follow", sight.follow), ("pause", sight.paused)):
            if self._ticks[name].getState() != on:  # a person may have changed it meanwhile
                self._ticks[name].setState(on)
        if sight == self._sight:
            return
        self._sight = sight
        clear, closed = self._parts["clear"], self._parts["closed"]
        clear.removeAll()
        self._add(clear, "All Streamed Images", partial(self._choices.clear, None))
        self._add(clear, "Old Runs", self._choices.clear_old_runs)
        if sight.sources:
            clear.addSeparator()
        for source in sight.sources:
            self._add(clear, source or "(no source)", partial(self._choices.clear, source))
        clear.setEnabled(bool(sight.sources))
        closed.removeAll()
        for key, title in sight.closed:
            self._add(closed, title, partial(self._choices.restore, key))
        closed.setEnabled(bool(sight.closed))

    def _make(self) -> None:
        menu = self._menu = jvm.java("java.awt.Menu")(NAME)
        choices = self._choices
        self._ticks["follow"] = self._tick("Follow Newest Image", choices.follow)
        self._ticks["pause"] = self._tick("Pause", choices.pause)
        menu.addSeparator()
        self._parts["clear"] = self._submenu("Clear")
        self._parts["closed"] = self._submenu("Bring Back Closed Window")
        menu.addSeparator()
        self._add(menu, "Compose All Channels", choices.compose)
        self._add(menu, "Screenshot", choices.screenshot)
        self._add(menu, "Producers", choices.producers)
        menu.addSeparator()
        self._add(menu, "About Planecast", choices.about)

    def _submenu(self, name: str) -> Any:
        part = jvm.java("java.awt.Menu")(name)
        self._menu.add(part)
        return part

    def _tick(self, name: str, do: Callable[[bool], None]) -> Any:
        item = jvm.java("java.awt.CheckboxMenuItem")(name)
        changed = jvm.implement(
            "java.awt.event.ItemListener",
            itemStateChanged=lambda event: do(bool(item.getState())),
        )
        item.addItemListener(changed)
        self._menu.add(item)
        return item

    def _add(self, menu: Any, name: str, do: Callable[[], None]) -> None:
        item = jvm.java("java.awt.MenuItem")(name)
        chosen = jvm.implement("java.awt.event.ActionListener", actionPerformed=lambda event: do())
        item.addActionListener(chosen)
        menu.add(item)


def sources(keys: Iterable[GroupKey]) -> tuple[str, ...]:
    """Return the sources of groups, each once."""
    return tuple(dict.fromkeys(key.source for key in keys))
