"""What is built and installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("planecast", "streaming_core", "napari_plugin", "fiji_bridge")


def build(kind: str, folder: Path) -> Path:
    """Build a wheel or an sdist of this tree into a folder."""
    subprocess.run(
        [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "-o", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as an installer would lay it out."""
    folder = tmp_path_factory.mktemp("unpacked")
    shutil.unpack_archive(wheel, folder, "zip")
    return folder


def test_the_wheel_holds_four_packages_and_their_types(unpacked: Path) -> None:
    folders = {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")}
    assert folders == set(PACKAGES)
    assert not [package for package in PACKAGES if not (unpacked / package / "py.typed").exists()]


def test_the_wheel_holds_every_module(unpacked: Path) -> None:
    for package in PACKAGES[1:]:
        source = {path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py")}
        # The façade's source is shipped as planecast, and only there.
        source = {path for path in source if path.parts[1] != "_facade"}
        shipped = {path.relative_to(unpacked) for path in (unpacked / package).rglob("*.py")}
        assert {path for path in shipped if path.parts[1] != "_facade"} == source
    assert (unpacked / "planecast/__init__.py").read_bytes() == (
        ROOT / "streaming_core/_facade/__init__.py"
    ).read_bytes()


def test_the_wheel_holds_the_manifest(unpacked: Path) -> None:
    assert (unpacked / "planecast/napari.yaml").read_bytes() == (ROOT / "napari.yaml").read_bytes()


def test_the_core_asks_for_three_packages() -> None:
    needed = [line for line in metadata.requires("planecast") or [] if "extra ==" not in line]
    assert {line.split(">")[0].strip() for line in needed} == {"msgspec", "numpy", "pyzmq"}


def test_the_wheel_can_be_imported_from_anywhere(unpacked: Path, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(unpacked)!r}); import planecast;"
        "print(planecast.__file__, planecast.__version__)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    file, version = done.stdout.split()
    assert Path(file).is_relative_to(unpacked)
    assert version == metadata.version("planecast")


def test_the_sdist_holds_what_is_listed(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2].partition("/")[0] for name in archive.getnames()}
    expected = {
        *(package for package in PACKAGES if package != "planecast"),
        *("tests", "docs", "napari.yaml", "constraints.txt", "dev", "pyproject.toml", "PKG-INFO"),
        *("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", ".gitignore"),
    }
    assert names == expected


def test_napari_finds_the_manifest() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("planecast")
    manifest.validate_imports()
    assert manifest.display_name == "Planecast"
    assert [widget.display_name for widget in manifest.contributions.widgets or []] == [
        "Planecast streams"
    ]


def test_the_program_is_installed() -> None:
    (script,) = metadata.entry_points(group="console_scripts", name="planecast")
    assert callable(script.load())
