"""The demo, as ``./dev demo`` runs it on a machine without a screen."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import planecast as pc

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb")
@pytest.mark.usefixtures("viewers_end")
def test_a_plate_comes_whole_into_both_viewers_and_leaves_two_pictures(tmp_path: Path) -> None:
    without_screen = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    program = Path(sys.executable).with_name("planecast")
    done = subprocess.run(
        [program, "demo", "--rate", "200", "--folder", tmp_path],
        env=without_screen, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"images lost +0$", done.stdout, re.MULTILINE)
    for kind in ("napari", "fiji"):
        picture = np.asarray(Image.open(tmp_path / f"planecast-demo-{kind}.png").convert("RGB"))
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 1000, "tissue in two colours"
    assert pc.viewers() == []
