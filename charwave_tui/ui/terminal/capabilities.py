"""What the terminal can show, as its name, the locale and a few variables tell before the first frame."""

from __future__ import annotations

import locale
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from rich.color import ColorSystem

MONOCHROME_TERM_PATTERN = re.compile(r"vt\d")
"""Names of terminals that have neither colours nor letters beyond ASCII, whatever other variables promise."""


CONSOLE_TERM_PATTERN = re.compile(r"linux\b")
"""Names of the Linux console, which has sixteen colours, and a font of 256 or 512 characters."""


TRUECOLOR_TERM_PATTERN = re.compile(r"-direct|kitty|alacritty|foot|wezterm|ghostty|contour|iterm")
"""Names of terminals of 24-bit colours; COLORTERM, by which they tell, is not handed on by ssh."""


class CharacterSet(Enum):
    """What there is besides ASCII."""

    ALL = "whatever Unicode has"
    CONSOLE = "a few arrows, blocks and light lines"
    ASCII = "nothing"


@dataclass(frozen=True, slots=True)
class TerminalCapabilities:
    """A terminal: how many colours it has, None for none, which characters, and what it understands.

    `modern` ones leave alone what they do not know; others may write it on the screen. `light` says whether the
    background is, None where nobody tells.
    """

    colours: ColorSystem | None
    characters: CharacterSet
    modern: bool
    light: bool | None

    @property
    def shades(self) -> bool:
        """Whether it has enough colours for them to tell of sizes, and blocks of half cells to put them in."""
        return self.colours in (ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR) and self.characters is CharacterSet.ALL

    @property
    def theme(self) -> str:
        """The theme for it, where nobody asks for another."""
        if self.colours in (None, ColorSystem.STANDARD):
            return "charwave-16"
        return "charwave-light" if self.light else "charwave-dark"


def colours_by_name(name: str) -> int | None:
    """How many colours the system's own list of terminals (terminfo) gives a name; None where it lacks it."""
    try:
        import curses

        curses.setupterm(name, 1)
        return max(curses.tigetnum("colors"), 0)
    except (ImportError, curses.error):
        return None


def detect_capabilities(
    environment: Mapping[str, str], encoding: str, look_up: Callable[[str], int | None] = colours_by_name
) -> TerminalCapabilities:
    """What the terminal of such an environment can show in an encoding."""
    name = environment.get("TERM", "").lower()
    old, console = bool(MONOCHROME_TERM_PATTERN.match(name)), bool(CONSOLE_TERM_PATTERN.match(name))
    characters = CharacterSet.ALL
    if old or "utf" not in encoding.lower():
        characters = CharacterSet.ASCII
    elif console:
        characters = CharacterSet.CONSOLE
    return TerminalCapabilities(
        _colours(name, environment, look_up), characters, not (old or console), _light(environment)
    )


def encoding() -> str:
    """What the terminal is written in; the locale's own encoding counts, where Python would take UTF-8 in its stead."""
    written = getattr(sys.__stderr__, "encoding", None) or "ascii"
    return written if "utf" not in written.lower() else locale.getencoding()


def _colours(name: str, environment: Mapping[str, str], look_up: Callable[[str], int | None]) -> ColorSystem | None:
    if environment.get("NO_COLOR") or MONOCHROME_TERM_PATTERN.match(name):
        return None
    if CONSOLE_TERM_PATTERN.match(name):
        return ColorSystem.STANDARD
    # GNU screen hands on the variable of the terminal around it, but not the colours
    screen = "STY" in environment and "TMUX" not in environment
    if TRUECOLOR_TERM_PATTERN.search(name) or (
        environment.get("COLORTERM", "").lower() in ("truecolor", "24bit") and not screen
    ):
        return ColorSystem.TRUECOLOR
    if "256color" in name:
        return ColorSystem.EIGHT_BIT
    known = look_up(name)
    if known is None:
        return ColorSystem.STANDARD
    return ColorSystem.EIGHT_BIT if known >= 256 else ColorSystem.STANDARD if known >= 8 else None


def _light(environment: Mapping[str, str]) -> bool | None:
    """What COLORFGBG (`15;0`, `0;default;15`) says of the background, one of the sixteen colours."""
    ground = environment.get("COLORFGBG", "").rpartition(";")[2]
    return int(ground) == 7 or int(ground) > 8 if ground.isascii() and ground.isdecimal() else None


TERMINAL = detect_capabilities(os.environ, encoding())
"""The terminal of this process."""
