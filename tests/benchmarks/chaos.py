"""Processes are killed, frozen, paused and slowed at random; afterwards every image is asked for.

``planecast bench chaos --seconds 300 --kills 100 --seed 7``: the seed decides what happens to
whom. Producers and viewers are real processes; for each kind of viewer there is one that is
killed and frozen beyond ``stall``, and one that is spared and must have everything.
"""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from rich.console import Console

import planecast as pc
from streaming_core.memory.places import run_folder
from streaming_core.stream.sessions import close_publisher
from streaming_core.testing import free_pair
from tests.benchmarks.accounts import Holdings, audit, look, reconcile
from tests.benchmarks.arrays import Wrong
from tests.benchmarks.cast import Actor, FeederActor, ViewerActor, nothing_left
from tests.benchmarks.feeder import Account, Orders
from tests.benchmarks.processes import variables
from tests.benchmarks.run import own_run_folder
from tests.benchmarks.schedule import Part, Step, schedule

SPARED, MORTAL = 3, 2
"""Producers that are never killed, and that are killed and replaced."""

MOST_IMAGES: Final = 8000
"""Of one producer: 10,000 are remembered by name."""

SETTINGS: Final = {
    "PLANECAST_CREDIT": "24", "PLANECAST_BACKLOG": "48", "PLANECAST_POOL_BYTES": str(6 << 20),
    "PLANECAST_HAND_OVER_FROM": str(200_000),
}  # fmt: skip
"""Small limits, which are reached, and hand-over of images that are not large."""

log = logging.getLogger("planecast.bench")


def kinds() -> tuple[str, ...]:
    """Kinds of viewers that can be started here."""
    fiji = ("fiji",) if find_spec("scyjava") else ()
    return ("recording", "napari", *fiji)


@dataclass(frozen=True, slots=True)
class Plan:
    """One run; the same plan does the same to the same processes.

    Attributes
    ----------
    seconds
        How long there is chaos, about.
    kills
        At least so many, over all processes that are killed.
    viewers
        Kinds of viewers, each with one that is spared and one that is not; a kind with a "!"
        behind it has no spared one.
    """

    seed: int
    seconds: float = 300.0
    kills: int = 100
    viewers: tuple[str, ...] = kinds()
    rate: float = 60.0
    stall: float = 2.5
    grace: float = 4.0

    @property
    def parts(self) -> list[Part]:
        """Who takes part."""
        found = []
        for word in self.viewers:
            kind = word.removesuffix("!")
            if kind == word:
                found.append(Part(f"{kind}-spared", kind, spared=True))
            found.append(Part(f"{kind}-mortal", kind, mortal=True))
        for number in range(SPARED):
            found.append(Part(f"feeder-{number}", "feeder", spared=True))
        for number in range(MORTAL):
            found.append(Part(f"mortal-{number}", "feeder", mortal=True))
        return found

    def steps(self) -> dict[str, list[Step]]:
        """What happens to whom."""
        return schedule(
            self.parts, seed=self.seed, seconds=self.seconds, kills=self.kills,
            stall=self.stall, grace=self.grace,
        )  # fmt: skip

    def other(self) -> Plan:
        """The same with a seed that nobody has chosen."""
        return replace(self, seed=secrets.randbelow(1_000_000))

    def again(self) -> str:
        """The command that does the same once more."""
        return (
            f"planecast bench chaos --seed {self.seed} --seconds {self.seconds:g} "
            f"--kills {self.kills} --viewers {','.join(self.viewers)}"
        )


@dataclass
class Outcome:
    """What a run came to; `Wrong` was raised unless all is well."""

    plan: Plan
    kills: dict[str, int] = field(default_factory=dict)
    deeds: dict[str, int] = field(default_factory=dict)
    planned: int = 0
    owned: int = 0
    undelivered: int = 0
    gaps: int = 0
    planes: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)

    def told(self) -> str:
        """The outcome in words."""
        return (
            f"{sum(self.kills.values())} kills, {self.deeds.get('freeze', 0)} freezes, "
            f"{self.deeds.get('pause', 0)} pauses, {self.deeds.get('slow', 0)} slow times. "
            f"Of {self.planned} images planned by surviving producers {self.owned} were owned, of "
            f"which {self.gaps} were lost with a viewer and named, and {self.undelivered} were "
            f"named undelivered: {self.planned} in all. {self.planes} planes compared bit by bit."
        )


