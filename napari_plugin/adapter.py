"""`ViewerAdapter` for napari: images become layers, requests are answered in their turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import napari
import numpy as np
import qtpy
from napari.utils.notifications import show_warning
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_plugin.activity import Activity
from napari_plugin.entry import THUMBNAIL_EVERY
from napari_plugin.gl import Curtain, canvas_of, guard_context, texture_limit
from napari_plugin.gui_thread import Crossing
from napari_plugin.jobs import Answer, Make, More, Sharpen, Show
from napari_plugin.layers import Layers
from napari_plugin.making import knows_colormap
from napari_plugin.programs import keep_programs
from napari_plugin.space import knows_unit
from napari_plugin.steady import SteadyNumbers, SteadyStatus
from napari_plugin.verbs import Verbs
from streaming_core.errors import InvalidKind
from streaming_core.fleet.host import Host
from streaming_core.protocol.components import GroupKey
from streaming_core.protocol.messages import Image
from streaming_core.protocol.tables import Drawing, unpack
from streaming_core.stream.adapter import Arrival, Call, copy_pixels, words_of

log = logging.getLogger("planecast.napari")

_adapters: WeakValueDictionary[int, NapariAdapter] = WeakValueDictionary()
# By id(viewer): napari makes plugin widgets itself and hands them nothing but the viewer.
# An adapter holds its viewer, so an id in here cannot have been used again.


def adapter_of(viewer: Any) -> NapariAdapter | None:
    """Return the adapter through which a viewer receives streams, if there is one."""
    return _adapters.get(id(getattr(viewer, "__wrapped__", viewer)))  # napari may hand a proxy


class NapariAdapter:
    """Shows what arrives in a napari viewer.

    Made and closed on the window's thread; `own`, `post`, `call` and `gui_age` may be called
    on another.

    Parameters
    ----------
    viewer
        With its window. Layers and settings that it has already stay as they are.
    end
        What a producer's ``quit`` ends; None closes the window.

    Attributes
    ----------
    address
        Where the viewer is reached, for the widget; empty while it is not.
    paused
        Whether its user has paused it: producers wait, and nothing is lost.
    host
        Through which it is reached, once it is.
    closed
        Whether nothing is taken any more.
    """

    viewer_kind = "napari"
    keeps_mappings = True

    def __init__(self, viewer: napari.Viewer, end: Callable[[], None] | None = None) -> None:
        self.viewer = viewer
        self.engine = f"napari {napari.__version__}, {qtpy.API_NAME} {qtpy.QT_VERSION}"
        self.address = ""
        self.paused = False
        self.host: Host | None = None
        self.layers = Layers(viewer, partial(texture_limit, viewer))
        self._verbs = Verbs(viewer, self.layers, end or self.end)
        self._activity = Activity()
        self._verbs.table.update(self._activity.table)
        self.verbs = frozenset(self._verbs.table)
        self._crossing = Crossing(self._end_tick)
        self._made = False
        guard_context(viewer)
        keep_programs()
        canvas = canvas_of(viewer)
        window = None if canvas is None else canvas.window()
        self._curtain = Curtain(window)
        self._numbers = None if window is None else SteadyNumbers(window, viewer.dims)
        self._status = SteadyStatus(window, canvas)
        self.layers.due.connect(self._on_due)
        self._going_on = False
        self.layers.marks.wanted = self.go_on
        self.layers.pyramids.changed = lambda: self._crossing.put(Sharpen(self.layers))
        self._shown: list[Callable[..., None]] = []
        self._thumbnails = QTimer(self._crossing)
        self._thumbnails.setSingleShot(True)
        self._thumbnails.setInterval(int(THUMBNAIL_EVERY * 1000))
        self._thumbnails.timeout.connect(self._on_quiet)
        self._watch = QTimer(self._crossing)
        self._watch.setInterval(1000)
        self._watch.timeout.connect(self._on_second)
        self._said = ""
        self.closed = False
        _adapters[id(viewer)] = self

    def serve(self, host: Host) -> None:
        """Say through which host producers reach it."""
        self.host, self.address = host, f"127.0.0.1:{host.port}"
        self.layers.pyramids.took = host.intake.budget.take
        self._watch.start()

    @property
    def port(self) -> int | None:
        """Control port; None while no producer can reach it."""
        return None if self.host is None else self.host.port

    @property
    def producers(self) -> list[dict[str, Any]]:
        """The programs that send, as ``state()["producers"]`` tells them."""
        return [] if self.host is None else self.host.producers

    @property
    def idle(self) -> bool:
        """Whether everything that came is in the layers and answered."""
        return self._crossing.idle

    def own(self, image: Image, pixels: NDArray[Any]) -> NDArray[Any] | Drawing:
        """Copy the array once; its planes will be views into the copy. Or read the marks."""
        if image.table is not None:
            return unpack(image, pixels)
        if image.kind == "labels" and (pixels.dtype.kind not in "biu" or "S" in image.axes):
            raise InvalidKind(
                f"labels are whole numbers, one for each pixel, not {pixels.dtype} {image.axes}"
            )
        kept = copy_pixels(pixels).view()
        kept.flags.writeable = False
        return kept

    def post(self, arrival: Arrival) -> None:
        """Queue an image for the window."""
        if arrival.image.kind == "labels":
            self.layers.ids.note(arrival.image, arrival.pixels)
        job = Show(self, arrival)
        if not self._crossing.put(job):
            job.abandon()

    def call(self, call: Call) -> None:
        """Queue a request behind the images that came before it."""
        job = Answer(self, call)
        if not self._crossing.put(job):
            job.abandon()

    def gui_age(self) -> float:
        """Seconds for which the window's thread has not answered."""
        return self._crossing.age()

    def forget_old_runs(self) -> int:
        """Let go of what only older runs have shown; return from how many layers."""
        changed = self.layers.forget_old_runs()
        self.settle()
        return changed

    def release(self, keys: Iterable[GroupKey]) -> None:
        """Let go of the pixels of groups; their layers stay, blank."""
        for key in keys:
            self.layers.release(key)
        self.settle()

    def restore(self, keys: Iterable[GroupKey]) -> None:
        """Bring back layers that their user has deleted."""
        for key in keys:
            self.layers.restore(key)

    def clear(self, source: str | None = None) -> int:
        """Remove the layers of a source, or of all, and free their memory."""
        return self.layers.clear(source)

    def answer(self, call: Call) -> None:
        """Carry out a request now; on the window's thread."""
        self._verbs.table[call.verb](call)

    def _end_tick(self) -> None:
        """Bring the window up to date; not in a tick that has made a layer: the next one does that.

        To make one takes napari 50 ms: enough for one tick. Then the window would be drawn twice,
        30 ms each, before and after its sliders go to the image: so only after.
        """
        made, self._made = self._made, False
        if made:
            self._curtain.let_down()
        else:
            self.settle()
            self._curtain.lift(more=self._crossing.more)

    def settle(self) -> None:
        """Bring the window up to date, then say so to those who sent the images."""
        reason: tuple[str, ...] = ()
        try:
            self.layers.settle()
        except Exception as error:
            # The boundary to napari: an error in drawing one tick must not end the stream.
            log.exception("a tick could not be shown")
            reason = (f"napari could not draw it: {words_of(error)}",)
        if self._shown:
            self._thumbnails.start()
            self._status.on_image()
        self._tell_shown(*reason)
        if self.layers.marks.busy:
            self.go_on()

    def go_on(self) -> None:
        """Have another tick, for what one alone did not finish."""
        if not self._going_on:
            self._going_on = self._crossing.put(More(self))

    def gone_on(self) -> None:
        """That tick has come."""
        self._going_on = False

    def put_in(self, arrival: Arrival) -> Iterator[tuple[int, bool]]:
        """Put the planes of an image into their layers, one at each step.

        Yields how many are left, and whether the tick is to end: napari takes 50 ms to make the
        sliders of a viewer's first layer, and 50 to 120 ms to make a layer.
        """
        image = arrival.image
        if image.table is not None:
            self.layers.marks.put(image, arrival.pixels, arrival.shown)
            yield 0, False
            return
        self.layers.begin(image)
        planes = list(self.layers.catalog.locate(image))
        if self.layers.make_sliders():
            self._made = True  # so that nothing is drawn until the layer is there
            yield len(planes), True
        notes: list[str] = []
        for number, (key, inside, index) in enumerate(planes, 1):
            made = self.layers.put(image, key, inside, np.asarray(arrival.pixels[index]))
            notes += _not_known(image) if made and not notes else []
            self._made |= made
            if number == len(planes):
                note = "; ".join(notes)
                self._shown.append(partial(arrival.shown, note=note) if note else arrival.shown)
            yield len(planes) - number, made
            if made:
                yield len(planes) - number, True

    def close(self) -> None:
        """Take nothing more; the layers stay. To be called again without harm."""
        if self.closed:
            return
        self.closed = True
        with suppress(RuntimeError):  # a program that ends deletes Qt's half of them first
            self._thumbnails.stop()
            self._watch.stop()
        self._crossing.close()
        with suppress(RuntimeError):
            self._curtain.lift()
            self._curtain.deleteLater()
            self._status.close()
            self._status.deleteLater()
        if self._numbers is not None:
            self._numbers.close()
        self._activity.close()
        self._tell_shown()  # they are in the layers; there may be no window to draw them in
        self._verbs.close()
        self.layers.close()
        with suppress(RuntimeError):
            self._crossing.deleteLater()
        _adapters.pop(id(self.viewer), None)

    def end(self) -> None:
        """Close the viewer's window and what belongs to it."""
        self.close()
        self.viewer.close()

    def _tell_shown(self, *reason: str) -> None:
        shown, self._shown = self._shown, []
        for tell in shown:
            tell(*reason)

    def _on_due(self) -> None:
        self._crossing.put(Make(self.layers))  # behind what waits: a hundred layers take a minute

    def _on_second(self) -> None:
        """Close bars of programs that have gone; tell the user, once, of those that wait."""
        self._activity.keep_only({one["sid"] for one in self.producers})
        why = "" if self.host is None or self.paused else self.host.intake.why
        if why and not self._said:
            show_warning(f"Planecast: programs wait for this viewer; {why}.")
        self._said = why

    def _on_quiet(self) -> None:
        if self._crossing.idle:
            self.layers.position.update()
            self.layers.redraw.thumbnails()


def _not_known(image: Image) -> list[str]:
    """Return what napari does not know of how an image is to look."""
    notes = []
    if image.colormap and not knows_colormap(image.colormap):
        notes.append(f"napari has no colormap {image.colormap!r}, and takes its own")
    if not knows_unit(image.units):
        notes.append(f"units={image.units!r} is no length that is known, and stands for pixels")
    return notes
