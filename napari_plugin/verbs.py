"""The requests that the viewer answers, each a method that runs on the window's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np
from napari import Viewer
from napari.layers import Layer
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_plugin.annotations import annotations_of
from napari_plugin.layers import Layers
from napari_plugin.planes import Plane
from napari_plugin.viewing import Viewing
from streaming_core.errors import RequestFailed
from streaming_core.protocol.annotated import pack
from streaming_core.protocol.catalog import Catalog
from streaming_core.protocol.words import Wanted, listed
from streaming_core.stream import verbs
from streaming_core.stream.adapter import Call

READ_AT_ONCE: Final = 8 << 20
"""Bytes that are read out on the window's thread; more would be felt (8 MiB take 2 ms)."""


class Verbs:
    """Carries out requests on a viewer and its streamed layers.

    Parameters
    ----------
    end
        Closes the viewer.
    """

    def __init__(self, viewer: Viewer, layers: Layers, end: Callable[[], None]) -> None:
        self._viewer = viewer
        self._layers = layers
        self._end = end
        self._common = verbs.Verbs(layers)
        self._readers: list[threading.Thread] = []
        self.table: dict[str, Callable[[Call], None]] = {
            "state": self._state,
            "read": self._read,
            "annotations": self._annotations,
            "screenshot": self._screenshot,
            "navigate": self._navigate,
            "quit": self._quit,
            **self._common.table,
            **Viewing(layers).table,
        }

    def close(self) -> None:
        """Wait for the reads that are under way."""
        for reader in self._readers:
            reader.join()

    def _state(self, call: Call) -> None:
        layers = self._layers
        groups = layers.catalog.state()
        for key, group in zip(layers.catalog.groups, groups, strict=True):
            group["layer"] = layers.layer_name(key)
        call.reply(
            {
                "groups": groups,
                "marks": layers.marks.state(),
                **self._common.state(),
                "follow": layers.sliders.follow,
                "shown": layers.sliders.place(),
            }
        )

    def _read(self, call: Call) -> None:
        catalog, wanted = self._layers.catalog, call.arguments
        group, fixed = catalog.find(Wanted.of(wanted, "image"))
        free = [len(group.values[name]) for name in group.names if name not in fixed]
        if prod(free) * group.plane_bytes <= READ_AT_ONCE:
            call.reply(*catalog.read(wanted, _pixels))
            return
        # Copies of the dictionaries, 1 ms for 10,000 planes: what arrives from now on is not
        # read, and the window does not wait while pixels are copied.
        values = {name: replace(one, items=list(one)) for name, one in group.values.items()}
        frozen: Catalog[Plane] = Catalog(catalog.split)
        frozen.groups = {group.key: replace(group, planes=dict(group.planes), values=values)}
        reader = threading.Thread(target=_read_out, args=(frozen, call), name="planecast-read")
        self._readers = [thread for thread in self._readers if thread.is_alive()]
        self._readers.append(reader)
        reader.start()

    def _annotations(self, call: Call) -> None:
        call.reply(*pack(annotations_of(self._layers)))

    def _screenshot(self, call: Call) -> None:
        canvas = bool(call.arguments.get("canvas", False))
        shot = self._viewer.screenshot(canvas_only=canvas, flash=False)
        call.reply({"canvas": canvas}, np.ascontiguousarray(shot, dtype=np.uint8))

    def _navigate(self, call: Call) -> None:
        values = verbs.destination(call).components
        split, axes = self._layers.catalog.split, self._layers.axes
        apart = Wanted(components={name: values[name] for name in values if name in split})
        place = {name: value for name, value in values.items() if name not in split}
        for name, value in place.items():
            if name not in axes.values:
                raise RequestFailed(f"no component {name!r}; there is: {self._named()}")
            if value not in axes.values[name]:
                raise RequestFailed(f"no {name} {value!r}; there is: {listed(axes.values[name])}")
        chosen = self._layers_at(apart) if apart.components else []
        if place:
            self._layers.sliders.follow = False
            self._layers.sliders.go(place)
        if chosen:
            self._viewer.layers.selection = set(chosen)
        call.reply({"components": self._layers.sliders.place()})

    def _named(self) -> str:
        apart = [name for group in self._layers.groups() for name, _ in group.key.split]
        return listed([*self._layers.axes.names, *apart])

    def _layers_at(self, apart: Wanted) -> list[Layer]:
        """Return the layers of these values, of components whose values are layers."""
        groups = self._layers.groups()
        layers = [self._layers.layer_of(group.key) for group, _ in apart.among(groups)]
        found = [layer for layer in layers if layer is not None]
        if not found:
            raise RequestFailed(apart.why_none(groups) or f"the layers of {apart} were deleted")
        return found

    def _quit(self, call: Call) -> None:
        call.reply({})
        # After this tick: closing takes away what the tick still stands on.
        QTimer.singleShot(0, self._end)


def _pixels(plane: Plane) -> NDArray[Any]:
    return plane


def _read_out(catalog: Catalog[Plane], call: Call) -> None:
    try:
        call.reply(*catalog.read(call.arguments, _pixels))
    except RequestFailed as error:
        call.fail(str(error))
    except MemoryError:
        call.fail("not enough memory to read all of it at once; say components=")
