"""What Java is told when it starts: how it keeps planes, and how much memory it may take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

FREE: Final = {"MaxHeapFreeRatio": "100", "MinHeapFreeRatio": "75"}
"""Percent of Java's memory that are free after it has collected everything."""

COLLECTOR: Final = (
    # Planes are kept, not dropped: this collector puts them straight into the old generation and
    # never copies them. The default one wastes up to half of the heap on arrays this large.
    # Smaller arrays that outlive the young one die unseen: Java 25 looks only when all is full.
    "-XX:+UseSerialGC",
    "-XX:PretenureSizeThreshold=2048",
    "-Xmn64m",
    # Before its memory grows Java collects everything, 15 ms; so it grows fourfold each time. What
    # is not written to costs nothing. It never shrinks by itself, see `jvm.give_back`.
    *(f"-XX:{name}={share}" for name, share in FREE.items()),
    "-XX:-ShrinkHeapInSteps",
    # Below what it had first it does not shrink; Java's own choice is 1.6 %.
    "-XX:InitialRAMPercentage=0.5",
    # Every fourth of those collections would push all planes together: up to 275 ms.
    "-XX:MarkSweepAlwaysCompactCount=1000000",
    # Loading Fiji's classes would collect everything, too.
    "-XX:MetaspaceSize=128m",
)

# With -Xrs Java has a socket for debuggers from its start, and leaves its file in /tmp.
SIGNALS: Final = ("-Xrs", "-XX:+DisableAttachMechanism")
"""Those that end the viewer are Python's."""

AWT: Final = {"_AWT_MAX_POLL_TIMEOUT": "20"}
"""Variables for AWT on X11: milliseconds after which it looks anew for what the X server has said.

Left alone it waits up to 0.5 s when another of its threads has read that into memory meanwhile,
several times in a row: waiting until all is painted then took 10 to 20 s now and then.
"""

SHARE_OF_MEMORY: Final = "-XX:MaxRAMPercentage=60"

VARIABLES: Final = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS")
"""In which people tell Java what they want; ours would win over the first."""

OTHERS: Final = {
    f"Use{name}GC" for name in "ConcMarkSweep Epsilon G1 Parallel ParallelOld Shenandoah Z".split()
}
"""Collectors that a user may wish: Java does not start with two."""

ALIASES: Final = {"Xmn": "NewSize", "MaxNewSize": "NewSize", "Xmx": "MaxHeapSize"}

NEWEST: Final = 25
"""The last Java that was seen to know all these options."""


def choose(version: int, memory: str, environment: Mapping[str, str]) -> list[str]:
    """Return the options to start Java with. What its user has told it is not said again.

    Parameters
    ----------
    version
        Of Java; 0 where it is not known.
    memory
        The most that Java takes for images, as in "8g"; empty for what its user has said, or
        60 % of the machine's.
    environment
        In which its user may have told Java more.
    """
    words = " ".join(environment.get(name, "") for name in VARIABLES).split()
    theirs = {_name(word) for word in words}
    ours = COLLECTOR if theirs.isdisjoint(OTHERS) else ()
    chosen = [option for option in ours if _name(option) not in theirs]
    if memory:
        chosen.append(f"-Xmx{memory}")
    elif theirs.isdisjoint({"MaxHeapSize", "MaxRAMPercentage"}):
        chosen.append(SHARE_OF_MEMORY)
    chosen += SIGNALS
    if version >= 22:
        chosen.append("--enable-native-access=ALL-UNNAMED")
    if version > NEWEST:
        chosen.append("-XX:+IgnoreUnrecognizedVMOptions")
    return chosen


def _name(option: str) -> str:
    """Return what an option sets: "NewSize" of "-Xmn64m"."""
    match = re.match(r"-(?:XX:[+-]?(\w+)|(Xm[nsx]))", option)
    name = "" if match is None else match[1] or match[2]
    return ALIASES.get(name, name)
