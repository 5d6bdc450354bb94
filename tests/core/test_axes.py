import numpy as np
import pytest

from streaming_core.errors import InvalidArray, InvalidAxes
from streaming_core.protocol.axes import check_axes, check_dtype


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        (None, (4, 5)),
        ("YX", (4, 5)),
        ("YXS", (4, 5, 3)),
        ("CZYX", (2, 3, 4, 5)),
        ("TCZYX", (1, 2, 3, 4, 5)),
        ("ZTYX", (3, 2, 4, 5)),
    ],
)
def test_axes_that_fit_are_taken(axes: str | None, shape: tuple[int, ...]) -> None:
    assert check_axes(axes, shape) == (axes or "YX")


@pytest.mark.parametrize(
    ("axes", "shape", "words"),
    [
        (None, (3, 4, 5), "needs axes="),
        ("ZYX", (4, 5), "the array has 2"),
        ("ZZYX", (1, 1, 4, 5), "twice"),
        ("WYX", (1, 4, 5), "unknown W"),
        ("XY", (4, 5), "must end in YX"),
        ("YXZ", (4, 5, 6), "must end in YX"),
        ("YXS", (4, 5, 7), "3 or 4"),
        (3, (4, 5), "is a string"),
    ],
)
def test_axes_that_do_not_fit_are_refused_with_words(
    axes: str, shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(InvalidAxes, match=words):
        check_axes(axes, shape)


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "u1", "<i2", ">u2", "i4", "u4", "i8", "u8", "f4", ">f8"]
)
def test_dtypes_travel_as_they_are(dtype: str) -> None:
    found = check_dtype(np.dtype(dtype))
    assert found == np.dtype(dtype).newbyteorder("=")
    assert found.isnative


def test_float16_is_widened() -> None:
    assert check_dtype(np.dtype("f2")) == np.float32


@pytest.mark.parametrize(
    ("dtype", "hint"),
    [
        ("c8", "abs"),
        ("O", "astype"),
        ("U3", "text"),
        ("S3", "frombuffer"),
        ("M8[s]", "int64"),
        ("m8[s]", "int64"),
        ([("a", "u1")], "each field"),
    ],
)
def test_dtypes_that_cannot_be_shown_are_refused_with_a_hint(dtype: object, hint: str) -> None:
    with pytest.raises(InvalidArray, match=hint):
        check_dtype(np.dtype(dtype))  # type: ignore[call-overload]
