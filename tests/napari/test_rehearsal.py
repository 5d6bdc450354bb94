"""A viewer that has just started, and has rehearsed its first layer."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_plugin.rehearsal import rehearse, uncollected, without_xarray
from tests.napari.feed import Stream

UNITS = """
from napari_plugin.rehearsal import import_ahead
import_ahead()
import pint
from napari.layers import Image
import numpy as np
print(Image(np.zeros((4, 4)), units="nm").units[0], pint.Quantity(1, "nm").to("um").magnitude)
"""

LATER = """
import sys, threading
sys.modules["pandas"] = None  # as if it were not installed
from napari_plugin.rehearsal import import_later
import_later()
for thread in threading.enumerate():
    if thread.name == "planecast-imports":
        thread.join()
print("skimage.color" in sys.modules)
"""


def test_after_a_rehearsal_the_window_is_as_new(fresh: Stream) -> None:
    viewer = fresh.viewer
    before = viewer.dims.model_dump(), fresh.ask("state")
    rehearse(viewer, fresh.adapter)
    assert len(viewer.layers) == 0
    after = viewer.dims.model_dump(), fresh.ask("state")
    assert after == before
    fresh.show(np.full((64, 64), 200, np.uint8), components={"z": 3}, contrast_limits=(0.0, 255.0))
    fresh.settle()
    assert fresh.pixel(32, 32) == (200, 200, 200)
    assert viewer.dims.axis_labels == ("z", "y", "x")
    fresh.show(np.full((64, 64), 100, np.uint8), components={"z": 4})
    fresh.settle()
    assert fresh.pixel(32, 32) == (100, 100, 100)  # the sliders still follow


def test_xarray_is_not_imported_for_our_planes_and_stays_where_it_is_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import xarray

    with without_xarray():
        assert sys.modules["xarray"] is xarray
    monkeypatch.delitem(sys.modules, "xarray")
    with without_xarray(), pytest.raises(ModuleNotFoundError):
        __import__("xarray")
    assert "xarray" not in sys.modules


def test_what_the_first_labels_need_is_imported_as_far_as_it_is_there() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LATER], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "True\n"
    assert "pandas could not be imported" in done.stderr


def test_garbage_is_collected_again_after_the_start() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def units() -> str:
    done = subprocess.run(
        [sys.executable, "-c", UNITS], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_units_are_right_at_each_start_and_after_the_kept_list_was_damaged(
    run_folder: Path,
) -> None:
    assert units() == "nanometer 0.001\n"
    (kept,) = run_folder.glob("units-*")
    assert kept.stat().st_mode & 0o077 == 0
    for file in kept.glob("*.pickle"):
        file.write_bytes(file.read_bytes()[:100])
    assert [units() for _ in range(2)] == ["nanometer 0.001\n"] * 2
    assert list(run_folder.glob("units-*")) == [kept]
