"""A real OpenSSH server on 127.0.0.1 with a key and a configuration of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)


needs_ssh = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None,
    reason="there is no OpenSSH server and client here (apt-get install openssh-server openssh-client)",
)


HOST = "127.0.0.1"


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


@dataclass(frozen=True, slots=True)
class Sshd:
    """A server at `port`, whose keys lie in `folder`."""

    folder: Path
    port: int

    @property
    def options(self) -> tuple[str, ...]:
        """What ssh is to be told with -o, to log in here and touch no file of the user's."""
        return (
            f"Port={self.port}",
            f"IdentityFile={self.folder}/user",
            f"UserKnownHostsFile={self.folder}/known",
            "GlobalKnownHostsFile=/dev/null",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
        )

    def login(self) -> list[str]:
        """The command line of a login with a terminal."""
        options = [part for option in (*self.options, "LogLevel=ERROR") for part in ("-o", option)]
        return ["ssh", "-tt", "-F", "/dev/null", *options, HOST]


@contextmanager
def running_sshd(folder: Path, home: Path) -> Iterator[Sshd]:
    """A server of our own, whose logins live in `home`; it ends with the block."""
    folder.mkdir()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    public = " ".join((folder / "host.pub").read_text("utf-8").split()[:2])
    (folder / "known").write_text(f"[{HOST}]:{port} {public}\n", "utf-8")
    path = os.pathsep.join(entry for entry in sys.path if entry)
    (folder / "config").write_text(CONFIGURATION.format(port=port, folder=folder, home=home, path=path), "utf-8")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it insists to lock itself up
    assert SSHD is not None
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, port)) == 0:
                    break
            assert server.poll() is None, server.stderr.read().decode() if server.stderr else ""
            time.sleep(0.05)
        yield Sshd(folder, port)
    finally:
        server.terminate()
        server.wait(10)


def kill_login_session(pid: int) -> None:
    """Kill the server's own process for the login in which `pid` runs."""
    while "sshd" not in (name := Path(f"/proc/{pid}/comm").read_text("utf-8")):
        assert pid > 1, f"process {name} is in no login"
        pid = int(Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[1])
    os.kill(pid, 9)
