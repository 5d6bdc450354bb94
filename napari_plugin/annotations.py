"""What a person drew or painted, with the components of where they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer, Points, Shapes
from numpy.typing import NDArray

from streaming_core.protocol.components import Value

if TYPE_CHECKING:
    from napari_plugin.layers import Layers

Map = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From coordinates to coordinates, one row for each position."""


def annotations_of(layers: Layers) -> list[dict[str, Any]]:
    """Return what a person drew in layers of their own, and planes of ours that they painted.

    Points and corners are Y and X: ``data`` in pixels of the streamed image that is there,
    ``world`` in the viewer's unit. What was streamed and not changed is left out.
    """
    found: list[dict[str, Any]] = []
    for layer in _theirs(layers):
        found += _points(layers, layer) if isinstance(layer, Points) else _shapes(layers, layer)
    return [*found, *_painted(layers)]


def carry_drawings(layers: Layers, moves: Sequence[tuple[str, int]]) -> None:
    """Keep what a person drew on its image when values were inserted before it.

    Parameters
    ----------
    moves
        Name of an axis and the index that a new value got, one after the other.
    """
    for layer in _theirs(layers):
        names = layers.axes.names[-(layer.ndim - 2) :] if layer.ndim > 2 else ()
        first = layer.ndim - 2 - len(names)
        for name, at in moves:
            if name not in names:
                continue
            dim, step = first + names.index(name), layers.axes.step(name)
            length, start = float(layer.scale[dim]), float(layer.translate[dim])
            edge = (
                layers.axes.start(name) + (at - 0.5) * step - start
            ) / length  # what lies behind it has moved
            _shift(layer, dim, edge, step / length)


def _shift(layer: Points | Shapes, dim: int, edge: float, by: float) -> None:
    if isinstance(layer, Points):
        rows = np.array(layer.data, np.float64)
        behind = rows[:, dim] >= edge
        if behind.any():
            rows[behind, dim] += by
            layer.data = rows
        return
    shapes = [np.array(corners, np.float64) for corners in layer.data]
    if any((corners[:, dim] >= edge).any() for corners in shapes):
        for corners in shapes:
            corners[corners[:, dim] >= edge, dim] += by
        layer.data = list(zip(shapes, list(layer.shape_type), strict=True))


def _theirs(layers: Layers) -> Iterator[Points | Shapes]:
    """Return the layers of points and shapes that are not ours."""
    ours = {id(layer) for layer in layers.ours()}
    for layer in layers.viewer.layers:
        if isinstance(layer, Points | Shapes) and id(layer) not in ours:
            yield layer


def _points(layers: Layers, layer: Points) -> Iterator[dict[str, Any]]:
    world = _affine(layer.data_to_world, layer.ndim)(np.asarray(layer.data, np.float64))
    for place, rows in _by_place([_place(layers, row[:-2]) for row in world]):
        there = world[rows]
        image, to_pixels = _pixels(layers, place, layer)
        yield {
            "kind": "points",
            "layer": layer.name,
            "components": place,
            "image": image,
            "data": [to_pixels(there)[:, -2:]],
            "world": [there[:, -2:]],
            "features": _features(layer, rows),
        }


def _shapes(layers: Layers, layer: Shapes) -> Iterator[dict[str, Any]]:
    to_world = _affine(layer.data_to_world, layer.ndim)
    world = [to_world(np.asarray(corners, np.float64)) for corners in layer.data]
    for place, rows in _by_place([_place(layers, corners[0, :-2]) for corners in world]):
        image, to_pixels = _pixels(layers, place, layer)
        yield {
            "kind": "shapes",
            "layer": layer.name,
            "components": place,
            "image": image,
            "shapes": [str(layer.shape_type[row]) for row in rows],
            "data": [to_pixels(world[row])[:, -2:] for row in rows],
            "world": [world[row][:, -2:] for row in rows],
            "features": _features(layer, rows),
        }


def _painted(layers: Layers) -> Iterator[dict[str, Any]]:
    for key, group in layers.catalog.groups.items():
        for place in sorted(
            group.edited,
            key=lambda place: [
                group.values[name].position(value)
                for name, value in zip(group.names, place, strict=True)
            ],
        ):
            yield {
                "kind": "labels",
                "layer": layers.layer_name(key) or key.title(),
                "source": key.source,
                "components": dict(key.split) | dict(zip(group.names, place, strict=True)),
                "data": [group.planes[place]],
            }


def _place(layers: Layers, lead: NDArray[np.float64]) -> dict[str, Value]:
    """Return the components at leading world coordinates; napari aligns the last ones."""
    axes = layers.axes
    names = axes.names[len(axes.names) - min(len(lead), len(axes.names)) :]
    there = lead[len(lead) - len(names) :]
    place: dict[str, Value] = {}
    for name, at in zip(names, there, strict=True):
        values = axes.values[name]
        if values:
            index = axes.index(name, float(at))
            place[name] = values[min(max(index, 0), len(values) - 1)]
    return place


def _by_place(
    places: Sequence[dict[str, Value]],
) -> Iterator[tuple[dict[str, Value], list[int]]]:
    """Yield each place with the numbers of what is there, in the order of the first of them."""
    first: dict[tuple[Value, ...], int] = {}
    for place in places:
        first.setdefault(tuple(place.values()), len(first))
    order = sorted(range(len(places)), key=lambda row: first[tuple(places[row].values())])
    for _, rows in groupby(order, key=lambda row: first[tuple(places[row].values())]):
        found = list(rows)
        yield places[found[0]], found


def _pixels(layers: Layers, place: dict[str, Value], layer: Layer) -> tuple[str | None, Map]:
    """Return the source of the image at a place, and the way from the world to its pixels."""
    images = list(layers.images())
    there = [
        entry
        for entry in images
        if all(name in place for name in entry.group.names)
        and tuple(place[name] for name in entry.group.names) in entry.group.planes
    ]
    for entry in (there or images)[:1]:
        if entry.layer is not None:
            names = [name for name in entry.group.names if name in place]
            shift = layers.origins.shift(entry, {name: place[name] for name in names})
            return entry.group.key.source, _trailing(entry.layer, shift)
    return None, _trailing(layer)


def _trailing(layer: Layer, shift: tuple[float, ...] = (0.0, 0.0)) -> Map:
    to_data = _affine(layer.world_to_data, layer.ndim)

    def convert(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        full = np.zeros((len(rows), layer.ndim))
        rows = rows - np.pad(shift, (rows.shape[1] - 2, 0))
        wide = min(layer.ndim, rows.shape[1])
        full[:, layer.ndim - wide :] = rows[:, rows.shape[1] - wide :]
        return to_data(full)

    return convert


def _affine(transform: Callable[[Any], Any], ndim: int) -> Map:
    """Return a transform of napari's, which takes one position, for many at once."""
    origin = np.asarray(transform(np.zeros(ndim)), np.float64)
    columns = [np.asarray(transform(unit), np.float64) - origin for unit in np.eye(ndim)]
    matrix = np.stack(columns)
    return lambda rows: np.asarray(rows @ matrix + origin, np.float64)


def _features(layer: Points | Shapes, rows: Sequence[int]) -> dict[str, list[Any]]:
    table = layer.features
    return {str(name): [_cell(table[name].iloc[row]) for row in rows] for name in table}


def _cell(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return str(value)
