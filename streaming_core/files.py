"""Images from files: which files are meant, what their names say, and their planes in turn."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final, TypeAlias

from numpy.typing import NDArray

from streaming_core import tiff
from streaming_core.errors import InvalidComponents, InvalidPattern
from streaming_core.protocol.components import Value, check_name, check_value

SUFFIXES: Final = (".tif", ".tiff")
"""What is taken from a folder."""


class Pattern:
    """Components in file names: ``{well}_s{site}_w{channel}_z{z}.tif``.

    Parameters
    ----------
    text
        ``{name}`` stands for the shortest text that fits, without a path separator, and
        everything else for itself. A pattern without ``/`` is for the file's name alone, one
        with ``/`` for as many last parts of the path.

    Raises
    ------
    InvalidPattern
        Saying which part of the text cannot be used.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        pieces = re.split(r"\{([^{}]*)\}", text)
        self.names = tuple(pieces[1::2])
        if not self.names:
            raise InvalidPattern(
                f"pattern {text!r} has no {{name}} in it, such as {{well}} or {{z}}"
            )
        for name in self.names:
            try:
                check_name(name)
            except InvalidComponents as error:
                raise InvalidPattern(f"pattern {text!r}: {error}") from None
            if self.names.count(name) > 1:
                raise InvalidPattern(f"pattern {text!r} has {{{name}}} twice")
        if any(brace in literal for literal in pieces[::2] for brace in "{}"):
            raise InvalidPattern(f"pattern {text!r} has a brace without its partner")
        self._depth = text.count("/") + 1
        self._regex = re.compile(
            "".join(
                f"(?P<{piece}>[^/]+?)" if number % 2 else re.escape(piece)
                for number, piece in enumerate(pieces)
            ),
            re.DOTALL,
        )

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def match(self, path: str | PurePath) -> dict[str, str | int] | None:
        """Return the components in this file's name, or None where it does not fit.

        Digits without a leading zero become numbers: "10" is 10 and "0" is 0, "01" stays text.
        """
        end = "/".join(PurePath(path).as_posix().split("/")[-self._depth :])
        found = self._regex.fullmatch(end)
        if found is None:
            return None
        return {
            # 18 digits always fit the 64 bits of a component
            name: int(value) if re.fullmatch("0|[1-9][0-9]{0,17}", value) else value
            for name, value in found.groupdict().items()
        }


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file, or a name that stands for files, that gave no image or not all of them."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True, eq=False)
class FileImage:
    """One plane of a file, with what `Viewer.show` wants to know about it.

    Attributes
    ----------
    axes
        ``YX``, or ``YXS`` for RGB.
    components
        From the file's name and from its place in the file.
    scale, units
        Size of a pixel by axis letter in ``units``, and of T in seconds; None where the file
        does not say.
    progress
        How many of the files are done once this plane is: 2.5 is half of the third.
    """

    path: Path
    array: NDArray[Any]
    axes: str
    components: dict[str, Value]
    scale: dict[str, float] | None
    units: str | None
    progress: float


Found: TypeAlias = FileImage | FileProblem


def expand(patterns: Sequence[str | PurePath]) -> tuple[list[Path], list[FileProblem]]:
    """Return the files that globs, folders and names stand for, and what stands for none.

    Each file comes once, numbers in the names sort by value (z2 before z10), and a folder
    stands for the TIFF files in it.
    """
    files: dict[str, Path] = {}
    problems: list[FileProblem] = []
    for text in patterns:
        name = os.path.expanduser(text)
        try:
            found = _meant(name)
        except OSError as error:  # a folder that this user may not read
            found, what = [], error.strerror or str(error)
        else:
            what = _nothing(name)
        if not found:
            problems.append(FileProblem(Path(name), what))
        for file in found:
            files.setdefault(os.path.abspath(file), file)
    return sorted(files.values(), key=_natural), problems


def _meant(name: str) -> list[Path]:
    if os.path.exists(name):  # first, since a name may hold [ or ] itself
        return _inside(Path(name))
    return [file for match in glob.glob(name, recursive=True) for file in _inside(Path(match))]


def _nothing(name: str) -> str:
    if os.path.isdir(name):
        return "no TIFF file in this folder"
    return "no file matches" if glob.has_magic(name) else "no such file or folder"


def _inside(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [
        file
        for file in path.iterdir()
        if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()
    ]


def _natural(path: Path) -> list[list[str | int]]:
    return [
        [int(piece) if at % 2 else piece.lower() for at, piece in enumerate(pieces)]
        for pieces in (re.split("([0-9]+)", part) for part in path.parts)
    ]


def images(paths: Sequence[Path], pattern: Pattern | None = None) -> Iterator[Found]:
    """Yield the planes of the files one by one, and a problem for each file that has one.

    Parameters
    ----------
    paths
        Files, as from `expand`.
    pattern
        Reads components from their names; a file that does not fit it is a problem. Without a
        pattern, several files stand side by side along a component ``file``.

    Raises
    ------
    MissingDependency
        When tifffile is not installed.
    """
    tiff.need_tifffile()  # here, in the caller's line, not when the first image is asked for
    return _images(paths, pattern)


def _images(paths: Sequence[Path], pattern: Pattern | None) -> Iterator[Found]:
    labels = _labels(paths)
    earlier: dict[frozenset[tuple[str, Value]], Path] = {}
    for number, (path, label) in enumerate(zip(paths, labels, strict=True)):
        try:
            given = _given(path, label if len(paths) > 1 else None, pattern)
            twin = earlier.setdefault(frozenset(given.items()), path)
            if twin is not path and pattern is not None:
                raise tiff.Unreadable(f"its name gives the same components as {twin}")
            for plane in tiff.planes(path, taken=given):
                yield FileImage(
                    path=path,
                    array=plane.array,
                    axes=plane.axes,
                    components={**given, **plane.components},
                    scale=plane.scale or None,
                    units="um" if "X" in plane.scale else None,
                    progress=number + plane.progress,
                )
        except tiff.Unreadable as error:
            yield FileProblem(path, str(error))


def _labels(paths: Sequence[Path]) -> list[str]:
    """Short names for files, told apart by their folders where that is needed."""
    names = [_stem(path) for path in paths]
    if len(set(names)) == len(names):
        return names
    root = os.path.commonpath([os.path.abspath(path.parent) for path in paths])
    return [PurePath(os.path.relpath(path, root)).as_posix() for path in paths]


def _stem(path: Path) -> str:
    return path.stem.removesuffix(".ome")


def _given(path: Path, label: str | None, pattern: Pattern | None) -> dict[str, Value]:
    """Return the components that hold for the whole file."""
    given: dict[str, Value] = {}
    if pattern is not None:
        matched = pattern.match(path)
        if matched is None:
            raise tiff.Unreadable(f"its name does not fit the pattern {pattern.text!r}")
        given.update(matched)
    elif label is not None:
        given["file"] = label
    try:
        return {name: check_value(name, value) for name, value in given.items()}
    except InvalidComponents as error:
        raise tiff.Unreadable(str(error)) from error
