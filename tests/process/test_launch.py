"""Viewer processes: found, started once, shared, ended, and clear words when they cannot be."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

import planecast as pc
from streaming_core import errors
from streaming_core.fleet.registry import find
from streaming_core.network.transport import new_key_pair
from streaming_core.testing import free_pair, poll_until

needs_shell = pytest.mark.skipif(sys.platform == "win32", reason="needs scripts of a shell")


def run(script: str, **environment: str) -> str:
    """Run a script in a program of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def started(port: int) -> int:
    """Let another program start a viewer; return its process."""
    script = f"import planecast; print(planecast.launch('recording', {port}).state()['pid'])"
    return int(run(script))


def test_the_viewer_outlives_its_program_and_the_next_one_adds_to_it() -> None:
    script = """
        import numpy, planecast
        with planecast.launch("recording") as viewer:
            viewer.show(numpy.full((64, 64), {n}, "u1"), components={{"t": {n}}})
    """
    for number in range(3):
        run(script.format(n=number))
    viewer = pc.connect()
    try:
        assert viewer.read()[:, 0, 0].tolist() == [0, 1, 2]
    finally:
        viewer.quit()
    assert pc.viewers() == []


def test_without_with_the_end_of_the_program_delivers_too() -> None:
    viewer = pc.launch("recording")
    run("""
        import numpy, planecast
        viewer = planecast.connect()
        for t in range(200):
            viewer.show(numpy.full((256, 256), t, "u2"), components={"t": t})
    """)
    try:
        assert viewer.read()[:, 0, 0].tolist() == list(range(200))
    finally:
        viewer.quit()


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX systems do")
def test_in_the_moment_after_a_kill_it_starts_the_next_one() -> None:
    port = free_pair()
    for _ in range(4):  # an old one's lease is locked until all that it held is freed
        old = started(port)
        os.kill(old, signal.SIGKILL)
        with pc.launch("recording", port) as viewer:
            assert viewer.state()["pid"] != old
            viewer.quit()


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX systems do")
def test_a_program_that_is_killed_while_it_launches_stops_no_other() -> None:
    port = free_pair()
    words = ["--port", str(port)]
    for _ in range(3):
        script = f"import planecast; planecast.launch('recording', {port})"
        with subprocess.Popen([sys.executable, "-c", script]) as first:
            poll_until(
                lambda: any(
                    (one.info["cmdline"] or [])[-2:] == words
                    for one in psutil.process_iter(["cmdline"])
                ),
                "it starts",
            )
            first.kill()
        with pc.launch("recording", port) as viewer:  # the one that it had started comes up, too
            viewer.show(np.zeros((64, 64), np.uint8))
            viewer.settle()
            viewer.quit()


def test_a_viewer_that_has_ended_is_not_taken_for_the_next_one_on_its_port() -> None:
    port = free_pair()
    for _ in range(2):
        pid = started(port)
        first = find(port)
        assert first is not None
        assert (first.pid, first.alive()) == (pid, True)
        pc.connect(port).quit()
        with pc.launch("recording", port) as viewer:
            assert not first.alive()
            viewer.quit()


@pytest.mark.skipif(sys.platform == "win32", reason="freezes a process")
def test_an_error_that_is_kept_does_not_keep_the_next_viewer_away() -> None:
    """Prompts and notebooks keep the last error, and with it all that was on its way."""
    port = free_pair()
    old = started(port)
    os.kill(old, signal.SIGSTOP)
    with pytest.raises(pc.ViewerNotFound) as kept:
        pc.connect(port, timeout=0.5)
    os.kill(old, signal.SIGKILL)
    with pc.launch("recording", port) as viewer:
        assert viewer.state()["pid"] != old
        viewer.quit()
    assert f"no viewer answers on port {port}" in str(kept.value)


def test_many_launches_at_once_start_one_viewer() -> None:
    script = """
        import planecast
        print(planecast.launch("recording").state()["pid"])
    """
    with ThreadPoolExecutor(6) as pool:
        pids = list(pool.map(lambda _: run(script), range(6)))
    viewer = pc.connect()
    viewer.quit()
    assert len(set(pids)) == 1


def test_viewers_are_listed() -> None:
    viewer = pc.launch("recording", free_pair())
    try:
        viewer.show(np.zeros((4, 4)))
        viewer.flush()
        (row,) = pc.viewers()
        assert row["port"] == viewer.port
        assert row["planes"] == 1
    finally:
        viewer.quit()


def test_a_viewer_pickles_without_keys_and_connects_where_it_is_opened() -> None:
    viewer = pc.launch("recording")
    try:
        data = pickle.dumps(viewer)
        assert len(data) < 500
        found = find(viewer.port)
        assert found is not None
        assert found.client.secret.encode() not in data
        run(f"""
            import pickle, numpy
            viewer = pickle.loads({data!r})
            viewer.show(numpy.ones((8, 8), "u1"), components={{"t": 5}})
            assert viewer.run == {viewer.run!r}
        """)
        assert viewer.read(components={"t": 5}).all()
    finally:
        viewer.quit()


def test_nobody_there_is_said_with_the_way_out() -> None:
    with pytest.raises(errors.ViewerNotFound, match="Start one: planecast napari"):
        pc.connect()
    with pytest.raises(errors.ViewerNotFound, match="--port 5999"):
        pc.connect(5999)


@pytest.mark.parametrize("port", [80, 65000, -1, "many"])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(errors.InvalidSetting):
        pc.launch("recording", port)


