"""Pieces of text as rich writes them, in the colours of a widget's theme."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from charwave_tui.ui.pieces import Line, Piece
from charwave_tui.ui.themes import Inked


def plain(line: Line) -> str:
    """The line's text without inks."""
    return "".join(piece.text for piece in line)


def written(widget: Inked, line: Iterable[Piece]) -> Text:
    """The line in the inks of the widget's theme."""
    return Text.assemble(*((piece.text, widget.piece_style(piece)) for piece in line))
