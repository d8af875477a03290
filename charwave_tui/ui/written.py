"""Pieces of text as rich writes them, in the colours of a widget's theme."""

from __future__ import annotations

from collections.abc import Iterable

from rich.style import Style
from rich.text import Text

from charwave_tui.ui.pieces import Line, Piece
from charwave_tui.ui.themes import Inked


def plain(line: Line) -> str:
    """The line's text without inks."""
    return "".join(piece.text for piece in line)


def written(widget: Inked, line: Iterable[Piece]) -> Text:
    """The line in the inks of the widget's theme."""
    ground = Style(bgcolor=widget.ink("raised").color)
    styles = ((piece, widget.ink(piece.role, bold=piece.bold)) for piece in line)
    return Text.assemble(*((piece.text, style + ground if piece.raised else style) for piece, style in styles))
