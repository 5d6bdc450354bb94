"""When the bridge's process of the tests dies, the test that notices says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fiji.conftest import driven

pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")


def test_a_bridge_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no java")
    with pytest.raises(AssertionError, match=r"process ended(?s:.*)no java.*libjvm"):
        with driven("embedded", tmp_path / "log", JAVA_HOME=nowhere):
            pass
