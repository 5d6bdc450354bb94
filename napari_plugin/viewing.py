"""The requests about what is seen: which layers, and their contrast."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from napari.layers import Image as ImageLayer
from napari.layers import Layer

from napari_plugin.layers import Layers
from streaming_core.errors import RequestFailed
from streaming_core.protocol.components import Value
from streaming_core.protocol.words import Wanted, limits_of
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
            "isolate": self._isolate,
            "contrast": self._contrast,
        }

    def _isolate(self, call: Call) -> None:
        found, inside = self._meant(Wanted.of(call.arguments))
        for group in self._layers.groups():
            layer = self._layers.layer_of(group.key)
            if layer is not None and layer.visible != (layer in found):
                layer.visible = layer in found
        if inside:
            self._layers.sliders.follow = False
            self._layers.sliders.go(inside)
        call.reply({"layers": [str(layer.name) for layer in found]})

    def _contrast(self, call: Call) -> None:
        limits = limits_of(call.arguments)
        found, _ = self._meant(Wanted.of(call.arguments, "image"))
        layers = [one for one in found if isinstance(one, ImageLayer) and not one.rgb]
        if not layers:
            raise RequestFailed("images in colour have no contrast to set")
        for layer in layers:
            auto_contrast(layer, limits if isinstance(limits, str) else "off")
            if isinstance(limits, tuple):
                low, high = layer.contrast_limits_range
                layer.contrast_limits_range = min(low, limits[0]), max(high, limits[1])
                layer.contrast_limits = limits
        call.reply({"layers": {str(one.name): list(one.contrast_limits) for one in layers}})

    def _meant(self, wanted: Wanted) -> tuple[list[Layer], dict[str, Value]]:
        """Return the layers that are meant, and the values of sliders that this fixes."""
        inside: dict[str, Value] = {}
        found = []
        for group, fixed in wanted.among(self._layers.groups()):
            layer = self._layers.layer_of(group.key)
            if layer is not None:
                found.append(layer)
                inside |= fixed
        if not found:
            raise RequestFailed(
                wanted.why_none(self._layers.groups()) or f"the layers of {wanted} were deleted"
            )
        return found, inside


def auto_contrast(layer: ImageLayer, mode: str) -> None:
    """Find the contrast of a layer "once", in what is in view; "continuous", or "off" again."""
    layer.auto_contrast = mode == "continuous"
    if mode == "once":
        layer.reset_contrast_limits()
