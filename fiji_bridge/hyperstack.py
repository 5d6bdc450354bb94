"""One growing hyperstack in ImageJ: the planes of a group, live, in a window that stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fiji_bridge import colors, jvm, look, window
from fiji_bridge.czt import Czt, Grid, plan
from fiji_bridge.edt import on_edt
from fiji_bridge.pixels import Form, Plane
from streaming_core.protocol.catalog import Group, Put
from streaming_core.protocol.components import Value
from streaming_core.protocol.messages import Image


@dataclass(frozen=True, slots=True)
class Fresh:
    """A plane that has come, and the image that brought it."""

    put: Put[Plane]
    plane: Plane
    image: Image


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
    """

    def __init__(self, group: Group[Plane], title: str, *, visible: bool) -> None:
        self.group = group
        self.title = title
        self.visible = visible
        self.imp: Any = None
        height, width = group.key.plane[:2]
        self.form = Form.of(group.key.dtype, rgb=group.key.rgb)
        self.grid = Grid(group.names, tuple(() for _ in group.names))
        self._size = (width, height)
        # Shared by all holes: they cost nothing. What ImageJ draws into one shows in all.
        self._blank = jvm.empty(self.form.kind, width * height)
        self._stack: Any = None
        self._colors: dict[int, colors.Rgb] = {}
        self._scaled: tuple[Any, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether its user closed the window. It stays closed; the group goes on."""
        return self.imp is not None and self.visible and not window.is_open(self.imp)

    @property
    def is_open(self) -> bool:
        """Whether its window is on the screen."""
        return self.imp is not None and self.visible and window.is_open(self.imp)

    def update(self, fresh: Sequence[Fresh]) -> None:
        """Show planes that were put into the group, growing and painting once."""
        if self.closed:
            return
        grew = self.imp is None or any(item.put.grew for item in fresh)
        grid = Grid.of(self.group.names, self.group.values) if grew else self.grid
        if self.imp is None:
            on_edt(None, lambda: self._open(grid, fresh))
            return
        try:
            on_edt(self.imp, lambda: self._change(grid, fresh))
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

    def _open(self, grid: Grid, fresh: Sequence[Fresh]) -> None:
        self._stack = self._new_stack(grid)
        self._name_holes(grid, range(grid.planes))
        self.grid = grid
        for place, plane in self.group.planes.items():
            self._set(place, plane)
        imp = jvm.java("ij.ImagePlus")(self.title, self._stack)
        imp.setDimensions(*grid.size)
        imp.setOpenAsHyperStack(True)
        if "channel" in grid.names and not self.form.rgb:
            composite = jvm.java("ij.CompositeImage")
            labels = self.group.key.kind == "labels"
            imp = composite(imp, composite.COLOR if labels else composite.COMPOSITE)
        self.imp = imp
        self._calibrate(fresh)
        self._color(range(grid.size.c), fresh)
        imp.setPosition(*_from_one(grid.position(fresh[-1].put.place)))
        if self.visible:
            window.show(imp)
            imp.updateAndDraw()

    def _new_stack(self, grid: Grid) -> Any:
        stack = jvm.java("ij.ImageStack")(*self._size, grid.planes)
        stack.setPixels(self._blank, 1)  # the bit depth is known from here on
        jvm.java("java.util.Arrays").fill(stack.getImageArray(), self._blank)
        return stack

    def _name_holes(self, grid: Grid, holes: Iterable[int]) -> None:
        for index in holes:
            label = grid.label(grid.place(grid.czt(int(index))))
            self._stack.setSliceLabel(f"missing: {label}", int(index) + 1)

    def _change(self, grid: Grid, fresh: Sequence[Fresh]) -> None:
        if self.visible and not window.is_open(self.imp):
            return
        dirty = grid is not self.grid
        if dirty:
            self._grow(grid, fresh)
        dirty = self._put(fresh) or dirty
        self._calibrate(fresh)
        if dirty and self.visible:
            self.imp.updateAndDraw()
            self.imp.repaintWindow()  # the subtitle has the label

    def _grow(self, grid: Grid, fresh: Sequence[Fresh]) -> None:
        imp, old = self.imp, self.grid
        growth = plan(old, grid)
        here = grid.position(old.place(self._shown()))
        stack = self._new_stack(grid)
        copy = jvm.java("java.lang.System").arraycopy
        for source, target, length in growth.runs:
            copy(self._stack.getImageArray(), source, stack.getImageArray(), target, length)
            copy(self._stack.getSliceLabels(), source, stack.getSliceLabels(), target, length)
        stack.update(imp.getProcessor())  # range, lookup table and calibration
        self._stack, self.grid = stack, grid
        self._name_holes(grid, growth.fresh)
        luts = list(imp.getLuts()) if imp.isComposite() else []
        active = list(imp.getActiveChannels()) if luts else []
        changed = imp.changes
        window.set_stack(imp, stack, old.size, grid.size)
        if luts:
            moved = old.channels(grid)
            for index, table in zip(moved, luts, strict=True):
                imp.setChannelLut(table, index + 1)
            self._activate(moved, active)
            self._colors = {moved[c]: color for c, color in self._colors.items()}
            self._color([c for c in range(grid.size.c) if c not in moved], fresh)
        imp.setPosition(*_from_one(here))
        imp.changes = changed

    def _activate(self, moved: Sequence[int], active: Sequence[bool]) -> None:
        """Keep the channels off that were off; there are switches for the first eight."""
        switches = self.imp.getActiveChannels()
        if self.imp.getMode() == self.imp.COMPOSITE:
            kept = {to: bool(on) for to, on in zip(moved, active, strict=False)}
            for index in range(len(switches)):
                switches[index] = kept.get(index, True)

    def _color(self, channels: Sequence[int], fresh: Sequence[Fresh]) -> None:
        """Give channels their first colour and display range."""
        for channel in channels:
            mine = [item for item in fresh if self.grid.position(item.put.place).c == channel]
            if not mine:
                mine = list(fresh[-1:])
            image = mine[0].image
            limits = look.limits(
                image, self.form, [item.plane for item in mine if item.image is image]
            )
            if self.form.rgb:
                continue
            if image.kind == "labels":
                table = look.label_lut(limits)
            else:
                color = self._first_color(image, channel)
                self._colors[channel] = color
                table = look.lut(color, limits)
            if self.imp.isComposite():
                self.imp.setChannelLut(table, channel + 1)
            else:
                self.imp.setLut(table)

    def _first_color(self, image: Image, channel: int) -> colors.Rgb:
        named = colors.colormap(image.colormap) if image.colormap else None
        if named is not None:
            return named
        if "channel" not in self.grid.names:
            return colors.GRAY
        value = self.grid.values[self.grid.names.index("channel")][channel]
        return colors.of_channel(value, self._colors.values())

    def _put(self, fresh: Sequence[Fresh]) -> bool:
        """Refer to the planes; return whether one of them is on the screen."""
        shown = self._shown()
        hit = False
        for item in fresh:
            at = self._set(item.put.place, item.plane)
            if (at.z, at.t) == (shown.z, shown.t):
                hit = self._replace(item.plane.array, at.c, shown.c) or hit
        return hit

    def _set(self, place: Sequence[Value], plane: Plane) -> Czt:
        at = self.grid.position(place)
        index = self.grid.index(at) + 1
        self._stack.setPixels(plane.array, index)
        self._stack.setSliceLabel(self.grid.label(place), index)
        return at

    def _replace(self, array: Any, channel: int, shown: int) -> bool:
        """Exchange the array of a processor on the screen; it would write its own back."""
        imp = self.imp
        hit = channel == shown
        processor = imp.getProcessor()
        if hit and processor is not None:
            processor.setPixels(array)
            processor.setSnapshotPixels(None)
        if imp.isComposite() and imp.getMode() == imp.COMPOSITE:
            part = imp.getProcessor(channel + 1)
            if part is not None:
                part.setPixels(array)
            return True
        return hit

    def _calibrate(self, fresh: Sequence[Fresh]) -> None:
        """Calibrate anew only when the sender says something new; the user may have."""
        image = fresh[-1].image
        said = (image.scale, image.origin, image.units)
        if said != self._scaled:
            self._scaled = said
            look.calibrate(self.imp, image, self.form, self.grid.folded == ("t",))

    def _shown(self) -> Czt:
        imp = self.imp
        return Czt(imp.getC() - 1, imp.getZ() - 1, imp.getT() - 1)

    def _go(self, components: dict[str, Value]) -> None:
        at = dict(zip(self.grid.names, self.grid.place(self._shown()), strict=True)) | components
        place = [at[name] for name in self.grid.names]
        self.imp.setPosition(*_from_one(self.grid.position(place)))


def _from_one(position: Czt) -> tuple[int, int, int]:
    return position.c + 1, position.z + 1, position.t + 1
