"""Composites of more channels than ImageJ composes by itself."""

from __future__ import annotations

import functools
from typing import Any, Final

from fiji_bridge import jvm

OWN: Final = 8
"""Channels up to which ImageJ needs no help: it has as many switches (`MAX_CHANNELS`)."""


@functools.cache
def _fields() -> dict[str, Any]:
    """Fields of ImageJ's images that no method sets, by reflection; none in another ImageJ."""
    composite, plus = jvm.java("ij.CompositeImage").class_, jvm.java("ij.ImagePlus").class_
    try:
        fields = {
            "active": composite.getDeclaredField("active"),
            "mode": composite.getDeclaredField("mode"),
            "img": plus.getDeclaredField("img"),
        }
        for field in fields.values():
            field.setAccessible(True)
    except jvm.java("java.lang.Exception"):  # then it shows one channel at a time
        return {}
    return fields


def make_room(imp: Any, channels: int) -> None:
    """Give a composite image a switch for each of so many channels. Event thread only.

    ImageJ draws every channel that is switched on, but its array of switches has the length 8;
    it leaves composite mode where there are more channels. New switches are on.
    """
    switches = list(imp.getActiveChannels())
    if not _fields() or len(switches) >= channels:
        return
    array = jvm.java("java.lang.reflect.Array")
    more = array.newInstance(jvm.java("java.lang.Boolean").TYPE, channels)
    for index in range(channels):
        more[index] = switches[index] if index < len(switches) else True
    _fields()["active"].set(imp, more)


def compose(imp: Any) -> None:
    """Draw all channels of an image together, however many. Event thread only."""
    channels = imp.getNChannels()
    imp.setMode(imp.COMPOSITE)
    if channels > OWN and _fields():
        make_room(imp, channels)
        _fields()["mode"].setInt(imp, imp.COMPOSITE)
        _fields()["img"].set(imp, None)  # it was of one channel
