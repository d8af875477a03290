"""Cells and columns of the runs table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from charwave_tui.core.metrics import RunState
from charwave_tui.core.store.run_record import RunSummary
from charwave_tui.ui.drawing.number_format import WIDEST, format_age, format_duration, format_loss, format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, highlighted, justify, readable, shortened
from charwave_tui.ui.state.runs_state import (
    INKS,
    MARKS,
    RunsViewOptions,
    best_vals,
    changes,
    left_unfinished,
    state_words,
)
from charwave_tui.ui.terminal.glyphs import GLYPHS

LONGEST_CORPUS = 20
"""Columns that a corpus has among the changes; of a path the end is shown."""


@dataclass(frozen=True, slots=True)
class RunsContext:
    """What a run is seen among; `best` is the best val of each corpus, `named` whether any run has its own name."""

    moment: datetime
    best: Mapping[str, float]
    present_run: int | None
    usual_corpus: str
    named: bool

    @staticmethod
    def of(rows: Sequence[RunSummary], present_run: int | None, moment: datetime) -> RunsContext:
        """The company that `rows` are to each of them."""
        corpora = Counter(row.corpus for row in rows).most_common(1)
        usual = corpora[0][0] if corpora else ""
        return RunsContext(moment, best_vals(rows), present_run, usual, any(row.name for row in rows))


def run_cells(
    row: RunSummary, widths: Mapping[str, int], company: RunsContext, place: int | None, here: bool
) -> dict[str, StyledLine]:
    """The text of every column for one run, which is the one at `place` of the chosen."""
    name = cut_off(readable(row.name or row.preset), widths["name"])
    best = row.best_val is not None and row.best_val == company.best.get(row.corpus)
    changed = cut_off(changed_text(row, company), widths.get("changed", 0))
    return {
        "mark": (Span(GLYPHS.here if here else " ", "accent", True), _held_mark(row, company), *_chosen_mark(place)),
        "run": (Span(str(row.run), "bright" if here else "muted"),),
        "name": (Span(name, "bright" if here or row.name else "fg", bold=here),),
        "changed": (Span(changed, "muted"),),
        "params": (Span(f"{row.parameters:,}"),),
        "steps": (Span(format_steps(row.step)),),
        "time": (Span(format_duration(row.training_seconds), "muted"),),
        "when": (Span(format_age(row.created, company.moment), "muted"),),
        "train": (loss_piece(row.train),),
        "best": (replace(loss_piece(row.best_val), role="bright", bold=True) if best else loss_piece(row.best_val),),
        "delta": (Span(delta_text(row, company), "muted"),),
        "state": (state_piece(row, company, "changed" not in widths),),
        "note": (Span(cut_off(readable(row.note), widths.get("note", 0))),),
    }


def _held_mark(row: RunSummary, company: RunsContext) -> Span:
    if row.run != company.present_run:
        return Span(" ")
    return Span(GLYPHS.running, "train") if row.state is RunState.TRAINING else Span(GLYPHS.ready, "muted")


def _chosen_mark(place: int | None) -> StyledLine:
    return () if place is None else (Span(MARKS[place], INKS[place], bold=True),)


def changes_text(row: RunSummary) -> str:
    """What the run has otherwise than its preset."""
    return ", ".join(f"{name} {value}" for name, value in changes(row))


def distinguishing_text(row: RunSummary) -> str:
    """What tells a run from others of its name: the preset of a named one, what it has of its own, its best val."""
    best = "" if row.best_val is None else f"best val {format_loss(row.best_val)}"
    return ", ".join(filter(None, (row.preset if row.name else "", changes_text(row), best)))


def changed_text(row: RunSummary, company: RunsContext) -> str:
    """What the run has of its own; a named one's preset before it, and a corpus that is not the usual one."""
    corpus = "" if row.corpus == company.usual_corpus else f"corpus {shortened(row.corpus, LONGEST_CORPUS)}"
    parts = (row.preset if row.name else "", changes_text(row), corpus)
    return readable(", ".join(filter(None, parts)))


def loss_piece(value: float | None) -> Span:
    """A loss, a dash where it was never measured."""
    if value is None:
        return Span(GLYPHS.none, "muted")
    return Span(format_loss(value), "fg" if math.isfinite(value) else "error")


