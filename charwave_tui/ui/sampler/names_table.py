"""Names with a cursor, one in detail."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from textual.reactive import reactive

from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import SampledName
from charwave_tui.ui.drawing.name_style import LEGEND, novelty_mark
from charwave_tui.ui.drawing.number_format import format_nll, format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, highlight, justify, readable, rule
from charwave_tui.ui.sampler import step_views
from charwave_tui.ui.state.run_state import NamesState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.name_list import ENTRY_GAP, name_entry, names_summary
from charwave_tui.ui.widgets.text_lines import TextPane

NARROWEST = 36
"""Columns that a name needs before another may stand beside it."""


_MARKS = 3


def across(width: int) -> int:
    """How many names stand side by side."""
    return max(1, (width + ENTRY_GAP) // (NARROWEST + ENTRY_GAP))


def name_rows(
    names: Sequence[SampledName], here: int, active: bool, starred: Collection[str], width: int, rows: int
) -> list[StyledLine]:
    """The page of names on which the cursor is, from the top down in columns, in exactly `rows` lines.

    The cursor is lit while the list is `active`.
    """
    beside = across(width)
    each = (width - ENTRY_GAP * (beside - 1)) // beside
    capacity = max(rows * beside, 1)
    first = here // capacity * capacity
    lines: list[StyledLine] = [()] * rows
    for place, sampled in enumerate(names[first : first + rows * beside]):
        row, chosen = place % rows, first + place == here
        marks = (
            Span(GLYPHS.cursor if chosen else " ", "accent" if active else "muted"),
            Span(GLYPHS.star if sampled.name in starred else " ", "warning"),
            Span(" "),
        )
        made: StyledLine = (*marks, *name_entry(sampled, each - _MARKS))
        between = (Span(" " * ENTRY_GAP),) if lines[row] else ()
        lines[row] = (*lines[row], *between, *(highlight(made) if chosen and active else made))
    return lines


def novelty_text(sampled: SampledName) -> StyledLine:
    """Where a name is known from, with the word that it is near to."""
    mark, word = novelty_mark(sampled)
    said = {"corpus": " in the corpus", "near": f" one edit from {readable(sampled.near)}"}.get(word, f" {word}")
    return (mark, Span(said, "muted"))


def name_detail(sampled: SampledName, width: int, height: int) -> list[StyledLine]:
    """A name character by character in at most `height` lines, as a table where there is room for it."""
    marked = step_views.scored_chars(sampled.name, sampled.surprises)
    figures = (Span(format_nll(sampled.nll), "bright", True), Span(" nll   ", "muted"), *novelty_text(sampled))
    figures = justify(figures, (), width)
    if not marked:
        return [figures][:height]
    if height < len(marked) + 4:
        return [figures, *step_views.wrapped_chars(marked, width)][:height]
    legend = [(), LEGEND] if height >= len(marked) + 6 and cell_width(LEGEND) <= width else []
    return [step_views.HEAD, *(step_views.row(mark, (), width) for mark in marked), (), figures, *legend]


def remark(names: NamesState, sampling: SamplingConfig) -> str:
    """What has to be said of the names that were drawn: that fewer were found than asked, or that more come."""
    step = f"step {format_steps(names.step)}"
    if not names.done:
        return f"{step} {GLYPHS.dot} more to come"
    if sampling.only_new == "yes" and len(names.names) < sampling.count:
        return f"{len(names.names)} new of {sampling.count:,} asked, {names.drawn:,} drawn"
    return step


CLOSE = 5
"""Lines that the name under the cursor has below the list."""


TALL = 14
"""Rows from which there is room for it there."""


class NamesTable(TextPane):
    """Names with a cursor; `closely` shows the one under it character by character below the list."""

    names: reactive[NamesState] = reactive(NamesState, repaint=False)
    """The names as last drawn."""
    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)
    """What they were drawn with."""
    starred: reactive[frozenset[str]] = reactive(frozenset, repaint=False)
    """The names that are starred."""
    active: reactive[bool] = reactive(False, repaint=False)
    """Whether the arrows walk them."""
    words: reactive[tuple[StyledLine, ...]] = reactive((), repaint=False)
    """Why there are no names."""
    detailed: reactive[bool] = reactive(False, repaint=False)
    """Whether the name under the cursor is looked at closely here."""

    def __init__(self, title: str, *, id: str, classes: str) -> None:
        super().__init__(title, id=id, classes=classes)
        self._here = 0

    def under_cursor(self, names: Sequence[SampledName]) -> SampledName | None:
        """The one of `names` on which the cursor is."""
        return names[min(self._here, len(names) - 1)] if names else None

    def walk(self, places: int) -> None:
        """Move the cursor."""
        last = len(self.names.names) - 1
        self._here = max(min(min(self._here, last) + places, last), 0)
        self.update()

    def page(self, pages: int) -> None:
        """Move the cursor by what is seen at once."""
        self.walk(pages * max(self._rows, 1) * across(self.inner_size[0]))

    def watch_names(self) -> None:
        self.update()

    def watch_starred(self) -> None:
        self.update()

    def watch_active(self, active: bool) -> None:
        self.set_class(active, "keyed")
        self.update()

    def watch_words(self) -> None:
        self.update()

    def watch_closely(self) -> None:
        self.update()

    def on_resize(self) -> None:
        self.update()

    @property
    def _rows(self) -> int:
        """Rows of names that are seen."""
        height = self.inner_size[1]
        close = CLOSE if self.detailed and height >= TALL else 0
        return max(height - 2 - close, 1)

    def update(self) -> None:
        """Draw what changed."""
        width, height = self.inner_size
        if not self.is_mounted or not width or not height:
            return
        listed = self.names.names
        here = self.under_cursor(listed)
        if here is None:
            self.note = self.remark = ""
            self.set_lines(self.words)
            return
        place = min(self._here, len(listed) - 1)
        lines: list[StyledLine] = name_rows(listed, place, self.active, self.starred, width, self._rows)
        lines += [(), names_summary(listed, width)][-max(height - len(lines), 0) :]
        if self.detailed and height >= TALL:
            lines += [rule((), width), *name_detail(here, width, CLOSE - 1)]
        self.set_lines(lines)
        self.note = f"{place + 1} of {len(listed):,}"
        self.remark = remark(self.names, self.sampling)
