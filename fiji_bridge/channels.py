"""Colours and display ranges of a hyperstack's channels: chosen once, then the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fiji_bridge import colours, looks
from fiji_bridge.pixels import Form, Plane
from streaming_core.looks import OPENING, Limits
from streaming_core.protocol.components import Value
from streaming_core.protocol.messages import Image


@dataclass(frozen=True, slots=True)
class Fresh:
    """A plane that has come.

    Attributes
    ----------
    image
        The message that brought it.
    place
        Its component values, in the order of the group's names.
    grew
        Whether a value of them is new to the group.
    """

    image: Image
    place: tuple[Value, ...]
    plane: Plane
    grew: bool


@dataclass(slots=True)
class Opening:
    """The display range of a channel while it is still being found.

    Attributes
    ----------
    limits
        In which all planes so far can be seen, None if they do not say.
    stands
        What ImageJ made of it: another range now is the user's.
    seen
        Planes it was found from.
    """

    limits: Limits | None = None
    stands: Limits = (0.0, 0.0)
    seen: int = 0

    def take(self, fresh: Sequence[Fresh]) -> bool:
        """Widen the limits for new planes; return whether they changed."""
        before = self.limits
        for item in fresh:
            if self.seen >= OPENING:
                break
            found = looks.limits(item.image, item.plane)
            self.limits = looks.join(self.limits, found)
            if found is not None:
                self.seen = OPENING if looks.is_fixed(item.image) else self.seen + 1
        return self.limits != before


@dataclass(frozen=True, slots=True)
class Saved:
    """What a change of the stack resets, for each channel of a composite image.

    Attributes
    ----------
    tables
        ImageJ's lookup tables, which hold the display ranges too.
    active
        Whether the channel is drawn.
    """

    tables: tuple[Any, ...]
    active: tuple[bool, ...]


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
        self, imp: Any, values: Sequence[Value | None], fresh: Mapping[int, Sequence[Fresh]]
    ) -> None:
        """Give the channels that are new their colour and display range.

        Parameters
        ----------
        values
            The values of component ``channel``; a single None where there is none.
        fresh
            Planes that have come, by channel.
        """
        if self._form.rgb:
            return
        for channel, value in enumerate(values):
            if channel in self._openings:
                continue
            mine = fresh.get(channel, ())
            opening = self._openings[channel] = Opening()
            opening.take(mine)
            limits = opening.limits or looks.flat(self._form)
            if self._kind == "labels":
                table = looks.label_lut(limits)
            else:
                wish = mine[0].image.colormap if mine else ""
                colour = self._colours[channel] = self._choose(value, wish)
                table = looks.lut(colour, limits)
            _set_table(imp, channel, table)
            opening.stands = _range(imp, channel)

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
            elif opening.take(items) and opening.limits is not None:
                _set_range(imp, channel, opening.limits)
                opening.stands = _range(imp, channel)
                changed = True
        return changed

    def save(self, imp: Any) -> Saved | None:
        """Take down what a change of the stack resets."""
        if not imp.isComposite():
            return None
        active = tuple(bool(on) for on in imp.getActiveChannels())
        return Saved(tuple(imp.getLuts()), active)

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
        for index, table in zip(moved, saved.tables, strict=True):
            imp.setChannelLut(table, index + 1)
        if imp.getMode() == imp.COMPOSITE:
            switches = imp.getActiveChannels()  # ImageJ's own, of the first eight channels
            kept = dict(zip(moved, saved.active, strict=False))
            for index in range(len(switches)):
                switches[index] = kept.get(index, True)


def _set_table(imp: Any, channel: int, table: Any) -> None:
    if not imp.isComposite():
        imp.getProcessor().setLut(table)  # imp.setLut() drops the stack of a single plane
        return
    imp.setChannelLut(table, channel + 1)
    if channel + 1 == imp.getC():  # which ImageJ leaves out while there is no window
        imp.getProcessor().setLut(table)


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


def by_channel(fresh: Iterable[tuple[int, Fresh]]) -> dict[int, list[Fresh]]:
    """Sort planes by channel."""
    sorted_: dict[int, list[Fresh]] = {}
    for channel, item in fresh:
        sorted_.setdefault(channel, []).append(item)
    return sorted_
