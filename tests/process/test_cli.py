"""The command line, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import planecast as pc
from streaming_core.fleet.engines import IMAGEJ
from tests.layouts import fiji as lay_out

PATTERN = "plate_{well}_w{channel}_z{z}.tif"
DATA = Path(__file__).parents[2].parent / "shared" / "data" / "hcs_imagexpress"
REAL = "Projection-Mix_{well}_s{site}_w{channel}_ZStep_{z}.tif"


def planecast(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command, and return what it said."""
    return subprocess.run(
        [Path(sys.executable).with_name("planecast"), *words],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A folder of planes with a hole: well B02 has no channel 2."""
    rng = np.random.default_rng(3)
    for well in ("A01", "B02"):
        for channel in (1, 2):
            for z in (1, 2, 10):
                if (well, channel) != ("B02", 2):
                    plane = rng.integers(0, 60_000, (32, 40), np.uint16)
                    tifffile.imwrite(tmp_path / f"plate_{well}_w{channel}_z{z}.tif", plane)
    return tmp_path


@pytest.mark.usefixtures("viewers_end")
def test_show_streams_a_folder_and_starts_the_viewer(plate: Path) -> None:
    done = planecast("show", f"{plate}/*.tif", "--pattern", PATTERN, "--to", "recording")
    assert done.returncode == 0, done.stderr
    assert "9 planes of 9 files" in done.stdout
    viewer = pc.connect()
    one, two = viewer.state()["groups"]
    assert one["components"] == {"channel": [1], "well": ["A01", "B02"], "z": [1, 2, 10]}
    assert two["components"]["well"] == ["A01"]
    for path in plate.glob("*.tif"):
        well, channel, z = path.stem.removeprefix("plate_").split("_")
        where: dict[str, str | int] = {"well": well, "channel": int(channel[1:]), "z": int(z[1:])}
        assert np.array_equal(viewer.read(components=where), tifffile.imread(path))


@pytest.mark.usefixtures("viewers_end")
def test_show_takes_the_viewer_that_is_on_the_port(plate: Path) -> None:
    with pc.launch("recording") as viewer:
        done = planecast("show", str(plate), "--pattern", PATTERN, "--port", str(viewer.port))
        assert f"are in the recording viewer on port {viewer.port}" in " ".join(done.stdout.split())


@pytest.mark.usefixtures("viewers_end")
def test_show_takes_files_of_labels(tmp_path: Path) -> None:
    masks = np.random.default_rng(4).integers(0, 9, (3, 32, 40), np.uint32)
    tifffile.imwrite(
        tmp_path / "masks.tif", masks, photometric="minisblack", metadata={"axes": "ZYX"}
    )
    done = planecast("show", f"{tmp_path}/masks.tif", "--kind", "labels", "--to", "recording")
    assert done.returncode == 0, done.stderr
    viewer = pc.connect()
    (group,) = viewer.state()["groups"]
    assert group["kind"] == "labels"
    assert np.array_equal(viewer.read(kind="labels"), masks)


@pytest.mark.usefixtures("viewers_end")
def test_show_says_that_pixels_are_no_labels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "floats.tif", np.zeros((32, 40), np.float32))
    done = planecast("show", f"{tmp_path}/floats.tif", "--kind", "labels", "--to", "recording")
    assert done.returncode == 1
    assert "floats.tif:" in done.stderr
    assert "float32" in done.stderr


def test_it_says_which_version_it_is() -> None:
    assert planecast("--version").stdout == f"planecast {pc.__version__}\n"


@pytest.mark.usefixtures("viewers_end")
def test_files_with_a_problem_are_named_and_the_others_go(plate: Path) -> None:
    (plate / "notes.tif").write_text("not an image")
    (plate / "plate_A01_w1_z3.tif").write_bytes(b"II*\0 cut off")
    done = planecast("show", str(plate), "missing.tif", "--pattern", PATTERN, "--to", "recording")
    assert done.returncode == 1
    assert "9 planes of 11 files" in done.stdout
    words = " ".join(done.stderr.split())
    assert "notes.tif: its name does not fit the pattern" in words
    assert "plate_A01_w1_z3.tif:" in words
    assert "missing.tif: no such file" in words


def test_show_of_nothing_starts_no_viewer(tmp_path: Path) -> None:
    done = planecast("show", f"{tmp_path}/*.tif", "--to", "recording")
    assert done.returncode == 1
    assert "no file matches" in done.stderr
    assert pc.viewers() == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("show", ".", "--pattern", "{Well}.tif"), "Well"),
        (("show", ".", "--pattern", "none.tif"), "has no {name}"),
        (("stop", "5999"), "no viewer runs on port 5999; planecast ls lists those that run"),
        (("napari", "--port", "80"), "out of range"),
    ],
)
def test_mistakes_are_one_line_and_no_traceback(words: tuple[str, ...], text: str) -> None:
    done = planecast(*words)
    assert done.returncode == 1
    assert text in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("demo", "--rate", "0"), "0.1"),
        (("demo", "--folder", "/no/such"), "does not exist"),
        (("bench", "nope"), "no suite nope; there are: local, napari, fiji"),
        (("bench", "local", "--case", "nope"), "no case nope; there are: cost, allocate"),
        (("stop",), "say which port, or --all"),
    ],
)
def test_words_that_make_no_sense_start_nothing(words: tuple[str, ...], text: str) -> None:
    done = planecast(*words)
    assert done.returncode == 2
    assert text in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_ls_and_stop() -> None:
    viewer = pc.launch("recording")
    assert str(viewer.port) in planecast("ls").stdout
    assert f"port {viewer.port} has ended" in planecast("stop", str(viewer.port)).stdout
    assert "no viewer runs here" in planecast("ls").stdout
    assert "no viewer runs here" in planecast("stop", "--all").stdout
    viewer.close()


def test_one_viewer_that_is_not_there_does_not_keep_the_others_alive() -> None:
    viewer = pc.launch("recording")
    done = planecast("stop", "5999", str(viewer.port))
    assert done.returncode == 1
    assert "no viewer runs on port 5999" in " ".join(done.stderr.split())
    assert f"port {viewer.port} has ended" in done.stdout
    viewer.close()


def test_benchmarks_say_what_there_is() -> None:
    assert "chaos, fuzz, soak" in " ".join(planecast("bench", "--help").stdout.split())
    assert "--kills" in planecast("bench", "chaos", "--help").stdout


def test_doctor_says_what_is_here() -> None:
    done = planecast("doctor")
    assert done.returncode == 0
    assert "shared memory" in done.stdout


def test_doctor_says_what_of_imagej_a_first_start_will_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "not here yet: the first start" in planecast("doctor").stdout
    group, name, version = IMAGEJ.split(":")
    folder = tmp_path / ".m2/repository" / group.replace(".", "/") / name / version
    folder.mkdir(parents=True)
    (folder / f"{name}-{version}.jar").touch()
    assert "the first start with headless fetches more" in planecast("doctor").stdout


def test_doctor_says_which_imagej_and_java_a_fiji_viewer_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLANECAST_FIJI")
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("FIJI_HOME", str(lay_out(tmp_path / "Fiji")))
    monkeypatch.setenv("IMAGEJ_DIR", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = planecast("doctor").stdout
    assert f"Fiji in {tmp_path / 'Fiji'} (found: FIJI_HOME)" in found
    assert f"{tmp_path}: that is no folder of Fiji or ImageJ2" in found
    assert f"JAVA_HOME={tmp_path}: there is no " in found
    monkeypatch.setenv("PLANECAST_FIJI", "embedded")
    found = planecast("doctor").stdout
    assert "embedded (asked for by PLANECAST_FIJI)" in found
    assert "net.imagej:ij:1.54p" in found


@pytest.mark.usefixtures("viewers_end")
@pytest.mark.skipif(not DATA.is_dir(), reason="the real images are not beside this checkout")
def test_a_real_plate_with_a_hole_comes_through_pixel_by_pixel() -> None:
    done = planecast("show", f"{DATA}/*ZStep*.tif", "--pattern", REAL, "--to", "recording")
    assert done.returncode == 0, done.stderr
    viewer = pc.connect()
    groups = {group["components"]["channel"][0]: group for group in viewer.state()["groups"]}
    assert groups[1]["components"]["well"] == ["E07", "E08"]
    assert groups[1]["components"]["z"] == list(range(1, 11))
    assert groups[2]["components"]["well"] == ["E07"]
    for path in DATA.glob("*ZStep*.tif"):
        _, well, site, channel, _, z = path.stem.split("_")
        where: dict[str, str | int] = {
            "well": well,
            "site": int(site[1:]),
            "channel": int(channel[1:]),
            "z": int(z),
        }
        assert np.array_equal(viewer.read(components=where), tifffile.imread(path))
