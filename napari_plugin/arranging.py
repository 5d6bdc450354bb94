"""How layers look after regrouping: as before, or like those that their planes came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from napari.components import LayerList
from napari.layers import Layer

from napari_plugin.looks import Contrast
from napari_plugin.making import LASTING, Entry, Look
from streaming_core.looks import joined
from streaming_core.protocol.components import GroupKey

ALIKE: Final = ("colormap", "blending")
"""What layers of several channels do not hand on to what they become: it was one channel's."""


@dataclass(slots=True)
class Looks:
    """What is remembered of layers that regrouping took away, by their groups.

    Attributes
    ----------
    known
        How layers looked when they went.
    gone
        Groups whose layers the user deleted: they stay so in every arrangement.
    """

    known: dict[GroupKey, Look] = field(default_factory=dict)
    gone: set[GroupKey] = field(default_factory=set)

    def note(self, entry: Entry, layers: LayerList) -> None:
        """Remember how a group's layer looks, or that there is none any more."""
        key = entry.group.key
        if entry.layer is None:
            self.gone.add(key)
        else:
            self.gone.discard(key)
            self.known[key] = look_of(entry, entry.layer, layers)

    def look(self, key: GroupKey, parents: Sequence[Entry], layers: LayerList) -> Look | None:
        """Return the look of a new group; None where its layer was deleted by the user."""
        there = [
            (entry.group.key, look_of(entry, entry.layer, layers))
            for entry in parents if entry.layer is not None
        ]  # fmt: skip
        if not there or key in self.gone:
            return None
        if key in self.known:
            return self.known[key]
        return inherited(key, there)

    def ask_back(self, key: GroupKey) -> Look:
        """Forget that a group's layer was deleted, in whatever arrangement; return its look."""
        self.gone = {other for other in self.gone if not overlap(other, key)}
        return self.known.get(key, Look())

    def rank(self, key: GroupKey) -> int | None:
        """Return where a group's layer stood in the list when it went."""
        look = self.known.get(key)
        return None if look is None else look.rank

    def forget(self, source: str | None) -> None:
        """Forget the groups of a source, or all."""
        if source is None:
            self.known, self.gone = {}, set()
        self.known = {key: look for key, look in self.known.items() if key.source != source}
        self.gone = {key for key in self.gone if key.source != source}


def look_of(entry: Entry, layer: Layer, layers: LayerList) -> Look:
    """Return how an entry's layer looks now."""
    return Look(
        name=str(layer.name),
        rank=layers.index(layer) if layer in layers else None,
        values={name: getattr(layer, name) for name in LASTING if hasattr(layer, name)},
        blank=entry.stack.blank,
        white=entry.stack.white,
        opening=entry.opening,
        seen=entry.seen,
    )


def inherited(key: GroupKey, looks: Sequence[tuple[GroupKey, Look]]) -> Look:
    """Return the look of a group from the looks of those that its planes came from."""
    first = looks[0][1]
    values = dict(first.values)
    others = [look for _, look in looks[1:]]
    if others and "contrast_limits" in values:
        for name in ("contrast_limits", "contrast_limits_range"):
            for look in others:
                values[name] = joined(values[name], look.values[name])
    values["visible"] = any(look.values["visible"] for _, look in looks)
    channel = dict(key.split).get("channel")
    if any(dict(parent.split).get("channel") != channel for parent, _ in looks):
        for name in ALIKE:
            values.pop(name, None)
        if channel is not None:  # each channel has a brightness of its own
            values.pop("contrast_limits", None)
            values.pop("contrast_limits_range", None)
    openings = [look.opening for _, look in looks]
    whites = [look.white for _, look in looks if look.white is not None]
    return Look(
        values=values,
        blank=min(look.blank for _, look in looks),
        white=max(whites) if whites else None,
        opening=_joined(openings),
        seen=min(look.seen for _, look in looks),
    )


def overlap(one: GroupKey, other: GroupKey) -> bool:
    """Whether two groups, of two arrangements, may hold the same planes."""
    same = (one.source, one.kind, one.dtype, one.plane) == (
        other.source, other.kind, other.dtype, other.plane,
    )  # fmt: skip
    mine, theirs = dict(one.split), dict(other.split)
    names = {*one.stacked, *mine} == {*other.stacked, *theirs}
    return same and names and all(theirs.get(name, mine[name]) == mine[name] for name in mine)


def moves_to(layers: LayerList, ranks: Mapping[Layer, int]) -> Iterator[tuple[int, int]]:
    """Yield the moves (from, to) that bring layers into an order; make each as it comes.

    Layers without a rank stay where they are.
    """
    known = [layer for layer in layers if layer in ranks]
    places = [layers.index(layer) for layer in known]
    for place, layer in zip(places, sorted(known, key=lambda one: ranks[one]), strict=True):
        here = layers.index(layer)
        if here != place:
            yield here, place


def _joined(openings: Iterable[Contrast | None]) -> Contrast | None:
    """Return the contrast that several layers have found so far; None if one has ended."""
    whole: Contrast | None = None
    for opening in openings:
        if opening is None:
            return None
        whole = opening if whole is None else whole.joined(opening)
    return whole
