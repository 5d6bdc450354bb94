"""A group and its layer: how it looks, and what data that come change of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Final

from napari.layers import Labels, Layer

from napari_plugin.growth import give
from napari_plugin.ids import Ids
from napari_plugin.looks import Contrast, contrast_of, is_flat, white_of
from napari_plugin.painting import Painting, forget_strokes
from napari_plugin.planes import Plane, PlaneStack
from streaming_core.looks import OPENING
from streaming_core.protocol.components import Value
from streaming_core.protocol.group import Group

THUMBNAIL_EVERY: Final = 0.5
"""Seconds between two thumbnails of a layer whose shown plane keeps changing."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a layer looks, for one that takes its place.

    Attributes
    ----------
    name
        Empty where it is to be found anew.
    rank
        Where it stood in the list of layers.
    values
        Attributes of the layer, by name; what is missing is found from the data.
    blank, white
        As `PlaneStack` has them.
    opening, seen
        As `Entry` has them.
    """

    name: str = ""
    rank: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    blank: float = 0.0
    white: float | None = None
    opening: Contrast | None = None
    seen: int = 1

    def seen_again(self) -> Look:
        """Return the look of a layer that its user asked back, hidden or not."""
        return replace(self, values={**self.values, "visible": True})


AT_FIRST: Final = Look()
"""Of a layer about which nothing is known but its data."""

LASTING: Final = (
    "visible", "opacity", "blending", "gamma", "colormap", "contrast_limits_range",
    "contrast_limits", "auto_contrast", "interpolation2d", "interpolation3d", "rendering",
    "contour",
)  # fmt: skip
"""What a `Look` keeps, as far as a layer has it; the range before the limits in it."""


@dataclass(slots=True, eq=False)
class Entry:
    """A group and its layer.

    Attributes
    ----------
    layer
        None from when the user deleted it: it then stays deleted.
    stack
        What the layer reads the group's planes through.
    opening
        The contrast so far, while it is still being found.
    seen
        Planes that it was found from.
    origin
        Where Planecast put the layer, (y, x) in world units; None where it has no say.
    thumbnail_at, thumbnail_due
        When its thumbnail was drawn last, by `monotonic`; whether it is to be drawn.
    """

    group: Group[Plane]
    stack: PlaneStack
    layer: Layer | None
    opening: Contrast | None = None
    seen: int = 1
    origin: tuple[float, ...] | None = None
    thumbnail_at: float = 0.0
    thumbnail_due: bool = False

    def refresh(self) -> None:
        """Draw the layer anew; its thumbnail not each time."""
        if self.layer is not None:
            late = self.put_off_thumbnail()
            if self.layer.multiscale and self.layer.ndim == 2:
                give(self.layer, self.stack)  # else napari shows a copy that it has kept
            else:
                self.layer.refresh(extent=False, highlight=False, thumbnail=not late)

    def put_off_thumbnail(self) -> bool:
        """Whether the thumbnail that napari is about to make is to wait; notes that."""
        now = monotonic()
        self.thumbnail_due = now - self.thumbnail_at < THUMBNAIL_EVERY
        if not self.thumbnail_due:
            self.thumbnail_at = now
        return self.thumbnail_due

    @property
    def live(self) -> bool:
        """Whether the layer is there, and shows our planes: the user may give it other data."""
        return self.layer is not None and self.stack.is_of(self.layer)

    def open_contrast(self, plane: Plane) -> None:
        """Widen the contrast for one of a layer's first planes, unless the user has set it."""
        before, layer = self.opening, self.layer
        if before is None or layer is None:
            return
        if tuple(layer.contrast_limits) != before.limits:
            self.opening = None
            return
        if before.flat and is_flat(plane):
            return
        contrast = before.joined(contrast_of(plane))
        if contrast != before:
            layer.contrast_limits_range = contrast.range
            layer.contrast_limits = contrast.limits
        self.seen += 1
        self.opening = contrast if self.seen < OPENING else None

    def raise_white(self, plane: Plane) -> bool:
        """Make room for an RGB plane that is brighter than those before; return if it was."""
        white = self.stack.white
        needed = None if white is None else white_of(plane)
        if white is None or needed is None or needed <= white:
            return False
        self.stack.white = needed
        return True

    def widen(self, ids: Ids) -> Iterable[tuple[Value, ...]]:
        """Show labels as a wider type once one needs it; return the places that change."""
        small = ids.dtype(self.group.key)
        if small == self.stack.small:
            return ()
        self.stack.widen(small)
        if self.layer is not None:
            self.layer.events.data(value=self.layer.data)
        return self.group.planes

    def let_paint(self) -> None:
        """Allow a person to paint on it; for labels."""
        self.stack.painting = Painting(self.group)
        if self.layer is not None and not self.layer.multiscale:
            self.layer.editable = True

    def forget_strokes(self) -> None:
        """Make napari forget what it could undo, if it is painted at all."""
        if isinstance(self.layer, Labels) and self.layer.editable:
            forget_strokes(self.layer)
