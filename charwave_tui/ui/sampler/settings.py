"""The settings of sampling as rows, with a sentence on each."""

from __future__ import annotations

from charwave_tui.core.sampling import SETTINGS, Sampling
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, raised, readable, scrolled, shortened, spread, wrapped

HELP = {
    "temperature": "Divides the logits: below 1 the likely wins more often, above 1 all come closer.",
    "prefix": "What every name begins with.",
    "count": "How many names are drawn.",
    "seed": "The same seed draws the same names from the same weights.",
    "top_k": "Only so many of the likeliest characters are drawn from; 0 takes all.",
    "top_p": "Only the likeliest characters that hold this share are drawn from; 1 takes all.",
    "suffix": "What every name ends with.",
    "pattern": "What stands between prefix and suffix: ? is any character, * any number of them.",
    "shortest": "The fewest characters of a name.",
    "longest": "The most characters of a name.",
    "only_new": "yes draws again in place of names that the corpus has.",
}
"""What each setting does."""

LABEL = 14
"""Columns before a setting's value."""

_ALL = {"top_k": 0, "top_p": 1.0}


def label(name: str) -> str:
    """How a setting is called."""
    return {"top_k": "top-k", "top_p": "top-p", "only_new": "only new"}.get(name, name)


def value_text(sampling: Sampling, name: str) -> str:
    """A setting's value as it is shown: `all` where it leaves nothing out, a dash for no text."""
    if name in _ALL and getattr(sampling, name) == _ALL[name]:
        return "all"
    return readable(sampling.written(name)) or GLYPHS.none


def row_line(sampling: Sampling, name: str, here: bool, active: bool, width: int) -> Line:
    """One setting in `width` columns; arrows stand around a value that the keys nudge."""
    lit = here and active
    text = shortened(value_text(sampling, name), max(width - LABEL - 4, 1))
    usual = getattr(sampling, name) == getattr(Sampling(), name)
    value: Line = (Piece(text, "bright" if lit or not usual else "fg", lit),)
    if lit and sampling.nudged(name, 1) != sampling.nudged(name, -1):
        value = (Piece(f"{GLYPHS.left} ", "accent"), *value, Piece(f" {GLYPHS.right}", "accent"))
    mark = Piece(GLYPHS.here if here else " ", "accent" if active else "muted")
    head = (mark, Piece(" "), Piece(f"{label(name):<{LABEL - 2}}", "accent" if lit else "muted", lit))
    line = spread((*head, *value), (), width)
    return raised(line) if lit else line


def help_lines(name: str, width: int) -> list[Line]:
    """Bounds and sentence of a setting."""
    return [*bounds_lines(name, width), *((Piece(text, "muted"),) for text in wrapped(HELP[name], width, 6))]


def bounds_lines(name: str, width: int) -> list[Line]:
    """The bounds of a setting alone."""
    bounds = SETTINGS[name].bounds(name).replace(name, label(name))
    return [(Piece(text, "fg"),) for text in wrapped(bounds, width, 2)]


def settings_lines(
    sampling: Sampling, here: str, active: bool, below: list[Line], brief: list[Line], width: int, height: int
) -> tuple[list[Line], int]:
    """All rows in `height` rows with `below` under them, or what is `brief`; and the place of the first row seen."""
    names = list(SETTINGS)
    foot = below if height - len(names) - 1 >= len(below) else brief
    gap = [()] if height > len(names) + len(foot) else []
    room = max(height - len(foot) - len(gap), 1)
    top = scrolled(names.index(here), len(names), room)
    rows = [row_line(sampling, name, name == here, active, width) for name in names[top : top + room]]
    return [*rows, *[()] * (height - len(rows) - len(foot)), *foot], top
