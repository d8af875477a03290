"""Screenshots as SVG, with the colours and characters that the terminal has, and where they are saved."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from charwave_tui.core.errors import UserError


def _rgb(colours: str) -> list[tuple[int, int, int]]:
    return [(red, green, blue) for red, green, blue in map(bytes.fromhex, colours.split())]


# xterm's sixteen colours, which differ between terminals, on Rich's own background
XTERM = TerminalTheme(
    (41, 41, 41),
    (229, 229, 229),
    _rgb("000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5"),
    _rgb("7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff"),
)


def render_svg(rows: Sequence[str], width: int, title: str) -> str:
    """Render rows of text with escape sequences as an SVG, `width` columns wide."""
    console = Console(
        width=width,
        height=len(rows),
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        record=True,
        legacy_windows=False,
    )
    decoder = AnsiDecoder()
    for row in rows:
        console.print(decoder.decode_line(row), no_wrap=True, overflow="crop", highlight=False)
    return console.export_svg(title=title, theme=XTERM)


def screenshot_name() -> str:
    """Return a file name with the present time."""
    return f"charwave-{datetime.now():%Y-%m-%d-%H%M%S-%f}.svg"


def save_screenshot(svg: str) -> Path:
    """Write an SVG to the current folder, or else the home folder, and return its path. Raises UserError.

    Textual would take the downloads folder, which seldom exists where one connects by SSH.
    """
    reason, name = "", screenshot_name()
    for folder in (Path.cwd, Path.home):
        try:
            path = folder() / name
            path.write_text(svg, encoding="utf-8")
            return path
        except (OSError, RuntimeError) as error:  # RuntimeError where there is no home
            reason = getattr(error, "strerror", None) or str(error)
    raise UserError(f"the picture cannot be saved ({reason})", "start charwave-tui in a folder of yours")
