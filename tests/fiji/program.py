"""A program that sends: images, marks and requests, without sockets."""

from __future__ import annotations

import gc
import threading
from collections import deque
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from fiji_bridge import jvm
from fiji_bridge.adapter import FijiAdapter
from streaming_core.protocol.components import check_components
from streaming_core.protocol.messages import Image, Inline
from streaming_core.stream.adapter import Arrival, Call
from streaming_core.stream.marks import drawing_of, make_marks

LIMIT = 30.0


class Program:
    """What a producer does, in the process of the bridge."""

    def __init__(self) -> None:
        self.adapter = FijiAdapter(lambda reason: None)
        self.waiting: list[threading.Event] = []
        self.seq = 0
        self.asked: deque[tuple[threading.Event, list[Any]]] = deque()

    def show(self, array: NDArray[Any], axes: str = "YX", wait: bool = True, **image: Any) -> Any:
        """Send an image; return why it is not shown, or None."""
        self.seq += 1
        given = check_components(image.pop("components", None), axes, array.shape)
        message = Image(
            sid="test", seq=self.seq, run=image.pop("run", "run"), shape=array.shape,
            dtype=array.dtype.str, axes=axes, components=given,
            where=Inline(nbytes=array.nbytes, parts=0), **image,
        )  # fmt: skip
        return self._deliver(message, array, wait)

    def mark(
        self, kind: str, data: Any, axes: str = "YX", features: Any = None,
        shape: Any = "polygon", wait: bool = True, **words: Any,
    ) -> Any:  # fmt: skip
        """Send points, shapes or tracks; return why they are not shown, or None."""
        self.seq += 1
        drawing = drawing_of(kind, data, axes, features, shape)
        message, array = make_marks(kind, drawing, run=words.pop("run", "run"), **words)
        where = Inline(nbytes=array.nbytes, parts=0)
        return self._deliver(replace(message, seq=self.seq, where=where), array, wait)

    def _deliver(self, message: Image, array: NDArray[Any], wait: bool) -> Any:
        borrowed = np.array(array, order="C", copy=True)
        borrowed.flags.writeable = False
        kept = self.adapter.own(message, borrowed)
        borrowed.flags.writeable = True
        borrowed.fill(0)  # the memory is used again
        done, reasons = threading.Event(), []

        def shown(*reason: str, note: str = "") -> None:
            reasons.append(reason)
            done.set()

        self.adapter.post(Arrival(message, kept, shown))
        if not wait:
            self.waiting.append(done)
            return None
        assert done.wait(LIMIT), "not shown"
        assert len(reasons) == 1
        return reasons[0][0] if reasons[0] else None

    def settle(self) -> None:
        """Wait until all is shown."""
        for done in self.waiting:
            assert done.wait(LIMIT), "not shown"
        self.waiting.clear()

    def call(self, verb: str, **arguments: Any) -> tuple[Any, NDArray[Any] | None]:
        """Make a request; a failed one is RuntimeError with its text."""
        return self._answer(*self._request(verb, arguments))

    def begin(self, verb: str, **arguments: Any) -> None:
        """Make a request, and do not wait for its answer."""
        self.asked.append(self._request(verb, arguments))

    def finish(self) -> tuple[Any, NDArray[Any] | None]:
        """Wait for the answer to the oldest request that was begun."""
        return self._answer(*self.asked.popleft())

    def _request(self, verb: str, arguments: dict[str, Any]) -> tuple[threading.Event, list[Any]]:
        done: threading.Event = threading.Event()
        answers: list[tuple[Any, NDArray[Any] | None] | RuntimeError] = []

        def reply(result: Any = None, array: NDArray[Any] | None = None) -> None:
            answers.append((result, array))
            done.set()

        def fail(text: str) -> None:
            answers.append(RuntimeError(text))
            done.set()

        self.adapter.call(Call(verb, arguments, reply, fail))
        return done, answers

    def _answer(
        self, done: threading.Event, answers: list[Any]
    ) -> tuple[Any, NDArray[Any] | None]:  # fmt: skip
        assert done.wait(LIMIT), "no answer"
        answer: tuple[Any, NDArray[Any] | None] | RuntimeError = answers[0]
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    def paused(self) -> bool:
        """Whether the viewer takes images."""
        return self.adapter.paused

    def held(self) -> int:
        """Bytes that count in the viewer's memory budget."""
        gc.collect()
        return self.adapter.heap.held

    def used(self) -> int:
        """Bytes of Java's memory that something uses."""
        runtime = jvm.java("java.lang.Runtime").getRuntime()
        gc.collect()
        jvm.collect()
        jvm.collect()  # what the first one found to be finalized
        return int(runtime.totalMemory() - runtime.freeMemory())
