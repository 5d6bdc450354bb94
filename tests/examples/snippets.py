"""What the documentation tells users to type: taken from its pages, and checked afterwards."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

import planecast as pc
from streaming_core.testing import free_pair

ROOT: Final = Path(__file__).parents[2]

ARRAYS: Final = """
import numpy as np
rng = np.random.default_rng(7)
volume = rng.integers(0, 4000, (5, 64, 165), np.uint16)
stack = rng.integers(0, 4000, (2, 4, 164, 165), np.uint16)
masks = (stack[0, 0] // 1000).astype(np.uint8)
"""
"""The arrays that the pages call the user's own."""

BLOCK: Final = re.compile(r"^```python ?(window|fiji)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, *needs: str) -> list[str]:
    """Return the Python blocks of a page that need this: "window", "fiji", or "" for nothing.

    Without a need, those that need nothing.
    """
    found = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    return [code for need, code in found if need in (needs or ("",))]


@dataclass(frozen=True)
class Ports:
    """Where the viewers of a page are to be, apart from those of others on this machine."""

    first: int
    second: int

    @classmethod
    def free(cls) -> Ports:
        """Choose two."""
        return cls(free_pair(), free_pair())

    def put_in(self, code: str, viewer_kind: str = "recording") -> str:
        """Put these ports, and a viewer kind, into what a page says."""
        code = code.replace('launch("napari")', f'launch("{viewer_kind}", {self.first})')
        code = code.replace('launch("fiji")', f'launch("recording", {self.second})')
        return code.replace("5555", str(self.first))


def check_first_snippet(viewer: pc.Viewer) -> None:
    """Assert that a viewer holds what the five lines show."""
    ours: dict[str, np.ndarray] = {}
    exec(ARRAYS, ours)  # noqa: S102 - our own text
    found = viewer.read(source="", components={"channel": "DAPI"})
    assert np.array_equal(found, ours["volume"])


def check_guide(ports: Ports) -> None:
    """Assert that the viewers of the guide's blocks are there and hold what it showed."""
    ours: dict[str, np.ndarray] = {}
    exec(ARRAYS, ours)  # noqa: S102 - our own text
    viewer = pc.connect(ports.first)
    try:
        check_first_snippet(viewer)
        for number, channel in enumerate(("DAPI", "GFP")):
            found = viewer.read(source="deconvolved", components={"channel": channel})
            assert np.array_equal(found[0, 0], ours["stack"][number])
        assert np.array_equal(viewer.read(kind="labels", components={"well": "B03"}), ours["masks"])
        with pc.connect(ports.second) as other:
            for one in (viewer, other):
                assert np.array_equal(one.read(source="twice"), ours["volume"])
        adds_from_another_program(viewer)
    finally:
        viewer.close()


def adds_from_another_program(viewer: pc.Viewer) -> None:
    """Assert that a second program finds this viewer, instead of starting one, and adds to it."""
    script = f"""
import json, numpy as np, planecast as pc
with pc.launch({viewer.viewer_kind!r}, {viewer.port}) as viewer:
    viewer.show(np.full((80, 90), 77, np.uint8), source="second program")
    viewer.settle()
    print(json.dumps(viewer.state()["pid"]))
"""
    assert json.loads(run_script(script)) == viewer.state()["pid"]
    assert (viewer.read(source="second program") == 77).all()


def run_script(code: str, *arguments: str) -> str:
    """Run code as a program, warnings being errors, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
