"""A person who never lets go of the mouse: moves sliders, draws, recolours, while images arrive."""

from __future__ import annotations

import random
import threading
import traceback
from collections import Counter
from collections.abc import Iterable
from typing import Any

from fiji_bridge import jvm
from fiji_bridge.edt import on_edt
from streaming_core.testing import poll_until

LIMIT = 40.0
"""Seconds that something may take on a busy machine."""

CHANNELS = 2  # only these are recoloured: they are there from the start, and stay the first


class Restless:
    """Works in one window on a thread of its own, and looks whether all stays as it was left.

    Parameters
    ----------
    drags
        Whether sliders are dragged, or jump and are let go: ImageJ follows a dragged one on
        a thread of its own, so nobody knows which place is left by it.
    """

    def __init__(self, title: str, drags: bool) -> None:
        self._slide = self._drag if drags else self._move
        self._imp = jvm.java("ij.WindowManager").getImage(title)
        self._window = self._imp.getWindow()
        self._chance = random.Random(11)  # noqa: S311 - a reproducible order
        self._left: dict[str, Any] = {}
        self._done: Counter[str] = Counter()
        self._complaints: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="restless")
        self._thread.start()

    def wait_for(self, acts: Iterable[str]) -> None:
        """Wait until each of these was done once more, or the person has given up."""
        goal = {act: self._done[act] + 1 for act in acts}
        poll_until(
            lambda: (
                not self._thread.is_alive()
                or all(self._done[act] >= count for act, count in goal.items())
            ),
            f"the person has done {', '.join(goal)}",
            LIMIT,
        )

    def end(self) -> list[str]:
        """Let go; return what was found changed, and what went wrong."""
        self._stop.set()
        self._thread.join(LIMIT + 10)
        if self._thread.is_alive():
            return [*self._complaints, "an act of the person does not end"]
        on_edt(self._imp, self._look)
        return self._complaints

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                act = self._chance.choice([self._slide, self._draw, self._recolor, self._contrast])
                if act == self._contrast:  # nobody does that before the slider is where it goes
                    poll_until(self._sliders_rest, "ImageJ has followed the sliders", LIMIT)
                # As with the mouse, nobody holds the image while a slider is dragged.
                on_edt(None if act == self._drag else self._imp, self._look)
                on_edt(None if act == self._drag else self._imp, act)
                self._done[act.__name__[1:]] += 1
        # A thread boundary: the test shows it.
        except BaseException:
            self._complaints.append(traceback.format_exc())

    def _look(self) -> None:
        """Compare what is seen with what was left."""
        seen: dict[str, Any] = {"same window": bool(self._imp.getWindow().equals(self._window))}
        seen["place"] = _place(self._imp)
        roi = self._imp.getRoi()
        seen["roi"] = None if roi is None else str(roi)
        for channel, table in enumerate(list(self._imp.getLuts())[:CHANNELS], 1):
            bright = jvm.to_numpy("byte", table.getBytes())[255::256]
            seen[f"color {channel}"] = bright.tolist()
            seen[f"range {channel}"] = [float(table.min), float(table.max)]
        for name, left in ({"same window": True} | self._left).items():
            if seen[name] != left:
                self._complaints.append(f"{name} is {seen[name]}, was left {left}")
        self._left.update({name: seen[name] for name in self._left})

    def _move(self) -> None:
        imp = self._imp
        lengths = (imp.getNChannels(), imp.getNSlices(), imp.getNFrames())
        imp.setPosition(*(self._chance.randint(1, int(length)) for length in lengths))
        self._left["place"] = _place(imp)

    def _drag(self) -> None:
        kind = jvm.java("ij.gui.ScrollbarWithLabel")
        moved = jvm.java("java.awt.event.AdjustmentEvent")
        bars = [one for one in self._window.getComponents() if isinstance(one, kind)]
        bar = self._chance.choice(bars)
        value = self._chance.randrange(int(bar.getMinimum()), int(bar.getMaximum()))
        bar.setValue(value)
        self._window.adjustmentValueChanged(
            moved(bar, moved.ADJUSTMENT_VALUE_CHANGED, moved.TRACK, value)
        )

    def _sliders_rest(self) -> bool:
        """Whether ImageJ's thread that follows dragged sliders has nothing to do."""
        thread = jvm.java("ij.gui.StackWindow").class_.getDeclaredField("thread")
        thread.setAccessible(True)
        following = thread.get(self._window)
        return following is None or str(following.getState()) == "WAITING"

    def _draw(self) -> None:
        x, y, width, height = (self._chance.randint(1, 14) for _ in range(4))
        roi = jvm.java("ij.gui.OvalRoi")(x, y, width, height)
        self._imp.setRoi(roi)
        self._left["roi"] = str(roi)

    def _recolor(self) -> None:
        channel = self._chance.randint(1, CHANNELS)
        rgb = [self._chance.randrange(256) for _ in range(3)]
        color = jvm.java("java.awt.Color")(*rgb)
        table = jvm.java("ij.process.LUT").createLutFromColor(color)
        old = list(self._imp.getLuts())[channel - 1]
        table.min, table.max = old.min, old.max
        self._imp.setChannelLut(table, channel)
        self._imp.updateAndDraw()
        self._left[f"color {channel}"] = rgb

    def _contrast(self) -> None:
        """Set the range of the channel that is worked on."""
        channel = int(self._imp.getC())
        low = float(self._chance.randint(0, 900))
        high = low + self._chance.randint(1, 900)
        self._imp.setDisplayRange(low, high)
        self._imp.updateAndDraw()
        if channel <= CHANNELS:
            self._left[f"range {channel}"] = [low, high]


def _place(imp: Any) -> str:
    """Return the place that is looked at; a hole that is filled stays the same place."""
    return str(imp.getStack().getSliceLabel(imp.getCurrentSlice())).removeprefix("missing: ")
