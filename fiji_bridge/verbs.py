"""The requests that the viewer answers, each a method that runs on the bridge's own thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from fiji_bridge import desktop
from fiji_bridge.drawn import drawings_of
from fiji_bridge.macros import Macros
from fiji_bridge.marks import Marks
from fiji_bridge.pixels import Plane
from fiji_bridge.stacks import Stacks
from fiji_bridge.viewing import Viewing
from streaming_core.errors import RequestFailed
from streaming_core.protocol.annotated import pack
from streaming_core.stream import verbs
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
        self._common = verbs.Verbs(stacks)
        self.table: dict[str, Callable[[Call], None]] = {
            "state": self._state,
            "read": self._read,
            "annotations": self._annotations,
            "screenshot": self._screenshot,
            "navigate": self._navigate,
            "quit": self._quit,
            **self._common.table,
            **viewing.table,
            **self._macros.table,
        }

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
                **self._common.state(),
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
        wanted = verbs.destination(call)
        if not self._stacks.visible:
            raise RequestFailed("this viewer is headless: it has no sliders")
        moved, named = 0, []
        for group, inside in wanted.among(self._stacks.groups()):
            stack = self._stacks.of.get(group.key)
            if stack is None or not stack.is_open:
                continue
            self._stacks.scene.follow = False
            stack.navigate(inside)
            if len(inside) < len(wanted.components):  # the window itself is what was named
                named.append(stack)
            moved += 1
        if named:
            self._stacks.to_front(named)
        if not moved:
            raise RequestFailed(
                wanted.why_none(self._stacks.groups()) or f"the windows of {wanted} are closed"
            )
        call.reply({})

    def _quit(self, call: Call) -> None:
        call.reply({})
        self._end()
