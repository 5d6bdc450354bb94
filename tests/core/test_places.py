from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from streaming_core.errors import InsecurePath
from streaming_core.memory.drafts import write_private
from streaming_core.memory.places import LIMIT, VARIABLE, read_private, run_folder, run_folders

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")
as_root = pytest.mark.skipif(
    os.name != "posix" or os.getuid() != 0, reason="only root can give files away"
)


@pytest.fixture
def chosen(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "deep" / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder))
        yield folder


class TestRunFolder:
    def test_is_made_for_its_user_alone(self, chosen: Path) -> None:
        assert run_folders() == []
        assert run_folder() == chosen
        assert stat.S_IMODE(chosen.stat().st_mode) == 0o700
        assert run_folder() == chosen
        assert run_folders() == [chosen]

    def test_without_a_choice_is_the_users_own(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(VARIABLE)
            folder = run_folder()
            assert str(os.getuid()) in str(folder)
            assert run_folders()[0] == folder

    @pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o1777])
    def test_open_to_others_is_refused_with_a_remedy(self, chosen: Path, mode: int) -> None:
        chosen.mkdir(parents=True)
        chosen.chmod(mode)
        with pytest.raises(InsecurePath, match=r"deep/run is open to others.*chmod 700"):
            run_folder()
        assert run_folders() == []

    def test_a_link_is_refused(self, chosen: Path, tmp_path: Path) -> None:
        real = tmp_path / "real"
        real.mkdir(mode=0o700)
        chosen.parent.mkdir()
        chosen.symlink_to(real)
        with pytest.raises(InsecurePath, match="is a symbolic link"):
            run_folder()
        assert run_folders() == []

    def test_a_file_in_its_place_is_refused(self, chosen: Path) -> None:
        chosen.parent.mkdir()
        chosen.write_bytes(b"")
        with pytest.raises(InsecurePath, match="is not a folder"):
            run_folder()

    @as_root
    def test_somebody_elses_is_refused(self, chosen: Path) -> None:
        run_folder()
        os.chown(chosen, 65534, 65534)
        with pytest.raises(InsecurePath, match="belongs to user 65534"):
            run_folder()
        assert run_folders() == []


class TestPrivateFiles:
    def test_what_is_written_is_read_and_private(self, tmp_path: Path) -> None:
        path = tmp_path / "viewer-5555.json"
        for data in (b"first", b"second, longer", b""):
            write_private(path, data)
            assert read_private(path) == data
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [path]

    def test_a_reader_of_the_old_file_keeps_it_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        write_private(path, b"old")
        with path.open("rb") as reader:
            write_private(path, b"new")
            assert reader.read() == b"old"

    def test_writing_replaces_a_link_and_not_what_it_points_to(self, tmp_path: Path) -> None:
        target, path = tmp_path / "target", tmp_path / "key"
        target.write_bytes(b"mine")
        path.symlink_to(target)
        write_private(path, b"new")
        assert target.read_bytes() == b"mine"
        assert read_private(path) == b"new"

    def test_a_failed_write_leaves_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "key").mkdir()
        with pytest.raises(OSError, match="key"):
            write_private(tmp_path / "key", b"x")
        assert [path.name for path in tmp_path.iterdir()] == ["key"]

    def test_a_missing_file_is_simply_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            read_private(tmp_path / "key")

    def test_a_link_is_refused(self, tmp_path: Path) -> None:
        write_private(tmp_path / "real", b"x")
        (tmp_path / "key").symlink_to(tmp_path / "real")
        with pytest.raises(InsecurePath, match="is a symbolic link"):
            read_private(tmp_path / "key")

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622])
    def test_what_others_can_read_or_write_is_refused(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "key"
        write_private(path, b"x")
        path.chmod(mode)
        with pytest.raises(InsecurePath, match="is open to others"):
            read_private(path)

    def test_a_fifo_is_refused_without_waiting_for_it(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "key", 0o600)
        with pytest.raises(InsecurePath, match="not an ordinary file"):
            read_private(tmp_path / "key")

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "key").mkdir(mode=0o700)
        with pytest.raises(InsecurePath, match="not an ordinary file"):
            read_private(tmp_path / "key")

    def test_a_huge_file_is_refused(self, tmp_path: Path) -> None:
        write_private(tmp_path / "key", bytes(LIMIT))
        assert len(read_private(tmp_path / "key")) == LIMIT
        write_private(tmp_path / "key", bytes(LIMIT + 1))
        with pytest.raises(InsecurePath, match="more than"):
            read_private(tmp_path / "key")

    @as_root
    def test_somebody_elses_is_refused(self, tmp_path: Path) -> None:
        write_private(tmp_path / "key", b"x")
        os.chown(tmp_path / "key", 65534, 65534)
        with pytest.raises(InsecurePath, match="belongs to user 65534"):
            read_private(tmp_path / "key")
