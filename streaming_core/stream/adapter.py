"""What a new viewer kind implements: `ViewerAdapter`, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streaming_core.memory.fresh import fresh
from streaming_core.protocol.messages import Image


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image that this process owns and has yet to show.

    Attributes
    ----------
    image
        Everything but the pixels; checked, so axes, shape, dtype and components fit.
    pixels
        What the adapter's `ViewerAdapter.own` returned for it.
    shown
        Call it exactly once, from any thread: with no argument when the pixels are in the
        layer or hyperstack, or with the reason why they never will be. ``note=`` is what the
        program's user should know of how they are shown.
    """

    image: Image
    pixels: Any
    shown: Callable[..., None]


@dataclass(frozen=True, slots=True)
class Call:
    """A request by name, to be carried out and answered.

    ``arguments`` come from another process and are checked by the verb itself.
    Call ``reply`` (a plain JSON-able result, and at most one array) or ``fail`` (a
    sentence) exactly once, from any thread. ``sid`` names the producer's connection;
    ``awaited`` tells, on any thread, whether somebody still waits for the answer.
    """

    verb: str
    arguments: Mapping[str, Any]
    reply: Callable[..., None]
    fail: Callable[[str], None]
    sid: str = ""
    awaited: Callable[[], bool] = lambda: True


class ViewerAdapter(Protocol):
    """The seam between the stream and a viewer kind.

    `own`, `post` and `call` run on the receiver's I/O thread. They must not wait for the
    window: queue, wake the window's own thread, and return.
    """

    viewer_kind: str
    """First argument of ``launch``: "napari", "fiji"."""

    engine: str
    """What shows the images, for a person: "napari 0.9.2, PySide6 6.12.0"."""

    verbs: frozenset[str]
    """The requests that `call` understands."""

    keeps_mappings: bool
    """Whether a read-only array in mapped memory serves as what `own` returns."""

    paused: bool
    """Whether its user has paused the stream: images wait at their producers meanwhile."""

    def own(self, image: Image, pixels: NDArray[Any]) -> Any:
        """Copy pixels out of memory that is about to be used again; return what is kept.

        ``pixels`` is read-only, C-contiguous, and valid during the call only. Raise
        `streaming_core.errors.InvalidImage` or MemoryError to refuse the image by name. With
        ``image.table`` they are points, shapes or tracks: `protocol.tables.unpack`, or refuse.
        """
        ...

    def post(self, arrival: Arrival) -> None:
        """Queue an owned image for the window. Order of arrival is kept."""
        ...

    def call(self, call: Call) -> None:
        """Queue a request, behind the images that were posted before it."""
        ...

    def gui_age(self) -> float:
        """Seconds for which the window's thread has not answered, 0.0 while it does."""
        ...


def words_of(error: BaseException) -> str:
    """Return what an error says, or its name where it says nothing."""
    return str(error) or type(error).__name__


def copy_pixels(pixels: NDArray[Any]) -> NDArray[Any]:
    """Copy into fresh memory of this process; the usual `ViewerAdapter.own`."""
    kept = fresh(pixels.shape, pixels.dtype)
    np.copyto(kept, pixels)
    return kept
