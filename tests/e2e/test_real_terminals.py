"""The real program in terminals that reply as real ones do: started, walked and left.

`assets/terminals.json` has, by terminal: `version`, `environment`, `replies` by request, the sequences that it would
misread as others or print (`misread`, regular expressions), the number of its first column, what its Delete sends, and
whether it has an alternate screen.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.lab_screen import SMALL, is_restored
from support.pty_screen import ALTERNATE, PtyScreen, playground_command

from charwave_tui.ui.terminal.driver import ENCODING_PROBE
from charwave_tui.ui.terminal.frame_pacing import CURSOR_POSITION_REQUEST

TERMINALS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "assets" / "terminals.json").read_text("utf-8")
)
# one engine serves all terminals of a group
GROUPS = [sorted(TERMINALS)[start::3] for start in range(3)]


class EmulatedTerminal(PtyScreen):
    """A screen that replies like the terminal `name` and keeps all that the program wrote."""

    def __init__(self, name: str, columns: int = 80, rows: int = 24) -> None:
        self.written = ""
        self._kind = TERMINALS[name]
        first = self._kind.get("first_column", 1)
        self._replies = {
            f"{ENCODING_PROBE}{CURSOR_POSITION_REQUEST}": f"\x1b[1;{first + 1}R",
            CURSOR_POSITION_REQUEST: f"\x1b[1;{first}R",
            **self._kind["replies"],
        }
        self._request = re.compile("|".join(map(re.escape, self._replies)))
        absent = dict.fromkeys(("COLORTERM", "COLORFGBG", "TMUX", "STY"), "")
        super().__init__(playground_command(*SMALL), columns, rows, **{**absent, **self._kind["environment"]})

    def read(self, timeout: float) -> bytes:
        output = super().read(timeout)
        seen = len(self.written)
        self.written += output.decode(errors="replace")
        for request in self._request.finditer(self.written, max(seen - 1, 0)):
            if request.end() > seen:
                self.write(self._replies[request[0]].encode())
        return output if self._kind.get("alternate_screen", True) else ALTERNATE.sub(b"", output)

    @property
    def misread(self) -> list[str]:
        """What was written that the terminal would take for something else."""
        return [found for pattern in self._kind.get("misread", ()) for found in re.findall(pattern, self.written)]


@pytest.mark.parametrize("names", GROUPS, ids=" ".join)
def test_program_starts_walks_and_leaves_each_terminal_clean(home: Path, names: list[str]) -> None:
    for name in names:
        with EmulatedTerminal(name) as screen:
            screen.wait_for(r"n_hidden +12")
            screen.press("?")
            screen.wait_for(r"\bQuit\b")
            screen.press("escape")
            screen.wait_for(r"n_hidden +12")
            assert "slow line" not in screen.text, name
            screen.press("q")
            assert screen.wait_exit() == 0, name
            assert is_restored(screen), name
            assert "n_hidden" not in screen.text, f"{name}: the last frame is left on the screen"
            assert not screen.misread, name
            assert "\x1b[?2026h" not in screen.written or "2026;2$y" in str(TERMINALS[name]["replies"]), name


def test_delete_of_st_deletes_and_opens_no_help(home: Path) -> None:
    with EmulatedTerminal("st") as screen:
        screen.wait_for(r"n_hidden +12")
        screen.press("enter")
        screen.wait_for("type to filter")
        screen.press("zz")
        screen.wait_for(r"│ zz +│")
        screen.write(f"\x1b[H{TERMINALS['st']['delete'] * 2}".encode())
        screen.wait_for("type to filter")
        screen.press("escape")
        screen.wait_until(lambda: "type to filter" not in screen.text, "the picker to close")
        screen.press("q")
        assert screen.wait_exit() == 0
