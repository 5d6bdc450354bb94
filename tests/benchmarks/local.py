"""Suite ``local``: one machine, no window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.benchmarks import answers, pixels, weight
from tests.benchmarks.pixels import Effort
from tests.benchmarks.report import Row


def not_yet(effort: Effort) -> Iterator[Row]:
    """Name what cannot be measured, for it does not exist."""
    yield Row("the same through allocate()", note="not yet: there is no allocate()")
    yield Row("2 GiB hand-over, show() → in the layer", note="not yet: there is no hand-over")


CASES: Final = {
    "cost": pixels.cost_of_show,
    "later": not_yet,
    "large": pixels.rate_large,
    "kept": pixels.kept,
    "small": pixels.rate_small,
    "owned": answers.until_owned,
    "shm": pixels.memory_held,
    "hello": answers.hello,
    "ping": answers.ping,
    "start": weight.start_times,
    "import": weight.import_time,
    "size": weight.disk_space,
    "jobs": answers.brief_producers,
}
