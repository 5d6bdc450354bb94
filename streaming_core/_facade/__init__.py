"""Planecast: live viewing of any Python program's images in napari and Fiji.

>>> import planecast as pc
>>> with pc.launch("napari") as viewer:  # doctest: +SKIP
...     viewer.show(plane, components={"channel": "DAPI", "z": 0})
"""

from streaming_core.client import Tee, connect, launch, tee, viewers
from streaming_core.errors import (
    InvalidImage,
    MacroError,
    MissingDependency,
    NotAdmitted,
    PlanecastError,
    RequestFailed,
    TimedOut,
    Undelivered,
    ViewerError,
    ViewerNotFound,
)
from streaming_core.stream.outcome import Delivery
from streaming_core.viewer import Viewer

__version__ = "0.1.0"

__all__ = [
    "Delivery",
    "InvalidImage",
    "MacroError",
    "MissingDependency",
    "NotAdmitted",
    "PlanecastError",
    "RequestFailed",
    "Tee",
    "TimedOut",
    "Undelivered",
    "Viewer",
    "ViewerError",
    "ViewerNotFound",
    "__version__",
    "connect",
    "launch",
    "tee",
    "viewers",
]
