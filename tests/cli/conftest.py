"""Runs commands: in this process, or in one of their own where streams and signals matter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from charwave_tui.cli.main import main

SMALL = ("--set", "context=4", "--set", "fuse=2,2", "--set", "n_embd=4", "--set", "n_hidden=8")
"""Settings of a model that trains in no time."""


@dataclass(frozen=True)
class CommandResult:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., CommandResult]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in this process."""

    def run_command(*words: str) -> CommandResult:
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as left:
            code = int(left.code or 0)
        printed = capsys.readouterr()
        return CommandResult(code, printed.out, printed.err)

    return run_command


def program(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the program in a process of its own, without a terminal, as UTF-8 unless `environment` says otherwise."""
    return subprocess.run(
        [sys.executable, "-m", "charwave_tui", *words],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        encoding="utf-8",
        errors="replace",
        timeout=120,
        check=False,
    )


@pytest.fixture(name="program")
def _program() -> Callable[..., subprocess.CompletedProcess[str]]:
    return program


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A corpus of a hundred short words over eleven letters."""
    path = tmp_path / "words.txt"
    path.write_text("\n".join(a + b + c for a in "bdklm" for b in "aeiou" for c in "nrst"), "utf-8")
    return path


@pytest.fixture
def train(command: Command, words: Path) -> Command:
    """Trains a small run on those words, sixty steps unless told otherwise."""

    def run_command(*more: str) -> CommandResult:
        return command("train", "--corpus", str(words), *SMALL, "--set", "batch_size=8", "--steps", "60", *more)

    return run_command


@pytest.fixture
def small_run(train: Command, home: Path) -> Path:
    """The folder of a small run that has been trained."""
    assert train().code == 0
    return home / "data" / "runs" / "0001"
