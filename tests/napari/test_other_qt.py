"""The viewer with the other binding to Qt, PyQt6; all other tests use PySide6."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import planecast as pc
from streaming_core.testing import free_pair

PYQT6 = Path(sys.prefix, "other-qt")
WORDS = """
import os, site
os.environ["QT_API"] = "pyqt6"
site.addsitedir({ours!r})
site.addsitedir({theirs!r})
"""

pytestmark = pytest.mark.skipif(not PYQT6.is_dir(), reason="needs PyQt6, which ./dev installs")


@pytest.fixture
def viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pc.Viewer]:
    """A napari in an environment whose Qt is PyQt6."""
    home = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = home / "bin" / "python"
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    folder = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    words = WORDS.format(ours=sysconfig.get_path("purelib"), theirs=str(PYQT6))
    # Not sitecustomize.py: Debian's Python has one of its own, and takes that.
    Path(folder, "paths_for_this_test.py").write_text(words)
    Path(folder, "this_test.pth").write_text("import paths_for_this_test\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NAPARI_CONFIG")
    launched = pc.launch("napari", free_pair(), python=str(python), virtual=True)
    yield launched
    launched.quit()


def test_it_shows_regroups_draws_and_ends(viewer: pc.Viewer) -> None:
    assert "PyQt6" in viewer.state()["engine"]
    volume = np.stack([np.full((64, 64), 40 * z + 20, np.uint8) for z in range(5)])
    space: dict[str, Any] = {"scale": {"Z": 2.0, "Y": 0.5, "X": 0.5}, "units": "um"}
    for channel in ("DAPI", "GFP"):
        viewer.show(
            volume, axes="ZYX", components={"well": "B3", "channel": channel},
            contrast_limits=(0, 255), colormap="gray", **space,
        )  # fmt: skip
    viewer.show(volume[0], kind="labels", components={"well": "B3"}, source="cells", editable=True)
    viewer.points([[8.0, 8.0]], components={"well": "B3"}, source="spots", **space)
    viewer.shapes([[[4, 4], [4, 40], [40, 40]]], components={"well": "B3"}, source="r", **space)
    viewer.progress("segment", done=1, total=3)
    viewer.settle()
    viewer.navigate(z=3)
    viewer.isolate(components={"channel": "GFP"})
    picture = viewer.screenshot(canvas=True)
    middle = picture[picture.shape[0] // 2, picture.shape[1] // 2, :3]
    assert middle.tolist() == [140, 140, 140]
    viewer.arrange(channel="stack", z="split")
    viewer.settle()
    assert len([one for one in viewer.state()["groups"] if one["kind"] == "image"]) == 5
    viewer.arrange(channel="split", z="stack")
    np.testing.assert_array_equal(viewer.read(components={"well": "B3", "channel": "GFP"}), volume)
    viewer.contrast("once")
    assert viewer.annotations() == []
    viewer.clear()
    viewer.show(volume[2])
    viewer.settle()
    assert viewer.screenshot().shape[2] == 4
