"""A picture that programs can read, and HTML that nobody can write into."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from streaming_core.picture import WIDEST, html_of, png, shrunk


@pytest.mark.parametrize("samples", [3, 4])
def test_a_png_has_the_pixels(samples: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (37, 53, samples)).astype(np.uint8)
    with Image.open(BytesIO(png(picture))) as read:
        np.testing.assert_array_equal(np.asarray(read), picture)


def test_a_wide_picture_is_made_smaller() -> None:
    picture = np.zeros((100, 2 * WIDEST + 1, 4), np.uint8)
    picture[..., 1] = 200
    small = shrunk(picture)
    assert small.shape == (33, (2 * WIDEST + 1) // 3, 4)
    assert small[5, 5].tolist() == [0, 200, 0, 0]
    assert shrunk(small) is small


def test_names_are_text_and_nothing_else() -> None:
    group = {"name": "<script>x</script>", "axes": ["t", "Y"], "shape": [2, 3], "dtype": "uint8"}
    state = {
        "memory": {"held": 1000, "budget": 2000}, "producers": [], "paused": True, "why": "<b>",
        "groups": [group | {"planes": 2}] * 30,
    }  # fmt: skip
    html = html_of("napari viewer on port 5555", state, None)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    for words in ("30 groups", "1.0 kB of 2.0 kB", "programs wait: &lt;b&gt;", "and 10 more"):
        assert words in html
    assert ">1 group · 1.0 kB of 2.0 kB · 0 programs" in html_of(
        "napari", state | {"groups": [group | {"planes": 1}]}, None
    )
