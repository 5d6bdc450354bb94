"""What a catalog lets go of while its groups stay: to make room, at a user's word, of old runs."""

from __future__ import annotations

from typing import Any

from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.components import GroupKey, Value, Values
from streaming_core.protocol.group import Group
from streaming_core.protocol.messages import Image


def make_room(catalog: Catalog[Any], image: Image) -> list[tuple[GroupKey, tuple[Value, ...]]]:
    """Let go of the oldest images that were sent with ``keep``; before a new one is put.

    Returns
    -------
    list of (key, place)
        Where there are holes now. A place that was filled anew is not among them.
    """
    dropped: list[tuple[GroupKey, tuple[Value, ...]]] = []
    for old, kept in catalog.recent.exceeding(image):
        for (key, inside, _), plane in zip(catalog.locate(old), kept, strict=False):
            group = catalog.groups.get(key)
            place = tuple(inside[name] for name in group.names) if group else ()
            if group is not None and plane is not None and group.planes.get(place) is plane:
                _drop(group, place)
                dropped.append((key, place))
    return dropped


def release(catalog: Catalog[Any], key: GroupKey) -> list[tuple[Value, ...]]:
    """Let go of the planes of a group but those that a person painted; return where they were."""
    group = catalog.groups[key]
    places = [place for place in group.planes if place not in group.edited]
    for place in places:
        _drop(group, place)
    return places


def forget_old_runs(catalog: Catalog[Any]) -> list[Group[Any]]:
    """Let go of the planes that a newer run of their source has not shown again.

    What a person painted stays.

    Returns
    -------
    list of Group
        Those that lost planes; one that lost all of them is forgotten.
    """
    newest: dict[str, str] = {}
    for group in catalog.groups.values():
        run = newest.setdefault(group.key.source, group.latest.run)
        if group.ages[group.latest.run] > group.ages[run]:
            newest[group.key.source] = group.latest.run
    changed = []
    for group in list(catalog.groups.values()):
        run = newest[group.key.source]
        old = [at for at, one in group.runs.items() if one != run and at not in group.edited]
        for place in old:
            _drop(group, place)
        if old:
            changed.append(group)
            _forget_values(group)
        if old and not group.planes:
            del catalog.groups[group.key]
    return changed


def _drop(group: Group[Any], place: tuple[Value, ...]) -> None:
    """Let go of the plane at a place; the place stays, as a hole."""
    del group.planes[place], group.runs[place]
    group.origins.pop(place, None)
    group.released += 1


def _forget_values(group: Group[Any]) -> None:
    """Let go of the values that no plane has any more: its axes get shorter."""
    values = {name: Values(name) for name in group.names}
    for at, name in enumerate(group.names):
        used = {place[at] for place in group.planes}
        for value in group.values[name]:
            if value in used:
                values[name].add(value)
    group.values = values
