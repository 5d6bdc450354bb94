"""All hyperstacks of a viewer: which image goes into which, and how they are grouped."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from fiji_bridge import jvm, standing
from fiji_bridge.appearance import Look, inherited
from fiji_bridge.colours import COLOURS, colormap
from fiji_bridge.edt import on_edt
from fiji_bridge.hyperstack import Hyperstack
from fiji_bridge.opening import Fresh
from fiji_bridge.painting import Painting
from fiji_bridge.pixels import Plane
from fiji_bridge.scene import Scene
from streaming_core.errors import InvalidImage
from streaming_core.memory.budget import Sized
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.components import GroupKey, Mode, Value
from streaming_core.protocol.forgetting import forget_old_runs, make_room
from streaming_core.protocol.group import Group
from streaming_core.protocol.regroup import Regrouped, regroup, split_after
from streaming_core.stream.adapter import Arrival

log = logging.getLogger("planecast.fiji")

CLOSING: Final = ("Close", "Close All", "Quit")
"""ImageJ's commands that ask whether changes are to be saved."""


class Stacks:
    """The groups of a viewer and the hyperstacks that show them. The bridge's own thread only.

    Parameters
    ----------
    visible
        Whether there are windows.
    take
        Counts memory of what a person paints, as `Budget.take`.

    Attributes
    ----------
    catalog
        What is held, by group and place.
    of
        The hyperstack of each group that has had one.
    newest
        The hyperstack that got the newest image, None if there is none.
    scene
        What holds for all windows.
    painting
        What a person painted on labels.
    clear_marks
        Forgets what else a source has sent, and returns how many groups that was.
    """

    def __init__(self, *, visible: bool, take: Callable[[Sized], None]) -> None:
        self.scene = Scene(visible)
        self.catalog: Catalog[Plane] = Catalog(split=frozenset())
        self.of: dict[GroupKey, Hyperstack] = {}
        self.newest: Hyperstack | None = None
        self.painting = Painting(self.catalog, self.of, take)
        self.clear_marks: Callable[[str | None], int] = lambda source: 0
        self._due: dict[GroupKey, None] = {}
        self._garbage = False
        self._touched: set[GroupKey] = set()
        self._told: dict[tuple[GroupKey, str], str] = {}  # the run whose program knows the note
        if visible:
            self._listen()

    @property
    def visible(self) -> bool:
        """Whether there are windows."""
        return self.scene.visible

    def images(self) -> list[Any]:
        """Return ImageJ's image of each hyperstack that has one; for any thread."""
        return [imp for stack in list(self.of.values()) if (imp := stack.imp) is not None]

    def show(self, batch: list[Arrival]) -> None:
        """Put images into their groups; then grow and paint each hyperstack once."""
        fresh: dict[GroupKey, list[Fresh]] = {}
        gone: dict[GroupKey, list[tuple[Value, ...]]] = {}
        taken: list[tuple[Arrival, GroupKey]] = []  # with the group of its first plane
        for arrival in batch:
            for key, place in make_room(self.catalog, arrival.image):
                gone.setdefault(key, []).append(place)
            try:
                taken.append((arrival, self._put(arrival, fresh)))
            except InvalidImage as error:
                arrival.shown(str(error))
        failed: dict[GroupKey, str] = {}
        for key in dict.fromkeys([*gone, *fresh]):
            try:
                self._touched.add(key)
                self._stack(key).update(fresh.get(key, ()), gone.get(key, ()))
                self.scene.finish()
            # The thread must outlive whatever ImageJ or a plugin throws; the producer is told.
            except Exception as error:
                log.exception("%r could not be shown", key.title())
                failed[key] = f"ImageJ could not show it: {error}"
        for arrival, key in taken:
            if key in failed:
                arrival.shown(failed[key])
            else:
                arrival.shown(note=self._note(arrival, key))

    def _note(self, arrival: Arrival, key: GroupKey) -> str:
        """Return what is said, once for a group and run, of what is not shown as it was sent."""
        image = arrival.image
        notes = [
            f"ImageJ shows {plane.form.dtype.name} as float32, in which not all of its values are "
            "exact; read() returns them as they were sent"
            for plane in arrival.pixels
            if plane.exact is not None
        ][:1]
        if image.colormap and image.kind == "image" and colormap(image.colormap) is None:
            notes.append(f"ImageJ has no colour {image.colormap!r}, and takes its own; {COLOURS}")
        notes += dict.fromkeys(plane.hidden for plane in arrival.pixels if plane.hidden)
        if image.features:
            notes.append("ImageJ has no place for the table of these labels; napari shows it")
        new = [note for note in notes if self._told.get((key, note)) != image.run]
        self._told |= dict.fromkeys([(key, note) for note in new], image.run)
        return "; ".join(new)

    def _put(self, arrival: Arrival, fresh: dict[GroupKey, list[Fresh]]) -> GroupKey:
        places = list(self.catalog.locate(arrival.image))
        for (key, inside, _), plane in zip(places, arrival.pixels, strict=True):
            self.painting.before(arrival.image, key, inside)
            put = self.catalog.put(arrival.image, key, inside, plane)
            if not put.outdated:  # else a newer run is there: the image counts as shown, and is not
                item = Fresh(arrival.image, put.place, plane, bool(put.grew))
                fresh.setdefault(key, []).append(item)
        return places[0][0]

    def tend(self) -> None:
        """Take in what a person or a macro did to the pixels. Any thread."""
        for stack in tuple(self.of.copy().values()):
            stack.tend()

    def clear(self, source: str | None = None) -> int:
        """Forget what a source, or all, has shown; return how many groups went."""
        # Keys alone: what still refers to a group keeps its planes from being collected.
        gone = [group.key for group in self.catalog.clear(source)]
        self.scene.expected = self.catalog.expected
        self._told = {told: run for told, run in self._told.items() if told[0] not in gone}
        self._close(gone)
        if not self.catalog.groups:
            self.scene.follow = True  # nobody has moved a slider of what is to come
        return len(gone) + self.clear_marks(source)

    def forget_old_runs(self) -> int:
        """Let go of what only older runs have shown; return from how many groups."""
        self.tend()
        self.painting.look()
        changed = forget_old_runs(self.catalog)
        looks = {group.key: self.of[group.key].look() for group in changed if group.key in self.of}
        closed = {key for key in looks if self.of[key].dismissed}
        self._close(looks)
        for group in changed:
            if group.planes:  # its axes may be shorter: ImageJ needs another window for that
                self._make(group, looks.get(group.key, Look()), dismissed=group.key in closed)
        return len(changed)

    def arrange(self, modes: Mapping[str, Mode], done: Callable[[], None]) -> None:
        """Let components be axes ("stack") or windows ("split"), of what is here and will come.

        Nothing is sent again and no pixel is touched. ``done`` is called when the windows are open.

        Raises
        ------
        InvalidComponents
            When it would make too many windows; nothing has changed then.
        """
        split = split_after(self.catalog.split, modes)
        self.tend()
        self.painting.look()
        made = regroup(self.catalog.groups.values(), split)
        old = {key: stack for key, stack in self.of.items() if key not in made.groups}
        looks = {key: stack.look() for key, stack in old.items()}
        shut = {key for key, stack in old.items() if stack.closed}
        self.catalog.groups, self.catalog.split = made.groups, split
        self._close(old)
        self._hand_on(made, looks, shut)
        self.painting.look()  # at groups that are new to it
        self.make_due()
        done()

    def make_due(self) -> None:
        """Open the windows that are to be made anew."""
        while self._due:
            key = next(iter(self._due))
            del self._due[key]
            if key not in self.of or self.of[key].dismissed:
                continue
            try:
                self.restore(key)
            # The thread must outlive whatever ImageJ throws; the next plane tries again.
            except Exception:
                log.exception("%r could not be shown", key.title())

    def expect(self, components: Mapping[str, Sequence[Value]]) -> None:
        """Give sliders these values from the start, as `check_expected` returns them.

        Raises
        ------
        InvalidComponents
            When it is too much together.
        """
        self.catalog.expect(components)
        self.scene.expected = self.catalog.expected
        for stack in self.of.values():
            stack.expect()

    def modes(self) -> dict[str, Mode]:
        """Return what each component of what is here does: "stack" or "split"."""
        stacked = [name for group in self.groups() for name in group.names]
        split = sorted(self.catalog.split)
        return dict.fromkeys(stacked, Mode.STACK) | dict.fromkeys(split, Mode.SPLIT)

    def groups(self) -> list[Group[Plane]]:
        """Return all groups of planes."""
        return list(self.catalog.groups.values())

    def closed(self) -> list[tuple[GroupKey, str]]:
        """Return the groups whose windows their user closed, with their titles."""
        return [(key, stack.title) for key, stack in self.of.items() if stack.closed]

    def restore(self, key: GroupKey) -> None:
        """Open a window again that its user closed. It looks as it did."""
        if key in self.of:
            self.of[key].open()
            self.scene.finish()

    def to_front(self, stacks: Sequence[Hyperstack]) -> None:
        """Bring windows before the others; commands act on the last one then."""
        standing.to_front([imp for stack in stacks if (imp := stack.imp) is not None])

    def front(self) -> Hyperstack | None:
        """Return the hyperstack that a person looks at: ImageJ's current image, else the newest."""
        there = [stack for stack in self.of.values() if stack.is_open]
        current = jvm.java("ij.WindowManager").getCurrentImage() if there else None
        for stack in there:
            if stack.imp == current:
                return stack
        return self.newest if self.newest in there else next(iter(there), None)

    def heed(self) -> None:
        """Notice in which windows somebody has moved sliders, and which were closed."""
        for stack in self.of.values():
            stack.let_go()
            if stack.is_open:
                stack.place()

    def take_down(self) -> None:
        """Remember how windows look: that in which somebody may work, and those that changed."""
        front = self.front()
        for key, stack in self.of.items():
            if stack is front or key in self._touched:
                stack.look()
        self._touched.clear()

    def _hand_on(
        self, made: Regrouped[Plane], looks: Mapping[GroupKey, Look], shut: set[GroupKey]
    ) -> None:
        """Make the new groups' hyperstacks, which look as those that they come from."""
        taken: set[GroupKey] = set()
        first: list[tuple[GroupKey, Look, bool]] = []
        others: list[tuple[GroupKey, Look, bool]] = []
        for key, parents in made.parents.items():
            before = [group.key for group in parents if group.key in looks]
            look = inherited(looks[one] for one in before)
            shown = not before or any(one not in shut for one in before)
            place = next((one for one in before if one not in taken), None)
            (others if place is None else first).append((key, look, shown))
            if place is not None:  # it stands where the old one stood
                taken.add(place)
                look.at = looks[place].at
        for key, look, shown in [*first, *others]:
            self._make(made.groups[key], look, dismissed=not shown)

    def _make(self, group: Group[Plane], look: Look, *, dismissed: bool = False) -> None:
        stack = Hyperstack(group, self._title(group), self.scene, look)
        stack.dismissed = dismissed
        self.of[group.key] = stack
        self._due[group.key] = None

    def _stack(self, key: GroupKey) -> Hyperstack:
        stack = self.of.get(key)
        if stack is None:
            group = self.catalog.groups[key]
            stack = self.of[key] = Hyperstack(group, self._title(group), self.scene)
        self.newest = stack
        return stack

    def _title(self, group: Group[Plane]) -> str:
        """Name a window after the source, and say what sets it apart where others have it."""
        key, taken = group.key, {stack.title for stack in self.of.values()}
        height, width = key.plane[:2]
        title = group.latest.name or key.title() or "images"
        if group.latest.name and key.split:
            title = " · ".join([title, *(str(value) for _, value in key.split)])
        pixels = "RGB" if key.rgb else key.dtype.lstrip("<|=>")
        for words in (pixels, f"{width} x {height}", ", ".join(key.stacked)):
            if title in taken:
                title = f"{title} · {words}"
        return title

    def _close(self, keys: Iterable[GroupKey]) -> None:
        for key in list(keys):
            self._close_one(key)
        self._garbage = True

    def let_go(self) -> bool:
        """Let go of hyperstacks that were closed; return whether there is garbage for Java then.

        A window and its overlay refer to each other: garbage to Python first, then to Java.
        """
        garbage, self._garbage = self._garbage, False
        if garbage:
            gc.collect()
        return garbage

    def _close_one(self, key: GroupKey) -> None:
        stack = self.of.pop(key, None)
        self._due.pop(key, None)
        if stack is not None:
            stack.close()
        if stack is self.newest:
            self.newest = None

    def _listen(self) -> None:
        """Be told what is painted, and of windows that are about to close: how they look then."""
        listener = jvm.implement(
            "ij.ImageListener",
            imageOpened=_ignore,
            imageUpdated=self.painting.on_updated,
            imageClosed=self._on_closed,
        )
        event = jvm.java("java.awt.AWTEvent")
        closing = jvm.implement("java.awt.event.AWTEventListener", eventDispatched=self._on_window)
        on_edt(None, lambda: jvm.java("ij.ImagePlus").addImageListener(listener))
        commands = jvm.implement("ij.CommandListener", commandExecuting=self._on_command)
        jvm.java("ij.Executer").addCommandListener(commands)
        toolkit = jvm.java("java.awt.Toolkit").getDefaultToolkit()
        toolkit.addAWTEventListener(closing, event.WINDOW_EVENT_MASK)

    def _on_command(self, command: str) -> str:
        """Before a command: what was streamed is with the viewer, and need not be saved."""
        if command in CLOSING:
            self.tend()
        return command

    def _on_window(self, event: Any) -> None:
        """On the event thread, before ImageJ hears of it."""
        if event.getID() != event.WINDOW_CLOSING:
            return
        for stack in list(self.of.values()):
            if stack.is_open and stack.imp.getWindow() == event.getSource():
                stack.tend()
                stack.look()

    def _on_closed(self, imp: Any) -> None:
        for stack in list(self.of.values()):
            if stack.imp is not None and stack.imp == imp:
                stack.on_closed()


def _ignore(imp: Any) -> None:
    pass
