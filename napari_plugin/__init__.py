"""The napari side: grouping, layers, widgets and the viewer process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari import Viewer

    from napari_plugin.listening import Listening

__all__ = ["listen"]


def listen(viewer: Viewer, port: int | None = None) -> Listening:
    """Let a napari that is open already receive streams. Call it on the window's thread.

    Parameters
    ----------
    viewer
        With its window. A second call with the same one returns what the first did.
    port
        Control port; None for the first free pair from 5555 on.

    Returns
    -------
    Listening
        ``port``, ``address``, and ``stop()``, which frees the port and leaves the layers. Closing
        the window stops it too.

    Raises
    ------
    PortTaken
        When another viewer or program has the port.
    ViewerError
        When this viewer listens on another port already.
    """
    # Imported here: the viewer process begins in this package, before napari and Qt may start.
    from napari_plugin.listening import listen as begin

    return begin(viewer, port)
