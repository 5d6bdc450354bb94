"""Layers of regrouped planes: they look as before, or like those that their planes came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from time import monotonic
from typing import Final

from napari.components import LayerList, ViewerModel
from napari.layers import Layer

from napari_plugin.entry import LASTING, Entry, Look
from napari_plugin.looks import Contrast
from napari_plugin.making import Maker, stack_of
from napari_plugin.plan import Axes
from napari_plugin.planes import Plane
from napari_plugin.view import view_kept
from streaming_core.looks import joined
from streaming_core.protocol.components import GroupKey, Value
from streaming_core.protocol.regroup import Regrouped

ALIKE: Final = ("colormap", "blending")
"""What layers of several channels do not hand on to what they become: it was one channel's."""

FEW: Final = 16
"""Layers up to which each new one is drawn at once."""

AT_ONCE: Final = 0.25
"""Seconds for which layers are made without being drawn, where there are many."""


class Arranger:
    """Gives layers to the groups that regrouping makes.

    Parameters
    ----------
    viewer, maker
        Whose layers these are, and what makes them.

    Attributes
    ----------
    known
        How the layers of groups looked when they went.
    gone
        Groups whose layers the user deleted: they stay so in every arrangement.
    due
        Groups that are to get a layer, and how it is to look.
    """

    def __init__(self, viewer: ViewerModel, maker: Maker) -> None:
        self._viewer = viewer
        self._maker = maker
        self._arranged: set[GroupKey] = set()
        self._waiting: list[Callable[[], None]] = []
        self.known: dict[GroupKey, Look] = {}
        self.gone: set[GroupKey] = set()
        self.due: dict[GroupKey, Look] = {}

    def hand_on(
        self, entries: dict[GroupKey, Entry], made: Regrouped[Plane], axes: Axes
    ) -> tuple[list[Entry], list[Layer]]:
        """Give the layers of groups that are no more to new ones, as far as they go.

        Parameters
        ----------
        entries
            Of all groups; the old ones are taken out, the new ones put in.

        Returns
        -------
        handed, left
            Entries whose layers have to be told of their new data, and layers that nobody needs.
        """
        old = {key: entry for key, entry in entries.items() if key not in made.groups}
        for key, entry in old.items():
            del entries[key]
            self.note(entry)
        free = {key: one.layer for key, one in old.items() if one.live and one.layer is not None}
        handed = []
        for key, parents in made.parents.items():
            group = made.groups[key]
            mine = [old[one.key] for one in parents if one.key in old]
            look = self._look(key, mine)
            heir = next((one.group.key for one in mine if one.group.key in free), None)
            if look is None:
                entries[key] = Entry(group, stack_of(group, axes), None)
            elif heir is None:
                self.due[key] = look
            else:
                entries[key] = self._maker.hand_on(free.pop(heir), group, axes, look)
                handed.append(entries[key])
        self._arranged = set(made.parents)
        self.due = {key: look for key, look in self.due.items() if key in made.groups}
        return handed, list(free.values())

    def go_on(
        self, entries: Mapping[GroupKey, Entry], done: Callable[[], None] | None = None
    ) -> bool:  # fmt: skip
        """Return whether a layer is due; if none is, end the arrangement.

        Parameters
        ----------
        entries
            Of all groups.
        done
            Called at that end, or when the viewer closes.
        """
        if done is not None:
            self._waiting.append(done)
        if self.due:
            return True
        self._put_in_order(entries)
        self.close()
        return False

    def make_some(self, make: Callable[[GroupKey, Look], None]) -> None:
        """Have layers made that are due: one, which takes 50 ms, or some where there are many.

        After each layer napari goes through all of them, 0.4 s for 100, but once for a batch.
        """
        many = len(self._viewer.layers) > FEW
        end = monotonic() + (AT_ONCE if many else 0.0)
        with self._viewer.layers.batched_update() if many else nullcontext():
            while self.due:
                key = next(iter(self.due))
                make(key, self.due.pop(key))
                if monotonic() >= end:
                    break

    def close(self) -> None:
        """Keep nobody waiting."""
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done()

    def _put_in_order(self, entries: Mapping[GroupKey, Entry]) -> None:
        """Bring layers that were there before into the order that they had."""
        ranks: dict[Layer, int] = {}
        for key in self._arranged:
            entry, look = entries.get(key), self.known.get(key)
            if entry is not None and entry.layer is not None and look and look.rank is not None:
                ranks[entry.layer] = look.rank
        self._arranged.clear()
        layers = self._viewer.layers
        with layers.selection.events.blocker_all(), view_kept(self._viewer):
            for here, place in moves_to(layers, ranks):
                layers.move(here, place)

    def looked_at(self, live: Iterable[Entry]) -> dict[str, Value]:
        """Return the split values of the layer that the user looks at."""
        at = {entry.layer: entry.group.key.split for entry in live}
        shown = [layer for layer in self._viewer.layers if layer in at and layer.visible]
        active = self._viewer.layers.selection.active
        chosen = active if active in shown else next(reversed(shown), None)
        return dict(at.get(chosen, ()))

    def note(self, entry: Entry) -> None:
        """Remember how a group's layer looks, or that there is none any more."""
        key = entry.group.key
        if entry.layer is None:
            self.gone.add(key)
        else:
            self.gone.discard(key)
            self.known[key] = look_of(entry, entry.layer, self._viewer.layers)

    def _look(self, key: GroupKey, parents: Sequence[Entry]) -> Look | None:
        """Return the look of a new group; None where its layer was deleted by the user."""
        layers = self._viewer.layers
        there = [
            (entry.group.key, look_of(entry, entry.layer, layers))
            for entry in parents if entry.layer is not None
        ]  # fmt: skip
        coming = [(one, self.due[one]) for one in self.due if overlap(one, key)]
        if not (there or coming) or key in self.gone:
            return None
        if key in self.known:
            return self.known[key]
        return inherited(key, [*there, *coming])

    def ask_back(self, key: GroupKey) -> Look:
        """Forget that a group's layer was deleted, in whatever arrangement; return its look."""
        self.gone = {other for other in self.gone if not overlap(other, key)}
        return self.known.get(key, Look())

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
