"""Layers of points, shapes and tracks: make one, and change what it holds, piece by piece."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from napari.layers import Layer, Points, Shapes, Tracks
from numpy.typing import NDArray

PIECE: Final = 200
"""Shapes that are added at once: 50 ms, and 5 ms more for each 1,000 that are there already."""

STYLE: Final[Mapping[str, tuple[str, ...]]] = {
    "points": ("size", "face_color", "border_color", "symbol"),
    "shapes": ("edge_color", "face_color", "edge_width"),
    "tracks": (),
}
"""What a person chooses for all objects of a layer, and which new ones get too."""

KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "points": (),
    "shapes": (),
    "tracks": ("tail_length", "head_length", "tail_width", "colormap", "display_id"),
}
"""What else a layer keeps when it has to be made anew, for 3-D."""

OUTLINE: Final[Mapping[str, Any]] = {"edge_color": "yellow", "face_color": "transparent"}
RING: Final[Mapping[str, Any]] = {
    "border_color": "yellow", "border_width": 0.15, "face_color": "#ffff0026",
}  # fmt: skip
"""What is marked stays in sight: napari's own points are white discs, and hide small cells."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a layer is to hold.

    Attributes
    ----------
    rows
        One for each point, corner or vertex: for tracks the number of the track, then an
        index for each leading axis, Y and X.
    """

    kind: str
    rows: NDArray[np.float64]
    features: dict[str, NDArray[Any]]
    shapes: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()

    @property
    def ndim(self) -> int:
        """Of the layer."""
        return int(self.rows.shape[1]) - (self.kind == "tracks")


def make_layer(content: Content, **words: Any) -> Layer:
    """Make a layer without objects; `fill` puts them in."""
    if content.kind == "tracks":
        layer: Layer = Tracks(_vertices(content), **words)
    elif content.kind == "shapes":
        layer = Shapes(ndim=content.ndim, edge_width=1, **OUTLINE, **words)
    else:
        layer = Points(ndim=content.ndim, **RING, **words)
    layer.editable = False
    return layer


def made_anew(layer: Layer, content: Content, **words: Any) -> Layer:
    """Return a layer for other dimensions that looks as one that there was."""
    new = make_layer(content, **words)
    for name, value in look_of(layer).items():
        setattr(new, name, value)
    return new


def look_of(layer: Layer) -> dict[str, Any]:
    """Return what a person has chosen for a layer as a whole; see `note_style` for the rest."""
    names = ("opacity", "blending", "visible", *KEPT[type(layer).__name__.lower()])
    return {name: getattr(layer, name) for name in names}


def fill(layer: Layer, content: Content, style: dict[str, Any]) -> Iterator[None]:
    """Give a layer what it is to hold, in pieces of bounded work; a step after each but the last.

    Parameters
    ----------
    style
        What a person has chosen for all objects, kept here while there are none.
    """
    note_style(layer, style)
    match layer:
        case Points():
            layer.data = content.rows
            layer.features = content.features
            _apply_style(layer, style)
            if len(content.rows) and {layer.face_color_mode, layer.border_color_mode} != {"direct"}:
                layer.refresh_colors()
        case Tracks():
            _fill_tracks(layer, content)
        case Shapes():
            yield from _fill_shapes(layer, content, style)


def _fill_shapes(layer: Shapes, content: Content, style: Mapping[str, Any]) -> Iterator[None]:
    if layer.nshapes:
        layer.data = []
    ends = np.cumsum((0, *content.lengths))
    corners = [content.rows[start:end] for start, end in pairwise(ends)]
    seen = 0
    for at in range(0, len(corners), PIECE):
        if at:
            yield
        end = at + PIECE
        with ExitStack() as silence:
            # Painting takes longer than adding: it is done when there are twice as many.
            if 2 * seen < end < len(corners) or not at:
                seen = end
            elif end < len(corners):
                for event in (layer.events.set_data, layer.events.highlight):
                    silence.enter_context(event.blocker())
            layer.add(corners[at:end], shape_type=list(content.shapes[at:end]), **style)
    layer.features = content.features


def _fill_tracks(layer: Tracks, content: Content) -> None:
    colour = layer.color_by
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the old feature is gone for a moment
        layer.data = _vertices(content)
        layer.features = content.features if len(content.rows) else _one_each(content.features)
        if colour in layer.features:
            layer.color_by = colour


def _vertices(content: Content) -> NDArray[np.float64]:
    """Return the rows of tracks; napari takes no empty ones, and draws none of one vertex."""
    return content.rows if len(content.rows) else np.zeros((1, content.rows.shape[1]))


def _one_each(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return a table of one line: numbers are 0, texts empty."""
    return {
        name: np.array([""], object) if column.dtype == object else np.zeros(1, column.dtype)
        for name, column in columns.items()
    }


def note_style(layer: Layer, style: dict[str, Any]) -> None:
    """Note what is the same for all objects: that is what a person chose for the layer."""
    for name in STYLE[type(layer).__name__.lower()]:
        if getattr(layer, f"{name}_mode", "direct") != "direct":
            style.pop(name, None)
            continue
        values: Sequence[Any] = getattr(layer, name)
        if len(values) and all(np.array_equal(value, values[0]) for value in values[1:]):
            style[name] = values[0]


def _apply_style(layer: Points, style: Mapping[str, Any]) -> None:
    for name, value in style.items():
        values = getattr(layer, name)
        if len(values) and not all(np.array_equal(one, value) for one in values):
            setattr(layer, name, value)
