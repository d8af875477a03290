"""The guide, which needs no engine, in a real tmux."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.pty_screen import TIMEOUT_SECONDS, playground_command

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux here")


class Tmux:
    """A server of its own with one window, whose shell shows `$` alone as its prompt."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "tmux"
        environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "COLUMNS", "LINES")}
        self._environment = {**environment, "LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(sys.path)}
        self.run("-f", os.devnull, "new-session", "-d", "-x", "80", "-y", "20", "exec env PS1='$ ' /bin/sh")

    def run(self, *command: str) -> str:
        """Return what a command of tmux prints."""
        whole = ["tmux", "-S", str(self._socket), *command]
        return subprocess.run(whole, env=self._environment, capture_output=True, text=True, check=True).stdout

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.run("capture-pane", "-p").splitlines()]

    def type(self, line: str) -> None:
        self.run("send-keys", line, "Enter")

    def wait_until(self, holds: Callable[[list[str]], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not holds(self.lines):
            assert time.monotonic() < deadline, "\n".join(self.lines)
            time.sleep(0.05)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    server = Tmux(tmp_path)
    yield server
    server.run("kill-server")


def test_nothing_of_last_frame_is_left_without_alternate_screen(tmux: Tmux) -> None:
    tmux.run("set", "-g", "alternate-screen", "off")
    tmux.wait_until(lambda lines: lines[0] == "$")
    tmux.type(f"{shlex.join(playground_command('guide'))}; echo left")
    tmux.wait_until(lambda lines: any("The guide" in line for line in lines))
    tmux.run("resize-window", "-x", "80", "-y", "30")
    tmux.wait_until(lambda lines: "Close" in lines[29])
    tmux.run("send-keys", "q")
    tmux.wait_until(lambda lines: lines == ["left", "$", *[""] * 28])
