"""The pictures of napari in the pages, as their script makes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def test_the_script_makes_the_pictures_that_the_pages_show(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, IMAGES / "pictures.py", tmp_path],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for name, colours in (("napari.png", 5000), ("streams.png", 50)):
        made, shown = (
            np.asarray(Image.open(at / name).convert("RGB")) for at in (tmp_path, IMAGES)
        )
        assert made.shape == shown.shape
        assert len(np.unique(made.reshape(-1, 3), axis=0)) > colours
        # Fonts and memory differ from machine to machine; the tissue and the layout do not.
        assert np.abs(made.astype(int) - shown).mean() < 12
