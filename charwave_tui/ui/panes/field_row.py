"""One row of the form: marker, name, value, what it was, and when an edit takes hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len

from charwave_tui.core.config import HYPERPARAMETERS
from charwave_tui.core.fields import Effect
from charwave_tui.core.idle import idle
from charwave_tui.core.kinds import Choice, Text
from charwave_tui.ui.draft import PRESET, FormView, Problem, changed, nudged, staged, was
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, columns, raised, readable, shortened, spread, wrapped

_BADGE_COLUMNS = 2
_LABEL_COLUMNS = 12
_LONGEST_LABEL = max(map(len, HYPERPARAMETERS))
_WIDE = 36


@dataclass(frozen=True, slots=True)
class Row:
    """A row to draw: `here` where the cursor stands, `active` where keys go to it, `typed_over` while it is edited."""

    name: str
    here: bool = False
    active: bool = False
    problem: Problem | None = None
    typed_over: str | None = None


def picked(name: str) -> bool:
    """Whether the row's value is picked from a list instead of typed."""
    return name == PRESET or isinstance(HYPERPARAMETERS[name].kind, Choice | Text)


def value_text(view: FormView, name: str) -> str:
    """The row's value as a person writes it; `auto` says what it stands for."""
    if name == PRESET:
        return readable(view.draft.preset or GLYPHS.none)
    text = readable(HYPERPARAMETERS[name].kind.write(getattr(view.draft.config, name)))
    return f"{text} {GLYPHS.to} {view.accelerator}" if text == "auto" and view.accelerator else text


def was_text(view: FormView, row: Row) -> str:
    """`was 0.1` where the row has another value than before, else nothing."""
    if row.typed_over is not None:
        return "" if row.typed_over == value_text(view, row.name) else f"was {row.typed_over}"
    before = was(view, row.name)
    return "" if before is None else f"was {readable(HYPERPARAMETERS[row.name].kind.write(before))}"


def value_column(name: str, width: int) -> int:
    """Where the row's value begins: in a narrow form a long label pushes its own aside."""
    label = _LONGEST_LABEL if width >= _WIDE else max(_LABEL_COLUMNS, len(name))
    return 2 + label + 1


def editor_columns(view: FormView, row: Row, width: int) -> int:
    """How wide the editor over the row's value may be, so that `was` stays in sight beside it."""
    room = width - value_column(row.name, width) - _BADGE_COLUMNS
    before = cell_len(was_text(view, row))
    return room - before - 2 if before and room - before - 2 >= 6 else room


def row_lines(view: FormView, row: Row, width: int) -> tuple[Line, ...]:
    """The row and, below it, what is wrong with it, each `width` columns wide."""
    line = spread(_name(row, width) + _value(view, row, width), _badge(view, row), width)
    return (raised(line) if row.here and row.active else line, *_problem_lines(row.problem, width))


def _name(row: Row, width: int) -> Line:
    active = row.here and row.active
    marker = Piece(GLYPHS.here if row.here else " ", "accent" if active else "muted")
    ink = "accent" if active else "muted"
    if row.problem:
        marker, ink = Piece(GLYPHS.wrong, "error"), "error"
    label = f"{row.name:<{value_column(row.name, width) - 2}}"
    return (marker, Piece(" "), Piece(label, ink, bold=active or row.problem is not None))


def _value(view: FormView, row: Row, width: int) -> Line:
    text = value_text(view, row.name)
    active = row.here and row.active
    why = idle(view.draft.config).get(row.name, "")
    value = Piece(text, "bright" if active else "muted" if why else "fg", bold=active)
    count = len(changed(view)) if row.name == PRESET else 0
    behind = (Piece(f" +{count}", "muted"),) if count else ()
    room = width - value_column(row.name, width) - _BADGE_COLUMNS
    before = was_text(view, row)
    mark: Line = (Piece(GLYPHS.choices, "muted"),) if picked(row.name) else ()
    if active and picked(row.name) and not before and nudged(view, row.name, 1) != nudged(view, row.name, 0):
        arrows = (Piece(f"{GLYPHS.left} ", "accent"), value, Piece(f" {GLYPHS.right}", "accent"), *behind)
        if columns(arrows) <= room:
            return spread(arrows, (), room)
    left = (value, *behind)
    notes = [before] if before else [why, "unused"] if why else []
    said = [(Piece(note, "muted"),) for note in notes]
    for right in (*((*note, Piece(" "), *mark) for note in said), *said, mark, ()):
        if columns(left) + bool(right) + columns(right) <= room:
            return spread(left, right, room)
    return spread((Piece(shortened(text, room - columns(behind)), value.role, value.bold), *behind), (), room)


def _badge(view: FormView, row: Row) -> Line:
    if row.name != PRESET and HYPERPARAMETERS[row.name].effect is Effect.LIVE:
        return (Piece(f" {GLYPHS.live}", "train"),)
    waits = row.name in staged(view)
    return (Piece(f" {GLYPHS.rebuild}", "accent" if waits else "muted", bold=waits),)


def _problem_lines(problem: Problem | None, width: int) -> tuple[Line, ...]:
    if problem is None:
        return ()
    room = width - 2
    said = [(Piece(text, "error"),) for text in wrapped(problem.problem, room, 3)]
    remedy = problem.remedy[:1].upper() + problem.remedy[1:]
    tries = [_figures_bright(text) for text in wrapped(f"{remedy.rstrip('.')}.", room, 3)]
    return tuple(spread((Piece("  "), *line), (), width) for line in (*said, *tries))


def _figures_bright(text: str) -> Line:
    parts = re.split(r"(\d+(?:[.,]\d+)*)", text)  # every second part is a figure
    return tuple(
        Piece(part, "bright" if index % 2 else "fg", bold=bool(index % 2)) for index, part in enumerate(parts) if part
    )
