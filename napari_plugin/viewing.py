"""The requests about what is seen: grouping, sliders to come, which layers, their contrast."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from napari.layers import Image as ImageLayer
from napari.layers import Layer

from napari_plugin.layers import Layers
from streaming_core.errors import InvalidComponents, RequestFailed
from streaming_core.protocol.catalog import fitting
from streaming_core.protocol.components import Value, check_expected, check_value, describe
from streaming_core.stream.adapter import Call


class Viewing:
    """Carries out these requests on the streamed layers.

    Attributes
    ----------
    table
        Verb -> method.
    """

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self.table: Mapping[str, Callable[[Call], None]] = {
            "arrange": self._arrange,
            "expect": self._expect,
            "isolate": self._isolate,
            "contrast": self._contrast,
        }

    def _arrange(self, call: Call) -> None:
        def done() -> None:
            call.reply({"modes": {name: str(mode) for name, mode in self._layers.modes().items()}})

        try:
            self._layers.arrange(call.arguments.get("modes") or {}, done)
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None

    def _expect(self, call: Call) -> None:
        try:
            self._layers.expect(check_expected(call.arguments.get("components")))
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None
        call.reply({})

    def _isolate(self, call: Call) -> None:
        found, inside = self._meant(call.arguments, call.arguments.get("kind"))
        for group in self._layers.groups():
            layer = self._layers.layer_of(group.key)
            if layer is not None and layer.visible != (layer in found):
                layer.visible = layer in found
        if inside:
            self._layers.sliders.follow = False
            self._layers.sliders.go(inside)
        call.reply({"layers": [str(layer.name) for layer in found]})

    def _contrast(self, call: Call) -> None:
        limits = call.arguments.get("limits")
        found, _ = self._meant(call.arguments, "image")
        layers = [one for one in found if isinstance(one, ImageLayer) and not one.rgb]
        if not layers:
            raise RequestFailed("images in colour have no contrast to set")
        if limits not in ("once", "continuous", "off"):
            limits = _limits(limits)
        for layer in layers:
            auto_contrast(layer, limits if isinstance(limits, str) else "off")
            if isinstance(limits, tuple):
                low, high = layer.contrast_limits_range
                layer.contrast_limits_range = min(low, limits[0]), max(high, limits[1])
                layer.contrast_limits = limits
        call.reply({"layers": {str(one.name): list(one.contrast_limits) for one in layers}})

    def _meant(
        self, words: Mapping[str, Any], kind: object
    ) -> tuple[list[Layer], dict[str, Value]]:
        """Return the layers that source, kind and components mean, and the sliders' values."""
        source, components = words.get("source"), words.get("components") or {}
        if not (source is None or isinstance(source, str)):
            raise RequestFailed(f"source={source!r}; give the name of a source")
        if not (kind is None or isinstance(kind, str)):
            raise RequestFailed(f"kind={kind!r}; give the name of a kind, such as 'labels'")
        if not isinstance(components, dict):
            raise RequestFailed(f"components={components!r}; give names and values")
        try:
            wanted = {name: check_value(name, value) for name, value in components.items()}
        except InvalidComponents as error:
            raise RequestFailed(str(error)) from None
        inside: dict[str, Value] = {}
        layers = []
        for group, fixed in fitting(self._layers.groups(), source, kind, wanted):
            layer = self._layers.layer_of(group.key)
            if layer is not None:
                layers.append(layer)
                inside |= fixed
        if not layers:
            names = [self._layers.layer_name(group.key) for group in self._layers.groups()]
            have = ", ".join(name for name in names[:20] if name) or "none"
            asked = " · ".join(
                word for word in (source or "", kind or "", describe(wanted)) if word
            )
            raise RequestFailed(f"no layer of {asked or 'ours'}; layers are: {have}")
        return layers, inside


def auto_contrast(layer: ImageLayer, mode: str) -> None:
    """Find the contrast of a layer "once", in what is in view; "continuous", or "off" again."""
    layer.auto_contrast = mode == "continuous"
    if mode == "once":
        layer.reset_contrast_limits()


def _limits(limits: object) -> tuple[float, float]:
    if isinstance(limits, list | tuple) and len(limits) == 2:
        low, high = limits
        numbers = all(isinstance(one, int | float) and math.isfinite(one) for one in limits)
        if numbers and low < high:
            return float(low), float(high)
    raise RequestFailed(
        f"limits={limits!r}; give (lowest, highest), or 'once', 'continuous' or 'off'"
    )
