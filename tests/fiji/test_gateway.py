"""A Fiji is started through PyImageJ: the right calls in the right order, and words if it fails.

PyImageJ is stood in for (see ``stand_in``); windows and pixels are those of the real ImageJ.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import planecast as pc
from streaming_core import errors
from streaming_core.testing import free_pair, poll_until
from tests.layouts import fiji as lay_out

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")

STAND_IN = Path(__file__).parent / "stand_in"

# What ImageJ2 does when it is asked for its window stands in `opens`: it opens ImageJ's.
VIEWER = """
import os, runpy, sys, threading, time
sys.path.insert(0, {stand_in!r})
from pathlib import Path
from fiji_bridge import jvm
from fiji_bridge.edt import on_edt

def shows():
    window = jvm.java("ij.ImageJ")
    frame = window(window.EMBEDDED)
    frame.exitWhenQuitting(True)  # as ImageJ2's does
    return frame

def opens():
    calls = Path(os.environ["STAND_IN_CALLS"])
    while not (calls.exists() and '"showUI"' in calls.read_text()):
        time.sleep(0.01)
    frame = on_edt(None, shows)
    if sys.stdin.readline():  # the person chooses File > Quit
        print("gateway", type(jvm.gateway()).__name__, flush=True)
        frame.quit()

if {opens}:
    threading.Thread(target=opens, daemon=True).start()
