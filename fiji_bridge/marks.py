"""Points, shapes and tracks that were sent: on the images that they belong to, and in a list."""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from fiji_bridge import jvm
from fiji_bridge.drawing import Turn, selections, turn, whole_tracks
from fiji_bridge.entries import Entries, Sheet
from fiji_bridge.overlays import Free, Overlaid, Placed, set_spot
from fiji_bridge.parts import Part, parts_of, stays
from fiji_bridge.roi_list import RoiList
from fiji_bridge.rois import SIGN, is_same
from fiji_bridge.stacks import Stacks
from streaming_core.memory.budget import Sized
from streaming_core.protocol.components import GroupKey, Values, group_of, planes, stack_order
from streaming_core.protocol.group import Group, check_room
from streaming_core.protocol.messages import Image
from streaming_core.protocol.tables import Drawing

log = logging.getLogger("planecast.fiji.marks")

PIECE: Final = 500
"""ROIs that are made at once, about 10 ms; then images and requests get their turn."""

LETTERS: Final = ("id", "T", "Z", "Y", "X")

COLOURS: Final = (
    (0, 255, 255), (255, 0, 255), (255, 128, 0), (128, 255, 0), (255, 64, 64), (64, 128, 255),
)  # fmt: skip
"""One for each source and kind; ImageJ's own selections are yellow."""


@dataclass(slots=True, eq=False)
class Kept:
    """A drawing of one place, in its parts."""

    drawing: Drawing
    parts: list[Part]


@dataclass(slots=True, eq=False)
class Ticket:
    """What one message waits with: why it cannot be shown, if so."""

    reason: str = ""


@dataclass(slots=True, eq=False)
class Entry:
    """The marks of one source, kind and set of components, with their colour in ImageJ."""

    group: Group[Kept]
    colour: Any
    swept: dict[str, Values] = field(default_factory=dict)


