from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streaming_core import errors
from streaming_core.stream.image import Name, array_of, make_image

LABELS: dict[str, Any] = {"kind": "labels"}


@pytest.mark.parametrize(
    ("array", "words", "error", "text"),
    [
        (np.zeros((4, 0)), {}, errors.InvalidArray, "no pixels"),
        (np.zeros((4, 4), complex), {}, errors.InvalidArray, "complex"),
        (np.zeros(4), {}, errors.InvalidArray, r"an array of shape \(4,\)"),
        (np.asarray(None), {}, errors.InvalidArray, "this is None"),
        (np.asarray("a.tif"), {}, errors.InvalidArray, "a single str"),
        (np.zeros((4, 5, 5)), {}, errors.InvalidAxes, "axes='ZYX'; only"),
        (np.zeros((4, 4, 3)), {}, errors.InvalidAxes, "axes='ZYX', or axes='YXS' for RGB"),
        (np.zeros((2, 4, 4, 3)), {}, errors.InvalidAxes, "or axes='ZYXS' for RGB"),
        (np.zeros((4, 4, 4)), {"axes": "zyx"}, errors.InvalidAxes, "TCZYX in capitals"),
        (np.zeros((1,) * 9), {"axes": "YX"}, errors.InvalidAxes, "9 dimensions"),
        (np.zeros((4, 4)), {"kind": "picture"}, errors.InvalidKind, "image, labels"),
        (np.zeros((4, 4)), {"kind": "labels"}, errors.InvalidKind, "integers"),
        (np.zeros((4, 4, 3), "u1"), {"axes": "YXS", "kind": "labels"}, errors.InvalidAxes, "RGB"),
        (np.zeros((4, 4)), {"editable": True}, errors.InvalidKind, "for labels"),
        (np.zeros((4, 4)), {"features": {"label": [1]}}, errors.InvalidKind, "not for image"),
        (np.zeros((4, 4), "u1"), LABELS | {"features": {"a": [1]}}, errors.InvalidImage, "'label'"),
        (
            np.zeros((4, 4), "u1"),
            LABELS | {"features": {"label": [0.5]}},
            errors.InvalidImage,
            "whole",
        ),
        (
            np.zeros((4, 4), "u1"),
            LABELS | {"features": {"label": range(200_000)}},
            errors.InvalidImage,
            "fewer columns",
        ),
        (np.zeros((4, 4)), {"components": {"c": 1}}, errors.InvalidComponents, "channel"),
        (np.zeros((4, 4)), {"scale": {"Q": 1}}, errors.InvalidImage, "axis letters"),
        (np.zeros((4, 4)), {"scale": {"X": 0}}, errors.InvalidImage, "cannot be 0"),
        (np.zeros((4, 4)), {"scale": {"X": "a"}}, errors.InvalidImage, "is a number"),
        (np.zeros((4, 4)), {"scale": [1, 1]}, errors.InvalidImage, "scale= is a mapping"),
        (np.zeros((4, 4)), {"origin": 0.5}, errors.InvalidImage, "origin= is a mapping"),
        (np.zeros((4, 4)), {"contrast_limits": (5, 5)}, errors.InvalidImage, "below"),
        (np.zeros((4, 4)), {"contrast_limits": 5}, errors.InvalidImage, "two numbers"),
        (np.zeros((4, 4)), {"metadata": {"a": object()}}, errors.InvalidImage, "plain data"),
        (np.zeros((4, 4)), {"metadata": {"a": "x" * 600_000}}, errors.InvalidImage, "at most"),
        (np.zeros((4, 4)), {"metadata": "a text"}, errors.InvalidImage, "a mapping such as"),
        (np.zeros((4, 4)), {"source": 3}, errors.InvalidImage, "source= is a text"),
        (np.zeros((4, 4)), {"source": "a" * 2000}, errors.InvalidImage, "not 'a{79}$"),
    ],
)
def test_bad_images_are_refused_by_a_specific_error(
    array: Any, words: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text) as caught:
        make_image(array, run="one", **words)
    assert isinstance(caught.value, errors.InvalidImage)


def test_an_image_is_named_for_reports() -> None:
    image = make_image(np.zeros((4, 4), "u1"), run="", kind="labels", source="cells",
                       components={"well": "B03"})  # fmt: skip
    assert str(Name(image)) == "cells · labels · well B03"


def test_metadata_take_numbers_of_numpy_and_paths_as_plain_data() -> None:
    told = {"exposure": np.float32(0.5), "n": np.int64(3), "on": np.True_, "file": Path("a.tif")}
    image = make_image(np.zeros((4, 4), "u1"), run="", metadata=told | {"stage": np.array([1, 2])})
    assert image.metadata == {
        "exposure": 0.5, "n": 3, "on": True, "file": "a.tif", "stage": [1, 2],
    }  # fmt: skip


def test_masked_pixels_are_refused_since_what_lies_under_a_mask_is_no_data() -> None:
    image = np.arange(16).reshape(4, 4)
    with pytest.raises(errors.InvalidArray, match=r"array\.filled\(0\)"):
        array_of(np.ma.masked_less(image, 5))
    assert array_of(np.ma.masked_less(image, 0)).sum() == image.sum()  # nothing is masked
    assert array_of(np.ma.masked_less(image, 5).filled(0)).sum() == image.sum() - 10
