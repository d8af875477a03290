"""What the terminal can show, read from its name, the locale and environment variables before the first frame."""

from __future__ import annotations

import locale
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from rich.color import ColorSystem

# neither colours nor characters beyond ASCII, whatever other variables promise
MONOCHROME_TERM_PATTERN = re.compile(r"vt\d")
# the Linux console: sixteen colours, a font of 256 or 512 characters
CONSOLE_TERM_PATTERN = re.compile(r"linux\b")
# terminals with 24-bit colours, by name, since ssh does not forward COLORTERM
TRUECOLOR_TERM_PATTERN = re.compile(r"-direct|kitty|alacritty|foot|wezterm|ghostty|contour|iterm")


class CharacterSet(Enum):
    """The characters a terminal has besides ASCII."""

    ALL = "whatever Unicode has"
    BLOCKS = "whatever Unicode has but braille"
    CONSOLE = "a few arrows, blocks and light lines"
    ASCII = "nothing"


GLYPHS_VARIABLE = "CHARWAVE_GLYPHS"  # a name of GLYPH_SETS, which counts before what the terminal's name says
GLYPH_SETS = {
    "braille": CharacterSet.ALL,
    "blocks": CharacterSet.BLOCKS,
    "console": CharacterSet.CONSOLE,
    "ascii": CharacterSet.ASCII,
}


@dataclass(frozen=True, slots=True)
class TerminalCapabilities:
    """The colours (None for none), the characters and the control sequences of a terminal.

    A `modern` one ignores unknown sequences; others may print them. `light` is about the background, None if unknown.
    """

    color_system: ColorSystem | None
    character_set: CharacterSet
    is_modern: bool
    has_light_background: bool | None

    @property
    def has_shades(self) -> bool:
        """Whether half-block images can be drawn: at least 256 colours, and half blocks."""
        return self.color_system in (ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR) and self.character_set in (
            CharacterSet.ALL,
            CharacterSet.BLOCKS,
        )

    @property
    def default_theme(self) -> str:
        if self.color_system in (None, ColorSystem.STANDARD):
            return "charwave-16"
        return "charwave-light" if self.has_light_background else "charwave-dark"


def terminfo_color_count(name: str) -> int | None:
    """Return the number of colours that terminfo has for a terminal; None if it does not list it."""
    try:
        import curses

        curses.setupterm(name, 1)
        return max(curses.tigetnum("colors"), 0)
    except (ImportError, curses.error):
        return None


def detect_capabilities(
    environment: Mapping[str, str], encoding: str, color_count: Callable[[str], int | None] = terminfo_color_count
) -> TerminalCapabilities:
    """Return the capabilities of the terminal described by environment variables and its encoding."""
    name = environment.get("TERM", "").lower()
    is_monochrome, is_console = bool(MONOCHROME_TERM_PATTERN.match(name)), bool(CONSOLE_TERM_PATTERN.match(name))
    characters = CharacterSet.ALL
    if is_monochrome or "utf" not in encoding.lower():
        characters = CharacterSet.ASCII
    elif is_console:
        characters = CharacterSet.CONSOLE
    characters = GLYPH_SETS.get(environment.get(GLYPHS_VARIABLE, ""), characters)
    colours = _color_system(name, environment, color_count)
    return TerminalCapabilities(
        colours, characters, not (is_monochrome or is_console), _has_light_background(environment)
    )


def terminal_encoding() -> str:
    """Return the encoding of the terminal: the locale's own, where Python would use UTF-8 instead of it."""
    stderr_encoding = getattr(sys.__stderr__, "encoding", None) or "ascii"
    return stderr_encoding if "utf" not in stderr_encoding.lower() else locale.getencoding()


def _color_system(
    name: str, environment: Mapping[str, str], color_count: Callable[[str], int | None]
) -> ColorSystem | None:
    if environment.get("NO_COLOR") or MONOCHROME_TERM_PATTERN.match(name):
        return None
    if CONSOLE_TERM_PATTERN.match(name):
        return ColorSystem.STANDARD
    # GNU screen forwards the variable of the terminal around it, but not the colours
    is_gnu_screen = "STY" in environment and "TMUX" not in environment
    if TRUECOLOR_TERM_PATTERN.search(name) or (
        environment.get("COLORTERM", "").lower() in ("truecolor", "24bit") and not is_gnu_screen
    ):
        return ColorSystem.TRUECOLOR
    if "256color" in name:
        return ColorSystem.EIGHT_BIT
    count = color_count(name)
    if count is None:
        return ColorSystem.STANDARD
    return ColorSystem.EIGHT_BIT if count >= 256 else ColorSystem.STANDARD if count >= 8 else None


def _has_light_background(environment: Mapping[str, str]) -> bool | None:
    """Read COLORFGBG (`15;0`, `0;default;15`), whose last part is the background, one of the sixteen colours."""
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return int(background) == 7 or int(background) > 8 if background.isascii() and background.isdecimal() else None


TERMINAL = detect_capabilities(os.environ, terminal_encoding())  # of this process
