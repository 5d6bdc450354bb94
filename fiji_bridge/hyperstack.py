"""One growing hyperstack in ImageJ: the planes of a group, live, in a window that stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fiji_bridge import blend, edits, jvm, looks, standing, window
from fiji_bridge.appearance import Look
from fiji_bridge.channels import Channels, by_channel, known
from fiji_bridge.czt import Czt, Grid
from fiji_bridge.edt import on_edt
from fiji_bridge.opening import Fresh
from fiji_bridge.pixels import Form, Plane
from fiji_bridge.scene import Scene
from fiji_bridge.slices import Slices
from streaming_core.looks import Limits
from streaming_core.protocol.components import Value, describe
from streaming_core.protocol.group import Group


class Hyperstack:
    """What ImageJ shows of a group.

    The group owns the planes; this only refers to them, so it can be closed at any time.
    All but the constructor crosses to ImageJ's window thread and waits for it.

    Parameters
    ----------
    group
        The group to show.
    title
        Of the window.
    scene
        What holds for all windows.
    look
        How its planes looked before, where they were in other windows.

    Attributes
    ----------
    imp
        ImageJ's ImagePlus; None before the first plane and after `close`.
    dismissed
        Whether its user closed the window. It stays closed; the group goes on.
    grown
        Called on the event thread with the grids before and after planes have moved.
    """

    def __init__(
        self, group: Group[Plane], title: str, scene: Scene, look: Look | None = None
    ) -> None:  # fmt: skip
        self.group = group
        self.title = title
        self.imp: Any = None
        self.dismissed = False
        self._was_closed = False
        self.grown: Callable[[Grid, Grid], None] = lambda old, new: None
        self._scene = scene
        self._look = look or Look()
        height, width = group.key.plane[:2]
        self._form = Form.of(group.key.dtype, rgb=group.key.rgb)
        self._size = (width, height)
        self._slices: Slices
        self._channels = Channels(self._form, group.key.kind)
        self._scaled: tuple[Any, ...] = ()
        self._info = ""
        self._left: Czt | None = None

    @property
    def slices(self) -> Slices:
        """Its planes in ImageJ's stack, from the first one on."""
        return self._slices

    @property
    def is_open(self) -> bool:
        """Whether its window is there, be it hidden, and shows the group."""
        there = self.imp is not None and self._scene.visible and window.is_open(self.imp)
        return there and not edits.are_theirs(self.imp, self._slices)

    @property
    def closed(self) -> bool:
        """Whether its user closed the window, or a macro did."""
        gone = self.imp is not None and self._scene.visible and not window.is_open(self.imp)
        return self.dismissed or gone

    def update(self, fresh: Sequence[Fresh], gone: Sequence[tuple[Value, ...]] = ()) -> None:
        """Show planes that were put into the group, growing and painting once.

        What ImageJ or a plugin throws is raised here; the next update opens the window anew.

        Parameters
        ----------
        gone
            Places whose planes were let go of.
        """
        if self.closed:
            return
        if self.imp is None:
            on_edt(None, lambda: self._open(fresh))
            return
        try:
            on_edt(self.imp, lambda: self._change(fresh, gone))
        except BaseException:
            self.close()  # half changed; the next plane opens it anew from the group
            raise

    def expect(self) -> None:
        """Make room for what is expected."""
        if self.imp is not None and not self.closed:
            on_edt(self.imp, lambda: self._change((), ()))

    def open(self) -> None:
        """Open the window, also one that its user closed; it looks as it did."""
        if self.closed:
            self.dismissed, self.imp = False, None
        if self.imp is None:
            on_edt(None, lambda: self._open(()))

    def navigate(self, components: Mapping[str, Value]) -> None:
        """Move the sliders to these values; the others stay."""
        on_edt(self.imp, lambda: self._go(components))

    def place(self) -> dict[str, Value]:
        """Return where the sliders stand, and heed that somebody has moved them."""

        def run() -> dict[str, Value]:
            self._heed()
            return self._place() if self.is_open else {}  # it may have been closed just now

        return on_edt(self.imp, run)

    def look(self) -> Look:
        """Return how it looks now, or did when it was closed."""
        if self.is_open:
            on_edt(self.imp, self._take_down)
        return self._look

    def isolate(self, channel: Value | None) -> None:
        """Draw one channel alone, or None for all."""

        def run() -> None:
            if self.imp.isComposite() and self.imp.getMode() == self.imp.COMPOSITE:
                values = self._values()
                self._channels.switch(self.imp, [channel in (None, value) for value in values])
                self.imp.updateAndDraw()
                window.update_channels()

        on_edt(self.imp, run)

    def hide(self, hidden: bool) -> None:
        """Take the window off the screen, or put it there again; it is not closed thereby."""
        on_edt(self.imp, lambda: standing.hide(self.imp, hidden))

    def contrast(self, limits: Limits | None, channel: Value | None) -> dict[str, Limits]:
        """Set display ranges; of one channel, or None for all.

        Parameters
        ----------
        limits
            As sent; None to find them from the planes that are looked at.

        Returns
        -------
        dict
            The ranges that channels have now, as sent, by channel ("" where there is none).
        """
        return on_edt(self.imp, lambda: self._contrast(limits, channel))

    def on_closed(self) -> None:
        """Its user, or a macro, has closed the window. Any thread."""
        edits.tend(self.imp, self._slices, self.group)
        self.dismissed, self.imp = True, None

    def let_go(self) -> None:
        """Forget the image of a window that its user closed: it has no pixels any more."""
        before, self._was_closed = self._was_closed, self.closed
        if before and self.closed:  # a command that changes the type has no window for a moment
            self.dismissed, self.imp = True, None

    def tend(self) -> None:
        """Let the group have what a person or a macro did to the pixels. Any thread."""
        imp = self.imp

        def run() -> None:
            if not self.closed and edits.tend(imp, self._slices, self.group):
                imp.updateAndDraw()

        if imp is not None and not self.closed:
            on_edt(imp, run)

    def close(self) -> None:
        """Close the window, without a question."""
        if self.imp is None or edits.are_theirs(self.imp, self._slices):
            self.imp = None
            return
        imp, self.imp = self.imp, None

        def run() -> None:
            imp.changes = False
            imp.deleteRoi()  # of many points, ImageJ would ask whether it may go
            imp.close()

        # Closing takes the monitor by itself, after ImageJ's other threads have let go of it.
        on_edt(None, run)

    # What follows runs on the event thread, holding the image's monitor.

    def _open(self, fresh: Sequence[Fresh]) -> None:
        self._slices = slices = Slices(self._form, self._size, self._span())
        for place, plane in self.group.planes.items():
            slices.put(place, plane)
        grid, look = slices.grid, self._look
        imp = jvm.java("ij.ImagePlus")(self.title, slices.stack)
        imp.setDimensions(*grid.size)
        imp.setOpenAsHyperStack(True)
        if "channel" in grid.names and not self._form.rgb:
            composite = jvm.java("ij.CompositeImage")
            labels = self.group.key.kind == "labels"
            imp = composite(imp, composite.COLOR if labels else composite.COMPOSITE)
            if not labels:
                blend.compose(imp)
        self._scaled, self._info = (), ""
        self._describe(imp)
        first = next(iter(self.group.planes))
        if fresh:
            first = grid.focus(fresh[-1].image.components, fresh[0].place, opened=True)
        at = dict(zip(grid.names, first, strict=True)) | look.place
        imp.setPosition(*grid.position(grid.nearest(at, first)).from_one)
        self._channels = Channels(self._form, self.group.key.kind)
        self._channels.dress(imp, self._values(), known(grid, fresh, self.group), look)
        self._channels.show(imp, self._values(), look)
        if self._scene.visible:
            self._scene.opened.append(window.show(imp, look))
            imp.updateAndDraw()
        self.imp = imp
        self._left = self._shown()

    def _change(self, fresh: Sequence[Fresh], gone: Sequence[tuple[Value, ...]]) -> None:
        if self.closed:
            return
        if edits.are_theirs(self.imp, self._slices):
            self._look = Look()
            self.title = str(jvm.java("ij.WindowManager").getUniqueName(self.title))
            self._open(fresh)
            return
        edits.straighten(self.imp)
        self._heed()
        grid = self._slices.grid
        if not fresh or any(item.grew and not grid.has(item.place) for item in fresh):
            grid = self._span()
        grew = grid.values != self._slices.grid.values
        if grew:
            self._grow(grid)
        sorted_ = by_channel(self._slices.grid, fresh)
        self._channels.dress(self.imp, self._values(), sorted_)
        dropped, put = self._drop(gone), self._put(fresh)
        dirty = self._channels.widen(self.imp, sorted_) or grew or dropped or put
        self._describe(self.imp)
        if fresh and self._scene.follow:
            dirty = self._follow(fresh[-1]) or dirty
        self._left = self._shown()
        if dirty and self._scene.visible:
            self.imp.updateAndDraw()
            self.imp.repaintWindow()  # the subtitle has the label

    def _span(self) -> Grid:
        group, expected = self.group, self._scene.expected
        return Grid.of(group.names, {name: group.span(expected, name) for name in group.names})

    def _grow(self, grid: Grid) -> None:
        imp, old = self.imp, self._slices.grid
        here = grid.position(old.place(self._shown()))
        edits.adopt(self.imp, self._slices, self.group)
        changed, saved = imp.changes, self._channels.save(imp)
        self._slices.grow(grid, imp.getProcessor())
        self.grown(old, grid)
        if imp.isComposite():
            blend.make_room(imp, grid.size.c)
        window.set_stack(imp, self._slices.stack, old.size, grid.size)
        self._channels.restore(imp, saved, old.channels(grid))
        imp.setPosition(*here.from_one)
        imp.changes = changed

    def _put(self, fresh: Sequence[Fresh]) -> bool:
        """Refer to the planes; return whether one of them is on the screen."""
        shown, planes = self._shown(), self.group.planes
        hit = False
        for item in fresh:
            if planes.get(item.place) is item.plane:  # else it was let go of meanwhile
                at = self._slices.put(item.place, item.plane)
                hit = self._replace(item.plane.array, at, shown) or hit
        return hit

    def _drop(self, gone: Sequence[tuple[Value, ...]]) -> bool:
        """Make holes; return whether one of them is on the screen."""
        shown, planes = self._shown(), self.group.planes
        hit = False
        for place in gone:
            if place not in planes:
                at = self._slices.drop(place)
                hit = self._replace(self._slices.array(at), at, shown) or hit
        return hit

    def _replace(self, array: Any, at: Czt, shown: Czt) -> bool:
        """Exchange the array of a processor on the screen; it would write its own back.

        While a slider is dragged it may still be that of another slice than the sliders stand at.
        """
        imp = self.imp
        drawn = bool(self._slices.grid.index(at) + 1 == imp.getCurrentSlice())
        if drawn:
            imp.getProcessor().setPixels(array)
            imp.getProcessor().setSnapshotPixels(None)
        beside = (at.z, at.t) == (shown.z, shown.t) and imp.isComposite()
        if beside and imp.getMode() == imp.COMPOSITE:
            part = imp.getProcessor(at.c + 1)
            if part is not None:
                part.setPixels(array)
            return True
        return drawn

    def _describe(self, imp: Any) -> None:
        """Calibrate anew only when the sender says something new; the user may have."""
        image = self.group.latest
        said = (image.scale, image.origin, image.units)
        if said != self._scaled:
            self._scaled = said
            looks.calibrate(imp, image, self._form, self._slices.grid.folded == ("t",))
        info = looks.info(image, describe(self.group.key.split))
        if info != self._info and (imp.getProperty("Info") or "") == self._info:
            self._info = info
            imp.setProperty("Info", info)

    def _follow(self, newest: Fresh) -> bool:
        grid, here = self._slices.grid, self._shown()
        there = grid.position(grid.focus(newest.image.components, grid.place(here)))
        if there != here:
            self.imp.setPosition(*there.from_one)
        return there != here

    def _heed(self) -> None:
        """Notice that somebody has moved a slider: what comes does not move it any more."""
        if self.is_open and self._left is not None and self._shown() != self._left:
            self._scene.follow = False
            self._left = self._shown()

    def _take_down(self) -> None:
        if self.is_open:  # it may have been closed just now
            self._look = look = self._channels.describe(self.imp, self._values())
            look.place = self._place()
            look.roi, look.zoom, look.at = window.describe(self.imp)

    def _values(self) -> tuple[Value | None, ...]:
        """The channels, by their values; of a window for one channel that."""
        if "channel" in self.group.names:
            return self._slices.grid.channel_values
        return (dict(self.group.key.split).get("channel"),)

    def _shown(self) -> Czt:
        imp = self.imp
        return Czt(imp.getC() - 1, imp.getZ() - 1, imp.getT() - 1)

    def _place(self) -> dict[str, Value]:
        grid = self._slices.grid
        return dict(zip(grid.names, grid.place(self._shown()), strict=True))

    def _go(self, components: Mapping[str, Value]) -> None:
        grid, at = self._slices.grid, self._place() | dict(components)
        self.imp.setPosition(*grid.position([at[name] for name in grid.names]).from_one)
        self._left = self._shown()

    def _contrast(self, limits: Limits | None, channel: Value | None) -> dict[str, Limits]:
        form, shown, ranges = self._form, self._shown(), {}
        for index, value in enumerate(self._values()):
            if channel is not None and value != channel:
                continue
            if limits is not None:
                wanted: Limits | None = (form.level(limits[0]), form.level(limits[1]))
            else:
                at = self._slices.grid.place(shown._replace(c=index))
                plane = self.group.planes.get(at)
                wanted = None if plane is None else looks.levels_of(plane)
            if wanted is not None:
                self._channels.set_range(self.imp, index, wanted)
            low, high = self._channels.range(self.imp, index)
            name = "" if value is None else str(value)
            ranges[name] = (form.value(low), form.value(high))
        self.imp.updateAndDraw()
        return ranges
