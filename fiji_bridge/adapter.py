"""`ViewerAdapter` for Fiji: images in, hyperstacks and answers out."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from fiji_bridge import desktop, jvm, pixels
from fiji_bridge.channels import Fresh
from fiji_bridge.edt import on_edt
from fiji_bridge.hyperstack import Hyperstack
from fiji_bridge.pixels import Plane
from streaming_core.errors import InvalidComponents, InvalidImage, InvalidKind, RequestFailed
from streaming_core.protocol.catalog import Catalog, Group
from streaming_core.protocol.components import GroupKey, check_value
from streaming_core.protocol.messages import MARKS, Image
from streaming_core.stream.adapter import Arrival, Call

log = logging.getLogger("planecast.fiji")

TICK: Final = 1 / 60
"""Seconds between two paints of a stream."""

PAUSE: Final = 0.1
"""Seconds that a slow tick is followed by, at most."""

BATCH: Final = 256
"""Images that one tick takes, so that ImageJ's own events get their turn."""


class FijiAdapter:
    """Shows what arrives in ImageJ windows, one hyperstack a group.

    Java and ImageJ's main window are there already. A thread of its own takes images and
    requests in their order: the first image at once, the others of a stream in ticks, each
    of which grows and paints a hyperstack once.

    Parameters
    ----------
    quit_
        Called when a producer asks the viewer to end.
    headless
        Keep images without windows.
    """

    viewer_kind = "fiji"
    verbs = frozenset({"state", "read", "screenshot", "navigate", "clear", "quit"})
    keeps_mappings = False  # Java's arrays are Java's own memory
    paused = False

    def __init__(self, quit_: Callable[[], None], *, headless: bool = False) -> None:
        self.engine = desktop.engine()
        self._quit = quit_
        self._headless = headless
        self._catalog: Catalog[Plane] = Catalog(split=frozenset())
        self._stacks: dict[GroupKey, Hyperstack] = {}
        self._newest: Hyperstack | None = None
        self._queue: deque[Arrival | Call] = deque()
        self._calls = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="planecast-window", daemon=True)
        self._thread.start()

    # on the receiver's I/O thread

    def own(self, image: Image, pixels_: NDArray[Any]) -> list[Plane]:
        """Copy the planes of an array into Java; see `pixels.own`."""
        if image.kind in MARKS:
            raise InvalidKind(f"ImageJ shows no {image.kind} that are sent: show them in napari")
        if image.keep:
            raise InvalidImage("keep= is not known to Fiji: its hyperstacks hold all; leave it out")
        return pixels.own(image, pixels_)

    def post(self, arrival: Arrival) -> None:
        """Queue an image for its window."""
        self._queue_up(arrival)

    def call(self, call: Call) -> None:
        """Queue a request behind the images."""
        self._queue_up(call)

    def gui_age(self) -> float:
        """Seconds that ImageJ's window thread has kept us waiting."""
        return on_edt.age()

    def close(self) -> None:
        """Stop taking images; what was taken stays on the screen."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=5)

    def _queue_up(self, item: Arrival | Call) -> None:
        with self._wake:
            self._queue.append(item)
            self._calls += isinstance(item, Call)
            if self._calls or len(self._queue) == 1:  # else it waits for its tick anyway
                self._wake.notify()

    # on the bridge's own thread

    def _run(self) -> None:
        next_tick = 0.0
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._queue)
                # A request does not wait for the tick, a stream of images does.
                self._wake.wait_for(self._urgent, max(0.0, next_tick - time.monotonic()))
                if self._stopping:
                    return
                batch, call = self._take()
            began = time.monotonic()
            if batch:
                self._show(batch)
            if call is not None:
                self._answer(call)
            if batch:
                # Half of the time is ImageJ's own, when painting takes long.
                now = time.monotonic()
                next_tick = max(began + TICK, now + min(now - began, PAUSE))

    def _urgent(self) -> bool:
        return self._stopping or self._calls > 0

    def _take(self) -> tuple[list[Arrival], Call | None]:
        """Take images up to the next request, and that request."""
        batch: list[Arrival] = []
        while self._queue and len(batch) < BATCH:
            item = self._queue.popleft()
            if isinstance(item, Call):
                self._calls -= 1
                return batch, item
            batch.append(item)
        return batch, None

    def _show(self, batch: list[Arrival]) -> None:
        fresh: dict[GroupKey, list[Fresh]] = {}
        for arrival in batch:
            places = self._catalog.locate(arrival.image)
            for (key, inside, _), plane in zip(places, arrival.pixels, strict=True):
                put = self._catalog.put(arrival.image, key, inside, plane)
                if put.outdated:
                    continue  # a newer run is there: the image counts as shown, and is not
                item = Fresh(arrival.image, put.place, plane, bool(put.grew))
                fresh.setdefault(key, []).append(item)
        failed: dict[GroupKey, str] = {}
        for key, items in fresh.items():
            try:
                self._stack(key).update(items)
            # The thread must outlive whatever ImageJ or a plugin throws; the producer is told.
            except Exception as error:
                log.exception("%r could not be shown", key.title())
                failed[key] = f"ImageJ could not show it: {error}"
        for arrival in batch:
            key = next(iter(self._catalog.locate(arrival.image)))[0]
            arrival.shown(*([failed[key]] if key in failed else []))

    def _stack(self, key: GroupKey) -> Hyperstack:
        stack = self._stacks.get(key)
        if stack is None:
            group = self._catalog.groups[key]
            stack = Hyperstack(group, self._title(group), visible=not self._headless)
            self._stacks[key] = stack
        self._newest = stack
        return stack

    def _title(self, group: Group[Plane]) -> str:
        """Name a window after the source, and say what sets it apart where others have it."""
        key, taken = group.key, {stack.title for stack in self._stacks.values()}
        height, width = key.plane[:2]
        title = group.latest.name or key.title() or "images"
        for words in (key.dtype.lstrip("<|=>"), f"{width} x {height}", ", ".join(key.stacked)):
            if title in taken:
                title = f"{title} · {words}"
        return title

    def _answer(self, call: Call) -> None:
        try:
            self._verb(call)
        except RequestFailed as error:
            call.fail(str(error))
        # The thread must outlive a failed request; the asker gets the reason.
        except Exception as error:
            log.exception("request %s", call.verb)
            call.fail(f"{call.verb} failed: {error}")

    def _verb(self, call: Call) -> None:
        match call.verb:
            case "state":
                call.reply(self._state())
            case "read":
                call.reply(*self._catalog.read(call.arguments, Plane.read))
            case "screenshot":
                call.reply({}, self._screenshot(bool(call.arguments.get("canvas"))))
            case "navigate":
                self._navigate(call.arguments.get("components"))
                call.reply({})
            case "clear":
                call.reply({"removed": self._clear(call.arguments.get("source"))})
            case "quit":
                call.reply({})
                self._quit()
            case _:
                raise RequestFailed(f"a Fiji viewer cannot {call.verb!r}")

    def _state(self) -> dict[str, Any]:
        held, groups = 0, self._catalog.state()
        for said, (key, group) in zip(groups, self._catalog.groups.items(), strict=True):
            held += sum(plane.nbytes for plane in group.planes.values())
            stack = self._stacks.get(key)
            said["window"] = stack is not None and stack.is_open
        memory = {"held": held, "budget": pixels.budget()}
        return {"groups": groups, "memory": memory}

    def _screenshot(self, only_canvas: bool) -> NDArray[Any]:
        if self._headless:
            raise RequestFailed("this viewer is headless: it has no window")
        if not only_canvas:
            return desktop.screen()
        if self._newest is None or not self._newest.is_open:
            raise RequestFailed("there is no image window")
        return desktop.canvas(self._newest.imp)

    def _navigate(self, components: object) -> None:
        if self._headless:
            raise RequestFailed("this viewer is headless: it has no sliders")
        if not isinstance(components, Mapping) or not components:
            raise RequestFailed("navigate needs components, for example well='B03', z=4")
        try:
            wanted = {name: check_value(name, value) for name, value in components.items()}
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None
        moved = 0
        for key, stack in self._stacks.items():
            values = self._catalog.groups[key].values
            if stack.is_open and all(
                name in values and value in values[name] for name, value in wanted.items()
            ):
                stack.navigate(wanted)
                moved += 1
        if not moved:
            raise RequestFailed(_nowhere(wanted, self._catalog))

    def _clear(self, source: object) -> int:
        if source is not None and not isinstance(source, str):
            raise RequestFailed(f"source={source!r}; a name, or None for all")
        keys = [group.key for group in self._catalog.clear(source)]
        for key in keys:
            self._close(key)
        jvm.collect()
        return len(keys)

    def _close(self, key: GroupKey) -> None:
        stack = self._stacks.pop(key, None)
        if stack is not None:
            stack.close()
        if stack is self._newest:
            self._newest = None


def _nowhere(wanted: Mapping[str, Any], catalog: Catalog[Plane]) -> str:
    for name, value in wanted.items():
        known = [group.values[name] for group in catalog.groups.values() if name in group.values]
        if not known:
            names = sorted({name for group in catalog.groups.values() for name in group.names})
            return f"no window has a component {name!r}; there is: {', '.join(names) or 'none'}"
        if not any(value in values for values in known):
            there = ", ".join(str(item) for values in known for item in values)
            return f"no window has {name} {value!r}; there is: {there}"
    return "no open window has all of these components"
