"""A line that drops: the playground over a real sshd on 127.0.0.1, whose process for it is killed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import SMALL, begin, step, wait_training_on
from terminal import Screen, playground, processes_of

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)

pytestmark = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None,
    reason="there is no OpenSSH server and client here (apt-get install openssh-server openssh-client)",
)

CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
SetEnv CHARWAVE_HOME={home} PYTHONPATH={path} LC_ALL=C.UTF-8 COLORTERM=truecolor
"""


@pytest.fixture
def ssh(tmp_path: Path, home: Path) -> Iterator[list[str]]:
    """The command line that logs in to a server of our own, which ends with the test."""
    folder = tmp_path / "ssh"
    folder.mkdir()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    text = CONFIGURATION.format(port=port, folder=folder, home=home, path=path)
    (folder / "config").write_text(text, "utf-8")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it insists to lock itself up
    assert SSHD is not None
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, server.stderr.read().decode() if server.stderr else ""
            time.sleep(0.05)
        yield [
            *("ssh", "-tt", "-F", "/dev/null", "-i", str(folder / "user"), "-p", str(port)),
            *("-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder}/known", "-o", "LogLevel=ERROR"),
            "127.0.0.1",
        ]
    finally:
        server.terminate()
        server.wait(10)


def command(*arguments: str) -> str:
    """The program as a shell at the other end starts it, in a folder that is there."""
    words = " ".join(f"'{word}'" for word in playground(*arguments))
    return f"cd /; exec {words}"


def test_a_dropped_line_leaves_training_going_and_the_next_login_comes_back_to_it(ssh: list[str], home: Path) -> None:
    with Screen([*ssh, command(*SMALL)], 120, 40) as screen:
        begin(screen)
        reached = step(screen)
        there = {pid: Path(f"/proc/{pid}/cmdline").read_text("utf-8") for pid in processes_of(home)}
        (playing,) = [pid for pid, line in there.items() if pid != screen.process.pid and "engine" not in line]
        shell = int(Path(f"/proc/{playing}/stat").read_text("utf-8").rpartition(")")[2].split()[1])
        os.kill(shell, 9)  # the server's own process for this login
        assert screen.wait_end() != 0
    wait_training_on(1, beyond=reached)
    deadline = time.monotonic() + 20
    while len(processes_of(home)) > 1:
        assert time.monotonic() < deadline, "the screen did not end with its line"
        time.sleep(0.05)
    with Screen([*ssh, command(*SMALL)], 120, 40) as screen:
        screen.wait_for(r"reattached to run 1, step [\d,]+")
        screen.wait_until(lambda: step(screen) > reached, "the run as it went on")
        screen.press("q")
        screen.wait_for("leave it running")
        screen.press("enter")
        assert screen.wait_end() == 0
