"""Colours and display ranges of a hyperstack's channels: chosen once, then the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fiji_bridge import blend, colours, looks
from fiji_bridge.appearance import Look
from fiji_bridge.czt import Grid
from fiji_bridge.opening import Fresh, Opening
from fiji_bridge.pixels import Form, Plane
from streaming_core.looks import OPENING, Limits
from streaming_core.protocol.components import Value
from streaming_core.protocol.group import Group


@dataclass(frozen=True, slots=True)
class Saved:
    """What a change of the stack resets, for each channel of a composite image.

    Attributes
    ----------
    tables
        ImageJ's lookup tables, which hold the display ranges too.
    active
        Whether the channel is drawn.
    mode
        ImageJ's display mode.
    """

    tables: tuple[Any, ...]
    active: tuple[bool, ...]
    mode: int


class Channels:
    """What the channels of one image look like. Event thread only.

    Parameters
    ----------
    form, kind
        Of the pixels: how they are held, and "image" or "labels".
    """

    def __init__(self, form: Form, kind: str) -> None:
        self._form = form
        self._kind = kind
        self._colours: dict[int, colours.Rgb] = {}
        self._openings: dict[int, Opening] = {}

    def dress(
        self, imp: Any, values: Sequence[Value | None], fresh: Mapping[int, Sequence[Fresh]],
        look: Look | None = None,
    ) -> None:  # fmt: skip
        """Give the channels that are new their colour and display range.

        Parameters
        ----------
        values
            The values of component ``channel``; a single None where there is none.
        fresh
            Planes that have come, by channel.
        look
            How they looked before, where they had a window already.
        """
        if self._form.rgb:
            return
        for channel, value in enumerate(values):
            if channel in self._openings:
                continue
            table, mine = self._known(channel, value, look), fresh.get(channel, ())
            opening = self._openings.setdefault(channel, Opening())
            if table is None:
                opening.take(mine)  # of a channel that is only expected there is nothing yet
                table = self._new(channel, value, opening, mine[0].image.colormap if mine else "")
                opening.stands = _set_table(imp, channel, table)
            else:
                _set_table(imp, channel, table)

    def _known(self, channel: int, value: Value | None, look: Look | None) -> Any | None:
        """Return the table that a channel had before, and go on finding its range."""
        if look is None or value not in look.tables:
            return None
        table, opening = look.tables[value], look.openings.get(value)
        if opening is None or (table.min, table.max) != opening.stands:
            opening = Opening(seen=OPENING)  # it is the user's
        self._openings[channel] = opening
        self._colours[channel] = looks.colour_of(table)
        return table

    def _new(self, channel: int, value: Value | None, opening: Opening, wish: str) -> Any:
        limits = opening.limits or looks.flat(self._form)
        if self._kind == "labels":
            return looks.label_lut(limits)
        colour = self._colours[channel] = self._choose(value, wish)
        return looks.lut(colour, limits)

    def _choose(self, value: Value | None, wish: str) -> colours.Rgb:
        named = colours.colormap(wish) if wish else None
        if named is not None or value is None:
            return named or colours.GRAY
        return colours.of_channel(value, self._colours.values())

    def widen(self, imp: Any, fresh: Mapping[int, Sequence[Fresh]]) -> bool:
        """Widen display ranges for the first planes of channels; return whether one changed."""
        changed = False
        for channel, items in fresh.items():
            opening = self._openings.get(channel)
            if opening is None or opening.seen >= OPENING:
                continue
            if _range(imp, channel) != opening.stands:
                opening.seen = OPENING  # the user has set it
                continue
            first = opening.limits is None
            if opening.take(items) and opening.limits is not None:
                wish = colours.colormap(items[0].image.colormap) if first else None
                if wish is not None and self._kind != "labels":  # it was expected only
                    self._colours[channel] = wish
                    _set_table(imp, channel, looks.lut(wish, opening.limits))
                _set_range(imp, channel, opening.limits)
                opening.stands = _range(imp, channel)
                changed = True
        return changed

    def save(self, imp: Any) -> Saved | None:
        """Take down what a change of the stack resets."""
        if not imp.isComposite():
            return None
        active = tuple(bool(on) for on in imp.getActiveChannels())
        return Saved(tuple(imp.getLuts()), active, int(imp.getMode()))

    def restore(self, imp: Any, saved: Saved | None, moved: Sequence[int]) -> None:
        """Put it back, each channel where it is now.

        Parameters
        ----------
        moved
            For each channel that was saved its index now.
        """
        self._colours = {moved[channel]: colour for channel, colour in self._colours.items()}
        self._openings = {moved[channel]: item for channel, item in self._openings.items()}
        if saved is None:
            return
        if saved.mode == imp.COMPOSITE and imp.getMode() != imp.COMPOSITE:
            blend.compose(imp)
        for index, table in zip(moved, saved.tables, strict=True):
            imp.setChannelLut(table, index + 1)
        if imp.getMode() == imp.COMPOSITE:
            blend.make_room(imp, imp.getNChannels())
            switches = imp.getActiveChannels()  # ImageJ's own array
            kept = dict(zip(moved, saved.active, strict=False))
            for index in range(len(switches)):
                switches[index] = kept.get(index, True)

    def describe(self, imp: Any, values: Sequence[Value | None]) -> Look:
        """Take down how the channels look, by their values."""
        if self._form.rgb:
            return Look()
        composite = bool(imp.isComposite())
        tables = list(imp.getLuts()) if composite else [imp.getProcessor().getLut()]
        active = imp.getActiveChannels() if composite else ()
        return Look(
            tables=dict(zip(values, tables, strict=False)),
            active={value: bool(on) for value, on in zip(values, active, strict=False)},
            openings={
                value: self._openings[channel]
                for channel, value in enumerate(values)
                if channel in self._openings
            },
            mode=int(imp.getMode()) if composite else 0,
        )

    def show(self, imp: Any, values: Sequence[Value | None], look: Look) -> None:
        """Draw the channels in the mode that they had, and those that were drawn."""
        if not imp.isComposite():
            return
        if look.mode and look.mode != imp.COMPOSITE:
            imp.setMode(look.mode)
        if imp.getMode() == imp.COMPOSITE:
            self.switch(imp, [look.active.get(value, True) for value in values])

    @staticmethod
    def switch(imp: Any, drawn: Sequence[bool]) -> None:
        """Draw these channels of a composite, and not the others."""
        blend.make_room(imp, len(drawn))
        switches = imp.getActiveChannels()
        for channel in range(min(len(drawn), len(switches))):
            switches[channel] = drawn[channel]

    def set_range(self, imp: Any, channel: int, limits: Limits) -> None:
        """Set a display range in ImageJ's pixels; it is the user's from now on."""
        self._openings.setdefault(channel, Opening()).seen = OPENING
        _set_range(imp, channel, limits)

    @staticmethod
    def range(imp: Any, channel: int) -> Limits:
        """Return a display range in ImageJ's pixels."""
        return _range(imp, channel)