sys.argv = ["fiji", *{arguments!r}]
runpy.run_module("fiji_bridge", run_name="__main__")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lay out a Fiji that has the real ImageJ in it."""
    places = Path.home() / ".m2/repository/net/imagej/ij"
    if not list(places.glob("*/*.jar")):
        with pc.launch("fiji", headless=True) as viewer:  # fetches it
            viewer.quit()
    jar = max(places.glob("*/*.jar"))
    folder = lay_out(tmp_path / "Fiji", jar.name)
    (folder / "jars" / jar.name).symlink_to(jar)
    return folder


class Started:
    """A viewer process that was started with the stand-in."""

    def __init__(self, tmp_path: Path, *arguments: str, opens: bool = False, **env: str) -> None:
        self._notes = tmp_path / "calls"
        script = VIEWER.format(stand_in=str(STAND_IN), opens=opens, arguments=arguments)
        settings = f"-Duser.home={tmp_path}"  # where ImageJ saves them
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"STAND_IN_CALLS": str(self._notes), "_JAVA_OPTIONS": settings} | env,
        )  # fmt: skip

    def calls(self) -> list[dict[str, Any]]:
        """Return what PyImageJ was asked for."""
        return [json.loads(line) for line in self._notes.read_text().splitlines()]

    def ended(self, text: str = "") -> tuple[int, str, str]:
        """Type a line, wait for the end; return the code, and what it said and logged."""
        said, log = self.process.communicate(text, timeout=60)
        return self.process.returncode, said, log


def test_a_fiji_shows_what_streams_in_and_ends_when_its_user_quits(
    folder: Path, tmp_path: Path
) -> None:
    port = free_pair()
    started = Started(
        tmp_path, "--virtual", "--port", str(port), "--fiji", str(folder), opens=True,
        PLANECAST_FIJI_MEMORY="700m",
    )  # fmt: skip
    poll_until(lambda: bool(pc.viewers()) or started.process.poll() is not None, "it is ready", 60)
    assert started.process.poll() is None, started.ended()
    volume = np.random.default_rng(1).integers(0, 60000, (3, 64, 256), dtype="u2")
    with pc.connect(port) as viewer:
        viewer.show(volume, axes="ZYX")
        viewer.settle(timeout=30)
        assert np.array_equal(viewer.read(), volume)
        engine = viewer.state()["engine"]
        assert len(np.unique(viewer.screenshot())) > 100
    assert engine.startswith("ImageJ 1.5")
    assert f"(Fiji in {folder}), Java " in engine

    init, show = started.calls()
    assert show == {"call": "showUI"}
    assert (init["wish"], init["mode"], init["legacy"]) == (str(folder), "interactive", True)
    assert not init["started"]
    assert {"-Xmx700m", "-XX:+UseSerialGC", "-Xrs"} <= set(init["options"])
    assert not any("legacy.sync" in option for option in init["options"])
    assert init["fetch"] == "auto"
    assert init["library"].startswith(init["java"])
    assert "scijava.public" in init["repositories"]

    code, said, log = started.ended("\n")
    assert code == 0
    assert said == "gateway Gateway\n"
    assert "its user closed it" in log
    assert pc.viewers() == []


def test_a_fiji_without_windows_is_started_headless(folder: Path, tmp_path: Path) -> None:
    started = Started(tmp_path, "--headless", PLANECAST_FIJI=str(folder), DISPLAY="")
    poll_until(lambda: bool(pc.viewers()) or started.process.poll() is not None, "it is ready", 60)
    assert started.process.poll() is None, started.ended()
    with pc.connect() as viewer:
        viewer.show(np.eye(40, dtype="f4"))
        viewer.settle(timeout=30)
        assert np.array_equal(viewer.read(), np.eye(40))
        viewer.quit()
    (init,) = started.calls()
    assert init["mode"] == "headless"
    assert started.ended()[0] == 0


@pytest.fixture
def scripting(folder: Path, tmp_path: Path) -> Iterator[pc.Viewer]:
    """A viewer whose gateway has the real SciJava, with Groovy."""
    started = Started(tmp_path, "--headless", PLANECAST_FIJI=str(folder), STAND_IN_SCRIPTS="1")
    poll_until(lambda: bool(pc.viewers()) or started.process.poll() is not None, "it is ready", 180)
    assert started.process.poll() is None, started.ended()
    with pc.connect() as viewer:
        yield viewer
        viewer.quit()
    assert started.ended()[0] == 0


@pytest.mark.timeout(240)  # the first time on a machine it fetches SciJava and Groovy
def test_scripts_of_scijava_run(scripting: pc.Viewer) -> None:
    assert scripting.run_macro("args + 1", "a", language="Groovy").value == "a1"
    got = scripting.run_macro(
        "#@ String args\n#@ ScriptService scripts\n"
        "println 'got ' + args\nprint scripts.languages.size()\nij.IJ.log('logged')\n6 * 7",
        "an argument", language="groovy",
    )  # fmt: skip
    assert got.value == "42"
    assert got.log.splitlines() == ["logged", "got an argument", "1"]

    with pytest.raises(pc.MacroError, match="no good") as thrown:
        scripting.run_macro("x = 1\nthrow new Exception('no good')", language="groovy")
    assert thrown.value.line == 2
    with pytest.raises(pc.MacroError, match="unknownName") as thrown:
        scripting.run_macro("x = 1\ny = 2\nunknownName + 1", language="groovy")
    assert thrown.value.line == 3
    with pytest.raises(pc.MacroError, match="Unexpected input") as thrown:
        scripting.run_macro("x = 1\ny = )", language="groovy")
    assert thrown.value.line == 2
    with pytest.raises(pc.MacroError, match="'roi' is required but unset"):
        scripting.run_macro("#@ ij.gui.Roi roi\nroi", language="groovy")
    with pytest.raises(pc.RequestFailed, match=r"language='cobol' .* has: Groovy"):
        scripting.run_macro("1", language="cobol")
    with pytest.raises(pc.MacroError, match=r"it took longer than 0\.5 s, and was ended"):
        scripting.run_macro("sleep(60000) { true }", language="groovy", timeout=0.5)
    assert scripting.run_macro("1", language="groovy").value == "1"


def test_a_script_sees_the_images_that_stream(scripting: pc.Viewer) -> None:
    volume = np.random.default_rng(2).integers(0, 60000, (3, 64, 256), dtype="u2")
    scripting.show(volume, axes="ZYX")
    scripting.settle(timeout=30)
    code = "imp = ij.IJ.getImage(); imp.getStack().getProcessor(2).add(1); imp.stackSize"
    assert scripting.run_macro(code, language="groovy").value == "3"
    assert np.array_equal(scripting.read(), volume + np.array([0, 1, 0], "u2")[:, None, None])
    scripting.run_macro(
        "imp = ij.IJ.getImage().duplicate(); imp.title = 'own'; imp.show()", language="groovy"
    )
    assert scripting.active_image().title == "own"
    with pytest.raises(pc.MacroError, match="Unrecognized command"):
        scripting.run_macro("ij.IJ.run('Nothing of the kind', 'sigma=2')", language="groovy")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("raises", "cannot be started: a jar is broken. Java is the one in "),
        ("logs", "cannot be started: Invalid initialization string: .* Failed to create a JVM"),
        ("nothing", "cannot be started: PyImageJ does not say why. See whether it starts by"),
    ],
)
def test_a_fiji_that_is_found_and_does_not_start_is_named(
    folder: Path, tmp_path: Path, outcome: str, words: str
) -> None:
    started = Started(
        tmp_path, "--headless", PLANECAST_FIJI="", FIJI_HOME=str(folder), STAND_IN_OUTCOME=outcome
    )
    code, _, log = started.ended()
    assert code == 1
    last = log.splitlines()[-1]
    assert re.search(words, last)
    assert f"Fiji in {folder} (found: FIJI_HOME) " in last
    assert last.endswith("To go without it: fiji='embedded', or PLANECAST_FIJI=embedded")
    assert pc.viewers() == []


def test_without_pyimagej_it_says_how_to_get_it(folder: Path) -> None:
    script = f"""if True:
        import sys
        sys.modules["imagej"] = None
        from fiji_bridge import jvm
        from streaming_core.fleet.engines import choose
        jvm.start(choose({str(folder)!r}), headless=True)
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("streaming_core.errors.MissingDependency: ")
    assert "is started by PyImageJ, which is not installed" in last
    assert "pip install 'planecast[fiji]'" in last


def test_an_endpoint_that_cannot_be_fetched_is_named() -> None:
    with pytest.raises(errors.StartFailed, match=r"example:nothing:1.0 cannot be started: .*fetch"):
        pc.launch("fiji", fiji="org.example:nothing:1.0", headless=True)


def test_a_folder_that_is_no_fiji_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidSetting, match=f"fiji='{tmp_path}': .*no jars/ij"):
        pc.launch("fiji", fiji=str(tmp_path), headless=True)
