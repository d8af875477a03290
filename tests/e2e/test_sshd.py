"""A line that drops: the playground over a real sshd on 127.0.0.1, whose process for it is killed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lab_screen import SMALL, shown_step, start_training, wait_still_training
from support.pty_screen import PtyScreen, playground_command, processes_of
from support.sshd import kill_login_session, needs_ssh, running_sshd

pytestmark = needs_ssh


@pytest.fixture
def ssh(tmp_path: Path, home: Path) -> Iterator[list[str]]:
    """The command line that logs in to a server of our own, which ends with the test."""
    with running_sshd(tmp_path / "ssh", home) as server:
        yield server.login()


def command(*arguments: str) -> str:
    """The program as a shell at the other end starts it, in a folder that is there."""
    words = " ".join(f"'{word}'" for word in playground_command(*arguments))
    return f"cd /; exec {words}"


def test_dropped_ssh_keeps_training_and_next_login_reattaches(ssh: list[str], home: Path) -> None:
    with PtyScreen([*ssh, command(*SMALL)], 120, 40) as screen:
        start_training(screen)
        reached = shown_step(screen)
        there = {pid: Path(f"/proc/{pid}/cmdline").read_text("utf-8") for pid in processes_of(home)}
        (playing,) = [pid for pid, line in there.items() if pid != screen.process.pid and "engine" not in line]
        kill_login_session(playing)
        assert screen.wait_exit() != 0
    wait_still_training(1, beyond=reached)
    deadline = time.monotonic() + 20
    while len(processes_of(home)) > 1:
        assert time.monotonic() < deadline, "the screen did not end with its line"
        time.sleep(0.05)
    with PtyScreen([*ssh, command(*SMALL)], 120, 40) as screen:
        screen.wait_for(r"reattached to run 1, step [\d,]+")
        screen.wait_until(lambda: shown_step(screen) > reached, "the run as it went on")
        screen.press("q")
        screen.wait_for("leave it running")
        screen.press("enter")
        assert screen.wait_exit() == 0
