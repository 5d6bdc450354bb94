"""What requests say, checked: which images, what contrast, how far a program has come. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, TypeGuard, TypeVar

from streaming_core.errors import InvalidComponents, RequestFailed
from streaming_core.protocol.components import Value, check_value, describe
from streaming_core.protocol.group import Group

P = TypeVar("P")

MOST_TOLD: Final = 20
"""Names, values or groups that the text of an error lists."""

MOST_BARS: Final = 32
"""Names under which one program tells its progress at a time."""

LONGEST_NAME: Final = 256
"""Characters of such a name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which images a request means.

    Attributes
    ----------
    source, kind
        Whose images, and of what kind; None for any.
    components
        What they are of.
    """

    source: str | None = None
    kind: str | None = None
    components: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def of(cls, words: Mapping[str, Any], kind: str | None = None) -> Wanted:
        """Return what the arguments of a request mean; ``kind`` where they do not say it.

        Raises
        ------
        RequestFailed
            With what to give instead.
        """
        source, kind_ = words.get("source"), words.get("kind", kind)
        components = words.get("components") or {}
        if not (source is None or isinstance(source, str)):
            raise RequestFailed(f"source={source!r}; give the name of a source")
        if not (kind_ is None or isinstance(kind_, str)):
            raise RequestFailed(f"kind={kind_!r}; give the name of a kind, such as 'labels'")
        if not isinstance(components, Mapping):
            raise RequestFailed(f"components={components!r}; give names and values")
        try:
            checked = {name: check_value(name, value) for name, value in components.items()}
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None
        return cls(source, kind_, checked)

    def __str__(self) -> str:
        """The words as a person says them: "raw · labels · well B03"."""
        return " · ".join(filter(None, (self.source, self.kind, describe(self.components))))

    def among(self, groups: Iterable[Group[P]]) -> list[tuple[Group[P], dict[str, Value]]]:
        """Return the groups that are meant, with the stacked components that this fixes."""
        fits = []
        for group in groups:
            key, there = group.key, _values(group)
            if self.source not in (None, key.source) or self.kind not in (None, key.kind):
                continue
            if all(value in there.get(name, ()) for name, value in self.components.items()):
                named = self.components.items()
                fits.append((group, {name: one for name, one in named if name in group.names}))
        return fits

    def why_none(self, groups: Iterable[Group[P]]) -> str:
        """Say which word fits none of the groups, and what there is; empty if some group fits."""
        left, said = list(groups), list[str]()
        if not left:
            return "nothing is here"
        for word in ("source", "kind"):
            asked, there = getattr(self, word), [getattr(group.key, word) for group in left]
            if asked is None:
                continue
            if asked not in there:
                return _instead(said, f"{word} {asked!r}", there)
            left = [group for group, has in zip(left, there, strict=True) if has == asked]
            said.append(asked)
        for name, value in self.components.items():
            have = [group for group in left if name in _values(group)]
            if not have:
                names = [one for group in left for one in _values(group)]
                return _instead(said, f"component {name!r}", names)
            left = [group for group in have if value in _values(group)[name]]
            if not left:
                values = [one for group in have for one in _values(group)[name]]
                return _instead(said, f"{name} {value!r}", values)
            said.append(describe({name: value}))
        return ""


@dataclass(frozen=True, slots=True)
class Amount:
    """How far a program has come with what it names: so much of a total; None if unknown."""

    name: str
    done: float
    total: float | None

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> Amount:
        """Return what the arguments of ``progress`` mean; RequestFailed where they mean none."""
        name, total = words.get("name"), words.get("total")
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            raise RequestFailed(f"name is a text of 1 to {LONGEST_NAME} characters")
        done = _number("done", words.get("done"))
        return cls(name, done, None if total is None else _number("total", total))

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total:g}"
        return f"{self.name}: {self.done:g}{of}"

    @property
    def finished(self) -> bool:
        """Whether the end is known, and reached."""
        return self.total is not None and self.done >= self.total


def limits_of(words: Mapping[str, Any]) -> str | tuple[float, float]:
    """Return the limits that the arguments of ``contrast`` give: a word, or lowest and highest.

    Raises
    ------
    RequestFailed
        With what to give instead.
    """
    limits = words.get("limits")
    if limits in ("once", "continuous", "off"):
        return str(limits)
    if isinstance(limits, list | tuple) and len(limits) == 2 and all(map(_is_number, limits)):
        low, high = map(float, limits)
        if low < high:
            return low, high
    raise RequestFailed(
        f"limits={limits!r}; give (lowest, highest), or 'once', 'continuous' or 'off'"
    )


def listed(words: Iterable[object]) -> str:
    """List what there is, each once, for a text that people read."""
    first = list(islice(dict.fromkeys(words), MOST_TOLD + 1))
    shown = ", ".join(repr(word) if word != "" else "one without" for word in first[:MOST_TOLD])
    shown = shown or "none"
    return shown + ", …" * (len(first) > MOST_TOLD)


def _instead(said: Sequence[str], missing: str, there: Iterable[object]) -> str:
    context = f"{' · '.join(said)}: " if said else ""
    return f"{context}no {missing}; there is: {listed(there)}"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _number(word: str, value: object) -> float:
    if not _is_number(value) or value < 0:
        raise RequestFailed(f"{word}= is a number from 0 on")
    return value


def _values(group: Group[Any]) -> dict[str, Any]:
    """Component -> the values that a group has of it."""
    return {name: (value,) for name, value in group.key.split} | group.values
