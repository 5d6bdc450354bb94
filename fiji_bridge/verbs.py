"""The requests that the viewer answers, each a method that runs on the bridge's own thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from fiji_bridge import desktop
from fiji_bridge.drawn import drawings_of
from fiji_bridge.macros import Macros
from fiji_bridge.marks import Marks
from fiji_bridge.pixels import Plane
from fiji_bridge.stacks import Stacks
from fiji_bridge.viewing import Viewing
from streaming_core.errors import InvalidComponents, RequestFailed
from streaming_core.protocol.annotated import pack
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.components import check_value
from streaming_core.stream.adapter import Call


class Verbs:
    """Carries out requests on a viewer's hyperstacks.

    Parameters
    ----------
    end
        Ends the viewer.

    Attributes
    ----------
    table
        Verb -> method.
    """

    def __init__(
        self, stacks: Stacks, marks: Marks, viewing: Viewing, end: Callable[[], None]
    ) -> None:
        self._stacks = stacks
        self._marks = marks
        self._end = end
        self._macros = Macros(stacks)
        self.table: dict[str, Callable[[Call], None]] = {
            "state": self._state,
            "read": self._read,
            "annotations": self._annotations,
            "screenshot": self._screenshot,
            "navigate": self._navigate,
            "clear": self._clear,
            "quit": self._quit,
            **viewing.table,
            **self._macros.table,
        }

    def answer(self, call: Call) -> None:
        """Carry out a request and answer it.

        Raises
        ------
        RequestFailed
            With the sentence for whoever asked.
        """
        verb = self.table.get(call.verb)
        if verb is None:
            known = ", ".join(sorted(self.table))
            raise RequestFailed(f"a Fiji viewer has no verb {call.verb!r}; it knows {known}")
        verb(call)

    def close(self) -> None:
        """Begin nothing that takes long."""
        self._macros.close()

    def _read(self, call: Call) -> None:
        self._stacks.tend()
        self._stacks.painting.look()
        call.reply(*self._stacks.catalog.read(call.arguments, Plane.read))

    def _state(self, call: Call) -> None:
        stacks = self._stacks
        stacks.painting.look()
        groups = stacks.catalog.state()
        for said, key in zip(groups, stacks.catalog.groups, strict=True):
            stack = stacks.of.get(key)
            said["window"] = stack is not None and stack.is_open
        stacks.heed()
        front = stacks.front()
        call.reply(
            {
                "groups": groups,
                "marks": self._marks.state(),
                "modes": {name: str(mode) for name, mode in stacks.modes().items()},
                "expected": {name: list(v) for name, v in stacks.catalog.expected.items()},
                "macro": self._macros.state,
                "follow": stacks.scene.follow,
                "shown": {} if front is None else front.place(),
            }
        )

    def _annotations(self, call: Call) -> None:
        painting = self._stacks.painting
        painting.look()
        call.reply(*pack([*drawings_of(self._stacks, self._marks), *painting.painted()]))

    def _screenshot(self, call: Call) -> None:
        call.reply({}, self._picture(bool(call.arguments.get("canvas"))))

    def _picture(self, only_canvas: bool) -> NDArray[Any]:
        if not self._stacks.visible:
            raise RequestFailed("this viewer is headless: it has no window")
        if not only_canvas:
            return desktop.screen()
        if self._stacks.newest is None or not self._stacks.newest.is_open:
            raise RequestFailed("there is no image window")
        return desktop.canvas(self._stacks.newest.imp)

    def _navigate(self, call: Call) -> None:
        self._go(call.arguments.get("components"))
        call.reply({})

    def _go(self, components: object) -> None:
        if not self._stacks.visible:
            raise RequestFailed("this viewer is headless: it has no sliders")
        if not isinstance(components, Mapping) or not components:
            raise RequestFailed("navigate needs components, for example well='B03', z=4")
        try:
            wanted = {name: check_value(name, value) for name, value in components.items()}
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None
        moved = 0
        for key, stack in self._stacks.of.items():
            group = self._stacks.catalog.groups[key]
            inside = {name: value for name, value in wanted.items() if name in group.names}
            apart = dict(key.split)
            if stack.is_open and all(
                value in group.values[name] if name in inside else apart.get(name) == value
                for name, value in wanted.items()
            ):
                self._stacks.scene.follow = False
                stack.navigate(inside)
                if len(inside) < len(wanted):  # the window itself is what was named
                    stack.to_front()
                moved += 1
        if not moved:
            raise RequestFailed(_nowhere(wanted, self._stacks.catalog))

    def _clear(self, call: Call) -> None:
        source = call.arguments.get("source")
        if source is not None and not isinstance(source, str):
            raise RequestFailed(f"source={source!r}; a name, or None for all")
        call.reply({"removed": self._stacks.clear(source)})

    def _quit(self, call: Call) -> None:
        call.reply({})
        self._end()


def _nowhere(wanted: Mapping[str, Any], catalog: Catalog[Plane]) -> str:
    groups = [
        {one: [value] for one, value in group.key.split}
        | {one: list(group.values[one]) for one in group.names}
        for group in catalog.groups.values()
    ]
    for name, value in wanted.items():
        known = [components[name] for components in groups if name in components]
        if not known:
            names = sorted({name for components in groups for name in components})
            return f"no window has a component {name!r}; there is: {', '.join(names) or 'none'}"
        if not any(value in values for values in known):
            there = dict.fromkeys(str(item) for values in known for item in values)
            return f"no window has {name} {value!r}; there is: {', '.join(there)}"
    return "no open window has all of these components"
