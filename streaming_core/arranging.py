"""What users say about the arrangement of a viewer: what is a slider, and what a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streaming_core.asking import ANSWER, Asking, Named, named, warn_of
from streaming_core.errors import InvalidComponents
from streaming_core.protocol.components import Value, check_expected
from streaming_core.protocol.regroup import check_modes
from streaming_core.protocol.words import limits_of

ARRANGED: Final = 600.0
"""Seconds to wait for a new arrangement: 100 layers take napari up to a minute."""

ModeWord: TypeAlias = Literal["stack", "split"]
Auto: TypeAlias = Literal["once", "continuous", "off"]


class Arranging(Asking):
    """The requests of a `planecast.Viewer` that say where images are and how they are grouped."""

    def arrange(self, **modes: ModeWord) -> None:
        """Group images in another way: ``arrange(well="split", z="stack")``.

        What the viewer has is regrouped without being sent again, and what comes later follows.
        Components that are not named keep their mode. Returns when all layers or windows are
        there; each takes napari some 50 ms, and longer the more there are. A component of which
        nothing has come yet may be arranged before: ``state()["unseen"]`` names it, and the log
        warns of it where there are other images.

        Parameters
        ----------
        modes
            For each component "stack", one slider, or "split", a layer or window for each value.

        Raises
        ------
        InvalidComponents
            For what is no component or no mode.
        RequestFailed
            With the viewer's words: a name is mistyped, or it would make too many layers.
        TimedOut
            When they are not all there after ten minutes; the viewer goes on.
        """
        if isinstance(modes.get("components"), Mapping):
            raise InvalidComponents(
                "arrange() takes components by name: arrange(well='split', z='stack')"
            )
        words = {name: str(mode) for name, mode in check_modes(modes).items()}
        result, _ = self._ask("arrange", {"modes": words}, ARRANGED)
        warn_of(self, result)

    def expect(
        self, components: Mapping[str, int | np.integer | Sequence[Value] | NDArray[Any]]
    ) -> None:
        """Announce what is to come: ``expect({"channel": ["DAPI", "GFP"], "z": 50, "t": 100})``.

        Sliders have their full length from the first image on, and stay where they are while it
        fills. ``state()`` says what is expected, and names the places that are still missing.

        Parameters
        ----------
        components
            For each the values, or how many there are: 50 stands for 0 to 49.

        Raises
        ------
        InvalidComponents
            For what is no component, or too much.
        """
        checked = check_expected(components)
        # A number travels as it is: 100,000 values would be long.
        words = {
            name: int(given) if isinstance(given, int | np.integer) else list(checked[name])
            for name, given in components.items()
        }
        self._ask("expect", {"components": words}, ANSWER)

    def isolate(
        self, *, source: str | None = None, kind: str | None = None,
        components: Named | None = None,
    ) -> None:  # fmt: skip
        """Show the layers or windows of some groups, and hide all others that were streamed.

        Without arguments all are shown again. What the user made stays as it is.

        Parameters
        ----------
        source, kind
            Whose images, and of what kind; any where left out.
        components
            What they are of, such as ``{"channel": "DAPI"}``. Sliders move to their values.

        Raises
        ------
        RequestFailed
            When there is no such image; it says what there is.
        """
        words = {"source": source, "kind": kind, "components": named(components)}
        self._ask("isolate", words, ANSWER)

    def contrast(
        self, limits: tuple[float, float] | Auto, *, source: str | None = None,
        components: Named | None = None,
    ) -> None:  # fmt: skip
        """Set the contrast of images: ``contrast((100, 4000), components={"channel": "DAPI"})``.

        Parameters
        ----------
        limits
            Lowest and highest value shown; or "once" to take them from what is in view,
            "continuous" to do so whenever the view changes, "off" to end that.
        source, components
            Of which images; of all where left out.

        Raises
        ------
        RequestFailed
            When there is no such image, or limits are none; it says what there is.
        """
        given = list(limits) if isinstance(limits, tuple | list | np.ndarray) else limits
        if isinstance(given, list):
            given = [one.item() if isinstance(one, np.generic) else one for one in given]
        checked = limits_of({"limits": given})
        words = {"limits": checked, "source": source, "components": named(components)}
        self._ask("contrast", words, ANSWER)
