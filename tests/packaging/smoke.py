"""Uses an installed wheel as a producer would: numpy, pyzmq and msgspec, and nothing of this tree.

Run by ``.ci/run``, from another folder, with the Python of an environment made for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

PACKAGES = ("planecast", "streaming_core", "napari_plugin", "fiji_bridge")
WANTED = {"planecast", "msgspec", "numpy", "pyzmq"}


def installed() -> None:
    """Only what a producer needs is here, and all of it comes from the wheel."""
    names = {distribution.metadata["Name"].lower() for distribution in metadata.distributions()}
    assert names == WANTED, names
    for name in PACKAGES:
        module = __import__(name)
        assert Path(sys.prefix) in Path(str(module.__file__)).parents, module.__file__


def facade() -> None:
    """Every name is there, and the version is the wheel's."""
    import planecast

    for name in planecast.__all__:
        assert hasattr(planecast, name), name
    assert planecast.__version__ == metadata.version("planecast")


def stream() -> None:
    """Planes reach a viewer in another process, which needs no more than this one."""
    import numpy as np

    import planecast
    from streaming_core.testing import free_pair

    volume = np.arange(5 * 300 * 400, dtype=np.uint16).reshape(5, 300, 400)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLANECAST_RUN_FOLDER"] = folder
        with planecast.launch("recording", port=free_pair()) as viewer:
            try:
                for z, plane in enumerate(volume):
                    viewer.show(plane, components={"well": "B03", "z": z})
                viewer.settle(timeout=30)
                shown = viewer.read(components={"well": "B03"}, missing="raise")
            finally:
                viewer.quit()
    assert np.array_equal(shown, volume), shown.shape


def program() -> None:
    """Without its extra, the command line says what to install."""
    done = subprocess.run(
        [Path(sys.executable).with_name("planecast"), "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "planecast[cli]" in done.stdout + done.stderr, done
    assert "Traceback" not in done.stderr, done.stderr


def main() -> None:
    """Run each part and name it."""
    for part in (installed, facade, stream, program):
        part()
        sys.stdout.write(f"smoke: {part.__name__} fine\n")


if __name__ == "__main__":
    main()