class Marks:
    """What was sent besides images. The bridge's own thread only.

    Each window whose image has the components of marks has them in its overlay, at their place
    in the stack; the first of these windows also in the ROI Manager. Marks whose image is not
    there yet wait for it.

    Parameters
    ----------
    stacks
        The windows.
    take
        Counts memory, as `Budget.take`: of ROIs, by estimate, while they lie on an image. The
        drawings themselves are counted as they come.
    """

    def __init__(self, stacks: Stacks, take: Callable[[Sized], None]) -> None:
        self._stacks = stacks
        self._take = take
        stacks.clear_marks = self.clear
        self._entries: dict[GroupKey, Entry] = {}
        self._ages: dict[str, int] = {}
        self._parts: dict[int, tuple[Entry, Part]] = {}
        self._windows: dict[GroupKey, Overlaid] = {}
        self._jobs: deque[tuple[Iterator[None], Ticket]] = deque()
        self._ready: dict[Overlaid, dict[int, Placed]] = {}
        self._gone: set[int] = set()
        self._told: list[tuple[Callable[..., None], Ticket]] = []
        self._list = RoiList() if stacks.visible else None
        self._theirs = Entries(self._list.theirs if self._list is not None else list)
        self._home: dict[int, Overlaid] = {}
        self._tracks: dict[int, dict[int, Any]] = {}
        self._sign = uuid.uuid4().hex[:8]

    @property
    def busy(self) -> bool:
        """Whether something is still to be put on its image."""
        return bool(self._jobs or (self._list is not None and self._list.busy))

    def put(self, image: Image, drawing: Drawing, shown: Callable[..., None]) -> None:
        """Take a drawing; ``shown`` is called when it is on the images that are there.

        Raises
        ------
        InvalidImage
            When there are too many groups for another one.
        """
        place = next(planes("", (), image.components))[0]
        key, inside = group_of(
            place, source=image.source, kind=image.kind, dtype="<f8",
            plane=[LETTERS.index(column) for column in drawing.columns], split=frozenset(),
        )  # fmt: skip
        entry = self._entries.get(key) or self._enter(key, image)
        kept = Kept(drawing, parts_of(image, dict(inside), drawing))
        put, ticket = entry.group.put(image, dict(inside), kept), Ticket()
        if not put.outdated:
            for name, values in drawing.swept().items():
                for value in values:
                    entry.swept.setdefault(name, Values(name)).add(value)
            self._parts |= {part.number: (entry, part) for part in kept.parts}
            self._look()
            for part in kept.parts:
                for window in self._windows.values():
                    self._jobs.append((self._place(window, part), ticket))
            if put.replaced is not None:
                self._jobs.append((self._drop(put.replaced.parts), ticket))
        self._jobs.append((self._tell(shown, ticket), ticket))

    def step(self) -> None:
        """Do a bounded piece of the work."""
        left = PIECE
        while self._jobs and left > 0:
            left -= 1 + self._work(*self._jobs[0], left)
        told, self._told = self._told, []
        try:
            self._look()
            self._hand_over()
            if self._list is not None:
                self._list.step()
        # The boundary to ImageJ and its plugins: the stream goes on, whoever sent marks is told.
        except Exception as error:
            log.exception("marks could not be put on their images")
            for _, ticket in told:
                ticket.reason = str(error)
        for shown, ticket in told:
            shown(*([f"ImageJ could not show it: {ticket.reason}"] if ticket.reason else []))

    def _work(self, job: Iterator[None], ticket: Ticket, most: int) -> int:
        """Go on with a job; return how many steps it took. It is put away when it is done."""
        try:
            done = sum(1 for _ in islice(job, most))
        except Exception as error:  # the same boundary
            log.exception("marks could not be made into ROIs")
            ticket.reason, done = str(error), 0
        if done < most:
            self._jobs.popleft()
        return done

    def finish(self) -> None:
        """Do all of it."""
        self.step()
        while self.busy:
            self.step()

    def clear(self, source: str | None) -> int:
        """Forget the marks of a source, or all; return how many groups of them."""
        gone = [key for key in self._entries if source in (None, key.source)]
        parts = [
            part
            for key in gone
            for kept in self._entries.pop(key).group.planes.values()
            for part in kept.parts
        ]
        self._jobs.append((self._drop(parts), Ticket()))
        self.finish()
        if self._list is not None and not self._entries:
            self._list.begin_anew()
        return len(gone)

    def state(self) -> list[dict[str, Any]]:
        """``state()["marks"]``."""
        return [self._said(entry) for entry in self._entries.values()]

    def sheet(self, number: int) -> Sheet | None:
        """Return what positions mean, or meant, on the image with this number."""
        for window in self._windows.values():  # also of one that was closed just now
            if int(window.imp.getID()) == number:
                return Sheet.of(window.stack, window.imp)
        return self._theirs.sheet(number)

    def is_ours(self, roi: Any) -> bool:
        """Whether a ROI is one that was sent, and is as it was sent."""
        sign, _, rest = str(roi.getProperty(SIGN) or "").partition("/")
        number, _, which = rest.partition("/")
        if sign != self._sign or int(number) not in self._home:
            return False
        placed = self._home[int(number)].placed.get(int(number))
        sent = self._tracks.get(int(number), {}).get(int(which))
        if sent is None and placed is not None:
            sent = next(iter(placed.rois.values()))[int(which)]
        return sent is not None and is_same(roi, sent)

    def _enter(self, key: GroupKey, image: Image) -> Entry:
        check_room(len(self._entries))
        names = tuple(stack_order(list(image.components)))
        group: Group[Kept] = Group(
            key, image, names, {name: Values(name) for name in names}, self._ages
        )
        known = [(one.source, one.kind) for one in self._entries]
        colours = list(dict.fromkeys(known))
        mine = (key.source, key.kind)
        at = colours.index(mine) if mine in colours else len(colours)
        colour = jvm.java("java.awt.Color")(*COLOURS[at % len(COLOURS)])
        entry = self._entries[key] = Entry(group, colour)
        return entry

    def _said(self, entry: Entry) -> dict[str, Any]:
        group = entry.group
        numbers = {part.number for kept in group.planes.values() for part in kept.parts}
        windows = [one for one in self._windows.values() if not numbers.isdisjoint(one.placed)]
        seen = {number for one in windows for number in one.placed}
        return {
            "name": group.latest.name or group.key.title(),
            "windows": [one.stack.title for one in windows],
            "source": group.key.source,
            "kind": group.key.kind,
            "run": group.latest.run,
            "components": {
                name: list(values) for name, values in {**group.values, **entry.swept}.items()
            },
            "places": len(group.planes),
            "waiting": sum(
                any(part.number not in seen for part in kept.parts)
                for kept in group.planes.values()
            ),
            "objects": sum(kept.drawing.objects for kept in group.planes.values()),
            "bytes": sum(kept.drawing.nbytes for kept in group.planes.values()),
        }

    # -- work ------------------------------------------------------------------------------

    def _look(self) -> None:
        """Notice windows that have gone, that are new, and in which there are more places."""
        stacks = self._stacks.of
        for key, window in list(self._windows.items()):
            if key not in stacks or stacks[key].imp is not window.imp:
                self._leave(key, window)
        order = sorted(stacks, key=lambda key: key.kind != "image")
        for key in order:
            if key not in self._windows and stacks[key].imp is not None:
                window = self._windows[key] = Overlaid(stacks[key])
                self._theirs.move_to(window.stack, window.imp)
                stacks[key].grown = self._follower(window)
                for _, part in self._parts.values():
                    self._jobs.append((self._place(window, part), Ticket()))
        for window in self._windows.values():
            again, window.again = window.again, []
            self._jobs += [(self._place(window, part), Ticket()) for part in again]

    def _follower(self, window: Overlaid) -> Callable[[Any, Any], None]:
        def grown(old: Any, new: Any) -> None:
            window.grew(old, new)
            if self._list is not None and not stays(old, new):
                self._list.carry(window.imp, old, new)
            for number, home in self._home.items():
                placed = window.placed.get(number) if home is window else None
                if placed is not None and self._list is not None:
                    self._list.follow(number, next(iter(placed.spots.values())))

        return grown

    def _leave(self, key: GroupKey, window: Overlaid) -> None:
        del self._windows[key]
        self._theirs.leave(window.stack, window.imp)
        self._ready.pop(window, None)
        for number in [number for number, home in self._home.items() if home is window]:
            del self._home[number]
            if self._list is not None:
                self._list.drop(number)
            for other in self._windows.values():
                if number in other.placed:
                    self._enlist(other, other.placed[number])
                    break

    def _place(self, window: Overlaid, part: Part) -> Iterator[None]:
        """Make the ROIs of a part for a window; a step for each."""
        if part.number not in self._parts or window not in self._windows.values():
            return
        entry, _ = self._parts[part.number]
        there = window.placed.get(part.number)
        rois: dict[Free, list[Any]] = dict(there.rois) if there is not None else {}
        spots = window.find(part)
        for free, spot in spots.items():
            if free in rois:
                continue
            first = next(iter(rois.values()), None)
            made = []
            source = (
                self._made(window, entry, part) if first is None else (roi.clone() for roi in first)
            )
            for roi in source:
                set_spot(roi, spot)
                made.append(roi)
                yield
            rois[free] = made
        if rois and part.number in self._parts and window in self._windows.values():
            self._ready.setdefault(window, {})[part.number] = Placed(part, rois, dict(spots))

    def _made(self, window: Overlaid, entry: Entry, part: Part) -> Iterator[Any]:
        return selections(part, self._way(window, part), entry.colour, self._sign)

    def _way(self, window: Overlaid, part: Part) -> Turn:
        group = window.stack.group
        places = list(group.origins)  # any of them, if they lie on several
        if all(name in part.at for name in group.names):
            places = [tuple(part.at[name] for name in group.names)]
        origin = next((group.origins[one] for one in places if one in group.origins), None)
        return turn(part.image, group.latest, origin)

    def _drop(self, parts: list[Part]) -> Iterator[None]:
        """Take parts away, together with what has come in their place."""
        for part in parts:
            self._parts.pop(part.number, None)
            self._gone.add(part.number)
        return
        yield

    def _tell(self, shown: Callable[..., None], ticket: Ticket) -> Iterator[None]:
        self._told.append((shown, ticket))
        return
        yield

    def _hand_over(self) -> None:
        """Let ImageJ have what is ready, one crossing for each window."""
        ready, self._ready = self._ready, {}
        gone, self._gone = self._gone, set()
        for window in self._windows.values():
            added = [
                placed for number, placed in ready.get(window, {}).items() if number not in gone
            ]
            window.forget(gone)
            if added or not gone.isdisjoint(window.placed):
                window.exchange(added, gone)
            for placed in added:
                if placed.part.number not in self._home:
                    self._enlist(window, placed)
                self._take(placed)
        for number in gone:
            self._home.pop(number, None)
            self._tracks.pop(number, None)
            if self._list is not None:
                self._list.drop(number)

    def _enlist(self, window: Overlaid, placed: Placed) -> None:
        part = placed.part
        self._home[part.number] = window
        free, rois = next(iter(placed.rois.items()))
        if self._list is None:
            return
        if part.image.kind == "tracks":
            entry, _ = self._parts[part.number]
            rois = list(whole_tracks(part, self._way(window, part), entry.colour, self._sign))
            self._tracks[part.number] = {_which(roi): roi for roi in rois}
        self._list.add(part.number, rois, placed.spots[free])
        placed.listed = True


def _which(roi: Any) -> int:
    return int(str(roi.getProperty(SIGN)).rpartition("/")[2])
