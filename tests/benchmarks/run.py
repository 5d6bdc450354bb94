"""The door: ``planecast bench [SUITE …] [--case NAME] [--json FILE] [--plot FILE] [--quick]``.

Each case checks what arrived, and measures a yardstick beside itself, in the same run. Times
of a shared machine vary by two and more: trust ratios, and the least of several repetitions.

``planecast bench PROGRAM …`` runs a long test instead, with options of its own (``--help``).
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from rich.console import Console

from streaming_core.fleet.display import display, has_display
from streaming_core.stream.sessions import close_publisher
from tests.benchmarks import fiji, local, napari
from tests.benchmarks.pixels import Case, Effort
from tests.benchmarks.processes import variables
from tests.benchmarks.report import Row, machine, table, write_json, write_plot

SUITES: Final[Mapping[str, Mapping[str, Case]]] = {
    "local": local.CASES,
    "napari": napari.CASES,
    "fiji": fiji.CASES,
}

WINDOWS: Final = {"napari": "napari", "fiji": "scyjava"}
"""Suites that look at a screen, and the package that each needs."""

PROGRAMS: Final[Mapping[str, str]] = {
    "chaos": "tests.benchmarks.chaos",
    "fuzz": "tests.benchmarks.fuzz",
    "soak": "tests.benchmarks.soak",
}
"""What runs alone: name -> module, whose ``main`` takes the arguments that follow the name."""

out = Console()
log = logging.getLogger("planecast.bench")


def main(args: list[str]) -> int:
    """Run suites, or one program; returns 0 when all ran and contents were right."""
    if args and args[0] in PROGRAMS:
        return int(importlib.import_module(PROGRAMS[args[0]]).main(args[1:]))
    parser = argparse.ArgumentParser(prog="planecast bench", description="Measure Planecast.")
    parser.add_argument(
        "suites", nargs="*", metavar="SUITE", help=f"{', '.join(SUITES)}; or {', '.join(PROGRAMS)}"
    )
    parser.add_argument("--case", action="append", help="only this one; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep all figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them against the targets")
    parser.add_argument("--quick", action="store_true", help="less of everything; for a try-out")
    given = parser.parse_args(args)
    suites = given.suites or ["local"]
    unknown = set(suites) - set(SUITES)
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are: {', '.join(SUITES)}")
    cases = {suite: chosen(SUITES[suite], given.case) for suite in suites}
    known = [name for suite in suites for name in SUITES[suite]]
    unknown = set(given.case or ()) - set(known)
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    logging.getLogger("planecast").setLevel(logging.ERROR)
    facts = machine()
    rows, failed = [], 0
    with own_run_folder(), screen_for(suites):
        for suite in filter(cases.get, suites):  # one without any of the cases has no table
            if find_spec(WINDOWS.get(suite, "numpy")) is None:
                out.print(f"suite {suite}: {WINDOWS[suite]} is not installed")
                continue
            found, wrong = run(cases[suite], Effort(given.quick))
            out.print(table(found))
            rows += found
            failed += wrong
    if given.json:
        write_json(given.json, rows, facts | {"load_after": os.getloadavg(), "quick": given.quick})
    if given.plot:
        write_plot(given.plot, rows)
    return 1 if failed else 0


def chosen(cases: Mapping[str, Case], only: Sequence[str] | None) -> dict[str, Case]:
    """Return the cases with these names; all of them if none is named."""
    return {name: case for name, case in cases.items() if not only or name in only}


def run(cases: Mapping[str, Case], effort: Effort) -> tuple[list[Row], int]:
    """Run cases one after the other; one that fails leaves a row that says so."""
    rows: list[Row] = []
    failed = 0
    for name, case in cases.items():
        load = os.getloadavg()[0]
        try:
            with out.status(f"{name} …"):
                for row in case(effort):
                    rows.append(replace(row, details=row.details | {"load_before": load}))
        except Exception as error:
            # The boundary of a case: what it found wrong is told, and the others still run.
            log.exception("case %s", name)
            rows.append(Row(name, note=f"[red]failed: {type(error).__name__}[/]"))
            failed += 1
        finally:
            close_publisher(linger=0.0)
    return rows, failed


@contextmanager
def screen_for(suites: Iterable[str]) -> Iterator[None]:
    """Bring one display for all windows, so that what is on it can be seen from outside."""
    with display(True) if not has_display() and WINDOWS.keys() & suites else nullcontext():
        yield


@contextmanager
def own_run_folder() -> Iterator[None]:
    """Keep apart from the user's own viewers."""
    with (
        tempfile.TemporaryDirectory(prefix="planecast-bench-") as folder,
        variables(PLANECAST_RUN_FOLDER=folder),
    ):
        yield


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
