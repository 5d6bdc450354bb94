"""What users ask of a viewer, or tell it, besides sending images."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streaming_core.asking import ANSWER, Asking, Named, named, warn_of
from streaming_core.errors import InvalidComponents, PlanecastError, RequestFailed, WireError
from streaming_core.picture import html_of
from streaming_core.protocol.annotated import unpack
from streaming_core.protocol.components import Value
from streaming_core.protocol.words import LONGEST_NAME

GLANCE: Final = 2.0
"""Seconds that a notebook's cell waits for its picture of a viewer."""


class Controls(Asking):
    """The requests of a `planecast.Viewer`, each answered by the viewer process."""

    @abstractmethod
    def _tell(self, verb: str, arguments: Mapping[str, Any], topic: str) -> None:
        """Tell the viewer something; of one topic the newest is what counts. Never waits."""

    def read(
        self, *, source: str | None = None, kind: str = "image",
        components: Named | None = None, missing: str = "zeros",
        timeout: float = ANSWER,
    ) -> NDArray[Any]:  # fmt: skip
        """Return pixels as the viewer holds them.

        Components that are left out become axes, in the order that ``state()`` tells;
        holes are zeros.

        Parameters
        ----------
        source, kind, components
            What to read; they must fit one group.
        missing
            "zeros", or "raise" to refuse holes.
        timeout
            Seconds to wait for the answer.

        Returns
        -------
        ndarray
            (components that were left out …, Y, X), and S last for RGB, in the dtype that was
            sent. It is the caller's own.

        Raises
        ------
        InvalidComponents
            For what is no component, or more than one value.
        RequestFailed
            When no group, or more than one, fits; it says which there are.
        TimedOut
            Without an answer in time.
        """
        words = {
            "source": source, "kind": kind, "components": named(components), "missing": missing,
        }  # fmt: skip
        _, array = self._ask("read", words, timeout)
        if array is None:
            raise RequestFailed("read: the viewer answered without pixels")
        return array

    def annotations(self, *, timeout: float = ANSWER) -> list[dict[str, Any]]:
        """Return what a person drew and painted, as plain data.

        Parameters
        ----------
        timeout
            Seconds to wait for the answer.

        Returns
        -------
        list of dict
            One entry for each layer and place: ``kind`` ("points", "shapes" or "labels"), the
            name of the ``layer``, the ``components`` of the place, and ``data``. Of points an
            array (N, 2), of shapes a list of such arrays with a list ``shapes`` of what they
            are, as Y and X in pixels of the ``image`` (its source) that is there; ``world``
            has the same in the viewer's unit, ``features`` the columns of their table. Of
            labels that were sent editable, and then painted, the plane (Y, X), and its
            ``source``. What was sent and not changed is not in the list.

        Raises
        ------
        RequestFailed
            When the viewer cannot tell.
        """
        try:
            return unpack(*self._ask("annotations", {}, timeout))
        except WireError as error:
            raise RequestFailed(f"annotations: {error}") from None

    def state(self) -> dict[str, Any]:
        """Return what the viewer holds and does, as a plain dict; docs/guide.md has its keys."""
        result, _ = self._ask("state", {}, ANSWER)
        return dict(result)

    def screenshot(self, *, canvas: bool = False, timeout: float = ANSWER) -> NDArray[np.uint8]:
        """Return a picture of the window: (Y, X, 3 or 4), uint8, RGB or RGBA.

        Parameters
        ----------
        canvas
            Of its canvas alone; in ImageJ that of the newest image.
        timeout
            Seconds to wait for the answer.

        Raises
        ------
        RequestFailed
            When the viewer has no window.
        TimedOut
            Without an answer in time.
        """
        _, array = self._ask("screenshot", {"canvas": canvas}, timeout)
        if array is None:
            raise RequestFailed("screenshot: the viewer answered without a picture")
        return array

    def navigate(self, **components: Value | np.generic) -> None:
        """Move the sliders: ``navigate(well="B03", z=4)``.

        A component whose values are layers (in napari ``channel``, if nothing else was arranged)
        or windows selects those layers, or brings those windows to the front.

        Raises
        ------
        RequestFailed
            When there is no such component or value; the text says which there are.
        InvalidComponents
            For what is no component, and when they are given in a mapping.
        """
        if isinstance(components.get("components"), Mapping):
            raise InvalidComponents(
                "navigate() takes components by name: navigate(well='B03', z=4)"
            )
        self._ask("navigate", {"components": named(components)}, ANSWER)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return what a notebook shows: the screenshot and what the viewer holds.

        A viewer that is gone or busy is one line of text, after `GLANCE` seconds.
        """
        bundle = {"text/plain": repr(self)}
        try:
            state = dict(self._ask("state", {}, GLANCE)[0])
        except PlanecastError as error:
            bundle["text/plain"] += f": {error}"
            return bundle
        picture: NDArray[np.uint8] | None = None
        with suppress(PlanecastError):  # not every viewer has a window
            picture = self._ask("screenshot", {"canvas": False}, GLANCE)[1]
        name = f"{state['viewer_kind']} viewer on port {state['port']}"
        bundle["text/html"] = html_of(name, state, picture)
        return bundle

    def progress(self, name: str, *, done: float, total: float | None = None) -> None:
        """Show how far the program has come; returns at once, however often it is called.

        A viewer shows a bar for each name until ``done`` reaches ``total``, or the program ends.

        Parameters
        ----------
        name
            What is being done, e.g. "segment".
        done, total
            How much of how much; without ``total`` the bar only says that it goes on.

        Raises
        ------
        ValueError
            For a name that is none, or numbers that are none.

        Examples
        --------
        >>> for number, well in enumerate(wells, 1):  # doctest: +SKIP
        ...     segment(well)
        ...     viewer.progress("segment", done=number, total=len(wells))
        """
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            raise ValueError(f"name is a text of 1 to {LONGEST_NAME} characters, not {name!r}")
        words: dict[str, Any] = {"name": name, "done": done, "total": total}
        for word, number in (("done", done), *([("total", total)] if total is not None else [])):
            try:
                words[word] = float(number)
            except (TypeError, ValueError):
                words[word] = math.nan
            if not (math.isfinite(words[word]) and words[word] >= 0):
                raise ValueError(f"{word}= is a number from 0 on, not {number!r:.80}")
        self._tell("progress", words, f"progress {name}")

    def clear(self, source: str | None = None) -> int:
        """Remove what a source has shown, or everything; return how many layers or windows went.

        0 where there is no such source, which is no error: the log says which there are.
        """
        result, _ = self._ask("clear", {"source": source}, ANSWER)
        warn_of(self, result)
        return int(result["removed"])
