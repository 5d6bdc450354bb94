"""What Java is started with, and that its user has the last word."""

from __future__ import annotations

import pytest

import planecast as pc
from fiji_bridge.options import COLLECTOR, SHARE_OF_MEMORY, SIGNALS, choose

ALL = {*COLLECTOR, *SIGNALS, SHARE_OF_MEMORY}


def test_a_user_who_says_nothing_gets_all_of_them() -> None:
    assert set(choose(17, "", {})) == ALL


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"])
@pytest.mark.parametrize(
    ("wish", "left_out"),
    [
        ("-Xmn200m", {"-Xmn64m"}),
        ("-XX:MaxNewSize=200m", {"-Xmn64m"}),
        ("-Xmx2g", {SHARE_OF_MEMORY}),
        ("-XX:MaxRAMPercentage=20", {SHARE_OF_MEMORY}),
        ("-XX:MinHeapFreeRatio=10 -Dx=y", {"-XX:MinHeapFreeRatio=75"}),
        ("-XX:+UseTransparentHugePages -verbose:gc", set()),
        ("-XX:+UseG1GC", set(COLLECTOR)),
        ("-XX:+UseZGC -Xmx2g", {*COLLECTOR, SHARE_OF_MEMORY}),
    ],
)
def test_what_its_user_has_told_java_stays(name: str, wish: str, left_out: set[str]) -> None:
    assert set(choose(17, "", {name: wish})) == ALL - left_out


def test_memory_that_is_named_for_planecast_comes_first() -> None:
    assert "-Xmx3g" in choose(17, "3g", {"JAVA_TOOL_OPTIONS": "-Xmx2g"})


def test_a_java_to_come_may_have_forgotten_some() -> None:
    assert "-XX:+IgnoreUnrecognizedVMOptions" in choose(99, "", {})
    assert "-XX:+IgnoreUnrecognizedVMOptions" not in choose(25, "", {})


@pytest.mark.parametrize("wish", ["-XX:+UseG1GC -Xmx600m", "-Xms200m -Xmx600m", "-Xmx90m"])
def test_a_viewer_runs_with_what_its_user_has_told_java(
    wish: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", wish)
    with pc.launch("fiji", headless=True) as viewer:
        viewer.show([[1, 2], [3, 4]])
        viewer.settle(timeout=30)
        assert viewer.read().ravel().tolist() == [1, 2, 3, 4]
        viewer.clear()
        viewer.quit()
