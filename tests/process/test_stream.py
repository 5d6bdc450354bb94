"""Images through real sockets and shared memory, into a viewer without a window."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import planecast as pc
from streaming_core.errors import InvalidSetting
from streaming_core.protocol import delivery as link
from streaming_core.stream import publisher
from streaming_core.stream.sessions import close_publisher
from streaming_core.testing import SHM, RecordingAdapter, free_pair, poll_until, recording_viewer

RNG = np.random.default_rng(7)
DTYPES = ["?", "i1", "u1", "i2", "u2", ">u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f8"]


@pytest.fixture
def recorder() -> Iterator[tuple[int, RecordingAdapter]]:
    with recording_viewer() as found:
        yield found


@pytest.fixture
def viewer(recorder: tuple[int, RecordingAdapter]) -> Iterator[pc.Viewer]:
    with pc.connect(recorder[0]) as viewer:
        yield viewer


def pixels(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    return (RNG.random(shape) * 250 - (np.dtype(dtype).kind in "if") * 100).astype(dtype)


@pytest.mark.parametrize("size", [8, 300])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_arrives_bit_by_bit(viewer: pc.Viewer, dtype: str, size: int) -> None:
    sent = pixels((size, size + 1), dtype)
    viewer.show(sent, components={"z": 1})
    viewer.settle()
    found = viewer.read(components={"z": 1})
    assert np.array_equal(found, sent)
    assert found.dtype == (np.float32 if dtype == "f2" else sent.dtype.newbyteorder("="))


@pytest.mark.skipif(not SHM.is_dir(), reason="looks at segments in /dev/shm")
def test_shared_memory_of_a_busy_moment_is_given_back(
    recorder: tuple[int, RecordingAdapter], viewer: pc.Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "THIN_EVERY", 0.1)
    before, planes = set(SHM.glob("pc*")), pixels((20, 256, 256), "u2")
    recorder[1].paused = True
    for z, plane in enumerate(planes):
        viewer.show(plane, components={"z": z})
    busy = set(SHM.glob("pc*")) - before
    assert len(busy) >= len(planes)
    recorder[1].paused = False
    viewer.flush()
    poll_until(lambda: not busy & set(SHM.glob("pc*")), "they are gone")
    viewer.show(planes[0], components={"z": 20})
    viewer.settle()
    for z, plane in enumerate([*planes, planes[0]]):
        assert np.array_equal(viewer.read(components={"z": z}), plane)


def test_any_memory_layout_arrives(viewer: pc.Viewer) -> None:
    whole = pixels((400, 600), "u2")
    layouts = [whole[::2, ::-3], whole.T, np.asfortranarray(whole), whole[:, 5:-5]]
    layouts.append(np.broadcast_to(whole[0], (300, 600)))
    for number, sent in enumerate(layouts):
        viewer.show(sent, components={"n": number})
        sent_copy = sent.copy()
        viewer.settle()
        assert np.array_equal(viewer.read(components={"n": number}), sent_copy)


def test_a_connection_is_ready_without_a_further_message(
    recorder: tuple[int, RecordingAdapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The answer and the subscription come on two sockets, now the one first and now the other.
    monkeypatch.setattr(link, "PING_EVERY", 1000.0)
    for _ in range(40):
        with pc.connect(recorder[0], timeout=1000):
            pass
        close_publisher(linger=0.0)


def test_the_next_viewer_on_a_port_is_greeted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "RETURN_EVERY", 1000.0)
    port = free_pair()
    for _ in range(10):
        with recording_viewer(port):
            viewer = pc.connect(port)
            route = viewer.route()
        poll_until(lambda: not route.link.attached, "it says good-bye")  # noqa: B023
        viewer.close()


def test_the_array_may_change_as_soon_as_show_returns(viewer: pc.Viewer) -> None:
    array = np.zeros((200, 200), np.uint16)
    for t in range(50):
        array[:] = t
        viewer.show(array, components={"t": t})
    viewer.settle()
    assert viewer.read()[:, 7, 7].tolist() == list(range(50))


def test_stacks_take_components_from_their_axes(viewer: pc.Viewer) -> None:
    stack = pixels((2, 3, 64, 65), "u2")
    viewer.show(stack, axes="CZYX", components={"channel": ["DAPI", "GFP"], "well": "B03"})
    viewer.settle()
    for number, channel in enumerate(("DAPI", "GFP")):
        found = viewer.read(components={"channel": channel, "well": "B03"})
        assert np.array_equal(found, stack[number])


def test_an_image_larger_than_the_pool_arrives(
    monkeypatch: pytest.MonkeyPatch, recorder: tuple[int, RecordingAdapter]
) -> None:
    monkeypatch.setenv("PLANECAST_POOL_BYTES", str(1 << 20))
    sent = pixels((3, 1000, 1100), "u2")
    with pc.connect(recorder[0]) as viewer:
        viewer.show(sent, axes="ZYX")
        for t in range(20):
            viewer.show(sent[0, t:, :], source="more")
        viewer.settle()
        assert np.array_equal(viewer.read(source=""), sent)


def test_no_image_is_lost_when_the_window_is_slow(
    recorder: tuple[int, RecordingAdapter], viewer: pc.Viewer
) -> None:
    adapter = recorder[1]
    adapter.hold()
    deliveries = [viewer.show(pixels((64, 64), "u1"), components={"t": t}) for t in range(300)]
    viewer.flush()
    assert all(one.owned and not one.shown for one in deliveries)
    with pytest.raises(pc.TimedOut, match="not shown"):
        viewer.settle(timeout=0.1)
    adapter.resume()
    viewer.settle()
    assert all(one.shown for one in deliveries)
    assert viewer.state()["groups"][0]["planes"] == 300


def test_several_threads_may_show(viewer: pc.Viewer) -> None:
    def work(well: str) -> None:
        for t in range(100):
            viewer.show(np.full((64, 64), t, np.uint8), components={"well": well, "t": t})

    threads = [threading.Thread(target=work, args=(well,)) for well in ("A1", "A2", "A3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    viewer.settle()
    assert viewer.read()[:, :, 0, 0].tolist() == [list(range(100))] * 3


def test_two_viewers_get_the_same_images() -> None:
    with recording_viewer() as (one, _), recording_viewer() as (other, _):
        first, second = pc.connect(one), pc.connect(other)
        both = pc.tee(first, second)
        sent = [pixels((256, 256), "u2") for _ in range(100)]
        for t, array in enumerate(sent):
            delivery = both.show(array, components={"t": t})
        delivery.wait(10, shown=True)
        both.settle()
        for viewer in (first, second):
            assert np.array_equal(viewer.read(), np.stack(sent))
            viewer.close()


def test_a_second_viewer_object_adds_to_the_same_window(
    recorder: tuple[int, RecordingAdapter],
) -> None:
    with pc.connect(recorder[0]) as first:
        first.show(np.zeros((8, 8)), source="a")
    with pc.connect(recorder[0]) as second:
        second.show(np.zeros((8, 8)), source="b")
        second.settle()
        assert [group["source"] for group in second.state()["groups"]] == ["a", "b"]


def test_latest_drops_what_is_out_of_date_and_never_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLANECAST_CREDIT", "2")
    monkeypatch.setenv("PLANECAST_BACKLOG", "1")
    with recording_viewer() as (port, adapter), pc.connect(port, mode="latest") as viewer:
        adapter.hold()
        deliveries = [viewer.show(np.full((64, 64), n, np.uint8)) for n in range(200)]
        adapter.resume()
        viewer.settle()
        assert viewer.read()[0, 0] == 199
        assert deliveries[-1].shown
        replaced = sum(one.state == "replaced" for one in deliveries)
        assert viewer.replaced == replaced > 0


def test_a_closed_viewer_never_makes_a_program_fail(caplog: pytest.LogCaptureFixture) -> None:
    with recording_viewer() as (port, _):
        viewer = pc.connect(port, stall=5.0)
        viewer.show(np.zeros((64, 64)))
        viewer.flush()
    with caplog.at_level(logging.ERROR, "planecast"):
        poll_until(
            lambda: viewer.show(np.zeros((64, 64)), components={"t": 1}).state == "undelivered",
            "an image for a closed viewer is reported",
        )
    with pytest.raises(pc.Undelivered, match="t 1"):
        viewer.flush()
    viewer.flush()  # reported once
    assert viewer.undelivered
    viewer.close()


def test_requests_that_cannot_be_are_answered_with_words(viewer: pc.Viewer) -> None:
    with pytest.raises(pc.RequestFailed, match="nothing is here"):
        viewer.read()
    with pytest.raises(pc.RequestFailed, match="cannot do that; it can: clear, quit, read, state"):
        viewer.screenshot()
    for limits in (5, "auto", (9, 3), (0, float("nan"))):
        with pytest.raises(pc.RequestFailed, match=r"give \(lowest, highest\), or 'once'"):
            viewer.contrast(limits)  # type: ignore[arg-type]  # what a user may type
    with pytest.raises(InvalidSetting, match=r"tee\(\) takes what launch"):
        pc.tee(viewer, viewer.port)  # type: ignore[arg-type]


def test_state_is_plain_and_complete(viewer: pc.Viewer) -> None:
    viewer.show(np.zeros((8, 9), np.uint16), source="raw", components={"well": "B03"})
    viewer.settle()
    state = viewer.state()
    assert state["viewer_kind"] == "recording"
    assert {"port", "pid", "version", "engine", "uptime", "paused", "memory"} <= set(state)
    (producer,) = state["producers"]
    assert producer["run"] == viewer.run
    (group,) = state["groups"]
    assert group["shape"] == [1, 8, 9]
    assert group["components"] == {"well": ["B03"]}


def test_state_tells_the_run_of_the_newest_image(recorder: tuple[int, RecordingAdapter]) -> None:
    for _ in range(2):  # the second time on the connection that is still there
        with pc.connect(recorder[0]) as viewer:
            viewer.show(np.zeros((8, 9), np.uint16))
            viewer.flush()
            assert [one["run"] for one in viewer.state()["producers"]] == [viewer.run]


def test_an_allocated_array_is_shown_without_a_copy_and_read_only_then(viewer: pc.Viewer) -> None:
    for t in range(30):
        out = viewer.allocate((300, 400), np.uint16)
        out[:] = t
        viewer.show(out, components={"t": t})
        with pytest.raises(ValueError, match="read-only"):
            out[0, 0] = 1
    viewer.settle()
    assert viewer.read()[:, 5, 5].tolist() == list(range(30))


def test_arrays_that_are_kept_are_never_overwritten(viewer: pc.Viewer) -> None:
    kept = []
    for t in range(40):
        out = viewer.allocate((200, 300), np.uint16)
        out[:] = t
        viewer.show(out, components={"t": t})
        viewer.flush()
        kept.append(out)
    viewer.allocate((200, 300), np.uint16)[:] = 9999  # dropped without being shown
    assert [int(one[3, 3]) for one in kept] == list(range(40))


def test_a_large_array_is_handed_over(
    monkeypatch: pytest.MonkeyPatch, recorder: tuple[int, RecordingAdapter]
) -> None:
    monkeypatch.setenv("PLANECAST_HAND_OVER_FROM", str(1 << 20))
    with pc.connect(recorder[0]) as viewer:
        out = viewer.allocate((3, 800, 900), np.uint16)
        out[:] = pixels((3, 800, 900), "u2")
        expected = out.copy()
        viewer.show(out, axes="ZYX", components={"well": "A1"})
        viewer.settle()
        del out
        assert np.array_equal(viewer.read(components={"well": "A1"}), expected)
    assert np.array_equal(recorder[1].catalog.read({}, lambda kept: kept)[1][0], expected)


def test_a_dtype_that_would_be_converted_cannot_be_allocated(viewer: pc.Viewer) -> None:
    for dtype in ("f2", ">u2", "c8", "O"):
        with pytest.raises(pc.InvalidImage):
            viewer.allocate((4, 4), dtype)
    with pytest.raises(pc.InvalidImage):
        viewer.allocate((4, 0), "u1")
    with pytest.raises(pc.InvalidImage, match=r"a sequence such as \(512, 512\), not 5"):
        viewer.allocate(5, "u1")  # type: ignore[arg-type]  # a mistake


def test_a_paused_viewer_waits_as_long_as_it_takes(
    recorder: tuple[int, RecordingAdapter],
) -> None:
    port, adapter = recorder
    with pc.connect(port, stall=1.0) as viewer:
        viewer.show(np.zeros((8, 8), "u1"), components={"t": 0})
        viewer.flush()
        adapter.paused = True
        poll_until(lambda: viewer.state() is not None, "it answers")
        delivery = viewer.show(np.ones((8, 8), "u1"), components={"t": 1})
        with pytest.raises(pc.TimedOut):
            delivery.wait(2.5)
        adapter.paused = False
        assert delivery.wait(10).owned


@pytest.mark.parametrize(("done", "total"), [(-1, 3), (None, 3), (1, "three"), (1, float("nan"))])
def test_progress_that_is_no_number_is_refused_in_the_callers_line(
    viewer: pc.Viewer, done: Any, total: Any
) -> None:
    with pytest.raises(ValueError, match="= is a number from 0 on, not "):
        viewer.progress("segment", done=done, total=total)
