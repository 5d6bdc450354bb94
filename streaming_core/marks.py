"""What users send besides images: points, shapes and tracks that lie on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from streaming_core.protocol.components import Components
from streaming_core.protocol.tables import Drawing
from streaming_core.stream.marks import drawing_of
from streaming_core.stream.outcome import Delivery


class Marks(ABC):
    """The part of a `planecast.Viewer` that sends points, shapes and tracks.

    They travel as images do: `flush`, `settle` and `Delivery` hold for them too. What is sent
    again for the same source, kind and place replaces what was there; no rows at all empty it.
    Components that the marks lack do not matter to them: points of a well lie on each z.
    """

    @abstractmethod
    def _mark(self, kind: str, drawing: Drawing, words: Mapping[str, Any]) -> Delivery:
        """Send a drawing."""

    def points(
        self,
        data: ArrayLike,
        *,
        axes: str = "YX",
        components: Components | None = None,
        features: Any = None,
        source: str | None = None,
        name: str | None = None,
        scale: Mapping[str, float] | None = None,
        origin: Mapping[str, float] | None = None,
        units: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Delivery:
        """Send points, as `show` sends images.

        Parameters
        ----------
        data
            One row for each point, (N, 2) for the axes ``YX``, in pixels of the image.
        axes
            What the columns are: "YX", "ZYX", "TYX" or "TZYX". Z and T are values of the
            components z and t, so a point at z = 3.2 lies on the image of z = 3.
        components
            Where all of them belong: ``{"well": "B03", "z": 4}``.
        features
            A table with one row for each point: a DataFrame, or a dict of name to column, of
            numbers, bools or texts.
        source, name, scale, units, metadata
            As of `show`. Give the scale of the images that they lie on.
        origin
            Position of pixel (0, 0), by the letters Y and X.

        Raises
        ------
        InvalidImage
            When it cannot be shown; nothing was sent.
        """
        words = {
            "components": components, "source": source, "name": name, "scale": scale,
            "origin": origin, "units": units, "metadata": metadata,
        }  # fmt: skip
        return self._mark("points", drawing_of("points", data, axes, features), words)

    def shapes(
        self,
        data: Sequence[ArrayLike],
        *,
        shape: str | Sequence[str] = "polygon",
        components: Components | None = None,
        features: Any = None,
        source: str | None = None,
        name: str | None = None,
        scale: Mapping[str, float] | None = None,
        origin: Mapping[str, float] | None = None,
        units: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Delivery:
        """Send outlines, as `show` sends images.

        Parameters
        ----------
        data
            For each shape its corners, (N, 2), as Y and X in pixels of the image. Rectangles
            and ellipses have the four corners of their box, or two that lie opposite.
        shape
            "polygon", "path", "line", "rectangle" or "ellipse": one word for all, or one for
            each.
        components, features, source, name, scale, origin, units, metadata
            As of `points`; the table has one row for each shape.

        Raises
        ------
        InvalidImage
            When it cannot be shown; nothing was sent.
        """
        words = {
            "components": components, "source": source, "name": name, "scale": scale,
            "origin": origin, "units": units, "metadata": metadata,
        }  # fmt: skip
        return self._mark("shapes", drawing_of("shapes", data, "YX", features, shape), words)

    def tracks(
        self,
        data: ArrayLike,
        *,
        axes: str = "TYX",
        components: Components | None = None,
        features: Any = None,
        source: str | None = None,
        name: str | None = None,
        scale: Mapping[str, float] | None = None,
        origin: Mapping[str, float] | None = None,
        units: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Delivery:
        """Send tracks, as `show` sends images.

        Parameters
        ----------
        data
            One row for each vertex: number of the track, then what ``axes`` names.
        axes
            "TYX" or "TZYX"; T and Z are values of the components t and z.
        components, features, source, name, scale, origin, units, metadata
            As of `points`; the table has one row for each vertex.

        Raises
        ------
        InvalidImage
            When it cannot be shown; nothing was sent.
        """
        words = {
            "components": components, "source": source, "name": name, "scale": scale,
            "origin": origin, "units": units, "metadata": metadata,
        }  # fmt: skip
        return self._mark("tracks", drawing_of("tracks", data, axes, features), words)