def delta_text(row: RunSummary, company: RunsContext) -> str:
    """How far the run is over the best of its corpus."""
    best = company.best.get(row.corpus)
    if best is None or row.best_val is None or not math.isfinite(row.best_val):
        return GLYPHS.none
    return "best" if row.best_val == best else f"+{format_loss(row.best_val - best)}"


def state_piece(row: RunSummary, company: RunsContext, brief: bool) -> Span:
    """What the run is doing, or how it ended."""
    roles = {RunState.TRAINING: "train", RunState.DIVERGED: "error"}
    text = state_words(row, company.present_run, brief=brief)
    if left_unfinished(row, company.present_run):
        return Span(text)
    return Span(text, roles.get(row.state, "muted"), bold=row.state is RunState.TRAINING)


def cut_off(text: str, width: int) -> str:
    """The text in at most `width` columns; a longer one ends with `…`."""
    if cell_len(text) <= width:
        return text
    room = width - cell_len(GLYPHS.cut)
    return set_cell_size(text, room).rstrip() + GLYPHS.cut if room >= 0 else ""


HEADERS = {
    "mark": "",
    "run": "run",
    "name": "preset",
    "changed": "changed",
    "params": "params",
    "steps": "steps",
    "time": "time",
    "when": "when",
    "train": "train",
    "best": "best val",
    "delta": "Δ best" if GLYPHS.fine else "vs best",
    "state": "state",
    "note": "note",
}
"""The column headers by key, in the order of the table."""


FIRST_TO_GO = ("note", "time", "changed", "params", "when", "delta", "train", "steps", "state")
"""Columns that are left out as the room shrinks, the first of them first."""


NARROWEST = {
    "mark": 3,
    "run": 3,
    "name": 12,
    "changed": 12,
    "params": 7,
    "steps": 7,
    "time": 6,
    "when": WIDEST,
    "train": 6,
    "best": 8,
    "delta": 7,
    "state": 8,
    "note": 24,
}
"""Columns that each has at least, so that the table stands still as figures come and change."""


LONGEST_NAME, LONGEST_CHANGED = 24, 32
"""Columns that a name has at most, and changes where there is a note to give room to."""


BRIEF_STATE = 10
"""Columns of `unfinished`."""


ROOMY = 24
"""Columns that changes get before there is a note, and before the gaps grow wider."""


WORDS = frozenset({"mark", "name", "changed", "state", "note"})
"""Columns that begin at the left; figures end at the right."""


GAP = 2
"""Columns between two columns of the table, one more where there is room; the mark stands close to its run."""


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """How the table is laid out: the width of every column in it, and the gap between two."""

    widths: tuple[tuple[str, int], ...]
    gap: int

    @property
    def keys(self) -> frozenset[str]:
        """The columns in it."""
        return frozenset(key for key, _ in self.widths)

    def stretch(self, key: str, least: int) -> tuple[int, int]:
        """First column and width of the column `key` with as many of those behind it as make it `least` wide."""
        start = width = 0
        for name, columns in self.widths:
            if name != key and not width:
                start += columns + self.gap_after(name)
            elif width < least:
                width += (self.gap if width else 0) + columns
        return start, width

    def gap_after(self, key: str) -> int:
        """Blank columns between this column and the next."""
        return 1 if key == "mark" else self.gap


def fit_columns(rows: Sequence[RunSummary], width: int, company: RunsContext) -> ColumnLayout:
    """The richest form that `width` columns have room for; spare room goes to names, gaps, and words."""
    wanted = _wanted(rows, company)
    for count in range(not any(row.note for row in rows), len(FIRST_TO_GO) + 1):
        least = {key: wanted[key] for key in HEADERS if key not in FIRST_TO_GO[:count]}
        if "note" in least:
            least["changed"] = ROOMY
        elif "changed" not in least:
            least["name"] = NARROWEST["name"]
            if "state" in least:
                least["state"] = BRIEF_STATE if wanted["state"] > NARROWEST["state"] else NARROWEST["state"]
        spare = width - sum(least.values()) - GAP * (len(least) - 2) - 1
        if spare >= 0:
            break
    more = min(max(spare, 0), wanted["name"] - least["name"])
    least["name"] += more
    spare -= more
    gap = GAP + (spare >= len(least) + (ROOMY - NARROWEST["changed"] if "changed" in least else 0))
    spare -= (gap - GAP) * (len(least) - 2)
    if "note" in least:
        more = min(spare, LONGEST_CHANGED - least["changed"])
        least["changed"] += more
        spare -= more
    last = next(key for key in ("note", "changed", "name") if key in least)
    least[last] += max(spare, 0)
    return ColumnLayout(tuple(least.items()), gap)


