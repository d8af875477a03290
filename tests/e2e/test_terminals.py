"""The real program on every kind of terminal: it is sent only what it can show, and every size is filled to the edge.

The poorest kinds are tried in every run of the suite, the others with `-m soak`.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest
from support.lab_screen import MOUSE, SMALL, is_restored, shown_step, start_training
from support.pty_screen import PtyScreen, playground_command

PLAIN = {"0", "1", "4", "7", "22", "24", "27"}
"""Parameters of colour sequences that are no colours."""


SIXTEEN = PLAIN | {str(code + hue) for code in (30, 40, 90, 100) for hue in range(8)} | {"2", "39", "49"}
"""Those for terminals of sixteen colours."""


FONT = set("•·→←↑↓≈─│┌┐└┘├┤┬┴┼█░▒■▲▼")
"""What the fonts of the Linux console have besides letters."""


WALK = (
    ("2", "steps", ""),
    ("3", "layer +out", ""),
    ("i", "principal components", ""),
    ("escape", "layer +out", "principal components"),
    ("4", r"temp 1\.0", ""),
    ("g", r"\d\.\d\d +[=+~≈] ", ""),
    ("n", "1 Settings", ""),
    ("escape", r"temp 1\.0", "1 Settings"),
    ("r", "sorted by", ""),
    ("escape", r"temp 1\.0", "sorted by"),
)
"""Keys, what then stands on the screen, and what does not any more."""


EDGES = set("│╮╯|+┐┘")


@dataclass(frozen=True, slots=True)
class TerminalKind:
    """A terminal: its size and variables, what the sequences that it is sent begin with, and whether it has more."""

    columns: int
    rows: int
    variables: dict[str, str]
    colours: str
    """`none`, `sixteen`, or the parameters that many colours begin with."""
    characters: str = "all"
    modern: bool = True


KINDS = {
    "vt100": TerminalKind(40, 12, {"TERM": "vt100"}, "none", "ascii", modern=False),
    "linux": TerminalKind(80, 24, {"TERM": "linux"}, "sixteen", "console", modern=False),
    "ascii": TerminalKind(80, 24, {"TERM": "xterm", "LC_ALL": "C"}, "sixteen", "ascii"),
    "xterm": TerminalKind(60, 16, {"TERM": "xterm"}, "sixteen"),
    "screen": TerminalKind(80, 24, {"TERM": "screen"}, "sixteen"),
    "tmux": TerminalKind(80, 24, {"TERM": "tmux"}, "sixteen"),
    "unknown": TerminalKind(80, 24, {"TERM": "nobody-knows-it"}, "sixteen"),
    "no-color": TerminalKind(120, 40, {"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
    "xterm-256color": TerminalKind(120, 40, {"TERM": "xterm-256color"}, "38;5;79"),
    "tmux-256color": TerminalKind(200, 50, {"TERM": "tmux-256color"}, "38;5;79"),
    "truecolor": TerminalKind(120, 40, {"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "38;2;95;215;175"),
    "light": TerminalKind(120, 40, {"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "38;5;24"),
}


QUICK = ("vt100", "linux")


class RecordingScreen(PtyScreen):
    """A screen that keeps all that the program wrote."""

    written = b""

    def read(self, timeout: float) -> bytes:
        written = super().read(timeout)
        self.written += written
        return written

    def fits(self) -> bool:
        """Whether frames reach the right edge in all rows, but for the status, the sampler's modes and the keys."""
        rows = self.screen.display
        ends = [row[-1] in EDGES for row in rows]
        return sum(ends) >= len(rows) - 3 and all(row.strip() for row in rows)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.soak) for name in KINDS]
)
def test_terminal_receives_only_supported_sequences(home: Path, name: str) -> None:
    kind = KINDS[name]
    program = playground_command("--no-mouse", *SMALL) if name == "vt100" else playground_command(*SMALL)
    with RecordingScreen(program, kind.columns, kind.rows, **{"COLORTERM": "", **kind.variables}) as screen:
        screen.wait_for(r"n_hidden +12")
        assert bool(screen.modes & MOUSE) is (name != "vt100")
        screen.press(".")
        for key, seen, gone in WALK:
            screen.press(key)
            screen.wait_for(seen)
            screen.wait_until(lambda gone=gone: not gone or gone not in screen.text, f"{gone} to go")  # type: ignore[misc]
            screen.wait_until(screen.fits, f"what {key} shows to fit")
        screen.press("q")
        assert screen.wait_exit() == 0
        assert is_restored(screen)
        _check(screen.written, kind)


def _check(written: bytes, kind: TerminalKind) -> None:
    text = written.decode("utf-8")
    sent = re.findall(r"\x1b\[([0-9;]*)m", text)
    parameters = {parameter for parameters in sent for parameter in parameters.split(";")}
    if kind.colours == "none":
        assert parameters <= PLAIN
    elif kind.colours == "sixteen":
        assert parameters <= SIXTEEN
        assert parameters & {"96", "94"}
    else:
        assert any(kind.colours in parameters for parameters in sent)
    strange = {symbol for symbol in text if not symbol.isascii()}
    if kind.characters == "ascii":
        assert strange == set()
    elif kind.characters == "console":
        assert {symbol for symbol in strange if not symbol.isalpha()} <= FONT
    else:
        assert "╭" in strange
    modern = re.findall(r"\x1b\[[<>]\d*u|\x1b\[\?\d+\$p|\x1b\][0-9]+", text)
    assert bool(modern) is kind.modern


def _resident(pid: int) -> float:
    """Resident memory in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * 4096 / 1e6


SIZES = ((120, 40), (80, 24), (40, 12), (5, 3), (61, 17))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("times", "sizes"),
    [(40, SIZES), pytest.param(200, ((300, 100), *SIZES, (200, 50)), marks=pytest.mark.soak)],
    ids=["40", "200"],
)
def test_mouse_and_size_may_change_continuously(home: Path, times: int, sizes: tuple[tuple[int, int], ...]) -> None:
    with RecordingScreen(playground_command(*SMALL), *sizes[0], COLORFGBG="0;15") as screen:
        start_training(screen)
        screen.wait_until(screen.fits, "the frame to fit")
        assert b"48;2;253;252;249" in screen.written, "not the light theme"
        assert screen.modes & MOUSE == MOUSE - {1002}
        screen.press("m")
        screen.wait_for("the terminal has the mouse")
        assert not screen.modes & MOUSE
        screen.press("m")
        screen.wait_for("the program has the mouse again")
        assert screen.modes & MOUSE == MOUSE - {1002}
        before = _resident(screen.process.pid)
        for _, size in zip(range(times), cycle(sizes), strict=False):
            due = time.monotonic() + 5.0 / 200
            screen.resize_terminal(*size)
            while time.monotonic() < due:
                screen.read_output(0.005)
        for size in ((40, 12), (80, 24), (120, 40)):
            screen.resize_terminal(*size)
            screen.wait_until(screen.fits, f"a frame of {size}")
        trained = shown_step(screen)
        screen.wait_until(lambda: shown_step(screen) > trained, "training to go on")
        assert _resident(screen.process.pid) < before + 30
