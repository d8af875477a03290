"""The table of sampled names with a cursor, and the lines that show one name character by character."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from textual.reactive import reactive

from charwave_tui.core.config.sampling_config import ONLY_NEW, SamplingConfig
from charwave_tui.core.memorising import memorising_of_names
from charwave_tui.core.metrics import RepeatCounts, SampledName
from charwave_tui.ui.drawing.name_style import LEGEND, name_novelty
from charwave_tui.ui.drawing.number_format import format_nll, format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, highlight, justify, readable, rule
from charwave_tui.ui.sampler import step_views
from charwave_tui.ui.state.run_state import NamesState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.name_list import ENTRY_GAP, name_entry, names_summary
from charwave_tui.ui.widgets.text_lines import TextPane

MIN_ENTRY_WIDTH = 36  # columns that a name needs before another is placed beside it
MARK_COLUMNS = 3  # cursor, star, blank
DETAIL_HEIGHT = 5  # lines below the table for the name under the cursor
MIN_HEIGHT_FOR_DETAIL = 14


def column_count(width: int) -> int:
    return max(1, (width + ENTRY_GAP) // (MIN_ENTRY_WIDTH + ENTRY_GAP))


def name_rows(
    names: Sequence[SampledName], cursor: int, active: bool, starred: Collection[str], width: int, height: int
) -> list[StyledLine]:
    """Return the page of names with the cursor in exactly `height` lines, column by column.

    The cursor is highlight while the table is `active`.
    """
    columns = column_count(width)
    entry_width = (width - ENTRY_GAP * (columns - 1)) // columns
    capacity = max(height * columns, 1)
    first = cursor // capacity * capacity
    lines: list[StyledLine] = [()] * height
    for index, sampled in enumerate(names[first : first + height * columns]):
        row, is_current = index % height, first + index == cursor
        entry: StyledLine = (
            Span(GLYPHS.cursor if is_current else " ", "accent" if active else "muted"),
            Span(GLYPHS.star if sampled.name in starred else " ", "warning"),
            Span(" "),
            *name_entry(sampled, entry_width - MARK_COLUMNS),
        )
        gap = (Span(" " * ENTRY_GAP),) if lines[row] else ()
        lines[row] = (*lines[row], *gap, *(highlight(entry) if is_current and active else entry))
    return lines


def name_detail(sampled: SampledName, width: int, height: int) -> list[StyledLine]:
    """Return a name character by character in at most `height` lines, as a table if there is space."""
    mark, novelty = name_novelty(sampled)
    texts = {
        "": " the word list is missing",
        "corpus": " in the corpus",
        "train": " in train",
        "unseen": " in the corpus, not in train",
        "near": f" one edit from {readable(sampled.near)}",
        "cut": f" cut off after {len(sampled.name):,} characters",
    }
    text = texts.get(novelty, f" {novelty}")
    summary: StyledLine = (Span(format_nll(sampled.nll), "bright", True), Span(" nll   ", "muted"))
    summary = justify((*summary, mark, Span(text, "muted")), (), width)
    path = step_views.scored_chars(sampled.name, sampled.nlls)
    if not path:
        return [summary][:height]
    if height < len(path) + 4:
        return [summary, *step_views.wrapped_path(path, width)][:height]
    legend = [(), LEGEND] if height >= len(path) + 6 and cell_width(LEGEND) <= width else []
    table = [step_views.path_row(char, (), width) for char in path]
    return [step_views.PATH_HEADER, *table, (), summary, *legend]


def sampling_note(names: NamesState, sampling: SamplingConfig, repeats: RepeatCounts | None) -> str:
    """Return the step of the model, and whether more names are to come or fewer were new than requested.

    Enough names also say how much the model has memorised.
    """
    step = f"step {format_steps(names.step)}"
    if not names.done:
        return f"{step} {GLYPHS.dot} still sampling"
    if sampling.only_new == ONLY_NEW and len(names.names) < sampling.count:
        return f"{len(names.names)} of {sampling.count:,} new, {names.requested:,} sampled"
    memorising = memorising_of_names(names.names, sampling, repeats)
    return f"{memorising} {GLYPHS.dot} {step}" if memorising is not None else step


class NamesTable(TextPane):
    """Sampled names with a cursor, or a message if there are none."""

    names: reactive[NamesState] = reactive(NamesState, repaint=False)
    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)  # settings of `names`
    starred: reactive[frozenset[str]] = reactive(frozenset, repaint=False)
    active: reactive[bool] = reactive(False, repaint=False)  # arrows move this cursor, not that of the settings
    repeats: reactive[RepeatCounts | None] = reactive(None, repaint=False)  # of the corpus of `names`
    message: reactive[tuple[StyledLine, ...]] = reactive((), repaint=False)
    shows_detail: reactive[bool] = reactive(False, repaint=False)  # of the name under the cursor, below the table

    def __init__(self, title: str, *, id: str, classes: str) -> None:
        super().__init__(title, id=id, classes=classes)
        self._cursor = 0

    def on_mount(self) -> None:
        for name in ("names", "starred", "active", "repeats", "message", "shows_detail"):
            self.watch(self, name, self.update, init=False)

    def on_resize(self) -> None:
        self.update()

    def name_at_cursor(self, names: Sequence[SampledName]) -> SampledName | None:
        """Return the one of `names` under the cursor; the mode has new names before this table is bound to them."""
        return names[min(self._cursor, len(names) - 1)] if names else None

    @property
    def page_size(self) -> int:
        return self._row_count * column_count(self.inner_size[0])

    @property
    def _row_count(self) -> int:
        return max(self.inner_size[1] - 2 - (DETAIL_HEIGHT if self._has_detail else 0), 1)

    @property
    def _has_detail(self) -> bool:
        return self.shows_detail and self.inner_size[1] >= MIN_HEIGHT_FOR_DETAIL

    def move_cursor(self, rows: int) -> None:
        last = len(self.names.names) - 1
        self._cursor = max(min(min(self._cursor, last) + rows, last), 0)
        self.update()

    def update(self) -> None:
        width, height = self.inner_size
        self.set_class(self.active, "keyed")
        if not self.is_mounted or not width or not height:
            return
        names = self.names.names
        current = self.name_at_cursor(names)
        if current is None:
            self.note = self.provenance = ""
            self.set_lines(self.message)
            return
        cursor = min(self._cursor, len(names) - 1)
        lines: list[StyledLine] = name_rows(names, cursor, self.active, self.starred, width, self._row_count)
        lines += [(), names_summary(names, width)][-max(height - len(lines), 0) :]
        if self._has_detail:
            lines += [rule((), width), *name_detail(current, width, DETAIL_HEIGHT - 1)]
        self.set_lines(lines)
        self.note = f"{cursor + 1} of {len(names):,}"
        self.provenance = sampling_note(self.names, self.sampling, self.repeats)
