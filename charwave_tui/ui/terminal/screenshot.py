"""What the terminal shows as an SVG, with its own few colours and characters, and where that is kept."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from charwave_tui.core.errors import UserError

XTERM = TerminalTheme(
    (41, 41, 41),
    (229, 229, 229),
    [
        (0, 0, 0),
        (205, 0, 0),
        (0, 205, 0),
        (205, 205, 0),
        (0, 0, 238),
        (205, 0, 205),
        (0, 205, 205),
        (229, 229, 229),
    ],
    [
        (127, 127, 127),
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 0),
        (92, 92, 255),
        (255, 0, 255),
        (0, 255, 255),
        (255, 255, 255),
    ],
)
"""What xterm makes of the sixteen colours, which each terminal mixes its own way, on Rich's own ground."""


def render_svg(rows: Sequence[str], width: int, title: str) -> str:
    """The `rows` of a screen of so many columns, each with the sequences that colour it."""
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


def save_screenshot(picture: str) -> Path:
    """Write it where the program was started, or else to the home folder; its path. Raises Mistake.

    Over SSH there seldom is the folder of downloads that Textual would take.
    """
    reason = ""
    name = f"charwave-{datetime.now():%Y-%m-%d-%H%M%S-%f}.svg"
    for folder in (Path.cwd, Path.home):
        try:
            path = folder() / name
            path.write_text(picture, encoding="utf-8")
            return path
        except (OSError, RuntimeError) as error:  # the latter where there is no home
            reason = getattr(error, "strerror", None) or str(error)
    raise UserError(f"the picture cannot be saved ({reason})", "start charwave-tui in a folder of yours")
