"""The requests that every viewer kind with layers or windows answers alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from streaming_core.errors import InvalidComponents, RequestFailed
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.components import Mode, Value, check_expected
from streaming_core.protocol.group import Group
from streaming_core.protocol.regroup import check_modes
from streaming_core.protocol.words import Wanted, listed
from streaming_core.stream.adapter import Call
from streaming_core.stream.alike import alike


class Holding(Protocol):
    """What a viewer holds, as far as these requests look at it."""

    @property
    def catalog(self) -> Catalog[Any]:
        """The planes."""

    def groups(self) -> list[Group[Any]]:
        """Return all that components of which can be arranged."""

    def modes(self) -> dict[str, Mode]:
        """Return what each component does."""

    def arrange(self, modes: Mapping[str, Mode], done: Callable[[], None]) -> None:
        """Let components be axes or groups, then call ``done``.

        InvalidComponents, and no change, if they cannot.
        """

    def expect(self, components: Mapping[str, Sequence[Value]]) -> None:
        """Note values that are to come; InvalidComponents if there are too many."""

    def clear(self, source: str | None) -> int:
        """Forget what a source, or all, has shown; return how many groups went."""


class Verbs:
    """Carries out ``arrange``, ``expect`` and ``clear``, and tells of them.

    Attributes
    ----------
    table
        Verb -> method.
    """

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self.table: Mapping[str, Callable[[Call], None]] = {
            "arrange": self._arrange,
            "expect": self._expect,
            "clear": self._clear,
        }

    def state(self) -> dict[str, Any]:
        """Return their part of ``state()``."""
        seen, expected = self._seen(), self._holding.catalog.expected
        return {
            "modes": self._modes(),
            "unseen": [name for name in self._modes() if name not in seen],
            "expected": {name: list(values) for name, values in expected.items()},
        }

    def _arrange(self, call: Call) -> None:
        seen = self._seen()
        try:
            modes = check_modes(call.arguments.get("modes"))
            unseen = [name for name in modes if name not in seen]
            for name in unseen:
                _check_alike(name, seen)
            self._holding.arrange(modes, lambda: self._arranged(call, unseen, seen))
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None

    def _arranged(self, call: Call, unseen: Sequence[str], seen: Mapping[str, None]) -> None:
        answer: dict[str, Any] = {"modes": self._modes()}
        if unseen and seen:
            answer["note"] = (
                f"arrange: no image has a component {listed(unseen)} yet, it holds for those to "
                f"come; there is: {listed(seen)}"
            )
        call.reply(answer)

    def _expect(self, call: Call) -> None:
        try:
            self._holding.expect(check_expected(call.arguments.get("components")))
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None
        call.reply({})

    def _clear(self, call: Call) -> None:
        source = Wanted.of({"source": call.arguments.get("source")}).source
        there = [group.key.source for group in self._holding.groups()]
        answer: dict[str, Any] = {"removed": self._holding.clear(source)}
        if not answer["removed"] and there:
            answer["note"] = f"clear: no source {source!r}; there is: {listed(there)}"
        call.reply(answer)

    def _modes(self) -> dict[str, str]:
        return {name: str(mode) for name, mode in self._holding.modes().items()}

    def _seen(self) -> dict[str, None]:
        """Return the components of what has come or is expected, in their order."""
        holding = self._holding
        stacked = [name for name, mode in holding.modes().items() if mode is Mode.STACK]
        apart = sorted({name for group in holding.groups() for name, _ in group.key.split})
        return dict.fromkeys([*stacked, *apart, *holding.catalog.expected])


def destination(call: Call) -> Wanted:
    """Return where ``navigate`` is to go; RequestFailed where it does not say so."""
    wanted = Wanted.of({"components": call.arguments.get("components")})
    if not wanted.components:
        raise RequestFailed("navigate needs components, for example well='B03', z=4")
    return wanted


def _check_alike(name: str, seen: Mapping[str, None]) -> None:
    other = alike(name, seen)
    if other:
        raise InvalidComponents(
            f"no image has a component {name!r}; there is: {listed(seen)}. Did you mean "
            f"{other!r}? If it is still to come, announce it first: expect({{{name!r}: 10}})"
        )
