"""What of the view is the user's: it stays while napari changes it by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari.components import ViewerModel


@contextmanager
def view_kept(viewer: ViewerModel) -> Iterator[None]:
    """Inside, napari may fit the view or select the newcomer; afterwards it was not."""
    camera, selection = viewer.scene.camera, viewer.layers.selection
    center, zoom = camera.center, camera.zoom
    selected, active = set(selection), selection.active
    try:
        yield
    finally:
        if (camera.center, camera.zoom) != (center, zoom):
            camera.center, camera.zoom = center, zoom
        selected &= set(viewer.layers)
        if set(selection) != selected:
            if active in selected:
                selection.active = active
            selection.clear()
            selection.update(selected)
