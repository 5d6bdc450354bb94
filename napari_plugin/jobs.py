"""What the window's thread is given to do, in small steps: jobs of the crossing to Qt."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from napari_plugin.layers import Layers
from streaming_core.errors import InvalidImage, RequestFailed
from streaming_core.stream.adapter import Arrival, Call, words_of

if TYPE_CHECKING:
    from napari_plugin.adapter import NapariAdapter

log = logging.getLogger("planecast.napari")

CLOSED: Final = "the napari window was closed"


class Show:
    """A job: show one image."""

    def __init__(self, adapter: NapariAdapter, arrival: Arrival) -> None:
        self._adapter = adapter
        self._arrival = arrival
        self._left = 1

    def steps(self) -> Iterator[bool]:
        """Put its planes in; with the last one the image counts as shown."""
        adapter, arrival = self._adapter, self._arrival
        try:
            for self._left, enough in adapter.put_in(arrival):
                yield enough
        except InvalidImage as error:
            self._left = 0
            arrival.shown(str(error))
        except Exception as error:
            # The boundary to napari: whoever sent the image is told, and the next one comes.
            log.exception("image %s of %r", arrival.image.seq, arrival.image.source)
            self._left = 0
            arrival.shown(f"napari could not show it: {words_of(error)}")

    def abandon(self) -> None:
        """Say that it will not be shown."""
        if self._left:
            self._arrival.shown(CLOSED)


class Make:
    """A job: make one of the layers that regrouping asked for."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers

    def steps(self) -> Iterator[bool]:
        """Make it; what comes next in the queue is not kept waiting for the others."""
        try:
            self._layers.make_due()
        except Exception:
            # The boundary to napari: what could not be made must not end the stream.
            log.exception("a layer could not be made")
        yield True

    def abandon(self) -> None:
        """Nobody waits for it."""


class Sharpen:
    """A job: draw large planes anew, of which smaller versions have been made."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers

    def steps(self) -> Iterator[bool]:
        """Draw them, once for all that were made meanwhile."""
        self._layers.redraw.pyramids()
        yield True

    def abandon(self) -> None:
        """Nobody waits for it."""


class More:
    """A job: another tick."""

    def __init__(self, adapter: NapariAdapter) -> None:
        self._adapter = adapter

    def steps(self) -> Iterator[bool]:
        """Let the tick end: what is to be done is done there."""
        self._adapter.gone_on()
        yield True

    def abandon(self) -> None:
        """Nobody waits for it."""


class Answer:
    """A job: answer one request."""

    def __init__(self, adapter: NapariAdapter, call: Call) -> None:
        self._adapter = adapter
        self._call = call
        self._answered = False

    def steps(self) -> Iterator[bool]:
        """Answer it, with everything shown that was sent before it."""
        self._adapter.settle()
        while self._adapter.layers.marks.busy:
            yield True
        self._answered = True
        try:
            self._adapter.answer(self._call)
        except RequestFailed as error:
            self._call.fail(str(error))
        except Exception as error:
            # The boundary to napari: whoever asked gets words instead of silence.
            log.exception("request %r", self._call.verb)
            self._call.fail(f"{self._call.verb} failed in napari: {words_of(error)}")
        yield True

    def abandon(self) -> None:
        """Say that there will be no answer."""
        if not self._answered:
            self._call.fail(CLOSED)
