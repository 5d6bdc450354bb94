"""A producer on a thread of its own that feeds an adapter as the receiver does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any

import napari
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from napari_plugin.adapter import NapariAdapter
from napari_plugin.plan import Axes
from streaming_core.errors import RequestFailed
from streaming_core.protocol.annotated import unpack
from streaming_core.protocol.axes import check_axes
from streaming_core.protocol.components import Value, check_components
from streaming_core.protocol.messages import Image, Inline
from streaming_core.stream.adapter import Arrival, Call
from streaming_core.stream.marks import drawing_of, make_marks

numbers = count(1)


def message(
    array: NDArray[Any], axes: str | None = None, components: Any = None, **words: Any
) -> Image:
    """Return the message that a producer would send with this array."""
    axes = check_axes(axes, array.shape)
    return Image(
        sid="s", seq=next(numbers), run=words.pop("run", "r1"), shape=array.shape,
        dtype=array.dtype.str, axes=axes, where=Inline(nbytes=array.nbytes, parts=0),
        components=check_components(components, axes, array.shape), **words,
    )  # fmt: skip


def add(axes: Axes, place: Mapping[str, Value]) -> None:
    """Put the values of a place on their axes."""
    for name, value in place.items():
        axes.values[name].add(value)


class Stream:
    """Feeds an adapter as the receiver does: from its own thread, never waiting for Qt."""

    def __init__(self, adapter: NapariAdapter, viewer: napari.Viewer, qtbot: QtBot) -> None:
        self.adapter = adapter
        self.viewer = viewer
        self.qtbot = qtbot
        self.sent = 0
        self.told: list[tuple[str, ...]] = []
        self.notes: list[str] = []
        self._thread = ThreadPoolExecutor(1, "stream")

    def show(
        self, array: NDArray[Any], axes: str | None = None, components: Any = None, **words: Any
    ) -> None:
        """Send an image; `settle` waits until it is shown."""
        self.sent += 1
        image = message(array, axes, components, **words)
        self._thread.submit(self._deliver, image, array).result()

    def mark(
        self, kind: str, data: Any, axes: str = "YX", features: Any = None,
        shape: Any = "polygon", **words: Any,
    ) -> None:  # fmt: skip
        """Send points, shapes or tracks; `settle` waits until they are shown."""
        self.sent += 1
        drawing = drawing_of(kind, data, axes, features, shape)
        image, array = make_marks(kind, drawing, run=words.pop("run", "r1"), **words)
        image = replace(image, seq=next(numbers), where=Inline(nbytes=array.nbytes, parts=0))
        self._thread.submit(self._deliver, image, array).result()

    def _deliver(self, image: Image, array: NDArray[Any]) -> None:
        borrowed = array.copy()
        kept = self.adapter.own(image, borrowed)
        borrowed[...] = 77  # the slot is used again as soon as the image is owned
        self.adapter.post(Arrival(image, kept, self._on_shown))

    def _on_shown(self, *reason: str, note: str = "") -> None:
        self.told.append(reason)
        if note:
            self.notes.append(note)

    def settle(self) -> None:
        """Wait until all images were reported, and fail if one could not be shown."""
        self.until(lambda: len(self.told) >= self.sent)
        assert [reason for reason in self.told if reason] == []
        assert len(self.told) == self.sent

    def until(self, ready: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(ready, timeout=15000)

    def ask(self, verb: str, **arguments: Any) -> tuple[Any, Any]:
        """Send a request and wait for its answer."""
        answer = self.later(verb, **arguments)
        self.until(answer.done)
        return answer.result()

    def later(self, verb: str, **arguments: Any) -> Future[tuple[Any, Any]]:
        """Send a request."""
        answer: Future[tuple[Any, Any]] = Future()
        call = Call(
            verb, arguments,
            lambda result, array=None: answer.set_result((result, array)),
            lambda words: answer.set_exception(RequestFailed(words)),
        )  # fmt: skip
        self._thread.submit(self.adapter.call, call).result()
        return answer

    def read(self, **arguments: Any) -> NDArray[Any]:
        array = self.ask("read", **arguments)[1]
        assert isinstance(array, np.ndarray)
        return array

    def annotations(self) -> list[dict[str, Any]]:
        return unpack(*self.ask("annotations"))

    def canvas(self) -> NDArray[np.uint8]:
        """Return a picture of the canvas."""
        array = self.ask("screenshot", canvas=True)[1]
        assert isinstance(array, np.ndarray)
        return array

    def pixels(self, *points: tuple[float, float]) -> list[tuple[int, ...]]:
        """Return the colours (R, G, B) on the screen at points (y, x) of the world."""
        picture = self.canvas()
        camera = self.viewer.scene.camera
        middle = np.array(picture.shape[:2]) / 2
        found = []
        for point in points:
            y, x = middle + (np.array(point) - camera.center[-2:]) * camera.zoom
            found.append(tuple(int(value) for value in picture[round(y), round(x), :3]))
        return found

    def pixel(self, y: float, x: float) -> tuple[int, ...]:
        return self.pixels((y, x))[0]

    def close(self) -> None:
        self.adapter.close()
        self._thread.shutdown()
