"""What is in one TIFF file: its planes in turn, where each belongs and how large its pixels are."""

from __future__ import annotations

import logging
import math
import re
import struct
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from streaming_core.calibration import Details, details_of
from streaming_core.errors import InvalidArray, MissingDependency
from streaming_core.protocol.axes import AXES, AXIS_COMPONENT, check_dtype

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

logger = logging.getLogger("planecast.tiff")

COLOURS: Final = frozenset({2, 6, 8, 9})
"""Photometric interpretations (RGB, YCbCr, two of Lab) whose samples make one colour."""

PRIVATE: Final = 32768
"""Tags from here on belong to makers of programs; a damaged one says nothing about pixels."""

DAMAGED: Final = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, OSError,
    RuntimeError, TypeError, ValueError, ElementTree.ParseError, struct.error, zlib.error,
)  # fmt: skip
"""What tifffile raises for a damaged file: it has an error of its own only for a bad header."""


class Unreadable(Exception):
    """Why a file, or a part of it, gives no image. Its text is for the user."""


@dataclass(frozen=True, slots=True, eq=False)
class TiffPlane:
    """One YX plane (YXS for RGB) of a file.

    Attributes
    ----------
    components
        Its place in the file: ``t``, ``z`` and ``channel`` where the file has such an axis,
        ``series`` where it holds several images.
    scale
        Micrometres by axis letter, seconds for T; only what the file says.
    progress
        How much of the file is done once this plane is: above 0, at most 1.
    """

    array: NDArray[Any]
    axes: str
    components: dict[str, str | int]
    scale: dict[str, float]
    progress: float


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the axes of one image of a file become planes."""

    letters: str  # of TCZYXS, one for each axis of the file
    shape: tuple[int, ...]
    paged: int  # so many leading axes run over pages, the others are inside one
    whole: bool  # the pages do not follow the axes: read all of it as one block


def need_tifffile() -> ModuleType:
    """Return the module tifffile, or raise MissingDependency."""
    try:
        import tifffile
    except ImportError as error:
        raise MissingDependency("Reading TIFF files", "files") from error
    return tifffile


def planes(path: Path, taken: Collection[str] = ()) -> Iterator[TiffPlane]:
    """Yield the planes of a TIFF, OME-TIFF or ImageJ file, one page at a time.

    Planes that the file does not hold (holes, or those in other files of an OME set) are left
    out. One that cannot be read does not keep the others back.

    Parameters
    ----------
    taken
        Components that are known from elsewhere. An axis of the file may not mean one of them.

    Raises
    ------
    Unreadable
        At once when nothing can be shown; after the last plane when some were damaged.
    """
    tifffile = need_tifffile()
    if path.exists() and not (path.is_file() or path.is_dir()):
        # A named pipe, say: to open it waits for whoever writes there. Folders have a word.
        raise Unreadable("not a regular file")
    with ExitStack() as opened:
        with _strict():
            tif: TiffFile = opened.enter_context(tifffile.TiffFile(path))
            parts = list(_parts(tif, taken))
        yield from _planes(tif, parts)


@contextmanager
def _strict() -> Iterator[None]:
    """Turn whatever tifffile raises, and the errors that it only logs, into Unreadable.

    A file that was cut off while it was copied is such a case: tifffile goes on with what is
    left, and its planes would come without their places.
    """
    log, listener = logging.getLogger("tifffile"), _Listener()
    level = log.level
    log.setLevel(min(log.getEffectiveLevel(), logging.ERROR))
    log.addHandler(listener)
    try:
        yield
    except DAMAGED as error:
        raise Unreadable(_reason(error)) from error
    finally:
        log.removeHandler(listener)
        log.setLevel(level)
    if listener.errors:
        raise Unreadable(f"damaged or incomplete ({listener.errors[0]})")


class _Listener(logging.Handler):
    """Collects what tifffile logs as an error, but for tags that it does not need itself."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        tag = re.search(r"TiffTag (\d+) @", text)
        if tag is None or int(tag[1]) < PRIVATE:
            self.errors.append(text)


def _parts(
    tif: TiffFile, taken: Collection[str]
) -> Iterator[tuple[TiffPageSeries, _Layout, Details]]:
    series = list(tif.series)
    every = list(zip(series, _details(tif, len(series)), strict=True))
    chosen = [part for part in every if not part[0].keyframe.is_reduced]  # no thumbnails
    if not every:
        raise Unreadable("no image in this file")
    if len(chosen) > 1 and "series" in taken:
        raise Unreadable(f"it holds {len(chosen)} images, and 'series' is in its name already")
    for image, details in chosen or every[:1]:
        layout = _layout(image, taken)
        if "C" in layout.letters:
            length = layout.shape[layout.letters.index("C")]
        else:
            length = 0 if "S" in layout.letters or "channel" in taken else 1
        yield (
            image,
            layout,
            details if len(details.channels) == length else Details((), details.scale),
        )


def _details(tif: TiffFile, count: int) -> list[Details]:
    try:
        return details_of(tif, count)
    except DAMAGED as error:  # the pixels may be sound all the same
        logger.info("%s: its metadata are of no use: %r", tif.filename, error)
        return [Details()] * count


