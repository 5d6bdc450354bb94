"""A viewer process that writes down what it gets, and can be slowed and paused.

``watched.py recording|napari|fiji --port PORT --log FILE`` takes lines on its standard input:
``pause``, ``resume``, ``slow SECONDS`` (for each image) and ``fast``. It ends when that ends.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from streaming_core.fleet.display import has_display
from streaming_core.fleet.host import Host, ViewerOptions, run_viewer
from streaming_core.protocol.messages import Image
from streaming_core.protocol.tables import Drawing
from streaming_core.stream.adapter import Arrival, ViewerAdapter
from streaming_core.testing import RecordingAdapter


class Book:
    """A file with a line for each image that was owned, and given to the window.

    What was written is there also after SIGKILL.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, what: str, image: Image) -> None:
        """Write a line."""
        t = image.components["t"]
        os.write(self._file, f"{what} {image.sid} {image.seq} {image.source} {t}\n".encode())


class Mood:
    """What the standard input says."""

    def __init__(self) -> None:
        self.slow = 0.0
        self.adapter: ViewerAdapter | None = None

    def listen(self) -> None:
        """Follow the standard input; at its end, end this process."""
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            match word:
                case "pause" | "resume":
                    if self.adapter is not None:
                        self.adapter.paused = word == "pause"
                case "slow":
                    self.slow = float(rest)
                case "fast":
                    self.slow = 0.0
        os.kill(os.getpid(), signal.SIGTERM)


class Recorder(RecordingAdapter):
    """The recording viewer, watched."""

    def __init__(self, book: Book, mood: Mood, copies: bool, on_quit: Callable[[], None]) -> None:
        self.keeps_mappings = not copies
        self._book, self._mood = book, mood
        super().__init__(on_quit, remember=False)
        mood.adapter = self

    def own(self, image: Image, pixels: NDArray[Any]) -> NDArray[Any]:
        """Copy the pixels."""
        self._book.note("own", image)
        return super().own(image, pixels)

    def post(self, arrival: Arrival) -> None:
        """Queue an image, which is slow to be shown if the viewer is."""
        self._book.note("post", arrival.image)
        super().post(Arrival(arrival.image, arrival.pixels, self._slowly(arrival.shown)))

    def _slowly(self, shown: Callable[..., None]) -> Callable[..., None]:
        def later(error: str = "") -> None:
            time.sleep(self._mood.slow)
            shown(error)

        return later


def record(options: ViewerOptions, book: Book, mood: Mood, copies: bool) -> int:
    """Be a recording viewer."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    adapter = Recorder(book, mood, copies, ended.set)
    host = Host(adapter, options.port)
    ended.wait()
    host.close("the viewer was closed")
    adapter.close()
    return 0


def paint(options: ViewerOptions, book: Book, mood: Mood) -> int:
    """Be a napari viewer, with its window."""
    from napari import Viewer

    from napari_plugin import adapter
    from napari_plugin.__main__ import serve

    class Watched(adapter.NapariAdapter):
        def __init__(self, viewer: Viewer) -> None:
            super().__init__(viewer)
            mood.adapter = self

        def post(self, arrival: Arrival) -> None:
            book.note("post", arrival.image)
            super().post(arrival)

        def put_in(self, arrival: Arrival) -> Iterator[tuple[int, bool]]:
            time.sleep(mood.slow)
            yield from super().put_in(arrival)

    adapter.NapariAdapter = Watched  # type: ignore[assignment, misc]
    return serve(options)


def stack(port: int, book: Book, mood: Mood) -> int:
    """Be an ImageJ viewer, with its windows."""
    from fiji_bridge import __main__ as process
    from fiji_bridge import adapter
    from fiji_bridge.pixels import Plane

    class Watched(adapter.FijiAdapter):
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            mood.adapter = self

        def own(self, image: Image, pixels: NDArray[Any]) -> list[Plane] | Drawing:
            owned = super().own(image, pixels)
            book.note("own", image)
            return owned

        def post(self, arrival: Arrival) -> None:
            book.note("post", arrival.image)
            super().post(arrival)

        def _show(self, batch: list[Arrival]) -> None:
            for _ in batch:
                time.sleep(mood.slow)
            super()._show(batch)

    process.FijiAdapter = Watched  # type: ignore[attr-defined]
    return process.main(["--port", str(port), *([] if has_display() else ["--virtual"])])


def main() -> int:
    """Serve until asked to quit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["recording", "napari", "fiji"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--copies", action="store_true", help="keep no memory of a producer")
    given = parser.parse_args()
    book, mood = Book(given.log), Mood()
    threading.Thread(target=mood.listen, name="mood", daemon=True).start()
    if given.kind == "fiji":
        return stack(given.port, book, mood)
    options = ViewerOptions(given.kind, given.port, not has_display(), False, None)
    if given.kind == "napari":
        return paint(options, book, mood)
    return record(options, book, mood, given.copies)


if __name__ == "__main__":
    sys.exit(run_viewer(main))
