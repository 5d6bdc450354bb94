"""The Fiji bridge in a process of its own, driven by the tests through a pipe.

Started as ``python -m tests.fiji.driver FD``: each message is a method of `Driver` with its
arguments, each answer a result or the traceback. What a person does with ImageJ is done
through ImageJ's public API.
"""

from __future__ import annotations

import os
import sys
import traceback
from multiprocessing.connection import Connection

from fiji_bridge import desktop, jvm
from streaming_core.fleet.display import display
from streaming_core.fleet.engines import choose
from tests.fiji.eye import Eye
from tests.fiji.hand import Hand
from tests.fiji.mouse import Mouse
from tests.fiji.program import Program


class Driver(Program, Eye, Mouse, Hand):
    """What a producer sends, what a person does, and what a person sees."""


def main() -> None:
    """Serve one test session."""
    with Connection(int(sys.argv[1])) as pipe, display(True, "fiji"):
        jvm.start(choose())
        desktop.open_imagej(lambda: None)
        driver = Driver()
        pipe.send(("result", driver.adapter.engine))
        while True:
            try:
                method, arguments, keywords = pipe.recv()
            except EOFError:
                break
            try:
                pipe.send(("result", getattr(driver, method)(*arguments, **keywords)))
            # A process boundary: the test raises it.
            except Exception as error:
                pipe.send((type(error).__name__, f"{error}\n{traceback.format_exc()}"))
        os._exit(0)


if __name__ == "__main__":
    main()