@pytest.mark.parametrize("offset", [0, 1000])
def test_a_port_of_another_program_is_refused_and_it_lives_on(offset: int) -> None:
    port = free_pair()
    with socket.create_server(("127.0.0.1", port + offset)) as other:
        with pytest.raises(errors.PortTaken, match=str(port + offset)) as caught:
            pc.launch("recording", port)
        if sys.platform == "linux":
            assert f"(pid {os.getpid()})" in str(caught.value)
        with socket.create_connection(("127.0.0.1", port + offset)):
            other.accept()[0].close()


def test_another_viewer_kind_on_the_port_is_said() -> None:
    viewer = pc.launch("recording", free_pair())
    try:
        with pytest.raises(errors.PortTaken, match="has a recording viewer"):
            pc.launch("napari", viewer.port, virtual=True)
    finally:
        viewer.quit()


@pytest.mark.usefixtures("viewers_end")
@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_logs_that_another_launch_removes_meanwhile_do_not_matter(run_folder: Path) -> None:
    logs = run_folder / "logs"
    logs.mkdir(0o700)
    for number in range(40):
        (logs / f"gone-{number}.log").symlink_to("gone")  # listed, and not there when looked at
    pc.launch("recording").close()
    assert len(list(logs.iterdir())) == 30
    for link in logs.glob("gone-*"):
        link.unlink()


@needs_shell
def test_a_viewer_that_dies_while_it_starts_shows_its_log(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho the graphics card is on fire >&2\nexit 3\n")
    python.chmod(0o755)
    with pytest.raises(errors.StartFailed, match="the graphics card is on fire"):
        pc.launch("recording", python=str(python))


def test_a_wrong_level_of_the_log_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANECAST_LOG", "loud")
    with pytest.raises(errors.InvalidSetting, match="PLANECAST_LOG='loud'; it can be DEBUG, INFO"):
        pc.launch("recording")


@pytest.mark.parametrize("module", ["napari_plugin.layers", "fiji_bridge", "__main__"])
def test_what_planecast_is_warned_of_is_an_error_in_viewers_of_tests(module: str) -> None:
    warn = "lambda: warnings.warn_explicit('old', FutureWarning, 'a.py', 1, module={!r}) or 0"
    words = "import warnings; from streaming_core.fleet.host import run_viewer; run_viewer({})"

    def run(name: str) -> subprocess.CompletedProcess[str]:
        code = words.format(warn.format(name))
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )

    ours, foreign = run(module), run("napari.layers")
    assert ours.stderr.endswith("FutureWarning: old\n")
    assert ours.returncode == 1
    assert "FutureWarning: old" in foreign.stderr
    assert foreign.returncode == 0


@needs_shell
def test_a_viewer_that_hangs_while_it_starts_is_ended(tmp_path: Path) -> None:
    python, mark = tmp_path / "python", tmp_path / "pid"
    python.write_text(f"#!/bin/sh\necho $$ > {mark}\nexec sleep 60\n")
    python.chmod(0o755)
    with pytest.raises(errors.StartFailed, match="was not ready after 1 s, and was ended"):
        pc.launch("recording", python=str(python), timeout=1.0)
    pid = int(mark.read_text())
    poll_until(lambda: not Path(f"/proc/{pid}").exists(), "the process ends")


@pytest.mark.skipif(sys.platform != "linux", reason="there is always a display")
def test_no_display_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for kind in ("napari", "fiji"):
        with pytest.raises(errors.NoDisplay, match="virtual=True"):
            pc.launch(kind)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"viewer_kind": "photoshop"}, "napari, fiji"),
        ({"viewer_kind": "recording", "mode": "some"}, "every, latest"),
        ({"viewer_kind": "recording", "stall": 0}, "at least 1.0"),
        ({"viewer_kind": "recording", "python": "/no/such"}, "/no/such"),
        ({"viewer_kind": "napari", "headless": True}, "virtual=True"),
        ({"viewer_kind": "recording", "headless": True}, "is for Fiji"),
        ({"viewer_kind": "recording", "fiji": "/opt/Fiji.app"}, "is for Fiji"),
    ],
)
def test_unusable_keywords_are_named(words: dict[str, object], text: str) -> None:
    with pytest.raises(errors.InvalidSetting, match=text):
        pc.launch(**words)  # type: ignore[arg-type]


def test_another_environment_without_planecast_is_said(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "v")], check=True)
    found = [*tmp_path.glob("v/bin/python"), *tmp_path.glob("v/Scripts/python.exe")]
    if not found:
        pytest.skip("this Python cannot make environments")
    with pytest.raises(errors.MissingDependency, match="Install it there"):
        pc.launch("recording", python=str(found[0]))


def test_a_program_without_the_key_is_refused(run_folder: Path) -> None:
    viewer = pc.launch("recording", free_pair())
    path = run_folder / f"viewer-{viewer.port}.connection"
    honest = path.read_text()
    stranger = new_key_pair()
    try:
        content = msgspec.json.decode(honest)
        content["client"] = {"public": stranger.public, "secret": stranger.secret}
        path.write_bytes(msgspec.json.encode(content))
        script = """
            import planecast
            try:
                planecast.connect()
            except planecast.NotAdmitted as error:
                print("refused:", error)
        """
        assert "refused: what listens on port" in run(script)
    finally:
        path.write_text(honest)
        viewer.show(np.zeros((4, 4)))
        viewer.flush()
        viewer.quit()
