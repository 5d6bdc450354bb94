"""Other groups of the same planes: a component changes between an axis and groups. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from streaming_core.errors import InvalidComponents
from streaming_core.protocol.components import (
    MOST_COMPONENTS,
    GroupKey,
    Mode,
    Values,
    check_name,
    group_of,
    stack_order,
)
from streaming_core.protocol.group import Group

P = TypeVar("P")

MOST_GROUPS: Final = 256
"""Groups that regrouping makes at most: each is a layer or a window, which a person can use."""


@dataclass(frozen=True, slots=True)
class Regrouped(Generic[P]):
    """What came of regrouping.

    Attributes
    ----------
    groups
        All groups, those that stayed as they are included.
    parents
        For each new group the groups that its planes come from.
    """

    groups: dict[GroupKey, Group[P]]
    parents: dict[GroupKey, list[Group[P]]]


def check_modes(modes: object) -> dict[str, Mode]:
    """Return component -> mode as plain values.

    Raises
    ------
    InvalidComponents
        Naming the component and what to write instead.
    """
    if not isinstance(modes, Mapping) or not modes:
        raise InvalidComponents("say which components, each with 'stack' or 'split'")
    if len(modes) > MOST_COMPONENTS:
        raise InvalidComponents(f"{len(modes)} components; at most {MOST_COMPONENTS}")
    checked: dict[str, Mode] = {}
    for name, mode in modes.items():
        check_name(name)
        if mode not in (Mode.STACK, Mode.SPLIT):
            raise InvalidComponents(f"{name}={mode!r}: use 'stack' or 'split'")
        checked[name] = Mode(mode)
    return checked


def split_after(split: frozenset[str], modes: Mapping[str, Mode]) -> frozenset[str]:
    """Return which components split, after some have got other modes."""
    added = {name for name, mode in modes.items() if mode is Mode.SPLIT}
    return (split - modes.keys()) | added


def regroup(groups: Iterable[Group[P]], split: frozenset[str]) -> Regrouped[P]:
    """Sort planes into the groups that they have when these components split.

    No two planes come to the same place, since group and place together say as much as
    before. What is kept of a plane is handed on, never looked at.

    Parameters
    ----------
    groups
        They stay as they are: who still reads them sees no half of it.

    Raises
    ------
    InvalidComponents
        When it would make more than `MOST_GROUPS` groups.
    """
    made: Regrouped[P] = Regrouped({}, {})
    for group in groups:
        if not split & set(group.names) and all(name in split for name, _ in group.key.split):
            made.groups[group.key] = group
            continue
        for place in list(group.planes):
            _move(made, group, place, split)
        if len(made.parents) > MOST_GROUPS:
            names = ", ".join(sorted(split & set(group.names)))
            raise InvalidComponents(
                f"{names} would make more than {MOST_GROUPS} layers or windows; keep it on a slider"
            )
    return made


def _move(
    made: Regrouped[P], group: Group[P], place: tuple[Any, ...], split: frozenset[str]
) -> None:
    pairs = sorted([*group.key.split, *zip(group.names, place, strict=True)])
    old = group.key
    key, inside = group_of(
        tuple(pairs), source=old.source, kind=old.kind, dtype=old.dtype, plane=old.plane,
        split=split,
    )  # fmt: skip
    target = made.groups.get(key)
    if target is None:
        order = [name for name in group.latest.components if name not in split]
        names = tuple(stack_order(order))
        target = Group(key, group.latest, names, {name: Values(name) for name in names}, group.ages)
        made.groups[key] = target
    parents = made.parents.setdefault(key, [])
    if not parents or parents[-1] is not group:
        parents.append(group)
        if group.ages[group.latest.run] > group.ages[target.latest.run]:
            target.latest = group.latest
    values = dict(inside)
    target.take(group, place, tuple(values[name] for name in target.names))
