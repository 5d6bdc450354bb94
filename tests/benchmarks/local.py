"""Suite ``local``: one machine, no window."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from tests.benchmarks import answers, pixels, weight
from tests.benchmarks.pixels import Case

CASES: Final[Mapping[str, Case]] = {
    "cost": pixels.cost_of_show,
    "allocate": pixels.cost_of_allocate,
    "hand": pixels.hand_over,
    "large": pixels.rate_large,
    "kept": pixels.kept,
    "small": pixels.rate_small,
    "owned": answers.until_owned,
    "shm": pixels.memory_held,
    "hello": answers.hello,
    "ping": answers.ping,
    "start": partial(weight.start_time, "recording"),
    "import": weight.import_time,
    "size": weight.disk_space,
    "jobs": answers.brief_producers,
}
