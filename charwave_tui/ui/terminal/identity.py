"""What kind of terminal this is, by its replies, and which requests it understands."""

from __future__ import annotations

import re
from dataclasses import dataclass

# the secondary device attributes (DA2) and the version (XTVERSION): no known terminal prints either
IDENTITY_REQUEST = "\x1b[>c\x1b[>q"

KITTY_KEYBOARD_SEQUENCE = re.compile(r"\x1b\[[<>]\d*u")  # st, konsole and dvtm restore the cursor
MODE_REQUEST = re.compile(r"\x1b\[\?\d+\$p")  # zutty prints the last letter
_KITTY_KEYBOARD_VERSION = re.compile(r"(kitty|foot|WezTerm|ghostty|contour|rio|iTerm2)\b")

_COPY_OBSTACLES = {
    "tmux": "tmux keeps copied text to itself; set -s set-clipboard on passes it on",
    "xterm": "xterm drops copied text; xterm -xrm '*disallowedWindowOps: 20,21,SetXprop' takes it",
    "urxvt": "urxvt drops copied text without an extension for OSC 52",
    "VTE": "this terminal (VTE) drops copied text; m gives it the mouse to select",
    "screen": "GNU screen drops copied text; m gives the terminal the mouse to select",
    "Konsole": "Konsole drops copied text; m gives it the mouse to select",
    "PuTTY": "this terminal (PuTTY) drops copied text; m gives it the mouse to select",
}


@dataclass(frozen=True, slots=True)
class TerminalIdentity:
    """The numbers of a terminal's DA2, and its version such as `kitty(0.26.5)`; empty where it did not reply."""

    attributes: tuple[int, ...] = ()
    version: str = ""

    @property
    def is_mosh(self) -> bool:
        """Whether it is mosh, whose server replies at the near end of the line."""
        return self.attributes == (1, 10, 0)

    @property
    def is_tmux(self) -> bool:
        return self.attributes[:1] == (84,)

    @property
    def is_vte(self) -> bool:
        return self.attributes[:1] in ((61,), (65,)) and self.attributes[2:] == (1,)

    @property
    def copy_obstacle(self) -> str:
        """Why this terminal, as it comes, drops a text that a program copies, with the remedy; empty if not known."""
        return _COPY_OBSTACLES.get("VTE" if self.is_vte else self._name, "")

    @property
    def _name(self) -> str:
        number, variant = (*self.attributes, 0, 0)[:2]
        names = {41: "xterm", 83: "screen", 84: "tmux", 85: "urxvt"}
        return names.get(number) or {(1, 115): "Konsole", (0, 136): "PuTTY"}.get((number, variant), "")

    @property
    def has_kitty_keyboard(self) -> bool:
        return _KITTY_KEYBOARD_VERSION.match(self.version) is not None

    @property
    def has_mode_requests(self) -> bool:
        """Whether it knows requests for modes (DECRQM): terminals with a version, VTE, and alacritty."""
        is_alacritty = self.attributes[:1] == (0,) and self.attributes[2:] == (1,)
        return bool(self.version) or self.is_vte or is_alacritty

    def understands(self, sequence: str) -> bool:
        """Return whether a sequence may be written; others than those above do no harm anywhere."""
        if KITTY_KEYBOARD_SEQUENCE.fullmatch(sequence):
            return self.has_kitty_keyboard
        return self.has_mode_requests if MODE_REQUEST.fullmatch(sequence) else True
