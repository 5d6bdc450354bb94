"""What happens to whom, and when: all of it follows from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

Deed = Literal["kill", "freeze", "pause", "slow"]

START: Final = {"fiji": 6.0, "napari": 4.0, "recording": 1.0, "feeder": 1.0}
"""Seconds that a start takes, about: so much of the time a kill needs."""

BUSY: Final = {"fiji": 0.9, "napari": 0.9, "recording": 0.9, "feeder": 0.35}
"""Part of the time in which something happens to it. A frozen producer blames no viewer."""

WINDOWS: Final = ("napari", "fiji")
"""Kinds with a window: they start slowly, and are not hit in their start."""

GAP: Final = 0.4
"""Seconds between two deeds to the same process, on average at least."""


@dataclass(frozen=True, slots=True)
class Part:
    """A process that something happens to.

    Attributes
    ----------
    kind
        "recording", "napari", "fiji" or "feeder".
    spared
        Never killed and never frozen beyond ``stall``: it must have everything.
    mortal
        Killed again and again.
    """

    name: str
    kind: str
    spared: bool = False
    mortal: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One deed.

    Attributes
    ----------
    wait
        Seconds before it.
    seconds
        How long it lasts: frozen, paused, slow, or dead before the next one starts.
    amount
        Of "slow": seconds for each image. Of "kill": seconds for which it is frozen before.
    early
        After a kill: do not wait until the next one is ready, so that it may be hit in its start.
    """

    wait: float
    deed: Deed
    seconds: float
    amount: float = 0.0
    early: bool = False


def schedule(
    parts: list[Part], *, seed: int, seconds: float, kills: int, stall: float, grace: float
) -> dict[str, list[Step]]:
    """Decide what happens to each part, within about so many seconds.

    Parameters
    ----------
    kills
        In all, over the mortal parts.
    stall, grace
        As the producers have them: freezes are shorter and longer than the one, and the dead
        come back within the other and later.
    """
    shares = _shares([part for part in parts if part.mortal], kills)
    found = {}
    for part in parts:
        dice = random.Random(f"{seed} {part.name}")  # noqa: S311 - to be the same again
        steps = [_kill(part, dice) for _ in range(shares.get(part.name, 0))]
        if part.mortal and part.kind == "recording":  # one that returns too late, at least
            steps[0] = replace(steps[0], seconds=grace + dice.uniform(0.5, 1.5), early=False)
        if (part.kind == "feeder") != part.mortal:  # and one freeze beyond stall
            steps.append(Step(0.0, "freeze", dice.uniform(1.1, 1.7) * stall))
        left = seconds * BUSY[part.kind] - sum(_takes(part, step) + GAP for step in steps)
        while left > 0:
            step = _other(part, dice, stall)
            left -= _takes(part, step) + GAP
            if left > 0:
                steps.append(step)
        dice.shuffle(steps)
        found[part.name] = _spread(steps, part, dice, seconds)
    return found


def _shares(parts: list[Part], kills: int) -> Mapping[str, int]:
    """How often each is killed: in inverse proportion to the time that it takes to come back."""
    weights = [1 / (START[part.kind] + 0.5) for part in parts]
    shares = [max(1, int(kills * weight / sum(weights))) for weight in weights]
    fastest = max(range(len(parts)), key=lambda place: weights[place])
    shares[fastest] += max(0, kills - sum(shares))
    return {part.name: share for part, share in zip(parts, shares, strict=True)}


def _kill(part: Part, dice: random.Random) -> Step:
    dead = dice.choice([0.0, dice.uniform(0.0, 1.0)])
    early = part.kind not in WINDOWS and dice.random() < 0.3
    frozen = dice.uniform(0.05, 0.5) if dice.random() < 0.25 else 0.0
    return Step(0.0, "kill", dead, frozen, early)


def _other(part: Part, dice: random.Random, stall: float) -> Step:
    short = dice.uniform(0.02, 0.4) * stall
    if part.kind == "feeder":
        return Step(0.0, "freeze", short)
    deed = dice.choice(["freeze", "freeze", "pause", "slow"])
    if deed == "pause":
        return Step(0.0, "pause", dice.uniform(0.1, 1.5) * stall)
    if deed == "slow":
        return Step(0.0, "slow", dice.uniform(0.2, 1.0) * stall, dice.uniform(0.005, 0.05))
    beyond = part.mortal and dice.random() < 0.2
    return Step(0.0, "freeze", dice.uniform(1.1, 1.7) * stall if beyond else short)


def _takes(part: Part, step: Step) -> float:
    start = START[part.kind] if step.deed == "kill" and not step.early else 0.0
    return step.seconds + start + (step.amount if step.deed == "kill" else 0.0)


def _spread(steps: list[Step], part: Part, dice: random.Random, seconds: float) -> list[Step]:
    """Give the steps their waits, which together are the time that is left."""
    left = max(0.1 * len(steps), seconds - sum(_takes(part, step) for step in steps))
    shares = [dice.expovariate(1.0) for _ in range(len(steps) + 1)]
    waits = [left * share / sum(shares) for share in shares]
    return [replace(step, wait=wait) for wait, step in zip(waits, steps, strict=False)]
