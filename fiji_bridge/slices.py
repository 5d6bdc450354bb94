"""The planes of a hyperstack in ImageJ's stack: which array stands where, and what it is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from numpy.typing import NDArray

from fiji_bridge import jvm
from fiji_bridge.czt import Czt, Grid, plan
from fiji_bridge.pixels import Form, Plane
from streaming_core.protocol.components import Value

MOST_NAMED: Final = 20_000
"""Holes of one growth that get a label, 15 µs each: a person looks at no more of them."""


class Slices:
    """An ImageStack whose planes stand where a grid says. Event thread only.

    Parameters
    ----------
    form, size
        Of the planes: how they are held; width and height.
    grid
        The places there are; all are holes at first.

    Attributes
    ----------
    size
        Width and height.
    stack
        ImageJ's; another one after each growth.
    """

    def __init__(self, form: Form, size: tuple[int, int], grid: Grid) -> None:
        self.grid = grid
        self.size = size
        # Shared by all holes: they cost nothing. What ImageJ draws into one shows in all.
        self._kind = form.kind
        self._blank = jvm.empty(form.kind, size[0] * size[1])
        self.stack = self._new(grid)
        self._held = self.stack.getImageArray().clone()  # what was put, for `edited`
        self._name_holes(range(grid.planes))

    def put(self, place: Sequence[Value], plane: Plane) -> Czt:
        """Refer to a plane; return where it stands."""
        at = self.grid.position(place)
        index = self.grid.index(at) + 1
        label = self.grid.label(place)
        self.stack.setPixels(plane.array, index)
        self._held[index - 1] = plane.array
        self.stack.setSliceLabel(f"{label}\n{plane.note}" if plane.note else label, index)
        return at

    def drop(self, place: Sequence[Value]) -> Czt:
        """Make a hole where a plane was let go of; return where it stood."""
        at = self.grid.position(place)
        index = self.grid.index(at)
        self.stack.setPixels(self._blank, index + 1)
        self._held[index] = self._blank
        self._name_holes([index])
        return at

    def take_blank(self) -> NDArray[Any]:
        """Return what was painted into the pixels that all holes share, and wipe it away."""
        painted = jvm.to_numpy(self._kind, self._blank)
        if painted.any():
            copy = jvm.java("java.lang.System").arraycopy
            copy(jvm.empty(self._kind, len(painted)), 0, self._blank, 0, len(painted))
        return painted

    def array(self, at: Czt) -> Any:
        """Return the pixels at a position."""
        return self.stack.getPixels(self.grid.index(at) + 1)

    def grow(self, grid: Grid, like: Any) -> None:
        """Make room for new values. Only references move.

        Parameters
        ----------
        like
            The processor on the screen, for its range, lookup table and calibration.
        """
        growth = plan(self.grid, grid)
        stack = self._new(grid)
        held = stack.getImageArray().clone()
        copy = jvm.java("java.lang.System").arraycopy
        for source, target, length in growth.runs:
            copy(self.stack.getImageArray(), source, stack.getImageArray(), target, length)
            copy(self._held, source, held, target, length)
            copy(self.stack.getSliceLabels(), source, stack.getSliceLabels(), target, length)
        stack.update(like)
        self.stack, self.grid, self._held = stack, grid, held
        self._name_holes(growth.fresh)

    def move_to(self, stack: Any) -> None:
        """Go on in a stack that ImageJ has put into the place of ours: a filter's result."""
        copy, labels = jvm.java("java.lang.System").arraycopy, self.stack.getSliceLabels()
        if labels is not None:  # else it was emptied into the other one, labels and all
            copy(labels, 0, stack.getSliceLabels(), 0, self.grid.planes)
        self.stack = stack

    def edited(self, imp: Any, *, holes: bool) -> list[tuple[tuple[Value, ...], Any, Any]]:
        """Return the places whose planes ImageJ holds in other arrays now: place, before, now.

        Most commands write into the arrays that are there; some put others into their place.
        Each is told once. An array that another place has too, or the holes, is no edit: what was
        there is put back. ImageJ moves sliders on a thread of its own, and when the stack grows
        meanwhile it may leave the pixels of one slice in another.

        Parameters
        ----------
        holes
            Whether holes get their blank back; else somebody may have painted them.
        """
        stack, held, planes = self.stack, self._held, self.grid.planes
        mismatch = jvm.java("java.util.Arrays").mismatch
        shown, processor = int(imp.getCurrentSlice()), imp.getProcessor()
        if processor is not None and 1 <= shown <= planes:
            kept = jvm.same(stack.getPixels(shown), held[shown - 1])
            if kept and not jvm.same(processor.getPixels(), held[shown - 1]):
                stack.setPixels(processor.getPixels(), shown)  # as ImageJ does at the next slice
        arrays, changed = stack.getImageArray(), []
        index = -1
        while (step := mismatch(arrays, index + 1, planes, held, index + 1, planes)) >= 0:
            index += int(step) + 1
            changed.append(index)
        if not changed:
            return []
        standing, moved = self._standing(changed), jvm.java("java.util.IdentityHashMap")()
        for index in changed:
            now = arrays[index]
            hole = holes and jvm.same(held[index], self._blank)
            elsewhere = standing.contains(now) or moved.containsKey(now)
            back: Any = index if hole or elsewhere else moved.put(now, index)
            while back is not None:  # what is at its own place again was not moved to another
                before = held[back]
                stack.setPixels(before, back + 1)
                standing.add(before)
                back = moved.remove(before)
        if moved.size() < len(changed):
            self._show(imp)
        found = []
        for index in sorted(int(one) for one in moved.values()):
            before, now = held[index], arrays[index]
            held[index] = now
            found.append((self.grid.place(self.grid.czt(index)), before, now))
        return found

    def _standing(self, changed: Sequence[int]) -> Any:
        """Return the arrays that stand where they were put, and that of holes: a set of Java's.

        A set, since a filter may exchange all: 100,000 take 2 s so, and twice that if each is
        sought in the stack.
        """
        held = self._held.clone()
        for index in changed:
            held[index] = self._blank
        identities = jvm.java("java.util.IdentityHashMap")()
        standing = jvm.java("java.util.Collections").newSetFromMap(identities)
        standing.addAll(jvm.java("java.util.Arrays").asList(held))
        standing.add(self._blank)
        return standing

    def _show(self, imp: Any) -> None:
        """Have an image draw the arrays that stand in its slices."""
        shown, processor = int(imp.getCurrentSlice()), imp.getProcessor()
        if processor is None or not 1 <= shown <= self.grid.planes:
            return
        processor.setPixels(self.stack.getPixels(shown))
        processor.setSnapshotPixels(None)
        first = int(imp.getStackIndex(1, imp.getZ(), imp.getT()))
        for channel in range(self.grid.size.c if imp.isComposite() else 0):
            part = imp.getProcessor(channel + 1)  # it has one for each only in composite mode
            if part is not None:
                part.setPixels(self.stack.getPixels(first + channel))
        imp.updateAndDraw()

    def heal(self) -> bool:
        """Make holes blank again if somebody drew into one; return whether that was so."""
        return bool(self.take_blank().any())

    def _new(self, grid: Grid) -> Any:
        stack = jvm.java("ij.ImageStack")(*self.size, grid.planes)
        stack.setPixels(self._blank, 1)  # the bit depth is known from here on
        jvm.java("java.util.Arrays").fill(stack.getImageArray(), self._blank)
        return stack

    def _name_holes(self, holes: Iterable[int]) -> None:
        for _, index in zip(range(MOST_NAMED), holes, strict=False):
            place = self.grid.place(self.grid.czt(int(index)))
            self.stack.setSliceLabel(f"missing: {self.grid.label(place)}", int(index) + 1)
