"""The cells and columns of the runs table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.metrics import RunState
from charwave_tui.core.store.run_record import RunSummary
from charwave_tui.ui.drawing.number_format import MAX_AGE_WIDTH, format_age, format_duration, format_loss, format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, highlight, justify, readable, shorten
from charwave_tui.ui.state.runs_state import (
    COMPARED_RUN_ROLES,
    MARKS,
    RunsViewOptions,
    best_vals,
    changes,
    current_state,
    left_unfinished,
)
from charwave_tui.ui.tables.column_layout import ColumnLayout, widen
from charwave_tui.ui.terminal.glyphs import GLYPHS


@dataclass(frozen=True, slots=True)
class RunsContext:
    """What the cells of a run depend on besides the run: the time, the current run and the other runs in the table.

    `best` is the best val loss by corpus; `named` is whether any run has a name, `has_corpora` whether they learned
    more than one corpus, `has_unseen` whether val of any was also measured on the words that are not in train.
    """

    now: datetime
    best_val: Mapping[str, float]
    current_run: int | None
    has_names: bool
    has_corpora: bool
    has_unseen: bool

    @staticmethod
    def of(rows: Sequence[RunSummary], current_run: int | None, now: datetime) -> RunsContext:
        has_names, has_corpora = any(row.name for row in rows), len({row.corpus for row in rows}) > 1
        has_unseen = any(row.best_val_unseen is not None for row in rows)
        return RunsContext(now, best_vals(rows), current_run, has_names, has_corpora, has_unseen)


def run_cells(
    row: RunSummary, widths: Mapping[str, int], context: RunsContext, mark: int | None, is_selected: bool
) -> dict[str, StyledLine]:
    """Return the text of every column for a run; `mark` is its slot among the chosen runs, if it is one."""
    name = truncate(readable(row.name or row.preset), widths["name"])
    is_best = row.best_val is not None and row.best_val == context.best_val.get(row.corpus)
    best = replace(loss_span(row.best_val), role="bright", bold=True) if is_best else loss_span(row.best_val)
    changed = truncate(changed_text(row), widths.get("changed", 0))
    return {
        "mark": (
            Span(GLYPHS.cursor if is_selected else " ", "accent", True),
            _current_run_mark(row, context),
            *(() if mark is None else (Span(MARKS[mark], COMPARED_RUN_ROLES[mark], bold=True),)),
        ),
        "run": (Span(str(row.run), "bright" if is_selected else "muted"),),
        "name": (Span(name, "bright" if is_selected or row.name else "fg", bold=is_selected),),
        "corpus": (Span(shorten(escape_invisible(row.corpus), widths.get("corpus", 0)), "muted"),),
        "changed": (Span(changed, "muted"),),
        "params": (Span(f"{row.parameters:,}"),),
        "steps": (Span(format_steps(row.step)),),
        "time": (Span(format_duration(row.training_seconds), "muted"),),
        "when": (Span(format_age(row.created, context.now), "muted"),),
        "train": (loss_span(row.train),),
        "best": (best,),
        "unseen": (loss_span(row.best_val_unseen),),
        "delta": (Span(delta_text(row, context), "muted"),),
        "state": (state_span(row, context),),
        "note": (Span(truncate(readable(row.note), widths.get("note", 0))),),
    }


def _current_run_mark(row: RunSummary, context: RunsContext) -> Span:
    if row.run != context.current_run:
        return Span(" ")
    return Span(GLYPHS.running, "train") if row.state is RunState.TRAINING else Span(GLYPHS.ready, "muted")


def changes_text(row: RunSummary) -> str:
    return ", ".join(f"{name} {value}" for name, value in changes(row))


def distinguishing_text(row: RunSummary) -> str:
    """Return what distinguishes a run from others of its name: a named one's preset, its changes, its best val loss."""
    best = "" if row.best_val is None else f"best val {format_loss(row.best_val)}"
    return ", ".join(filter(None, (row.preset if row.name else "", changes_text(row), best)))


def changed_text(row: RunSummary) -> str:
    """Return a run's changes, after a named one's preset."""
    return readable(", ".join(filter(None, (row.preset if row.name else "", changes_text(row)))))


