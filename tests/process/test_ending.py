"""A signal ends a viewer, whichever of its threads the system gives it to."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys, threading
from streaming_core.fleet.ending import ProcessEnd

ending = ProcessEnd()
ending.on_signals()

def other():
    number = int(sys.stdin.readline())
    signal.pthread_kill(threading.get_ident(), number)
    sys.stdin.readline()

threading.Thread(target=other, daemon=True).start()
print("ready", flush=True)
print(ending.wait(), flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals for threads")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_another_thread_gets_ends_it(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write(f"{int(number)}\n")
        process.stdin.flush()
        try:
            said, _ = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert said == f"it got {number.name}\n"
