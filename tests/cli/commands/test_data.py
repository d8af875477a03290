"""`data fetch` and `data list`, from the command line to what they print."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from charwave_tui.cli.commands import data
from charwave_tui.cli.commands.data import add_parser
from charwave_tui.core.corpus.registry import (
    DOWNLOAD_SOURCES,
    CorpusEntry,
    CorpusKind,
    DownloadSource,
    add_recent_corpus,
    find_corpus,
)
from charwave_tui.core.errors import UserError

WORDS = b"\n".join(b"word%d" % number for number in range(9_000))


@pytest.fixture
def command() -> Callable[..., int]:
    """Runs a command line as the entry point does; gives the exit code."""
    parser = argparse.ArgumentParser("charwave-tui")
    add_parser(parser.add_subparsers())

    def run(*words: str) -> int:
        arguments = parser.parse_args(words)
        code: int = arguments.func(arguments)
        return code

    return run


def test_fetch_prints_path_on_stdout_and_bar_on_stderr(
    command: Callable[..., int], server: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(DOWNLOAD_SOURCES, "makemore", server.reply_with(WORDS))
    assert command("data", "fetch", "makemore") == 0
    printed = capsys.readouterr()
    assert Path(printed.out.removesuffix("\n")).read_bytes() == WORDS
    assert "makemore" in printed.err
    assert len(find_corpus("makemore").words) == 9_000


def test_failed_fetch_prints_nothing_on_stdout(
    command: Callable[..., int],
    server: Any,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(DOWNLOAD_SOURCES, "makemore", server.reply_with(WORDS, content_length=len(WORDS) + 1))
    with pytest.raises(UserError, match="broke off"):
        command("data", "fetch", "makemore")
    assert capsys.readouterr().out == ""
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_unknown_source_refused_with_known_ones(command: Callable[..., int]) -> None:
    with pytest.raises(UserError, match="there is no corpus makmore to fetch; there is makemore"):
        command("data", "fetch", "makmore")


@pytest.mark.parametrize("words", [["data"], ["data", "fetch"], ["data", "fetch", "a", "b"], ["data", "lst"]])
def test_invalid_command_line_exits_2(command: Callable[..., int], words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command(*words)
    assert caught.value.code == 2


def test_list_shows_each_corpus_with_kind_and_path(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("anna\n" * 10)
    add_recent_corpus(tmp_path / "mine.txt")
    assert command("data", "list") == 0
    printed = capsys.readouterr()
    rows = [line.split() for line in printed.out.splitlines()]
    assert ["names", "built-in"] in [row[:2] for row in rows]
    assert rows[-1] == ["recent", str(tmp_path / "mine.txt")]
    assert "makemore is not here yet; get it with charwave-tui data fetch makemore" in printed.err


def test_list_columns_line_up_after_wide_names(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [CorpusEntry(name, CorpusKind.FETCHED, Path("/x")) for name in ("names", "山川水火", "पानी")]
    monkeypatch.setattr(data, "list_corpora", lambda: entries)
    command("data", "list")
    printed = capsys.readouterr().out.splitlines()
    assert len({cell_len(line) for line in printed}) == 1


def test_list_json_is_one_array_of_usable_names(
    command: Callable[..., int],
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(DOWNLOAD_SOURCES, "makemore", server.reply_with(WORDS))
    command("data", "fetch", "makemore")
    (tmp_path / "имена.txt").write_text("анна\n" * 10)
    add_recent_corpus(tmp_path / "имена.txt")
    capsys.readouterr()
    assert command("data", "list", "--json") == 0
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert {row["kind"] for row in rows} == {"built-in", "fetched", "recent"}
    for row in rows:
        assert row.keys() == {"name", "kind", "path"}
        assert Path(row["path"]).is_file()
        find_corpus(row["name"])
    assert "not here yet" not in printed.err


def test_every_source_has_url_and_checksum() -> None:
    for name, source in DOWNLOAD_SOURCES.items():
        assert isinstance(source, DownloadSource)
        assert source.name == name
        assert source.url.startswith("https://")
        assert len(bytes.fromhex(source.sha256)) == 32


def test_command_line_parsed_without_rich_textual_torch_or_http() -> None:
    probe = "import sys, charwave_tui.cli.commands.data; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    assert not {"rich", "textual", "torch", "http.client"} & set(loaded)
