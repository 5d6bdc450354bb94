"""Pixels as ImageJ holds them, and back again, bit by bit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fiji_bridge import jvm
from streaming_core.errors import InvalidArray
from streaming_core.memory.budget import say_bytes
from streaming_core.protocol.axes import leading_axes, plane_shape
from streaming_core.protocol.messages import Image

EXACT: Final = 2**24
"""float32 holds all whole numbers up to here."""

MOST_SEEN: Final = 511
"""The largest label of 16 bits with which each has a colour, see `looks.limits`."""

LONGEST: Final = 2**31 - 8
"""Pixels in one Java array."""

SIGN: Final = np.int16(-0x8000)
OPAQUE: Final = 255
BGRA: Final = (2, 1, 0, 3)
"""Bytes of ImageJ's 0xAARRGGBB in memory, as samples of RGBA; its own inverse."""


@dataclass(frozen=True, slots=True)
class Form:
    """How pixels of one dtype become pixels of ImageJ.

    Attributes
    ----------
    dtype, rgb
        Of the pixels as they are sent.
    kind
        Element type of the Java array.
    shift, scale
        What ImageJ holds is ``value * scale + shift``.
    lossy
        Whether some values cannot be held exactly.
    """

    dtype: np.dtype[Any]
    rgb: bool
    kind: str
    shift: int = 0
    scale: int = 1
    lossy: bool = False

    @classmethod
    def of(cls, dtype: str, *, rgb: bool) -> Form:
        """Return the form for a dtype.

        Raises
        ------
        InvalidArray
            For RGB that is not uint8.
        """
        native = np.dtype(dtype)
        if rgb:
            if native != np.uint8:
                raise InvalidArray(
                    f"RGB in ImageJ has 8 bits a sample, this array is {native}: send uint8, "
                    "or the samples as channels (axes='CYX')"
                )
            return cls(native, True, "int")
        match native.kind, native.itemsize:
            case "b", _:
                return cls(native, False, "byte", scale=255)
            case "u", 1:
                return cls(native, False, "byte")
            case "u", 2:
                return cls(native, False, "short")
            case "i", 1 | 2:
                # ImageJ's signed 16 bit: unsigned pixels and a calibration that takes 32768 off.
                return cls(native, False, "short", shift=32768)
            case "f", 4:
                return cls(native, False, "float")
            case _:
                return cls(native, False, "float", lossy=True)

    @property
    def itemsize(self) -> int:
        """Bytes of a pixel in Java."""
        return np.dtype(jvm.TYPECODES[self.kind]).itemsize

    @property
    def signed(self) -> bool:
        """Whether the image needs the calibration for signed pixels."""
        return self.shift != 0

    def level(self, value: float) -> float:
        """Return what ImageJ holds for a value, for display ranges."""
        return value * self.scale + self.shift

    def value(self, level: float) -> float:
        """Return the value that ImageJ's pixel stands for: the inverse of `level`."""
        return (level - self.shift) / self.scale

    def encode(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return the plane with ImageJ's pixels, C-contiguous."""
        held: NDArray[Any]
        if self.rgb:
            samples = np.full((*plane.shape[:2], 4), OPAQUE, np.uint8)
            samples[..., BGRA[: plane.shape[2]]] = plane
            held = samples.view("<u4")[..., 0]
        elif self.scale != 1:
            held = np.multiply(plane.view(np.uint8) != 0, self.scale, dtype=np.uint8)
        elif self.shift:
            held = np.bitwise_xor(plane.astype("<i2"), SIGN).view("<u2")
        elif self.lossy:
            with np.errstate(over="ignore"):  # beyond float32's range: infinite, and kept aside
                held = plane.astype("<f4")
        else:
            held = plane
        return np.ascontiguousarray(held)

    def decode(self, held: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the plane as it was sent from ImageJ's pixels."""
        plane: NDArray[Any]
        if self.rgb:
            samples = held.view(np.uint8).reshape(*shape[:2], 4)
            plane = np.take(samples, BGRA[: shape[2]], axis=2)
        elif self.scale != 1:
            plane = held != 0
        elif self.shift:
            plane = np.bitwise_xor(held.view("<i2"), SIGN).astype(self.dtype)
        elif self.lossy:
            plane = _back(held, self.dtype)
        else:
            plane = held.view(self.dtype)
        return plane.reshape(shape)


def _back(held: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    with np.errstate(invalid="ignore"):  # not exact then, and the caller looks
        return held.astype(dtype)


@dataclass(slots=True, eq=False, weakref_slot=True)
class Plane:
    """One plane that this process owns.

    Attributes
    ----------
    form
        How to read it back.
    shape
        As sent: (Y, X), or (Y, X, S).
    array
        The Java array that ImageJ shows; the only copy, unless:
    exact
        The plane as it was sent, where ``array`` cannot hold it exactly (wide integers,
        float64). It holds where nobody has edited the pixels in ImageJ.
    note
        What was sent as ``metadata``, one "name: value" a line.
    digest
        Of the pixels as they came, for labels that a person may paint; else empty.
    hidden
        Which labels look like background in ImageJ, in words; else empty.
    """

    form: Form
    shape: tuple[int, ...]
    array: Any
    exact: NDArray[Any] | None = None
    note: str = ""
    digest: bytes = b""
    hidden: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes."""
        held = len(self.array) * self.form.itemsize
        return int(held) + (0 if self.exact is None else self.exact.nbytes)

    def levels(self) -> NDArray[Any]:
        """Return ImageJ's pixels: unsigned integers or float32, one dimension."""
        return jvm.to_numpy(self.form.kind, self.array)

    def taken(self) -> bytes:
        """Return the digest of the pixels as they are now."""
        return _digest(self.levels())

    def read(self) -> NDArray[Any]:
        """Return the pixels as they were sent, or as somebody has edited them since."""
        held = self.levels()
        if self.exact is None:
            return self.form.decode(held, self.shape)
        sent = np.ravel(self.form.encode(self.exact))
        same = (held.view("<u4") == sent.view("<u4")).reshape(self.shape)  # bits: of NaN too
        if same.all():
            return self.exact
        return np.where(same, self.exact, self.form.decode(held, self.shape))

    def take(self, before: Any, array: Any) -> None:
        """Hold another array of ImageJ's from now on, if it is this plane whose it was before."""
        if jvm.same(self.array, before):
            self.array = array


def own(image: Image, pixels: NDArray[Any], most: int = 0, *, whole: int = 0) -> list[Plane]:
    """Copy an array into Java, one array a plane, in the order of `Catalog.locate`.

    Parameters
    ----------
    most
        Bytes of Java's memory that images may take; 0 for any.
    whole
        Bytes of Java's memory for all that stays; 0 for any.

    Raises
    ------
    InvalidArray
        Pixels that ImageJ would show wrong, or that can never fit into Java's memory.
    MemoryError
        Java's memory is full.
    """
    form = Form.of(image.dtype, rgb=image.axes.endswith("S"))
    shape = plane_shape(image.axes, image.shape)
    if prod(shape[:2]) > LONGEST:
        raise InvalidArray(f"a plane of {shape[0]} x {shape[1]} is too large for ImageJ; crop it")
    needed = pixels.size // (shape[2] if form.rgb else 1) * form.itemsize
    _check_room(needed, most, "and images may have")
    # Its window needs a plane more, for the holes.
    _check_room(needed + prod(shape[:2]) * form.itemsize, whole, "with its window, which has")
    note = "\n".join(f"{name}: {value}" for name, value in image.metadata.items())
    return [_own(form, image, plane, note) for plane in _planes(image, pixels)]


def _check_room(needed: int, most: int, words: str) -> None:
    if most and needed > most:
        raise InvalidArray(
            f"it takes {say_bytes(needed)} of Java's memory, {words} {say_bytes(most)}; start the "
            "viewer with more (PLANECAST_FIJI_MEMORY=16g), or send the image in parts"
        )


def _planes(image: Image, pixels: NDArray[Any]) -> Iterator[NDArray[Any]]:
    leading = pixels.shape[: len(leading_axes(image.axes))]
    return (pixels[index] for index in np.ndindex(leading))


def _own(form: Form, image: Image, plane: NDArray[Any], note: str) -> Plane:
    held = form.encode(plane)
    exact, hidden = None, ""
    if image.kind == "labels":
        hidden = _check_labels(form, plane)
    if form.lossy and _back(held, form.dtype).tobytes() != plane.tobytes():
        exact = plane.copy()
    target = jvm.to_java(form.kind, held)
    digest = _digest(held) if image.editable and image.kind == "labels" else b""
    return Plane(form, plane.shape, target, exact, note, digest, hidden)


def _check_labels(form: Form, plane: NDArray[Any]) -> str:
    """Refuse labels that ImageJ cannot hold; say which look like background there, if any do."""
    lowest = plane.min() if plane.dtype.kind == "i" else 0
    highest = 0 if form.kind == "byte" else plane.max()
    wrong = [one for one in (lowest, highest) if abs(int(one)) > EXACT]
    if wrong:
        raise InvalidArray(
            f"label {wrong[0]}: ImageJ holds labels up to {EXACT} exactly; renumber them "
            "(skimage.segmentation.relabel_sequential), or send them in parts"
        )
    if lowest < 0:
        return "labels below 0 look like background in ImageJ; their numbers are kept"
    if form.kind == "short" and highest > MOST_SEEN:
        return (
            f"where labels of 16 bits go beyond {MOST_SEEN} the least look like background in "
            "ImageJ; astype('uint32') shows all"
        )
    return ""


def _digest(held: NDArray[Any]) -> bytes:
    # No checksum: painted areas are regular, and some of those leave a checksum as it was.
    return hashlib.blake2b(held.data, digest_size=16).digest()