def _layout(series: TiffPageSeries, taken: Collection[str]) -> _Layout:
    """Work out the meaning of each axis, or raise Unreadable."""
    if 0 in series.shape:
        raise Unreadable(f"its image has no pixels: {series.shape}")
    try:
        check_dtype(series.dtype)
    except InvalidArray as error:
        raise Unreadable(str(error)) from error
    letters = _letters(series)
    for letter, length in zip(letters, series.shape, strict=True):
        name = AXIS_COMPONENT.get(letter)
        if name in taken:
            raise Unreadable(
                f"it has {length} planes along {letter}, and component {name!r} is in its name "
                "already: a component comes from one place"
            )
    paged = len(series.shape) - len(series.keyframe.shape)
    by_page = (
        series.transform is None
        and paged >= 0
        and series.shape[paged:] == series.keyframe.shape
        and len(series) == math.prod(series.shape[:paged])
    )
    return _Layout(letters, tuple(series.shape), paged if by_page else 0, not by_page)


def _letters(series: TiffPageSeries) -> str:
    axes = series.axes
    if "S" in axes:
        samples = series.shape[axes.index("S")]
        if int(series.keyframe.photometric) not in COLOURS or samples not in (3, 4):
            axes = axes.replace("S", "C", 1)  # samples that are no colour are channels
    others = [letter for letter in axes if letter not in AXES + "S"]
    if len(others) == 1 and "Z" not in axes:
        axes = axes.replace(others[0], "Z")  # a series of pages without a name
    elif others:
        raise Unreadable(
            f"its axes are {series.axes} {series.shape}: what {', '.join(others)} means is not "
            f"known (axes are {AXES}, and one other is taken as Z)"
        )
    if len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        raise Unreadable(f"its axes are {series.axes} {series.shape}: not a series of YX planes")
    return axes


def _planes(
    tif: TiffFile, parts: list[tuple[TiffPageSeries, _Layout, Details]]
) -> Iterator[TiffPlane]:
    total = sum(math.prod(layout.shape[: layout.paged]) for _, layout, _ in parts)
    done, lost, first = 0, 0, ""
    for number, (series, layout, details) in enumerate(parts):
        extra: dict[str, str | int] = {"series": number} if len(parts) > 1 else {}
        if details.channels and "C" not in layout.letters:
            extra["channel"] = details.channels[0]
        for at, index in enumerate(np.ndindex(layout.shape[: layout.paged])):
            done += 1
            try:
                with _strict():
                    block = _block(tif, series, layout, at)
            except Unreadable as error:
                lost += 1
                first = first or f"{_place(layout, index, details)}: {error}"
                continue
            if block is None:
                continue
            cuts = list(_cut(block, layout, index, details))  # views, nothing is read here
            for cut, (place, plane) in enumerate(cuts, start=1):
                yield TiffPlane(
                    array=_own(plane, layout.whole),
                    axes="YXS" if "S" in layout.letters else "YX",
                    components={**extra, **place},
                    scale=details.scale,
                    progress=(done - 1 + cut / len(cuts)) / total,
                )
    if lost:
        raise Unreadable(f"{lost} of its {total} pages could not be read; the first is {first}")


def _block(tif: TiffFile, series: TiffPageSeries, layout: _Layout, at: int) -> NDArray[Any] | None:
    """Read one page; or the whole image, as a map of the file where that is possible."""
    if layout.whole:
        block = series.asarray(out="memmap")
    else:
        page = series[at]
        if page is None or page.parent is not tif:
            return None
        block = page.asarray()
    if block.shape != layout.shape[layout.paged :]:
        raise Unreadable(f"a page of another shape, {block.shape}")
    return block


def _cut(
    block: NDArray[Any], layout: _Layout, index: tuple[int, ...], details: Details
) -> Iterator[tuple[dict[str, str | int], NDArray[Any]]]:
    """Cut a block into planes, each with its place."""
    inner = layout.letters[layout.paged :]
    order = sorted(range(len(inner)), key=lambda axis: "YXS".find(inner[axis]))
    block = block.transpose(order)
    rest = block.shape[: sum(letter not in "YXS" for letter in inner)]
    letters = layout.letters[: layout.paged] + "".join(inner[axis] for axis in order)
    for deeper in np.ndindex(rest):
        yield _named(letters, index + deeper, details), block[deeper]


def _own(plane: NDArray[Any], mapped: bool) -> NDArray[Any]:
    """Return the plane in one piece, in the byte order of this machine, out of a mapped file."""
    return np.array(plane, plane.dtype.newbyteorder("="), order="C", copy=mapped or None)


def _place(layout: _Layout, index: tuple[int, ...], details: Details) -> str:
    named = _named(layout.letters, index, details)
    return ", ".join(f"{name} {value}" for name, value in named.items()) or "its image"


def _named(letters: str, index: tuple[int, ...], details: Details) -> dict[str, str | int]:
    place: dict[str, str | int] = {}
    for letter, value in zip(letters, index, strict=False):
        named = letter == "C" and details.channels
        place[AXIS_COMPONENT[letter]] = details.channels[value] if named else value
    return place


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if "imagecodecs" in text:
        kind = re.search(r"[A-Z]+\.(\w+)", text)
        return (
            f"its compression{f' {kind[1]}' if kind else ''} needs one more package: "
            "pip install imagecodecs"
        )
    if text.startswith("not a TIFF file"):
        return "not a TIFF file"
    return f"damaged, or not a TIFF file ({text})"
