"""The table of runs as lines: which columns a width has room for, and what is said of a run below it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from charwave_tui.core.records import RunSummary
from charwave_tui.ui import ages, numbers
from charwave_tui.ui.archive_view import Arrangement, changes, left_unfinished, state_words
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, raised, readable, spread
from charwave_tui.ui.run_cells import Company, cells, changed_text, changes_text, cut_off

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
    "when": ages.WIDEST,
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
class Plan:
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


def plan_for(rows: Sequence[RunSummary], width: int, company: Company) -> Plan:
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
    return Plan(tuple(least.items()), gap)


def header(plan: Plan, company: Company) -> Line:
    """The line of column headers."""
    headers = {**HEADERS, "name": "name"} if company.named else HEADERS
    return _line({key: (Piece(headers[key], "muted"),) for key in plan.keys}, plan)


def row_line(row: RunSummary, plan: Plan, company: Company, arrangement: Arrangement) -> Line:
    """One run, raised where the cursor is."""
    here = row.run == arrangement.here
    line = _line(cells(row, dict(plan.widths), company, arrangement.place(row.run), here), plan)
    return raised(line) if here else line


def about(row: RunSummary, plan: Plan, company: Company, width: int) -> Line:
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
        return (Piece(kept, "muted"),)
    return spread((Piece(cut_off(note, width - cell_len(kept) - 3)),), (Piece(kept, "muted"),), width)


def _facts(row: RunSummary, plan: Plan, company: Company) -> Iterator[str]:
    """What else is known of a run, most wanted first."""
    if row.name:
        yield row.preset
    yield f"{numbers.steps(row.step)} of {numbers.steps(row.config.max_steps)} steps"
    if changes(row) and cell_len(changed_text(row, company)) > dict(plan.widths).get("changed", 0):
        yield changes_text(row)
    if "params" not in plan.keys:
        yield f"{row.parameters:,} params"
    if "when" not in plan.keys:
        yield ages.when(row.created, company.moment)
    if "time" not in plan.keys:
        yield f"trained for {numbers.duration(row.training_seconds)}"
    if "changed" not in plan.keys or row.corpus == company.usual_corpus:
        yield row.corpus


def _line(every: Mapping[str, Line], plan: Plan) -> Line:
    line: Line = ()
    for key, width in plan.widths:
        cell = every[key]
        filled = spread(cell, (), width) if key in WORDS else spread((), cell, width)
        line = (*line, *filled, Piece(" " * plan.gap_after(key) * (key != plan.widths[-1][0])))
    return line


def _wanted(rows: Sequence[RunSummary], company: Company) -> dict[str, int]:
    """The columns that each would take by itself, but for what is cut off to fit; of figures the largest tells."""
    best = _largest(row.best_val for row in rows)
    unfinished = (row for row in rows if left_unfinished(row, company.present_run))
    texts = {
        "run": str(max((row.run for row in rows), default=0)),
        "params": f"{max((row.parameters for row in rows), default=0):,}",
        "steps": numbers.steps(max((row.step for row in rows), default=0)),
        "train": numbers.loss(_largest(row.train for row in rows)),
        "best": numbers.loss(best),
        "delta": f"+{numbers.loss(best)}",
        "state": max((state_words(row, company.present_run) for row in unfinished), key=len, default=""),
    }
    wanted = {key: max(least, len(texts.get(key, ""))) for key, least in NARROWEST.items()}
    names = {row.name or row.preset for row in rows}
    longest = max((cell_len(readable(name)) for name in names), default=0)
    return {**wanted, "name": min(max(longest, wanted["name"]), LONGEST_NAME)}


def _largest(losses: Iterable[float | None]) -> float:
    return max((loss for loss in losses if loss is not None and math.isfinite(loss)), default=0.0)
