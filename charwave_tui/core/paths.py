"""Every folder the program uses, and the one look-up of assets."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs

from charwave_tui.core.atomic_write import write_atomically
from charwave_tui.core.errors import UserError

APP_NAME = "charwave-tui"
"""The name of the program's folders."""


HOME_VARIABLE = "CHARWAVE_HOME"
"""The environment variable whose folder, where set, holds everything the program keeps."""


LONGEST_SOCKET_PATH = 100
"""Bytes of a socket's path that every system takes (macOS stops at 103, Linux at 107)."""


NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "afs", "ceph", "lustre", "gpfs", "9p"})
"""Kinds of mount that several hosts may share."""


def data_dir() -> Path:
    """Where runs and fetched corpora are kept; raises Mistake where no home folder is known."""
    return _kept("data", platformdirs.user_data_path)


def state_dir() -> Path:
    """Where the log and the list of recent corpora are kept; raises Mistake where no home folder is known."""
    return _kept("state", platformdirs.user_state_path)


def runs_dir() -> Path:
    """One folder a run, and the list of them."""
    return data_dir() / "runs"


def corpora_dir() -> Path:
    """The fetched corpora, one text file each."""
    return data_dir() / "corpora"


def uploaded_corpora_dir() -> Path:
    """The corpora that screens on other machines sent along: a folder for each content, with the file in it."""
    return data_dir() / "sent"


def log_path() -> Path:
    """The one log."""
    return state_dir() / "charwave-tui.log"


def runtime_dir() -> Path:
    """Where the engine's socket is: local to this host, short enough for a socket's path, and there after a logout."""
    folder = _usual_runtime_dir()
    too_long = len(os.fsencode(folder / _socket_name())) > LONGEST_SOCKET_PATH
    if too_long or is_network_filesystem(folder):
        return Path(tempfile.gettempdir()) / f"{APP_NAME}-{os.getuid()}-{_data_digest()}"
    return folder


def socket_path() -> Path:
    """The socket of the one engine that this user has on this host for this data folder."""
    return runtime_dir() / _socket_name()


def ensure_dir(folder: Path) -> Path:
    """Make `folder` where it is missing, its parents too; raises Mistake where it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, f"cannot be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(folder, "cannot be written")
    return folder


def ensure_runtime_dir() -> Path:
    """Make the folder of the socket, for its owner alone (0700); raises Mistake where it is a link or another's."""
    folder = runtime_dir()
    ensure_dir(folder.parent)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISLNK(found.st_mode):
            raise _unusable(folder, "is a link")
        if found.st_uid != os.getuid():
            raise _unusable(folder, f"belongs to user {found.st_uid}")
        if stat.S_IMODE(found.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise _unusable(folder, f"cannot be made: {error.strerror}") from None
    return folder


def write_user_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` whole, its folder made; raises Mistake, with all left as it was, where that cannot be."""
    ensure_dir(path.parent)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}", f"free some space, or set {HOME_VARIABLE} to another folder"
        ) from None


def asset_path(*parts: str) -> Path:
    """The path of a file that comes with the program: inside the installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "assets"
    return (installed if installed.is_dir() else package.parent / "assets").joinpath(*parts)


def guide_pages() -> dict[str, Path]:
    """Return the pages of the guide by name: `index`, then the others in alphabetical order."""
    pages = {path.stem: path for path in sorted(asset_path("guide").glob("*.md"))}
    return {"index": pages.pop("index"), **pages}


def is_network_filesystem(path: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Whether `path` lies on a mount that several hosts may share; where there is no table of mounts, False."""
    try:
        lines = os.fsdecode(mounts.read_bytes()).rstrip("\n").split("\n")
    except OSError:
        return False
    place, deepest, kind = path.resolve(), Path("/"), ""
    for line in lines:
        _, mount, mounted, *_ = line.split(" ")
        root = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), mount))
        if place.is_relative_to(root) and len(root.parts) >= len(deepest.parts):
            deepest, kind = root, mounted
    return kind in NETWORK_FILE_SYSTEMS


def _kept(part: str, usual: Callable[..., Path]) -> Path:
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return Path(home).expanduser().absolute() / part
    try:
        folder = usual(APP_NAME, appauthor=False)
    except RuntimeError:
        folder = Path()
    # Without a home, older platformdirs give a path relative to wherever one stands, newer ones raise.
    if not folder.is_absolute():
        raise UserError("no home folder is known", f"set {HOME_VARIABLE} to a folder of yours")
    return folder


def _usual_runtime_dir() -> Path:
    # not XDG_RUNTIME_DIR: that goes with the last logout, and an engine that trains on would be lost from sight
    return (state_dir().parent if os.environ.get(HOME_VARIABLE) else state_dir()) / "run"


def _socket_name() -> str:
    return f"engine-{_data_digest()}.sock"


def _data_digest() -> str:
    return hashlib.sha256(os.fsencode(data_dir().resolve())).hexdigest()[:8]


def _unusable(folder: Path, reason: str) -> UserError:
    return UserError(f"the folder {folder} {reason}", f"put that right, or set {HOME_VARIABLE} to a folder of yours")
