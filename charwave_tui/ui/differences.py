"""The table of what differs between runs, or between one and its preset, as lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from charwave_tui.core.config import HYPERPARAMETERS
from charwave_tui.core.presets import Preset, presets
from charwave_tui.core.records import RunSummary
from charwave_tui.ui import numbers
from charwave_tui.ui.archive_view import changes, written
from charwave_tui.ui.comparison import Compared
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import GAP, Line, Piece, beside, readable, shortened, spread
from charwave_tui.ui.run_cells import cut_off, loss_piece

LABEL = 13
"""Columns for what the rows are of: the longest name of a field, and a gap."""

COLUMN = 11
"""Columns for each run, the gap before it included."""

Row = tuple[str, Line]
"""What a row is of, and a piece for each column."""


def width_for(runs: int) -> int:
    """The columns that the table of so many runs takes; one alone stands beside its preset."""
    return LABEL + COLUMN * max(runs, 2)


def difference_lines(among: Sequence[Compared], width: int, height: int) -> list[Line]:
    """The table in at most `height` lines of `width` columns; lines that do not fit are counted in the last of them."""
    if not among:
        return []
    preset = presets().get(among[0].row.preset) if len(among) == 1 else None
    heads: Line = tuple(Piece(item.label, item.ink, bold=item.here) for item in among)
    if preset is not None:
        heads = (Piece(readable(preset.name), "muted"), *heads)
    fields = _fields(among, preset)
    params, *others = _figures(among, preset)
    upper = [_line(row) for row in (("", heads), *fields, params)]  # the params follow from the fields
    lower = [_line(row) for row in others]
    if len(among) > 1 or preset is not None:
        said = _sameness(len(fields), beside_preset=preset is not None)
        end: list[Line] = [(), (Piece(said, "muted"),)]
    else:
        end = []
    lines = [*upper, (), *lower, *end]
    whole = width_for(len(among))
    if len(lines) > height and width >= 2 * whole + GAP:
        columns = zip_longest([*upper, *end], [upper[0], *lower], fillvalue=())
        lines = [beside(pair, (whole, whole)) for pair in columns]
    return _counted(lines, height)


def _counted(lines: list[Line], height: int) -> list[Line]:
    if len(lines) <= height:
        return lines
    hidden = sum(1 for line in lines[max(height - 1, 0) :] if line)
    more = f"{hidden} more line{'s' * (hidden > 1)}"
    return [*lines[: max(height - 1, 0)], (Piece(more, "muted"),)][: max(height, 0)]


def _sameness(differing: int, *, beside_preset: bool) -> str:
    total = len(HYPERPARAMETERS) - beside_preset  # the corpus is no preset's to say
    return f"{f'{total - differing} other' if differing else f'All {total}'} fields are the same."


def _line(row: Row) -> Line:
    label, values = row
    cells = (spread((), (_fitted(value),), COLUMN) for value in values)
    return (*spread((Piece(label, "muted"),), (), LABEL), *(piece for cell in cells for piece in cell))


def _fitted(piece: Piece) -> Piece:
    fit = shortened if "/" in piece.text else cut_off  # of a path the end is worth most
    return Piece(fit(piece.text, COLUMN - 1), piece.role, piece.bold)


def _fields(among: Sequence[Compared], preset: Preset | None) -> list[Row]:
    """The fields in which the runs are not all alike, or one not as its preset has it."""
    if preset is not None:
        (item,) = among
        return [
            (name, (Piece(HYPERPARAMETERS[name].kind.write(getattr(preset.config, name)), "muted"), _value(item, name)))
            for name, _ in changes(item.row)
        ]
    rows = [(name, tuple(_value(item, name) for item in among)) for name in HYPERPARAMETERS]
    return [(name, values) for name, values in rows if len({piece.text for piece in values}) > 1]


def _value(item: Compared, name: str) -> Piece:
    """A field's value, with where it began if it was moved while training: `0.1→0.01`."""
    value = readable(written(item.row, name))
    marks = item.history.marks if item.history else ()
    moves = [mark.text.removeprefix(f"{name} ").split(" → ") for mark in marks if mark.text.startswith(f"{name} ")]
    if moves and all(len(move) == 2 for move in moves):
        course = f"{moves[0][0]}{GLYPHS.to}{moves[-1][1]}"
        value = course if len(course) < COLUMN else value
    return Piece(value, "bright" if item.here else "fg")


def _figures(among: Sequence[Compared], preset: Preset | None) -> Iterator[Row]:
    """What the runs came to; beside one alone, what others reported for its preset on this corpus."""
    reported = preset.published if preset is not None and among[0].published is not None else None

    def row(label: str, figure: Callable[[Compared], Piece], published: Piece | None = None) -> Row:
        before = (published or Piece(""),) if preset is not None else ()
        return label, (*before, *map(figure, among))

    def told(loss: float | None) -> Piece | None:
        return None if loss is None else Piece(numbers.loss(loss), "muted")

    yield row("params", lambda item: _own(item, f"{item.row.parameters:,}"))
    yield row("steps", lambda item: _own(item, numbers.steps(item.row.step)))
    yield row("train", lambda item: _loss(item, item.row.train), told(reported.train) if reported else None)
    yield row("val", lambda item: _loss(item, item.row.val), told(reported.val) if reported else None)
    yield row("best val", lambda item: _loss(item, item.row.best_val))
    yield row(f"val {GLYPHS.minus} train", lambda item: _loss(item, _gap(item.row)))
    yield row("steps/s", lambda item: _own(item, numbers.speed(item.steps_per_second)))


def _own(item: Compared, text: str) -> Piece:
    return Piece(text, "bright" if item.here else "fg")


def _loss(item: Compared, value: float | None) -> Piece:
    piece = loss_piece(value)
    return Piece(piece.text, "bright") if item.here and piece.role == "fg" else piece


def _gap(row: RunSummary) -> float | None:
    return None if row.val is None or row.train is None else row.val - row.train
