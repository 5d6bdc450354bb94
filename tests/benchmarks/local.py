"""Suite ``local``: one machine, no window."""

from __future__ import annotations

from typing import Final

from tests.benchmarks import answers, pixels, weight

CASES: Final = {
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
    "start": weight.start_times,
    "import": weight.import_time,
    "size": weight.disk_space,
    "jobs": answers.brief_producers,
}
