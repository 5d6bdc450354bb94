"""The demo: a plate streams into napari and ImageJ at once, plane by plane."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from rich.console import Console

from streaming_core.client import Tee, launch, tee
from streaming_core.commands import bar
from streaming_core.errors import Undelivered
from streaming_core.fleet.host import free_port
from streaming_core.plate import COLORMAPS, CONTRAST, STORY, Plate
from streaming_core.viewer import Viewer

KINDS: Final = ("napari", "fiji")
SCALE: Final = {"Z": 2.0, "Y": 0.5, "X": 0.5}
"""Micrometres."""

FIRST_LIMIT: Final = 30.0
"""Seconds to wait for the first image."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the demo measured.

    Attributes
    ----------
    first
        Seconds from `show()` until the first image was on both screens.
    rate
        Images a second to each viewer, until all were shown.
    lost
        Images that a viewer did not get.
    """

    first: float
    rate: float
    lost: int


def run(console: Console, *, rate: float, folder: Path, visible: bool) -> Figures:
    """Start viewers, stream a plate into them, and say how it went.

    Parameters
    ----------
    console
        Where the words and the progress bar go.
    rate
        Planes a second.
    folder
        Where the screenshots go when ``visible`` is False.
    visible
        Whether there is a display: then the windows open and stay.

    Raises
    ------
    ViewerError
        When a viewer cannot be started.
    """
    console.print(STORY, highlight=False)
    console.print()
    with ThreadPoolExecutor(len(KINDS)) as pool:
        starting = [pool.submit(_start, kind, visible) for kind in KINDS]
    # Where one could not start, the other is not left behind.
    viewers = [one.result() for one in starting if one.exception() is None]
    try:
        for one in starting:
            one.result()
        for viewer in viewers:
            console.print(f"  {viewer.state()['engine']} on port {viewer.port}", highlight=False)
        figures = _stream(console, tee(*viewers), rate)
        if not visible:
            _pictures(console, viewers, folder)
    finally:
        for viewer in viewers:
            if visible:
                viewer.close()
            else:
                viewer.quit()
    console.print(f"first image on screen after  {figures.first * 1000:.0f} ms", highlight=False)
    console.print(f"images a second              {figures.rate:.1f}", highlight=False)
    console.print(f"images lost                  {figures.lost}", highlight=False)
    if visible:
        console.print("The windows stay. End them: planecast stop --all", highlight=False)
    return figures


def _start(kind: str, visible: bool) -> Viewer:
    """Open the user's own viewer; without a display one for this demo alone."""
    if visible:
        return launch(kind)
    return launch(kind, free_port(kind), virtual=True, timeout=180)


def _stream(console: Console, both: Tee, rate: float) -> Figures:
    plate = Plate()
    lost, first, began = 0, 0.0, time.perf_counter()
    with bar(console) as progress:
        task = progress.add_task("streaming", total=len(plate), rate="")
        for number, plane in enumerate(plate):
            channel = str(plane.components["channel"])
            sent = time.perf_counter()
            delivery = both.show(
                plane.array, components=plane.components, source="demo", scale=SCALE, units="um",
                colormap=COLORMAPS[channel], contrast_limits=CONTRAST,
            )  # fmt: skip
            if number == 0:
                delivery.wait(FIRST_LIMIT, shown=True)
                first, began = time.perf_counter() - sent, time.perf_counter()
            speed = number / (time.perf_counter() - began) if number else 0.0
            progress.update(task, advance=1, rate=f"{speed:.1f} images/s")
            time.sleep(max(0.0, began + (number + 1) / rate - time.perf_counter()))
        for mask in plate.masks():
            both.show(
                mask.array, kind="labels", components=mask.components, source="demo",
                scale=SCALE, units="um",
            )  # fmt: skip
        for viewer in both.viewers:
            try:
                viewer.settle()
            except Undelivered as error:
                lost += len(error.images)
    return Figures(first, len(plate) / (time.perf_counter() - began), lost)


def _pictures(console: Console, viewers: list[Viewer], folder: Path) -> None:
    for viewer in viewers:
        viewer.navigate(well="B04", site=1, t=1, z=2)
        path = folder / f"planecast-demo-{viewer.viewer_kind}.png"
        Image.fromarray(viewer.screenshot()).save(path)
        console.print(f"a picture of the window: {path.resolve()}", highlight=False, soft_wrap=True)
