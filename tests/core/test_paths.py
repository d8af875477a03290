"""Folders: where they are, that looking makes none, and that a bad one is named."""

from __future__ import annotations

import os
import resource
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from charwave_tui.core import paths
from charwave_tui.core.errors import UserError


@pytest.fixture
def user_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders as they are without CHARWAVE_HOME, for a user whose home is in tmp_path."""
    monkeypatch.delenv("CHARWAVE_HOME")
    for name, part in (("HOME", ""), ("XDG_DATA_HOME", "d"), ("XDG_STATE_HOME", "s")):
        monkeypatch.setenv(name, str(tmp_path / part))
    return tmp_path


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder short enough for a socket's path, whatever the test is called."""
    with tempfile.TemporaryDirectory(prefix="cw-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow past 100 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_charwave_home_holds_everything(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARWAVE_HOME", str(short_path))
    assert paths.data_dir() == short_path / "data"
    assert paths.runs_dir() == short_path / "data" / "runs"
    assert paths.corpora_dir() == short_path / "data" / "corpora"
    assert paths.state_dir() == short_path / "state"
    assert paths.log_path().parent == short_path / "state"
    assert paths.runtime_dir() == short_path / "run"
    assert paths.socket_path().parent == short_path / "run"


def test_relative_charwave_home_survives_change_of_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARWAVE_HOME", "here")
    assert paths.data_dir() == tmp_path / "here" / "data"


def test_lookup_creates_no_folder(home: Path) -> None:
    for look in (paths.data_dir, paths.state_dir, paths.runs_dir, paths.corpora_dir, paths.log_path):
        look()
    paths.runtime_dir()
    paths.socket_path()
    assert not home.exists()


@pytest.mark.skipif(os.uname().sysname == "Darwin", reason="macOS has folders of its own")
def test_without_charwave_home_system_folders_are_used(user_home: Path) -> None:
    assert paths.data_dir() == user_home / "d" / "charwave-tui"
    assert paths.state_dir() == user_home / "s" / "charwave-tui"


@pytest.mark.parametrize("session", ["", "there", "gone"])
def test_socket_path_outlives_session(
    user_home: Path, short_path: Path, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    (short_path / "there").mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(short_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", session and str(short_path / session))
    assert paths.runtime_dir() == paths.state_dir() / "run"


def test_too_long_socket_path_uses_temporary_folder(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    monkeypatch.setenv("CHARWAVE_HOME", "/long/" + "x" * 100)
    first = paths.socket_path()
    monkeypatch.setenv("CHARWAVE_HOME", "/long/" + "y" * 100)
    second = paths.socket_path()
    for path in (first, second):
        assert path.parent.parent == short_path
        assert f"-{os.getuid()}-" in path.parent.name
        assert len(os.fsencode(path)) <= paths.MAX_SOCKET_PATH_BYTES
    assert first.parent != second.parent


def test_socket_path_limit_counts_bytes(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARWAVE_HOME", str(short_path / ("ж" * 30)))
    assert paths.runtime_dir().parent != short_path / ("ж" * 30)


def test_socket_on_shared_disk_uses_temporary_folder(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    monkeypatch.setenv("CHARWAVE_HOME", str(short_path / "home"))
    monkeypatch.setattr(paths, "is_network_filesystem", lambda folder: folder.is_relative_to(short_path / "home"))
    assert paths.runtime_dir().parent == short_path


def test_two_data_folders_have_two_sockets(user_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = paths.socket_path()
    monkeypatch.setenv("XDG_DATA_HOME", str(user_home / "other"))
    assert paths.socket_path().name != first.name


def test_symlinked_data_folder_has_same_socket(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (short_path / "real").mkdir()
    (short_path / "link").symlink_to("real")
    monkeypatch.setenv("CHARWAVE_HOME", str(short_path / "real"))
    name = paths.socket_path().name
    monkeypatch.setenv("CHARWAVE_HOME", str(short_path / "link"))
    assert paths.socket_path().name == name


def test_runtime_folder_is_owner_only(home: Path) -> None:
    folder = paths.ensure_runtime_dir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    assert stat.S_IMODE(paths.ensure_runtime_dir().stat().st_mode) == 0o700


def test_runtime_folder_that_is_a_symlink_refused(tmp_path: Path) -> None:
    folder = paths.runtime_dir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(tmp_path)
    with pytest.raises(UserError, match="is a link") as caught:
        paths.ensure_runtime_dir()
    assert str(folder) in caught.value.problem


def test_runtime_folder_of_other_user_refused(monkeypatch: pytest.MonkeyPatch, short_path: Path) -> None:
    monkeypatch.setenv("CHARWAVE_HOME", str(short_path))
    folder = paths.ensure_runtime_dir()
    owner = folder.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(UserError, match=f"{folder} belongs to user {owner}"):
        paths.ensure_runtime_dir()


def test_file_in_place_of_folder_is_named(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(UserError, match=r"home/data/runs cannot be made.*CHARWAVE_HOME"):
        paths.ensure_dir(paths.runs_dir())


def test_unwritable_folder_is_named(short_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]) -> None:
    short_path.chmod(0o555)
    with unprivileged():
        with pytest.raises(UserError, match=f"{short_path}/new cannot be made: Permission denied"):
            paths.ensure_dir(short_path / "new")
        with pytest.raises(UserError, match=f"{short_path} cannot be written"):
            paths.ensure_dir(short_path)
    short_path.chmod(0o700)


def test_user_without_home_is_asked_for_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHARWAVE_HOME", "HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987_654_321)
    with pytest.raises(UserError, match=r"no home folder is known; set CHARWAVE_HOME"):
        paths.data_dir()


def test_file_written_completely(tmp_path: Path) -> None:
    paths.write_user_file(tmp_path / "new" / "file", b"one")
    paths.write_user_file(tmp_path / "new" / "file", b"two")
    assert (tmp_path / "new" / "file").read_bytes() == b"two"
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_full_disk_keeps_old_file_only(tmp_path: Path, full_disk: None) -> None:
    paths.write_user_file(tmp_path / "file", b"old")
    with pytest.raises(UserError, match=r"file cannot be written: .*free some space"):
        paths.write_user_file(tmp_path / "file", b"x" * 1_000)
    assert [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()] == [b"old"]


def test_interrupted_write_keeps_old_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.write_user_file(tmp_path / "file", b"old")

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        paths.write_user_file(tmp_path / "file", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()] == [b"old"]


def test_assets_found_in_checkout() -> None:
    assert paths.asset_path("corpora").is_dir()


def test_assets_in_installed_package_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "charwave_tui"
    monkeypatch.setattr(paths, "__file__", str(package / "core" / "places.py"))
    assert paths.asset_path("presets.toml") == tmp_path / "assets" / "presets.toml"
    (package / "assets").mkdir(parents=True)
    assert paths.asset_path("corpora", "names.txt") == package / "assets" / "corpora" / "names.txt"


def test_shared_mount_found_by_deepest_mount_point(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "none / overlay rw 0 0\n"
        "server:/export /shared/my\\040home nfs4 rw 0 0\n"
        "tmpfs /shared/my\\040home/fast tmpfs rw 0 0\n"
    )
    assert paths.is_network_filesystem(Path("/shared/my home/ada"), mounts)
    assert not paths.is_network_filesystem(Path("/shared/my home/fast/ada"), mounts)
    assert not paths.is_network_filesystem(Path("/shared/my homework"), mounts)
    assert not paths.is_network_filesystem(Path("/shared/my home/ada"), tmp_path / "no table")
