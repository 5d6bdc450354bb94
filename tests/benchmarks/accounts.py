"""What a chaos run must come to: every image is where its producer says it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import planecast as pc
from tests.benchmarks.arrays import Wrong
from tests.benchmarks.feeder import Account
from tests.benchmarks.stamps import verify

FEW: Final = 12


@dataclass
class Holdings:
    """What a viewer holds at the end.

    Attributes
    ----------
    held
        Series -> the numbers of its images, each compared bit by bit.
    owned
        Session -> how many images it counted, for as long as this process lives.
    """

    held: dict[str, set[int]] = field(default_factory=dict)
    owned: dict[str, int] = field(default_factory=dict)
    planes: int = 0


def look(viewer: pc.Viewer) -> Holdings:
    """Read everything back, and compare it with what was sent."""
    found = Holdings()
    state = viewer.state()
    found.owned = {one["sid"]: one["images"] for one in state["producers"]}
    for group in state["groups"]:
        source = group["source"]
        series = source.partition("/")[0]
        if group["holes"]:
            raise Wrong(f"{source}: {group['holes']} holes on an axis of its own")
        pixels = viewer.read(source=source, timeout=60.0)
        for number, plane in zip(group["components"]["t"], pixels, strict=True):
            verify(plane, series, number)
            found.held.setdefault(series, set()).add(number)
            found.planes += 1
    return found


def audit(series: str, account: Account, holdings: Holdings, *, spared: bool) -> list[str]:
    """Return what is wrong with one producer's images at one viewer."""
    planned = set(range(account.first, account.first + account.planned))
    owned, undelivered = set(account.owned), set(account.undelivered)
    gaps = set(account.gaps)
    held = {one for one in holdings.held.get(series, set()) if one in planned}
    missing, named = Counter(account.reported + account.gaps), Counter(account.flushed)
    wrong = {
        "neither owned nor undelivered": planned - owned - undelivered,
        "owned and undelivered": owned & undelivered,
        "undelivered, and not named so": undelivered ^ set(account.reported),
        "named as undelivered twice": twice(account.reported),
        "named as a gap twice": twice(account.gaps),
        "named as a gap, and never owned": gaps - owned,
        "owned, in no gap, and not there": owned - gaps - held,
        "reported as undelivered, and there": undelivered & held,
        "not named by flush()": set(missing - named),
        "named by flush(), and not taken back": set(named - missing) - owned,
        "named as a gap, and there": gaps & held,
    }
    if spared:
        wrong["not at a viewer that was spared"] = planned - held
        wrong["not owned by a viewer that was spared"] = planned - owned
    found = [
        f"{series} at port {account.port}: {what}: {some(numbers)}"
        for what, numbers in wrong.items()
        if numbers
    ]
    if account.unshown:
        found.append(f"{series} at port {account.port}: {account.unshown} are not shown")
    counted = holdings.owned.get(account.sid, 0)
    if counted != len(held):
        found.append(
            f"{series} at port {account.port}: the viewer took {counted} images and has {len(held)}"
        )
    return found


def reconcile(books: Iterable[Path], series: str, account: Account, *, copies: bool) -> list[str]:
    """Compare what a producer says with what the viewers on its port wrote down, dead or alive."""
    posted: set[int] = set()
    taken: set[int] = set()
    found = []
    for book in books:
        shown: list[int] = []
        for line in book.read_text().splitlines() if book.exists() else ():
            what, sid, _, source, t = line.split(" ")
            if sid == account.sid and source.partition("/")[0] == series:
                (shown if what == "post" else []).append(int(t))
                taken.add(int(t))
        posted |= set(shown)
        if twice(shown):
            found.append(f"{series} in {book.name}: shown twice: {some(twice(shown))}")
    if copies and set(account.owned) - taken:
        unseen = set(account.owned) - taken
        found.append(f"{series} at port {account.port}: owned by none: {some(unseen)}")
    return found


def twice(numbers: Iterable[int]) -> set[int]:
    """Those that come more than once."""
    return {number for number, count in Counter(numbers).items() if count > 1}


def some(numbers: Iterable[int]) -> str:
    """Name the first ones, for a text that people read."""
    every = sorted(numbers)
    return f"{len(every)}: {every[:FEW]}" + (" …" if len(every) > FEW else "")
