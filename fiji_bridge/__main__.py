"""The viewer process: ImageJ in this process's Java, on a port."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

from fiji_bridge import desktop, dialogs, jvm
from fiji_bridge.adapter import FijiAdapter
from fiji_bridge.leaving import ask_nothing
from fiji_bridge.rehearsal import rehearse
from streaming_core.errors import InvalidSetting
from streaming_core.fleet.display import display
from streaming_core.fleet.ending import ProcessEnd
from streaming_core.fleet.engines import Engine, choose
from streaming_core.fleet.host import Host, ViewerOptions, run_viewer, viewer_options
from streaming_core.settings import Settings

log = logging.getLogger("planecast.fiji")

MEMORY: Final = "PLANECAST_FIJI_MEMORY"
"""The most that Java takes for images, as in "8g"."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an ImageJ viewer until its window is closed, it is asked to quit, or gets a signal."""
    options = viewer_options("fiji", arguments)
    engine = choose(options.fiji)
    screen = nullcontext() if options.headless else display(options.virtual, "fiji")
    with screen, ProcessEnd() as ending:
        code = _serve(options, engine, ending)
        # Java's threads keep a Python that returns from here waiting for ever; and Java must
        # not see its virtual display end first.
        _end(code)
    return code


def _serve(options: ViewerOptions, engine: Engine, ending: ProcessEnd) -> int:
    # Until there is something to clean up the system ends us: Python's handlers do not run
    # while this thread waits in Java, for a window that may never come.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    jvm.start(engine, headless=options.headless, memory=_size(MEMORY))
    if options.headless:
        dialogs.read_options()
    else:
        desktop.open_imagej(lambda: ending.end("its user closed it"))
    rehearse(windows=not options.headless)
    settings = Settings.load()
    adapter = FijiAdapter(ending.end, headless=options.headless, memory=settings.memory)
    if not options.headless:
        ask_nothing(adapter.stacks.images)
    ending.on_signals()
    host = Host(adapter, options.port, settings, budget=adapter.heap, begun=options.begun())
    adapter.serve(host)
    log.info("%s is ready on port %d", adapter.engine, host.port)
    reason = ending.wait()
    log.info("the viewer ends: %s", reason)
    host.close(reason)
    return 0


def _size(name: str) -> str:
    """Return a size that the environment names, as Java wants it; empty where it names none."""
    wish = os.environ.get(name, "")
    if wish and not re.fullmatch(r"[1-9][0-9]*[kKmMgGtT]", wish):
        raise InvalidSetting(f"{name}={wish!r} is not a size such as '8g' or '500m'")
    return wish


def _end(code: int) -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        code = run_viewer(main)
    # The process boundary: a Python that ends by an exception would wait for Java's threads.
    except Exception:
        log.exception("the viewer failed")
        code = 1
    _end(code)