def header(plan: ColumnLayout, company: RunsContext) -> StyledLine:
    """The line of column headers."""
    headers = {**HEADERS, "name": "name"} if company.named else HEADERS
    return _line({key: (Span(headers[key], "muted"),) for key in plan.keys}, plan)


def row_line(row: RunSummary, plan: ColumnLayout, company: RunsContext, arrangement: RunsViewOptions) -> StyledLine:
    """One run, raised where the cursor is."""
    here = row.run == arrangement.here
    line = _line(run_cells(row, dict(plan.widths), company, arrangement.place(row.run), here), plan)
    return highlighted(line) if here else line


def detail_line(row: RunSummary, plan: ColumnLayout, company: RunsContext, width: int) -> StyledLine:
    """What the row has no room for, in one line: the note first, then facts as far as they fit."""
    note = readable(row.note)
    if cell_len(note) <= dict(plan.widths).get("note", 0):
        note = ""
    room = width - min(cell_len(note), width * 2 // 3) - (3 if note else 0)
    between = f" {GLYPHS.dot} "
    kept, *others = map(readable, _facts(row, plan, company))
    for fact in others:
        if cell_len(kept) + cell_len(between) + cell_len(fact) <= room:
            kept += between + fact
    kept = cut_off(kept, room)
    if not note:
        return (Span(kept, "muted"),)
    return justify((Span(cut_off(note, width - cell_len(kept) - 3)),), (Span(kept, "muted"),), width)


def _facts(row: RunSummary, plan: ColumnLayout, company: RunsContext) -> Iterator[str]:
    """What else is known of a run, most wanted first."""
    if row.name:
        yield row.preset
    yield f"{format_steps(row.step)} of {format_steps(row.config.max_steps)} steps"
    if changes(row) and cell_len(changed_text(row, company)) > dict(plan.widths).get("changed", 0):
        yield changes_text(row)
    if "params" not in plan.keys:
        yield f"{row.parameters:,} params"
    if "when" not in plan.keys:
        yield format_age(row.created, company.moment)
    if "time" not in plan.keys:
        yield f"trained for {format_duration(row.training_seconds)}"
    if "changed" not in plan.keys or row.corpus == company.usual_corpus:
        yield row.corpus


def _line(every: Mapping[str, StyledLine], plan: ColumnLayout) -> StyledLine:
    line: StyledLine = ()
    for key, width in plan.widths:
        cell = every[key]
        filled = justify(cell, (), width) if key in WORDS else justify((), cell, width)
        line = (*line, *filled, Span(" " * plan.gap_after(key) * (key != plan.widths[-1][0])))
    return line


def _wanted(rows: Sequence[RunSummary], company: RunsContext) -> dict[str, int]:
    """The columns that each would take by itself, but for what is cut off to fit; of figures the largest tells."""
    best = _largest(row.best_val for row in rows)
    unfinished = (row for row in rows if left_unfinished(row, company.present_run))
    texts = {
        "run": str(max((row.run for row in rows), default=0)),
        "params": f"{max((row.parameters for row in rows), default=0):,}",
        "steps": format_steps(max((row.step for row in rows), default=0)),
        "train": format_loss(_largest(row.train for row in rows)),
        "best": format_loss(best),
        "delta": f"+{format_loss(best)}",
        "state": max((state_words(row, company.present_run) for row in unfinished), key=len, default=""),
    }
    wanted = {key: max(least, len(texts.get(key, ""))) for key, least in NARROWEST.items()}
    names = {row.name or row.preset for row in rows}
    longest = max((cell_len(readable(name)) for name in names), default=0)
    return {**wanted, "name": min(max(longest, wanted["name"]), LONGEST_NAME)}


def _largest(losses: Iterable[float | None]) -> float:
    return max((loss for loss in losses if loss is not None and math.isfinite(loss)), default=0.0)
