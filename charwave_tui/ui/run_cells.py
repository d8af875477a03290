"""The table of runs, cell by cell: what stands in each, and what a run is seen among."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from charwave_tui.core.readings import State
from charwave_tui.core.records import RunSummary
from charwave_tui.ui import ages, numbers
from charwave_tui.ui.archive_view import best_vals, changes, left_unfinished, state_words
from charwave_tui.ui.comparison import INKS, MARKS
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, readable, shortened

LONGEST_CORPUS = 20
"""Columns that a corpus has among the changes; of a path the end is shown."""


@dataclass(frozen=True, slots=True)
class Company:
    """What a run is seen among; `best` is the best val of each corpus, `named` whether any run has its own name."""

    moment: datetime
    best: Mapping[str, float]
    present_run: int | None
    usual_corpus: str
    named: bool

    @staticmethod
    def of(rows: Sequence[RunSummary], present_run: int | None, moment: datetime) -> Company:
        """The company that `rows` are to each of them."""
        corpora = Counter(row.corpus for row in rows).most_common(1)
        usual = corpora[0][0] if corpora else ""
        return Company(moment, best_vals(rows), present_run, usual, any(row.name for row in rows))


def cells(
    row: RunSummary, widths: Mapping[str, int], company: Company, place: int | None, here: bool
) -> dict[str, Line]:
    """The text of every column for one run, which is the one at `place` of the chosen."""
    name = cut_off(readable(row.name or row.preset), widths["name"])
    best = row.best_val is not None and row.best_val == company.best.get(row.corpus)
    changed = cut_off(changed_text(row, company), widths.get("changed", 0))
    return {
        "mark": (Piece(GLYPHS.here if here else " ", "accent", True), _held_mark(row, company), *_chosen_mark(place)),
        "run": (Piece(str(row.run), "bright" if here else "muted"),),
        "name": (Piece(name, "bright" if here or row.name else "fg", bold=here),),
        "changed": (Piece(changed, "muted"),),
        "params": (Piece(f"{row.parameters:,}"),),
        "steps": (Piece(numbers.steps(row.step)),),
        "time": (Piece(numbers.duration(row.training_seconds), "muted"),),
        "when": (Piece(ages.when(row.created, company.moment), "muted"),),
        "train": (loss_piece(row.train),),
        "best": (replace(loss_piece(row.best_val), role="bright", bold=True) if best else loss_piece(row.best_val),),
        "delta": (Piece(delta_text(row, company), "muted"),),
        "state": (state_piece(row, company, "changed" not in widths),),
        "note": (Piece(cut_off(readable(row.note), widths.get("note", 0))),),
    }


def _held_mark(row: RunSummary, company: Company) -> Piece:
    if row.run != company.present_run:
        return Piece(" ")
    return Piece(GLYPHS.running, "train") if row.state is State.TRAINING else Piece(GLYPHS.ready, "muted")


def _chosen_mark(place: int | None) -> Line:
    return () if place is None else (Piece(MARKS[place], INKS[place], bold=True),)


def changes_text(row: RunSummary) -> str:
    """What the run has otherwise than its preset."""
    return ", ".join(f"{name} {value}" for name, value in changes(row))


def told_apart(row: RunSummary) -> str:
    """What tells a run from others of its name: the preset of a named one, what it has of its own, its best val."""
    best = "" if row.best_val is None else f"best val {numbers.loss(row.best_val)}"
    return ", ".join(filter(None, (row.preset if row.name else "", changes_text(row), best)))


def changed_text(row: RunSummary, company: Company) -> str:
    """What the run has of its own; a named one's preset before it, and a corpus that is not the usual one."""
    corpus = "" if row.corpus == company.usual_corpus else f"corpus {shortened(row.corpus, LONGEST_CORPUS)}"
    parts = (row.preset if row.name else "", changes_text(row), corpus)
    return readable(", ".join(filter(None, parts)))


def loss_piece(value: float | None) -> Piece:
    """A loss, a dash where it was never measured."""
    if value is None:
        return Piece(GLYPHS.none, "muted")
    return Piece(numbers.loss(value), "fg" if math.isfinite(value) else "error")


def delta_text(row: RunSummary, company: Company) -> str:
    """How far the run is over the best of its corpus."""
    best = company.best.get(row.corpus)
    if best is None or row.best_val is None or not math.isfinite(row.best_val):
        return GLYPHS.none
    return "best" if row.best_val == best else f"+{numbers.loss(row.best_val - best)}"


def state_piece(row: RunSummary, company: Company, brief: bool) -> Piece:
    """What the run is doing, or how it ended."""
    roles = {State.TRAINING: "train", State.DIVERGED: "error"}
    text = state_words(row, company.present_run, brief=brief)
    if left_unfinished(row, company.present_run):
        return Piece(text)
    return Piece(text, roles.get(row.state, "muted"), bold=row.state is State.TRAINING)


def cut_off(text: str, width: int) -> str:
    """The text in at most `width` columns; a longer one ends with `…`."""
    if cell_len(text) <= width:
        return text
    room = width - cell_len(GLYPHS.cut)
    return set_cell_size(text, room).rstrip() + GLYPHS.cut if room >= 0 else ""
