"""Fetching from a real server: whole or not at all, whatever happens on the way."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from charwave_tui.core.corpus import download
from charwave_tui.core.corpus.download import download_corpus
from charwave_tui.core.corpus.registry import DOWNLOAD_SOURCES, LECTURE_SHA256, DownloadSource
from charwave_tui.core.errors import UserError

WORDS = b"\n".join(b"word%d" % number for number in range(9_000))


def ignore(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def files(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow past 100 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_whole_file_downloaded_with_progress(server: Any, home: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = download_corpus(server.reply_with(WORDS), lambda done, total: seen.append((done, total)))
    assert path == home / "data" / "corpora" / "makemore.txt"
    assert path.read_bytes() == WORDS
    assert files(home) == [path]
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] == (len(WORDS), len(WORDS))


def test_download_without_content_length_works(server: Any) -> None:
    seen: list[int | None] = []
    path = download_corpus(server.reply_with(WORDS, content_length=-1), lambda done, total: seen.append(total))
    assert path.read_bytes() == WORDS
    assert set(seen) == {None}


def test_complete_file_is_not_downloaded_again(server: Any) -> None:
    source = server.reply_with(WORDS)
    assert download_corpus(source, ignore) == download_corpus(source, ignore)
    assert server.requests == 1


def test_damaged_file_is_downloaded_again(server: Any) -> None:
    source = server.reply_with(WORDS)
    download_corpus(source, ignore).write_bytes(WORDS[:100])
    assert download_corpus(source, ignore).read_bytes() == WORDS


def test_truncated_download_leaves_nothing(server: Any, home: Path) -> None:
    source = server.reply_with(WORDS[:50_000], content_length=len(WORDS))
    with pytest.raises(UserError, match=f"makemore broke off after 50,000 of {len(WORDS):,} bytes.*; try again"):
        download_corpus(source, ignore)
    assert files(home) == []


def test_failed_download_keeps_existing_file(server: Any, home: Path) -> None:
    path = download_corpus(server.reply_with(WORDS), ignore)
    old = path.read_bytes()
    newer = server.reply_with(WORDS + b"\nmore", content_length=10**6)
    with pytest.raises(UserError, match="broke off"):
        download_corpus(newer, ignore)
    assert path.read_bytes() == old
    assert files(home) == [path]


def test_wrong_checksum_leaves_nothing(server: Any, home: Path) -> None:
    server.reply_with(WORDS)
    with pytest.raises(UserError, match=r"is not the makemore known here: its SHA-256 begins \w{12}, not 0a30b5557f19"):
        download_corpus(DownloadSource("makemore", server.url, LECTURE_SHA256), ignore)
    assert files(home) == []


@pytest.mark.parametrize("status", [404, 500])
def test_server_error_is_quoted(server: Any, home: Path, status: int) -> None:
    source = server.reply_with(b"not here", status=status)
    with pytest.raises(UserError, match=rf"http://127\.0\.0\.1:\d+/names\.txt answered {status} "):
        download_corpus(source, ignore)
    assert files(home) == []


def test_no_network_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        closed = DownloadSource("makemore", f"http://127.0.0.1:{reserved.getsockname()[1]}/names.txt", LECTURE_SHA256)
        with pytest.raises(UserError, match=r"cannot be reached: .*refused.*check the network"):
            download_corpus(closed, ignore)
    assert files(home) == []


def test_silent_server_times_out(server: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    source = server.reply_with(WORDS)
    server.may_reply.clear()
    with pytest.raises(UserError, match="timed out"):
        download_corpus(source, ignore)
    assert files(home) == []


def test_full_disk_leaves_nothing(server: Any, home: Path, full_disk: None) -> None:
    with pytest.raises(UserError, match=r"makemore\.txt cannot be written"):
        download_corpus(server.reply_with(WORDS), ignore)
    assert files(home) == []


def test_ctrl_c_leaves_nothing(server: Any, home: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_corpus(server.reply_with(WORDS), interrupt)
    assert files(home) == []


def test_uncreatable_data_folder_reported_before_download(server: Any, home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(UserError, match="home/data/corpora cannot be made"):
        download_corpus(server.reply_with(WORDS), ignore)
    assert server.requests == 0


def test_makemore_is_lecture_file_at_public_url() -> None:
    source = DOWNLOAD_SOURCES["makemore"]
    assert source.url == "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt"
    assert source.sha256 == "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"
