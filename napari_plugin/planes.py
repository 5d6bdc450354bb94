"""The array that napari reads: holds planes by place, grows in O(1), is never copied."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from types import EllipsisType
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
from napari.layers import Layer
from numpy.typing import ArrayLike, DTypeLike, NDArray

from napari_plugin.painting import Painting
from napari_plugin.plan import Axes
from streaming_core.protocol.components import Value

Plane: TypeAlias = NDArray[Any]
"""(Y, X), or (Y, X, S) for RGB, as it was sent."""

Key: TypeAlias = SupportsIndex | slice | EllipsisType
"""What stands for one dimension inside the brackets."""


class PlaneStack:
    """An array over the viewer's shared axes whose planes stand in a dictionary.

    Growing an axis changes nothing here: the shape is asked of the axes, and places
    without a plane read as one blank plane that has no memory of its own. Axes that the
    group does not have are ignored, so the group repeats along them.

    Reading is safe in any thread: it looks up a dictionary and a list, each in one step.

    Parameters
    ----------
    axes
        Shared by all layers of the viewer.
    names
        Components of this group, in the order of the places in ``planes``.
    planes
        Place -> plane; owned by the catalog, which adds to it.
    plane
        Shape of a plane: (Y, X) or (Y, X, S).
    dtype
        As sent. Bool reads as uint8, which napari can draw, over the same memory.
    blank
        Value of the places that have no plane.
    white
        For RGB, which napari draws as uint8 or as floats up to 1 only: the value that is
        full brightness. Reading then returns uint8; what was sent stays in ``planes``.
        It may be raised later.
    painting
        For labels that a person may paint; it may be given later. Reading then copies,
        because napari writes into what it has read.
    labels
        Whether they are that: what napari computes colours from has to be writable, for one of
        the libraries that it does it with (PartSegCore).
    small
        For labels that all fit into a narrower type: reading then returns that; what was sent
        stays in ``planes``. `widen` changes it.
    """

    def __init__(
        self,
        axes: Axes,
        names: tuple[str, ...],
        planes: Mapping[tuple[Value, ...], NDArray[Any]],
        plane: tuple[int, ...],
        dtype: DTypeLike,
        blank: float = 0,
        white: float | None = None,
        painting: Painting | None = None,
        labels: bool = False,
        small: np.dtype[Any] | None = None,
    ) -> None:
        self.axes = axes
        self._names = names
        self._planes = planes
        self._plane = plane
        self._kept = np.dtype(dtype)
        self._white = white
        self.painting = painting
        self._smaller: tuple[PlaneStack, ...] = ()
        self.small = small
        self._computed = labels and self._kept.itemsize > 2
        seen_as_bytes = white is not None or self._kept == np.bool_
        self._dtype = small or (np.dtype(np.uint8) if seen_as_bytes else self._kept)
        self._blank = _blank(blank, self._dtype, plane)

    def on(self, axes: Axes) -> PlaneStack:
        """Return the same planes over other axes."""
        stack = PlaneStack(
            axes, self._names, self._planes, self._plane, self._kept, self.blank, self.white,
            self.painting, self._computed, self.small,
        )  # fmt: skip
        stack._smaller = tuple(one.on(axes) for one in self._smaller)
        return stack

    def add_smaller(
        self, planes: Mapping[tuple[Value, ...], NDArray[Any]], plane: tuple[int, ...]
    ) -> None:
        """Take the same planes in a smaller version too, the larger ones first."""
        stack = PlaneStack(
            self.axes, self._names, planes, plane, self._kept, self.blank, self.white, None,
            self._computed, self.small,
        )  # fmt: skip
        self._smaller = (*self._smaller, stack)

    def widen(self, small: np.dtype[Any] | None) -> None:
        """Read labels as another type from now on; None for that as which they were sent."""
        self.small, self._dtype = small, small or self._kept
        self._blank = _blank(self.blank, self._dtype, self._plane)
        for one in self._smaller:
            one.widen(small)

    @property
    def layer_data(self) -> PlaneStack | list[PlaneStack]:
        """What a layer is given: this alone, or with its smaller versions behind it."""
        return [self, *self._smaller] if self._smaller else self

    def is_of(self, layer: Layer) -> bool:
        """Whether a layer shows this: its user may have given it other data."""
        data = layer.data
        return data is self or (bool(self._smaller) and layer.multiscale and data[0] is self)

    @property
    def white(self) -> float | None:
        """For RGB the value that is full brightness."""
        return self._white

    @white.setter
    def white(self, white: float | None) -> None:
        self._white = white
        for one in self._smaller:
            one.white = white

    @property
    def blank(self) -> float:
        """Value of the places that have no plane."""
        return float(self._blank[(0,) * len(self._plane)])

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the shared axes, then the plane's shape."""
        return (*self.axes.lengths, *self._plane)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what reading returns."""
        return self._dtype

    @property
    def whole_dtype(self) -> np.dtype[Any]:
        """Of what is saved, or read as a whole: of labels as they were sent."""
        return self._dtype if self.small is None else self._kept

    @property
    def ndim(self) -> int:
        """Number of dimensions, those of the plane included."""
        return len(self.axes.names) + len(self._plane)

    @property
    def size(self) -> int:
        """Number of elements, those of missing planes included."""
        return prod(self.shape)

    def __repr__(self) -> str:
        return f"<PlaneStack {self.shape} {self._dtype}: {len(self._planes)} planes>"

    def __getitem__(self, key: Key | tuple[Key, ...]) -> NDArray[Any]:
        """Read: a view of the plane where every shared axis has an index, else a copy."""
        ranges, kept, inside = self._spread(key)
        if not kept:
            part = self._at(tuple(r[0] for r in ranges), inside)
            return part if self.painting is None else np.array(part, copy=True)
        blank = self._blank[inside]
        out = np.empty((prod(kept), *blank.shape), self._dtype)
        for row, indices in enumerate(product(*ranges)):
            out[row] = self._at(indices, inside)
        return out.reshape((*kept, *blank.shape))

    def __setitem__(self, key: Key | tuple[Key, ...], value: ArrayLike) -> None:
        """Write what a person paints; TypeError for what is not theirs to paint."""
        if self.painting is None:
            raise TypeError("these labels were not sent with editable=True; duplicate the layer")
        ranges, kept, inside = self._spread(key)
        shape = (*kept, *self._blank[inside].shape)
        parts = np.broadcast_to(value, shape).reshape((prod(kept), *shape[len(kept) :]))
        for part, indices in zip(parts, product(*ranges), strict=True):
            self.painting.write(self._place(indices), inside, part)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Read everything into one new array: for saving, and for other plugins."""
        if copy is False:
            raise ValueError("planes stand in separate memory; an array of them is a copy")
        stack = self
        if self.small is not None:
            stack = self.on(self.axes)
            stack.widen(None)
        whole = stack[...]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def _at(self, indices: tuple[int, ...], inside: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a part of the plane at an index, or of the blank one."""
        plane = self._planes.get(self._place(indices))
        if plane is None:
            return self._blank[inside]
        plane = plane[inside]
        if self.white is not None:
            share = np.multiply(plane, 255 / self.white, dtype=np.float64)
            np.clip(share, 0, 255, out=share)
            return np.asarray(share, np.uint8)
        if self.small is not None:
            return plane.astype(self.small)
        if self._computed:
            return _writable(plane)
        return plane.view(np.uint8) if self._kept == np.bool_ else plane

    def _place(self, indices: Sequence[int]) -> tuple[Value, ...]:
        at = dict(zip(self.axes.names, indices, strict=True))
        values = self.axes.values
        return tuple(values[name].items[at[name]] for name in self._names)

    def _spread(
        self, key: Key | tuple[Key, ...]
    ) -> tuple[list[Sequence[int]], list[int], tuple[int | slice, ...]]:
        """Return the indices on each shared axis, the lengths of axes that stay, and the rest."""
        full = self._full_key(key)
        depth = len(self.axes.names)
        lead, inside = full[:depth], full[depth:]
        lengths = self.axes.lengths
        ranges: list[Sequence[int]] = [
            range(*item.indices(length)) if isinstance(item, slice) else (_index(item, length),)
            for item, length in zip(lead, lengths, strict=True)
        ]
        kept = [len(r) for r, item in zip(ranges, lead, strict=True) if isinstance(item, slice)]
        return ranges, kept, inside

    def _full_key(self, key: Key | tuple[Key, ...]) -> tuple[int | slice, ...]:
        """Spell out a key: one int or slice for each dimension."""
        items = list(key) if isinstance(key, tuple) else [key]
        dots = [at for at, item in enumerate(items) if item is Ellipsis]
        missing = self.ndim - (len(items) - len(dots))
        if missing < 0 or len(dots) > 1:
            raise IndexError(f"{len(items)} indices for an array of {self.ndim} dimensions")
        at = dots[0] if dots else len(items)
        items[at : at + len(dots)] = [slice(None)] * missing
        return tuple(item if isinstance(item, slice) else _whole(item) for item in items)


def _blank(value: float, dtype: np.dtype[Any], plane: tuple[int, ...]) -> NDArray[Any]:
    """Return a plane of one value. Zero strides: one element of memory, and read-only."""
    return np.broadcast_to(np.array(value, dtype), plane)


def _writable(plane: NDArray[Any]) -> NDArray[Any]:
    """Return a view of a plane that may be written to, a copy where its memory is another's."""
    view = plane.view()
    try:
        view.flags.writeable = True
    except ValueError:
        return plane.copy()
    return view


def _whole(item: object) -> int:
    try:
        return operator.index(item)  # type: ignore[arg-type]  # else a TypeError
    except TypeError:
        raise TypeError(
            f"index with integers, slices and ..., not {type(item).__name__}; "
            "numpy.asarray() gives an array that takes more"
        ) from None


def _index(item: int, length: int) -> int:
    index = item + length if item < 0 else item
    if not 0 <= index < length:
        raise IndexError(f"index {item} on an axis of {length} values")
    return index