def _set_table(imp: Any, channel: int, table: Any) -> Limits:
    """Set a lookup table with its range; return the range that ImageJ made of it."""
    if not imp.isComposite():
        imp.getProcessor().setLut(table)  # imp.setLut() drops the stack of a single plane
        return _range(imp, channel)
    imp.setChannelLut(table, channel + 1)
    if channel + 1 == imp.getC():  # which ImageJ leaves out while there is no window
        imp.getProcessor().setLut(table)
    return _range(imp, channel)


def _range(imp: Any, channel: int) -> Limits:
    if imp.isComposite():
        table = imp.getChannelLut(channel + 1)
        return float(table.min), float(table.max)
    processor = imp.getProcessor()
    return float(processor.getMin()), float(processor.getMax())


def _set_range(imp: Any, channel: int, limits: Limits) -> None:
    if imp.isComposite():
        table = imp.getChannelLut(channel + 1).clone()
        table.min, table.max = limits
        _set_table(imp, channel, table)
    else:
        imp.getProcessor().setMinAndMax(*limits)


def by_channel(grid: Grid, fresh: Iterable[Fresh]) -> dict[int, list[Fresh]]:
    """Sort planes by channel."""
    found: dict[int, list[Fresh]] = {}
    for item in fresh:
        found.setdefault(grid.position(item.place).c, []).append(item)
    return found


def known(grid: Grid, fresh: Iterable[Fresh], group: Group[Plane]) -> dict[int, list[Fresh]]:
    """Return planes by channel: those that have come, and of other channels the first."""
    others: dict[int, list[Fresh]] = {}
    for place, plane in group.planes.items():
        mine = others.setdefault(grid.position(place).c, [])
        if len(mine) < OPENING:
            mine.append(Fresh(group.latest, place, plane, grew=False))
    return others | by_channel(grid, fresh)
