"""Starting a process that outlives us, and the pipe on which it says once how that went.

Whether it lives needs no asking: when it ends, however it ends, the pipe does.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import msvcrt

log = logging.getLogger("planecast.fleet")

VARIABLE: Final = "PLANECAST_READY_FD"
"""Names the pipe: its descriptor, or on Windows its handle."""
LATE: Final = "late"
DETACHED: Final = '"$@" </dev/null >>"$0" 2>&1 & echo $!'
"""The shell leaves the process to init: it outlives us, and no zombie stays behind."""


def spawn(command: Sequence[str], environment: dict[str, str], output: Path) -> tuple[int, int]:
    """Start a process that writes to the file ``output``; return its pid, and what to `hear`."""
    reading, writing = os.pipe()
    try:
        return _start(command, environment, output, writing), reading
    except BaseException:  # Ctrl-C too: the pipe is closed, the error goes on
        os.close(reading)
        raise
    finally:
        os.close(writing)


def _start(command: Sequence[str], environment: dict[str, str], output: Path, writing: int) -> int:
    if sys.platform == "win32":
        handle = msvcrt.get_osfhandle(writing)
        os.set_handle_inheritable(handle, True)
        # No window, and no Ctrl-C from our console.
        alone = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        with output.open("ab") as file:
            process = subprocess.Popen(
                command, env=environment | {VARIABLE: str(handle)}, creationflags=alone,
                startupinfo=subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]}),
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip
        process.returncode = 0  # we do not wait for it, which would be a warning
        return process.pid
    shell = subprocess.run(
        ["/bin/sh", "-c", DETACHED, str(output), *command],
        env=environment | {VARIABLE: str(writing)}, pass_fds=[writing], start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True,
    )  # fmt: skip
    return int(shell.stdout)


def hear(reading: int, deadline: float) -> str:
    """Read the line that a process says, and close: "" when it ended, `LATE` if none in time.

    End a process that is late.
    """
    if sys.platform == "win32":  # select() there is for sockets only
        said: list[str] = []
        thread = threading.Thread(
            target=lambda: said.append(_line(reading, None)), name="planecast-start", daemon=True
        )
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
        return said[0] if said else LATE
    return _line(reading, deadline)


def _line(reading: int, deadline: float | None) -> str:
    said = b""
    try:
        while not said.endswith(b"\n"):
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([reading], [], [], left)[0]:
                    return LATE
            piece = os.read(reading, 4096)
            if not piece:
                break
            said += piece
    finally:
        os.close(reading)
    return said.decode(errors="replace").strip()


def end(pid: int) -> None:
    """Ask a process to end; on Windows it is not asked."""
    with suppress(OSError):  # it may have ended
        os.kill(pid, signal.SIGTERM)


def kill(pid: int) -> None:
    """End a process that does not end when it is asked to."""
    with suppress(OSError):  # it may have ended
        os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def keep() -> None:
    """Keep the pipe from the processes that we start: while one has it, our starter waits."""
    if VARIABLE not in os.environ:
        return
    if sys.platform == "win32":
        os.set_handle_inheritable(int(os.environ[VARIABLE]), False)
    else:
        os.set_inheritable(int(os.environ[VARIABLE]), False)


def tell(line: str) -> None:
    """Write one line to whoever started us, once; nothing where there is nobody."""
    number = os.environ.pop(VARIABLE, None)
    if number is None:
        return
    try:
        descriptor = int(number)
        if sys.platform == "win32":
            descriptor = msvcrt.open_osfhandle(descriptor, os.O_WRONLY)
        os.write(descriptor, line.replace("\n", " ").encode() + b"\n")
        os.close(descriptor)
    except OSError as error:
        log.info("nobody waits for this viewer to start: %s", error)
