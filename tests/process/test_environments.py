"""A program that has only numpy, pyzmq and msgspec, and its viewer in another environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import planecast as pc

pytestmark = pytest.mark.usefixtures("viewers_end")

ROOT = Path(__file__).parents[2]
SITE = Path(sysconfig.get_path("purelib"))
BROUGHT = ("numpy", "numpy.libs", "zmq", "pyzmq.libs", "msgspec")
OURS = {
    "planecast": "streaming_core/_facade",
    "streaming_core": "streaming_core",
    "napari_plugin": "napari_plugin",
    "fiji_bridge": "fiji_bridge",
}
STRANGERS = (
    "napari", "qtpy", "typer", "rich", "magicgui", "superqt", "tifffile", "psutil", "scyjava",
    "skimage",
)  # fmt: skip
"""What a viewer or the command line needs and a producer has not."""

SHOW = """
    import json, sys
    import numpy as np
    import planecast as pc

    with pc.launch({kind!r}, **{keywords!r}) as viewer:
        viewer.show(np.full((200, 300), 1234, np.uint16), components={{"z": 1}}, source="bare")
        viewer.settle()
        assert (viewer.read(source="bare") == 1234).all()
        print(json.dumps(viewer.state()))
    strangers = {strangers!r}
    assert not set(strangers) & set(sys.modules), "imported"
"""


@dataclass(frozen=True)
class Producer:
    """An environment of its own, as ``pip install planecast`` makes it."""

    python: Path

    def run(self, script: str, **environment: str) -> str:
        """Run a script in it, and return what it prints."""
        done = subprocess.run(
            [self.python, "-c", textwrap.dedent(script)],
            env=os.environ | environment, cwd=self.python.parent,
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def show(self, kind: str, environment: dict[str, str] | None = None, **keywords: Any) -> Any:
        """Show an image in a viewer, read it back, and return the viewer's state."""
        script = SHOW.format(kind=kind, keywords=keywords, strangers=STRANGERS)
        return json.loads(self.run(script, **(environment or {})))


@pytest.fixture(scope="module")
def producer(tmp_path_factory: pytest.TempPathFactory) -> Producer:
    """Make the environment: the three packages and ours are links to where they are."""
    folder = tmp_path_factory.mktemp("producer")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    for name in BROUGHT:
        if (SITE / name).exists():  # the libraries beside a package: only on some systems
            (site / name).symlink_to(SITE / name)
    for name, source in OURS.items():
        (site / name).symlink_to(ROOT / source)
    return Producer(folder / "bin" / "python")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what would lead a program to packages of the environment of these tests."""
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"):
        monkeypatch.delenv(name, raising=False)


def test_the_producer_has_three_packages_and_no_other(producer: Producer) -> None:
    script = f"""
        from importlib.util import find_spec
        for name in ("numpy", "zmq", "msgspec", "planecast"):
            assert find_spec(name), name
        for name in {STRANGERS!r}:
            assert find_spec(name) is None, name
    """
    producer.run(script)


@pytest.mark.parametrize("way", ["keyword", "variable"])
def test_the_viewer_lives_in_another_environment(producer: Producer, way: str) -> None:
    if way == "keyword":
        state = producer.show("recording", python=sys.executable)
    else:
        state = producer.show("recording", {"PLANECAST_RECORDING_PYTHON": sys.executable})
    assert interpreter(state["pid"]) == Path(sys.executable)
    with pc.connect() as viewer:  # from a third program, which is in the viewer's environment
        assert viewer.read(source="bare").shape == (1, 200, 300)


def test_without_another_environment_the_viewer_lives_in_its_own(producer: Producer) -> None:
    assert interpreter(producer.show("recording")["pid"]) == producer.python


def test_what_belongs_to_the_producers_python_and_qt_stays_there(
    producer: Producer, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    # With PYTHONPATH in force each of these would end, or mislead, the viewer's interpreter.
    (trap / "json.py").write_text("raise SystemExit('the json of another program')")
    leading_astray = {
        "PYTHONPATH": str(trap), "PYTHONHOME": str(tmp_path), "PYTHONSAFEPATH": "1",
        "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2", "QT_QPA_PLATFORM": "nonsense",
        "QT_API": "no such binding", "QT_PLUGIN_PATH": str(trap),
    }  # fmt: skip
    script = f"""
        import os, sys
        import planecast as pc
        os.environ |= {leading_astray!r}
        pc.launch("recording", python={sys.executable!r}).close()
    """
    producer.run(script)
    with pc.connect() as viewer:
        pid = viewer.state()["pid"]
    inherited = {
        name.decode()
        for name, _, _ in (
            item.partition(b"=") for item in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        )
    }
    assert "PATH" in inherited
    assert not [name for name in inherited if name.startswith(("PYTHON", "QT_"))]


def test_without_the_viewers_packages_it_says_how_to_get_them(producer: Producer) -> None:
    for kind in ("napari", "fiji"):
        script = f"""
            import planecast as pc
            try:
                pc.launch({kind!r}, virtual=True)
            except pc.MissingDependency as error:
                print(error)
        """
        assert f"pip install 'planecast[{kind}]'" in producer.run(script)


@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="napari opens a window: no display")
def test_napari_lives_in_another_environment(producer: Producer) -> None:
    state = producer.show("napari", {"PLANECAST_NAPARI_PYTHON": sys.executable})
    assert state["engine"].startswith("napari")
    assert interpreter(state["pid"]) == Path(sys.executable)
    (group,) = state["groups"]
    assert group["shape"] == [1, 200, 300]


def interpreter(pid: int) -> Path:
    """Return the interpreter that a process was started with."""
    return Path(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode())
