"""The window *Producers* of the menu Planecast: who sends, and what the viewer holds."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import planecast as pc
from streaming_core.testing import poll_until
from tests.fiji.screen import Screen

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")

OTHER = """
import sys, numpy, planecast
with planecast.connect(int(sys.argv[1])) as viewer:
    viewer.show(numpy.zeros((64, 256), "u1"), source="other")
    viewer.settle()
    print(viewer.run, flush=True)
    sys.stdin.readline()
"""

READ = 'selectWindow("Planecast producers"); return getInfo("window.contents");'


def window(viewer: pc.Viewer) -> tuple[list[dict[str, str]], str]:
    """Return what a person reads there: a row for each program, and the lines below."""
    table, _, below = viewer.run_macro(READ).value.partition("\n\n")
    names, *rows = [line.split("\t") for line in table.splitlines()]
    return [dict(zip(names, row, strict=True)) for row in rows], below


def test_it_tells_who_sends_and_goes_on_telling_while_it_is_open(screen: Screen) -> None:
    with pc.connect(screen.port) as viewer:
        viewer.show(np.zeros((64, 256), "u1"), source="mine")
        viewer.settle(timeout=30)
        screen.does("producers")
        poll_until(lambda: "memory" in window(viewer)[1], "the window has its lines")
        (mine,), below = window(viewer)
        assert (mine["pid"], mine["run"]) == (str(os.getpid()), viewer.run)
        assert (mine["backlog"], mine["undelivered"], mine["gaps"]) == ("0", "0", "0")
        assert f"this viewer: 127.0.0.1:{screen.port}\nmemory: 16.4 kB of " in below

        with subprocess.Popen(
            [sys.executable, "-c", OTHER, str(screen.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as program:  # fmt: skip
            assert program.stdout is not None
            run = program.stdout.readline().strip()
            poll_until(lambda: len(window(viewer)[0]) == 2, "the other program is there")
            rows, _ = window(viewer)
            assert {row["run"]: row["pid"] for row in rows}[run] == str(program.pid)
            poll_until(lambda: "memory: 32.8 kB" in window(viewer)[1], "its image counts")
            program.communicate("\n", timeout=30)
        poll_until(lambda: len(window(viewer)[0]) == 1, "the other program has gone")

        screen.does("pause")
        poll_until(lambda: "programs wait: " in window(viewer)[1], "why programs wait")
        screen.does("pause", "close_producers")
        viewer.show(np.ones((64, 256), "u1"), source="mine")
        viewer.settle(timeout=30)
        titles = 'return String.join(getList("window.titles"));'
        assert "producers" not in viewer.run_macro(titles).value  # it stays closed
        screen.does("producers")
        poll_until(lambda: len(window(viewer)[0]) == 1, "it is back")
        viewer.quit()
