"""The requests about what is seen: grouping, sliders to come, which windows, their contrast."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from fiji_bridge.hyperstack import Hyperstack
from fiji_bridge.stacks import Stacks
from streaming_core.errors import InvalidComponents, RequestFailed
from streaming_core.protocol.catalog import fitting
from streaming_core.protocol.components import Value, check_expected, check_value, describe
from streaming_core.stream.adapter import Call


class Viewing:
    """Carries out these requests on the hyperstacks.

    Attributes
    ----------
    table
        Verb -> method.
    """

    def __init__(self, stacks: Stacks) -> None:
        self._stacks = stacks
        self._continuous: dict[Hyperstack, Value | None] = {}
        self.table: Mapping[str, Callable[[Call], None]] = {
            "arrange": self._arrange,
            "expect": self._expect,
            "isolate": self._isolate,
            "contrast": self._contrast,
        }

    def keep_up(self) -> None:
        """Take contrast from what is in view, where somebody asked for that."""
        for stack, channel in list(self._continuous.items()):
            if stack in self._stacks.of.values():
                if stack.is_open:
                    stack.contrast(None, channel)
            else:
                del self._continuous[stack]

    def _arrange(self, call: Call) -> None:
        try:
            self._stacks.arrange(call.arguments.get("modes") or {})
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None
        call.reply({"modes": {name: str(mode) for name, mode in self._stacks.modes().items()}})

    def _expect(self, call: Call) -> None:
        try:
            self._stacks.expect(check_expected(call.arguments.get("components")))
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None
        call.reply({})

    def _isolate(self, call: Call) -> None:
        """Hide the windows of all others, and draw one channel alone where that was asked."""
        found, inside = self._meant(call.arguments, call.arguments.get("kind"))
        for stack in self._stacks.of.values():
            if stack.is_open:
                stack.hide(stack not in found)
        for stack in found:
            stack.isolate(inside.get("channel"))
            if inside:
                self._stacks.scene.follow = False
                stack.navigate(inside)
        call.reply({"windows": [stack.title for stack in found]})

    def _contrast(self, call: Call) -> None:
        limits = call.arguments.get("limits")
        found, inside = self._meant(call.arguments, "image")
        found = [stack for stack in found if not stack.group.key.rgb]
        if not found:
            raise RequestFailed("images in colour have no contrast to set")
        if limits not in ("once", "continuous", "off"):
            limits = _limits(limits)
        channel, ranges = inside.get("channel"), {}
        for stack in found:
            self._continuous.pop(stack, None)
            if limits == "continuous":
                self._continuous[stack] = channel
            if limits != "off":
                given = limits if isinstance(limits, tuple) else None
                for name, pair in stack.contrast(given, channel).items():
                    ranges[" · ".join(filter(None, (stack.title, name)))] = list(pair)
        call.reply({"windows": ranges})

    def _meant(
        self, words: Mapping[str, Any], kind: object
    ) -> tuple[list[Hyperstack], dict[str, Value]]:
        """Return the windows that source, kind and components mean, and the sliders' values."""
        source, components = words.get("source"), words.get("components") or {}
        if not (source is None or isinstance(source, str)):
            raise RequestFailed(f"source={source!r}; give the name of a source")
        if not (kind is None or isinstance(kind, str)):
            raise RequestFailed(f"kind={kind!r}; give the name of a kind, such as 'labels'")
        if not isinstance(components, dict):
            raise RequestFailed(f"components={components!r}; give names and values")
        if not self._stacks.visible:
            raise RequestFailed("this viewer is headless: it has no windows")
        try:
            wanted = {name: check_value(name, value) for name, value in components.items()}
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None
        inside: dict[str, Value] = {}
        found = []
        for group, fixed in fitting(self._stacks.catalog.groups.values(), source, kind, wanted):
            stack = self._stacks.of.get(group.key)
            if stack is not None and stack.is_open:
                found.append(stack)
                inside |= fixed
        if not found:
            titles = [stack.title for stack in self._stacks.of.values() if stack.is_open]
            have = ", ".join(titles[:20]) or "none"
            asked = " · ".join(
                word for word in (source or "", kind or "", describe(wanted)) if word
            )
            raise RequestFailed(f"no open window of {asked or 'ours'}; windows are: {have}")
        return found, inside


def _limits(limits: object) -> tuple[float, float]:
    if isinstance(limits, list | tuple) and len(limits) == 2:
        low, high = limits
        numbers = all(isinstance(one, int | float) and math.isfinite(one) for one in limits)
        if numbers and low < high:
            return float(low), float(high)
    raise RequestFailed(
        f"limits={limits!r}; give (lowest, highest), or 'once', 'continuous' or 'off'"
    )
