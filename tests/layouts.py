"""Folders laid out as Fiji and Java lay theirs out, with empty files."""

from __future__ import annotations

from pathlib import Path

from streaming_core.fleet.javas import LIBRARY


def fiji(folder: Path, *missing: str) -> Path:
    """Lay out a folder as Fiji's is, without these files."""
    for name in ("jars/ij-1.54p.jar", "jars/imagej-legacy-2.0.3.jar", "plugins/Some_.jar"):
        if name.partition("/")[2] not in missing:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
    return folder


def program(path: Path) -> Path:
    """Write a program that runs until it gets a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nread line\n")
    path.chmod(0o755)
    return path


def java(folder: Path, version: str = "21.0.4", windows: bool = True) -> Path:
    """Lay out a folder as a Java's is."""
    (folder / LIBRARY).parent.mkdir(parents=True)
    (folder / LIBRARY).touch()
    (folder / "release").write_text(f'JAVA_VERSION="{version}"\n')
    if windows:
        (folder / "lib/libawt_xawt.so").touch()
    return folder
