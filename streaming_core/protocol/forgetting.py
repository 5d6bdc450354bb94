"""What a catalog lets go of while its groups stay: to make room, at a user's word, of old runs."""

from __future__ import annotations

from typing import Any

from streaming_core.protocol.catalog import Catalog, Group
from streaming_core.protocol.components import GroupKey, Value
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
                group.drop(place)
                dropped.append((key, place))
    return dropped


def release(catalog: Catalog[Any], key: GroupKey) -> list[tuple[Value, ...]]:
    """Let go of all planes of a group; return where they were."""
    group = catalog.groups[key]
    places = list(group.planes)
    for place in places:
        group.drop(place)
    return places


def forget_old_runs(catalog: Catalog[Any]) -> list[Group[Any]]:
    """Let go of the planes that a newer run of their source has not shown again.

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
        old = [place for place, one in group.runs.items() if one != newest[group.key.source]]
        for place in old:
            group.drop(place)
        if old:
            changed.append(group)
            group.forget_values()
        if old and not group.planes:
            del catalog.groups[group.key]
    return changed