def loss_span(value: float | None) -> Span:
    """Return a loss, a dash if it was never measured."""
    if value is None:
        return Span(GLYPHS.dash, "muted")
    return Span(format_loss(value), "fg" if math.isfinite(value) else "error")


def delta_text(row: RunSummary, context: RunsContext) -> str:
    """Return how far the run's best val loss is above the best of its corpus."""
    best = context.best_val.get(row.corpus)
    if best is None or row.best_val is None or not math.isfinite(row.best_val):
        return GLYPHS.dash
    return "best" if row.best_val == best else f"+{format_loss(row.best_val - best)}"


def state_span(row: RunSummary, context: RunsContext) -> Span:
    """Return the state of the run, or how it ended."""
    roles = {RunState.TRAINING: "train", RunState.DIVERGED: "error"}
    text = current_state(row, context.current_run).value
    if left_unfinished(row, context.current_run):
        return Span(text)
    return Span(text, roles.get(row.state, "muted"), bold=row.state is RunState.TRAINING)


def truncate(text: str, width: int) -> str:
    """Shorten a text to `width` columns with `…` at its end."""
    if cell_len(text) <= width:
        return text
    room = width - cell_len(GLYPHS.ellipsis)
    return set_cell_size(text, room).rstrip() + GLYPHS.ellipsis if room >= 0 else ""


# the column headers by key, in the order of the table
HEADERS = {
    "mark": "",
    "run": "run",
    "name": "preset",
    "corpus": "corpus",
    "changed": "changed",
    "params": "params",
    "steps": "steps",
    "time": "time",
    "when": "when",
    "train": "train",
    "best": "best val",
    "unseen": "unseen",
    "delta": "Δ best" if GLYPHS.has_braille else "vs best",
    "state": "state",
    "note": "note",
}
# left out as the width shrinks, in this order
DROP_ORDER = ("note", "time", "params", "changed", "when", "delta", "train", "steps", "corpus", "unseen", "state")
ONE_CORPUS_DROP_ORDER = ("note", "corpus", *(key for key in DROP_ORDER[1:] if key != "corpus"))
# minimum widths, so that the columns do not move as numbers come and change
MIN_WIDTHS = {
    "mark": 3,
    "run": 3,
    "name": 12,
    "corpus": 6,
    "changed": 12,
    "params": 7,
    "steps": 7,
    "time": 6,
    "when": MAX_AGE_WIDTH,
    "train": 6,
    "best": 8,
    "unseen": 6,
    "delta": 7,
    "state": 8,
    "note": 24,
}
MAX_CORPUS_WIDTH = 16
MAX_NAME_WIDTH, MAX_CHANGED_WIDTH = 24, 32  # maximum widths, the latter where there is a note that needs the room
WIDE_CHANGED_WIDTH = 24  # columns of the changes before there is a note, and before the gaps grow
LEFT_ALIGNED = frozenset({"mark", "name", "corpus", "changed", "state", "note"})
TIGHT = frozenset({"mark"})
GAP = 2  # blank columns between two columns, one more where there is room


def fit_columns(rows: Sequence[RunSummary], width: int, context: RunsContext) -> ColumnLayout:
    """Return the columns that fit `width`; spare room goes to names, gaps and words."""
    natural_widths = _natural_widths(rows, context)
    drop_order = DROP_ORDER if context.has_corpora else ONE_CORPUS_DROP_ORDER
    for count in range(not any(row.note for row in rows), len(drop_order) + 1):
        hidden = {*drop_order[:count], *(() if context.has_unseen else ("unseen",))}
        widths = {key: natural_widths[key] for key in HEADERS if key not in hidden}
        if "note" in widths:
            widths["changed"] = WIDE_CHANGED_WIDTH
        elif "changed" not in widths:
            widths["name"] = MIN_WIDTHS["name"]
        spare = width - sum(widths.values()) - GAP * (len(widths) - 2) - 1
        if spare >= 0:
            break
    spare = widen(widths, ("name",), natural_widths["name"] - widths["name"], max(spare, 0))
    gap = GAP + (spare >= len(widths) + (WIDE_CHANGED_WIDTH - MIN_WIDTHS["changed"] if "changed" in widths else 0))
    spare -= (gap - GAP) * (len(widths) - 2)
    if "note" in widths:
        spare = widen(widths, ("changed",), MAX_CHANGED_WIDTH - widths["changed"], spare)
    last = next(key for key in ("note", "changed", "name") if key in widths)
    widen(widths, (last,), spare, spare)
    return ColumnLayout(tuple(widths.items()), gap, TIGHT)


