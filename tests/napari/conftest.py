"""A real napari window on the screen, fed by a producer."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

# Before napari is imported: its test fixture would else reset the settings of the user, and
# qtpy would take another binding than pytest-qt when there are two.
os.environ["NAPARI_CONFIG"] = ""
os.environ.setdefault("QT_API", "pyside6")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of napari's own imports
    import scipy.ndimage  # noqa: F401
    import xarray  # noqa: F401

    from napari_plugin.adapter import NapariAdapter
    from tests.napari.feed import Stream


@pytest.fixture
def stream(make_napari_viewer: Any, qtbot: QtBot) -> Iterator[Stream]:
    """A napari window on the screen that receives."""
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    viewer.window.resize(900, 700)
    feed = Stream(NapariAdapter(viewer), viewer, qtbot)
    yield feed
    feed.close()
    assert not any(thread.name.startswith("planecast") for thread in threading.enumerate())
