"""What a logout leaves running: where it ends all processes of a login, an engine needs a scope of its own."""

from __future__ import annotations

import getpass
import shutil
from pathlib import Path

SETTINGS = Path("/etc/systemd")
"""Where logind's settings are."""

LINGERING = Path("/var/lib/systemd/linger")
"""Has a file for each user whose own services outlive their logins."""

SCOPE = ("systemd-run", "--user", "--scope", "--quiet", "--collect", "--")
"""What starts a command outside the login it is given in."""

ENDED = "this machine ends what runs at logout, training too; stay logged in while a run trains"
"""The warning where nothing of a login outlives it."""

NOT_LINGERING = "this machine ends what runs at logout, training too; loginctl enable-linger changes that"
"""The warning where a scope ends with the user's last login."""


def past_logout() -> tuple[tuple[str, ...], str]:
    """What to put before a command so that it outlives the login, and what to warn of where it does not."""
    if not _ends_all():
        return (), ""
    if shutil.which(SCOPE[0]) is None:
        return (), ENDED
    return SCOPE, "" if (LINGERING / getpass.getuser()).exists() else NOT_LINGERING


def _ends_all() -> bool:
    ends = False
    for path in (SETTINGS / "logind.conf", *sorted((SETTINGS / "logind.conf.d").glob("*.conf"))):
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition("=")
            if name.strip() == "KillUserProcesses":
                ends = value.strip().lower() in ("yes", "true", "on", "1", "y", "t")
    return ends