def header(layout: ColumnLayout, context: RunsContext) -> StyledLine:
    headers = {**HEADERS, "name": "name"} if context.has_names else HEADERS
    return layout.line({key: (Span(headers[key], "muted"),) for key in layout.keys}, LEFT_ALIGNED)


def row_line(row: RunSummary, layout: ColumnLayout, context: RunsContext, options: RunsViewOptions) -> StyledLine:
    """Return the line of a run, highlighted under the cursor."""
    is_selected = row.run == options.cursor_run
    cells = run_cells(row, dict(layout.widths), context, options.slot_of(row.run), is_selected)
    line = layout.line(cells, LEFT_ALIGNED)
    return highlight(line) if is_selected else line


def detail_line(row: RunSummary, layout: ColumnLayout, context: RunsContext, width: int) -> StyledLine:
    """Return in one line what the row has no room for: the note first, then facts as far as they fit."""
    note = readable(row.note)
    if cell_len(note) <= layout.width_of("note"):
        note = ""
    room = width - min(cell_len(note), width * 2 // 3) - (3 if note else 0)
    separator = f" {GLYPHS.dot} "
    text, *others = map(readable, _facts(row, layout, context))
    for fact in others:
        if cell_len(text) + cell_len(separator) + cell_len(fact) <= room:
            text += separator + fact
    text = truncate(text, room)
    if not note:
        return (Span(text, "muted"),)
    return justify((Span(truncate(note, width - cell_len(text) - 3)),), (Span(text, "muted"),), width)


def _facts(row: RunSummary, layout: ColumnLayout, context: RunsContext) -> Iterator[str]:
    """Yield what the row does not show of a run, the most important first."""
    if row.name:
        yield row.preset
    yield f"{format_steps(row.step)} of {format_steps(row.config.max_steps)} steps"
    if changes(row) and cell_len(changed_text(row)) > layout.width_of("changed"):
        yield changes_text(row)
    if cell_len(escape_invisible(row.corpus)) > layout.width_of("corpus"):
        yield escape_invisible(row.corpus)
    if "params" not in layout.keys:
        yield f"{row.parameters:,} params"
    if "when" not in layout.keys:
        yield format_age(row.created, context.now)
    if "time" not in layout.keys:
        yield f"trained for {format_duration(row.training_seconds)}"


def _natural_widths(rows: Sequence[RunSummary], context: RunsContext) -> dict[str, int]:
    """Return the widths that the cells need, but for those that are cut off to fit."""
    best = _largest(row.best_val for row in rows)
    widest_texts = {
        "run": str(max((row.run for row in rows), default=0)),
        "params": f"{max((row.parameters for row in rows), default=0):,}",
        "steps": format_steps(max((row.step for row in rows), default=0)),
        "train": format_loss(_largest(row.train for row in rows)),
        "best": format_loss(best),
        "delta": f"+{format_loss(best)}",
    }
    widths = {key: max(min_width, len(widest_texts.get(key, ""))) for key, min_width in MIN_WIDTHS.items()}
    longest_name = max((cell_len(readable(row.name or row.preset)) for row in rows), default=0)
    longest_corpus = max((cell_len(escape_invisible(row.corpus)) for row in rows), default=0)
    return {
        **widths,
        "name": min(max(longest_name, widths["name"]), MAX_NAME_WIDTH),
        "corpus": min(max(longest_corpus, widths["corpus"]), MAX_CORPUS_WIDTH),
    }


def _largest(losses: Iterable[float | None]) -> float:
    return max((loss for loss in losses if loss is not None and math.isfinite(loss)), default=0.0)
