"""The requests about what is seen: which windows, and their contrast."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fiji_bridge.hyperstack import Hyperstack
from fiji_bridge.stacks import Stacks
from streaming_core.errors import RequestFailed
from streaming_core.protocol.components import Value
from streaming_core.protocol.words import Wanted, limits_of
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

    def _isolate(self, call: Call) -> None:
        """Hide the windows of all others, and draw one channel alone where that was asked."""
        found, inside = self._meant(Wanted.of(call.arguments))
        for stack in self._stacks.of.values():
            if stack.is_open:
                stack.hide(stack not in found)
        for stack in found:
            stack.isolate(inside.get("channel"))
            if inside:
                self._stacks.scene.follow = False
                stack.navigate(inside)
        self._stacks.to_front(found)
        call.reply({"windows": [stack.title for stack in found]})

    def _contrast(self, call: Call) -> None:
        limits = limits_of(call.arguments)
        found, inside = self._meant(Wanted.of(call.arguments, "image"))
        found = [stack for stack in found if not stack.group.key.rgb]
        if not found:
            raise RequestFailed("images in colour have no contrast to set")
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

    def _meant(self, wanted: Wanted) -> tuple[list[Hyperstack], dict[str, Value]]:
        """Return the windows that are meant, and the values of sliders that this fixes."""
        if not self._stacks.visible:
            raise RequestFailed("this viewer is headless: it has no windows")
        inside: dict[str, Value] = {}
        found = []
        for group, fixed in wanted.among(self._stacks.groups()):
            stack = self._stacks.of.get(group.key)
            if stack is not None and stack.is_open:
                found.append(stack)
                inside |= fixed
        if not found:
            raise RequestFailed(
                wanted.why_none(self._stacks.groups()) or f"the windows of {wanted} are closed"
            )
        return found, inside