class Run:
    """One chaos run, in the run folder of this process."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.outcome = Outcome(plan)
        self.viewers = [
            ViewerActor(part, free_pair(), folder) for part in plan.parts if part.kind != "feeder"
        ]
        ports = tuple(viewer.port for viewer in self.viewers)
        self.feeders = [
            FeederActor(part, self._orders(part, number, ports), folder)
            for number, part in enumerate(part for part in plan.parts if part.kind == "feeder")
        ]
        self._failed: list[BaseException] = []
        self._ended = threading.Event()
        self._began = time.monotonic()

    @property
    def actors(self) -> list[Actor]:
        """All of them."""
        return [*self.viewers, *self.feeders]

    def _orders(self, part: Part, number: int, ports: tuple[int, ...]) -> Orders:
        plan = self.plan
        return Orders(
            part.name, ports, plan.seed + 1000 * number, together=number % 2 == 0,
            rate=min(plan.rate, 0.6 * MOST_IMAGES / plan.seconds), stall=plan.stall,
            most=MOST_IMAGES, lenient=part.mortal,
        )  # fmt: skip

    def perform(self) -> Outcome:
        """Do it all; the processes are gone afterwards.

        Raises
        ------
        Wrong
            Naming what is not as it should be.
        """
        try:
            _start(self.viewers)
            _start(self.feeders)
            self._lap("start")
            self._chaos()
            self._lap("chaos")
            accounts = self._accounts()
            self._lap("decided")
            self._audit(accounts)
            self._lap("audit")
            self._end()
        finally:
            for actor in self.actors:
                if actor.process is not None and actor.process.poll() is None:
                    actor.process.kill()
                    actor.forget()
        nothing_left({pid for actor in self.actors for pid in actor.pids})
        self._check_logs()
        self._lap("end")
        return self.outcome

    def _lap(self, what: str) -> None:
        self.outcome.times[what] = round(time.monotonic() - self._began, 1)
        log.info("%s after %.1f s", what, self.outcome.times[what])

    def _chaos(self) -> None:
        steps = self.plan.steps()
        threads = [
            threading.Thread(target=self._play, args=(actor, steps[actor.part.name]))
            for actor in self.actors
        ]
        over = threading.Event()
        onlooker = threading.Thread(target=self._look_on, args=(over,))
        for thread in (*threads, onlooker):
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        onlooker.join()
        if self._failed:
            raise self._failed[0]
        self.outcome.kills = {actor.part.name: actor.kills for actor in self.actors if actor.kills}
        if sum(self.outcome.kills.values()) < self.plan.kills:
            raise Wrong(f"only {sum(self.outcome.kills.values())} kills")
        for one in (step for many in steps.values() for step in many):
            self.outcome.deeds[one.deed] = self.outcome.deeds.get(one.deed, 0) + 1

    def _play(self, actor: Actor, steps: Sequence[Step]) -> None:
        try:
            for step in steps:
                if self._ended.is_set():
                    return
                log.debug("%.1f %s: %s", time.monotonic() - self._began, actor, step)
                actor.play(step, self._ended)
            actor.await_ready()
        except BaseException as error:
            # The boundary of a thread: the run ends, and says why.
            self._failed.append(error)
            self._ended.set()

    def _look_on(self, over: threading.Event) -> None:
        """Ask all the while what runs, as a person does who wonders."""
        try:
            while not over.wait(1.0):
                pc.viewers()
        except BaseException as error:  # the boundary of a thread, as above
            self._failed.append(error)
            self._ended.set()

    def _accounts(self) -> dict[str, list[Account]]:
        for feeder in self.feeders:
            feeder.say("stop")
        return {feeder.part.name: feeder.account() for feeder in self.feeders}

    def _audit(self, accounts: dict[str, list[Account]]) -> None:
        wrong: list[str] = []
        for actor in self.viewers:
            with pc.connect(actor.port) as viewer:
                holdings = look(viewer)
            self.outcome.planes += holdings.planes
            for series, mine in accounts.items():
                for account in (one for one in mine if one.port == actor.port):
                    wrong += self._audit_one(actor, series, account, holdings)
        if wrong:
            raise Wrong("\n".join(wrong))

    def _audit_one(
        self, actor: ViewerActor, series: str, account: Account, holdings: Holdings
    ) -> list[str]:
        outcome = self.outcome
        outcome.planned += account.planned
        outcome.owned += len(account.owned)
        outcome.undelivered += len(account.undelivered)
        outcome.gaps += len(account.gaps)
        for reason, count in account.reasons.items():
            outcome.reasons[reason] = outcome.reasons.get(reason, 0) + count
        where = f"{series} at port {account.port}"
        return [
            *(f"{where}: image {number}: {one}" for number, one in account.open.items()),
            *audit(series, account, holdings, spared=actor.part.spared),
            *reconcile(actor.books, series, account, copies=actor.copies),
        ]

    def _end(self) -> None:
        for feeder in self.feeders:
            feeder.end()
        for actor in self.viewers:
            pc.connect(actor.port).quit()
            actor.end()
        close_publisher(linger=0.0)

    def _check_logs(self) -> None:
        for path in sorted(self.folder.glob("*.log")):
            text = path.read_text(errors="replace")
            if "Traceback" in text:
                raise Wrong(f"{path.name}:\n{text[text.index('Traceback') :][:3000]}")


def _start(crowd: Sequence[Actor]) -> None:
    for actor in crowd:
        actor.start()
    for actor in crowd:
        actor.await_ready()


def run(plan: Plan, folder: Path) -> Outcome:
    """Perform a plan in the run folder of this process; what is written goes to ``folder``.

    Raises
    ------
    Wrong
        With the seed, and the command that does it again.
    """
    with variables(**SETTINGS, PLANECAST_RESTART_GRACE=f"{plan.grace:g}"):
        run_folder()
        try:
            return Run(plan, folder).perform()
        except Exception as error:
            raise Wrong(f"{error}\nseed {plan.seed}; again: {plan.again()}") from error


def main(args: Sequence[str] | None = None) -> int:
    """Make chaos, and print what came of it."""
    parser = argparse.ArgumentParser(prog="planecast bench chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="of chaos")
    parser.add_argument("--kills", type=int, default=100, help="at least")
    parser.add_argument("--seed", type=int, help="what a run that failed has printed")
    parser.add_argument(
        "--viewers", default=",".join(kinds()),
        help="kinds; one of each is spared and one is not, with a ! none is spared",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, help="where the processes write what they say")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--verbose", action="store_true", help="say what happens")
    given = parser.parse_args(args)
    plan = Plan(given.seed or 0, given.seconds, given.kills, tuple(given.viewers.split(",")))
    if given.seed is None:
        plan = plan.other()
    out = Console()
    logging.getLogger("planecast").setLevel(logging.ERROR)
    if given.verbose:
        logging.basicConfig(format="%(message)s")
        log.setLevel(logging.DEBUG)
    out.print(f"seed {plan.seed}")
    try:
        outcome = _in_folder(plan, given.folder)
    except Wrong as error:
        out.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    finally:
        close_publisher(linger=0.0)
    out.print(outcome.told(), soft_wrap=True)
    out.print(json.dumps({"reasons": outcome.reasons, "seconds": outcome.times}), soft_wrap=True)
    if given.json:
        given.json.write_text(json.dumps(asdict(outcome), indent=1))
    return 0


def _in_folder(plan: Plan, folder: Path | None) -> Outcome:
    with own_run_folder(), ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        folder.mkdir(exist_ok=True)
        for old in (*folder.glob("*.log"), *folder.glob("*.book.*")):
            with suppress(FileNotFoundError):
                old.unlink()
        return run(plan, folder)


if __name__ == "__main__":
    sys.exit(main())
