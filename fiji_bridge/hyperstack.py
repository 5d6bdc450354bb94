"""One growing hyperstack in ImageJ: the planes of a group, live, in a window that stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fiji_bridge import jvm, looks, window
from fiji_bridge.channels import Channels, Fresh, by_channel
from fiji_bridge.czt import Czt, Grid, plan
from fiji_bridge.edt import on_edt
from fiji_bridge.pixels import Form, Plane
from streaming_core.protocol.components import Value
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
    visible
        Whether to open a window; there is none where Java runs headless.

    Attributes
    ----------
    imp
        ImageJ's ImagePlus; None before the first plane and after `close`.
    """

    def __init__(self, group: Group[Plane], title: str, *, visible: bool) -> None:
        self.group = group
        self.title = title
        self.visible = visible
        self.imp: Any = None
        height, width = group.key.plane[:2]
        self._form = Form.of(group.key.dtype, rgb=group.key.rgb)
        self._size = (width, height)
        # Shared by all holes: they cost nothing. What ImageJ draws into one shows in all.
        self._blank = jvm.empty(self._form.kind, width * height)
        self._grid = Grid((), ())
        self._stack: Any = None
        self._channels = Channels(self._form, group.key.kind)
        self._scaled: tuple[Any, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether its window is on the screen."""
        return self.imp is not None and self.visible and window.is_open(self.imp)

    @property
    def closed(self) -> bool:
        """Whether its user closed the window. It stays closed; the group goes on."""
        return self.imp is not None and self.visible and not window.is_open(self.imp)

    def update(self, fresh: Sequence[Fresh]) -> None:
        """Show planes that were put into the group, growing and painting once.

        What ImageJ or a plugin throws is raised here; the next update opens the window anew.
        """
        if self.imp is None:
            on_edt(None, lambda: self._open(fresh))
            return
        if self.closed:
            return
        try:
            on_edt(self.imp, lambda: self._change(fresh))
        except BaseException:
            self.close()  # half changed; the next plane opens it anew from the group
            raise

    def navigate(self, components: dict[str, Value]) -> None:
        """Move the sliders to these values; the others stay."""
        on_edt(self.imp, lambda: self._go(components))

    def close(self) -> None:
        """Close the window, without a question."""
        if self.imp is None:
            return
        imp, self.imp = self.imp, None

        def run() -> None:
            imp.changes = False
            imp.close()

        # Closing takes the monitor by itself, after ImageJ's other threads have let go of it.
        on_edt(None, run)

    # What follows runs on the event thread, holding the image's monitor.

    def _open(self, fresh: Sequence[Fresh]) -> None:
        self._grid = grid = Grid.of(self.group.names, self.group.values)
        self._stack = self._new_stack(grid)
        self._name_holes(range(grid.planes))
        for place, plane in self.group.planes.items():
            self._set(place, plane)
        imp = jvm.java("ij.ImagePlus")(self.title, self._stack)
        imp.setDimensions(*grid.size)
        imp.setOpenAsHyperStack(True)
        if "channel" in grid.names and not self._form.rgb:
            composite = jvm.java("ij.CompositeImage")
            labels = self.group.key.kind == "labels"
            imp = composite(imp, composite.COLOR if labels else composite.COMPOSITE)
        self._calibrate(imp, fresh)
        imp.setPosition(*_from_one(grid.position(fresh[0].place)))
        self._channels = Channels(self._form, self.group.key.kind)
        self._channels.dress(imp, grid.channel_values, self._by_channel(fresh))
        if self.visible:
            window.show(imp)
            imp.updateAndDraw()
        self.imp = imp

    def _new_stack(self, grid: Grid) -> Any:
        stack = jvm.java("ij.ImageStack")(*self._size, grid.planes)
        stack.setPixels(self._blank, 1)  # the bit depth is known from here on
        jvm.java("java.util.Arrays").fill(stack.getImageArray(), self._blank)
        return stack

    def _name_holes(self, holes: Iterable[int]) -> None:
        for index in holes:
            place = self._grid.place(self._grid.czt(int(index)))
            self._stack.setSliceLabel(f"missing: {self._grid.label(place)}", int(index) + 1)

    def _change(self, fresh: Sequence[Fresh]) -> None:
        if self.visible and not window.is_open(self.imp):
            return
        if self._taken():
            self.title = str(jvm.java("ij.WindowManager").getUniqueName(self.title))
            self._open(fresh)
            return
        grew = any(item.grew for item in fresh)
        if grew:
            self._grow(Grid.of(self.group.names, self.group.values))
            self._channels.dress(self.imp, self._grid.channel_values, self._by_channel(fresh))
        dirty = self._put(fresh) or grew
        dirty = self._channels.widen(self.imp, self._by_channel(fresh)) or dirty
        self._calibrate(self.imp, fresh)
        if dirty and self.visible:
            self.imp.updateAndDraw()
            self.imp.repaintWindow()  # the subtitle has the label

    def _taken(self) -> bool:
        """Whether the user made something else of the image: another type, other slices.

        It is theirs then, and the group goes on in another window.
        """
        imp, size = self.imp, self._grid.planes
        if (imp.getWidth(), imp.getHeight()) != self._size or imp.getStackSize() != size:
            return True
        if imp.getBitDepth() != self._stack.getBitDepth():
            return True
        return size > 1 and imp.getImageStack() != self._stack

    def _grow(self, grid: Grid) -> None:
        imp, old = self.imp, self._grid
        growth = plan(old, grid)
        here = grid.position(old.place(self._shown()))
        stack = self._new_stack(grid)
        copy = jvm.java("java.lang.System").arraycopy
        for source, target, length in growth.runs:
            copy(self._stack.getImageArray(), source, stack.getImageArray(), target, length)
            copy(self._stack.getSliceLabels(), source, stack.getSliceLabels(), target, length)
        stack.update(imp.getProcessor())  # range, lookup table and calibration
        self._stack, self._grid = stack, grid
        self._name_holes(growth.fresh)
        changed, saved = imp.changes, self._channels.save(imp)
        window.set_stack(imp, stack, old.size, grid.size)
        self._channels.restore(imp, saved, old.channels(grid))
        imp.setPosition(*_from_one(here))
        imp.changes = changed

    def _put(self, fresh: Sequence[Fresh]) -> bool:
        """Refer to the planes; return whether one of them is on the screen."""
        shown = self._shown()
        hit = False
        for item in fresh:
            at = self._set(item.place, item.plane)
            if (at.z, at.t) == (shown.z, shown.t):
                hit = self._replace(item.plane.array, at.c, shown.c) or hit
        return hit

    def _set(self, place: Sequence[Value], plane: Plane) -> Czt:
        at = self._grid.position(place)
        index = self._grid.index(at) + 1
        self._stack.setPixels(plane.array, index)
        self._stack.setSliceLabel(self._grid.label(place), index)
        return at

    def _replace(self, array: Any, channel: int, shown: int) -> bool:
        """Exchange the array of a processor on the screen; it would write its own back."""
        imp = self.imp
        if channel == shown:
            processor = imp.getProcessor()
            processor.setPixels(array)
            processor.setSnapshotPixels(None)
        if imp.isComposite() and imp.getMode() == imp.COMPOSITE:
            part = imp.getProcessor(channel + 1)
            if part is not None:
                part.setPixels(array)
            return True
        return channel == shown

    def _calibrate(self, imp: Any, fresh: Sequence[Fresh]) -> None:
        """Calibrate anew only when the sender says something new; the user may have."""
        image = fresh[-1].image
        said = (image.scale, image.origin, image.units)
        if said != self._scaled:
            self._scaled = said
            looks.calibrate(imp, image, self._form, self._grid.folded == ("t",))

    def _by_channel(self, fresh: Sequence[Fresh]) -> dict[int, list[Fresh]]:
        return by_channel((self._grid.position(item.place).c, item) for item in fresh)

    def _shown(self) -> Czt:
        imp = self.imp
        return Czt(imp.getC() - 1, imp.getZ() - 1, imp.getT() - 1)

    def _go(self, components: dict[str, Value]) -> None:
        grid = self._grid
        at = dict(zip(grid.names, grid.place(self._shown()), strict=True)) | components
        place = [at[name] for name in grid.names]
        self.imp.setPosition(*_from_one(grid.position(place)))


def _from_one(position: Czt) -> tuple[int, int, int]:
    return position.c + 1, position.z + 1, position.t + 1
