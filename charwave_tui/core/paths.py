"""Every folder that the program uses, and the look-up of its assets."""

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
HOME_VARIABLE = "CHARWAVE_HOME"  # an environment variable: a folder in place of the platform's data and state folders
MAX_SOCKET_PATH_BYTES = 100  # macOS takes 103, Linux 107
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "afs", "ceph", "lustre", "gpfs", "9p"})


def data_dir() -> Path:
    """Return the folder of runs and downloaded corpora. Raises UserError if there is no home folder."""
    return _user_dir("data", platformdirs.user_data_path)


def state_dir() -> Path:
    """Return the folder of the log and the list of recent corpora. Raises UserError if there is no home folder."""
    return _user_dir("state", platformdirs.user_state_path)


def runs_dir() -> Path:
    """Return the folder of the database and of one folder for each run."""
    return data_dir() / "runs"


def corpora_dir() -> Path:
    """Return the folder of downloaded corpora, one text file each."""
    return data_dir() / "corpora"


def uploaded_corpora_dir() -> Path:
    """Return the folder of corpora uploaded by viewers on other machines: a folder for each SHA-256, with the file."""
    return data_dir() / "sent"


def log_path() -> Path:
    """Return the path of the log of engine and viewers."""
    return state_dir() / "charwave-tui.log"


def runtime_dir() -> Path:
    """Return the folder of the engine's socket: on a local disk, short enough for a socket path, and kept at logout."""
    # Not XDG_RUNTIME_DIR: it is removed at the last logout, and a running engine could no longer be reached.
    folder = (state_dir().parent if os.environ.get(HOME_VARIABLE) else state_dir()) / "run"
    too_long = len(os.fsencode(folder / _socket_name())) > MAX_SOCKET_PATH_BYTES
    if too_long or is_network_filesystem(folder):
        return Path(tempfile.gettempdir()) / f"{APP_NAME}-{os.getuid()}-{_data_digest()}"
    return folder


def socket_path() -> Path:
    """Return the path of the engine's socket; there is one engine for each user, host and data folder."""
    return runtime_dir() / _socket_name()


def ensure_dir(folder: Path) -> Path:
    """Create `folder` and its parents if missing, and return it. Raises UserError if that fails or it is read-only."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, f"cannot be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(folder, "cannot be written")
    return folder


def ensure_runtime_dir() -> Path:
    """Create the socket's folder with mode 0700. Raises UserError if it is a symbolic link or another user's."""
    folder = runtime_dir()
    ensure_dir(folder.parent)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise _unusable(folder, "is a link")
        if status.st_uid != os.getuid():
            raise _unusable(folder, f"belongs to user {status.st_uid}")
        if stat.S_IMODE(status.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise _unusable(folder, f"cannot be made: {error.strerror}") from None
    return folder


def write_user_file(path: Path, content: bytes) -> None:
    """Write a file atomically, creating its folder. Raises UserError, leaving the old file, if that fails."""
    ensure_dir(path.parent)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}", f"free some space, or set {HOME_VARIABLE} to another folder"
        ) from None


def asset_path(*parts: str) -> Path:
    """Return the path of an asset: in the installed package, or beside the package in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "assets"
    return (installed if installed.is_dir() else package.parent / "assets").joinpath(*parts)


def guide_pages() -> dict[str, Path]:
    """Return the pages of the guide by name: `index`, then the others in alphabetical order."""
    pages = {path.stem: path for path in sorted(asset_path("guide").glob("*.md"))}
    return {"index": pages.pop("index"), **pages}


def is_network_filesystem(path: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Return whether `path` is on a file system that several hosts may share; False without a `mounts` table."""
    try:
        lines = os.fsdecode(mounts.read_bytes()).rstrip("\n").split("\n")
    except OSError:
        return False
    resolved, deepest, file_system = path.resolve(), Path("/"), ""
    for line in lines:
        _, escaped_root, mount_type, *_ = line.split(" ")
        root = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), escaped_root))
        if resolved.is_relative_to(root) and len(root.parts) >= len(deepest.parts):
            deepest, file_system = root, mount_type
    return file_system in NETWORK_FILE_SYSTEMS


def _user_dir(part: str, platform_dir: Callable[..., Path]) -> Path:
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return Path(home).expanduser().absolute() / part
    try:
        folder = platform_dir(APP_NAME, appauthor=False)
    except RuntimeError:
        folder = Path()
    # Without a home folder older platformdirs return a relative path, newer ones raise.
    if not folder.is_absolute():
        raise UserError("no home folder is known", f"set {HOME_VARIABLE} to a folder of yours")
    return folder


def _socket_name() -> str:
    return f"engine-{_data_digest()}.sock"


def _data_digest() -> str:
    return hashlib.sha256(os.fsencode(data_dir().resolve())).hexdigest()[:8]


def _unusable(folder: Path, reason: str) -> UserError:
    return UserError(f"the folder {folder} {reason}", f"put that right, or set {HOME_VARIABLE} to a folder of yours")
