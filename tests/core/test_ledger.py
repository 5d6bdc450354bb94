"""What a program's log says of images that did not come through: not a line for each."""

from __future__ import annotations

import pytest

from streaming_core.stream.ledger import BURST, Ledger


def test_images_that_are_not_shown_are_told_once_in_a_burst(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = Ledger("napari viewer on port 5555")
    for t in range(200):
        ledger.hide(f"raw · t {t}", "the napari window was closed")
        ledger.say(0.01 * t, attached=True)
    assert caplog.messages == [
        "napari viewer on port 5555: raw · t 0 is not shown: the napari window was closed"
    ]
    ledger.say(BURST, attached=True)
    assert caplog.messages[1:] == [
        "napari viewer on port 5555: raw · t 199 is not shown: the napari window was closed "
        "(one of 199)"
    ]
