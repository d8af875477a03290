"""A list of sampled names in as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.reactive import reactive

from charwave_tui.core.metrics import SampledName
from charwave_tui.ui.drawing.name_style import mean_nll, name_novelty, novelty_shares, style_name
from charwave_tui.ui.drawing.number_format import format_nll
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify, key_span, to_sentence
from charwave_tui.ui.drawing.theme import ThemedWidget, to_rich_text
from charwave_tui.ui.state.run_state import NamesState
from charwave_tui.ui.terminal.glyphs import GLYPHS

MIN_ENTRY_WIDTH = 32  # columns of an entry from which on a second one may stand beside it
MIN_WORD_WIDTH = 31  # columns from which on an entry has `new`, `near` or `corpus` beside the glyph
ENTRY_GAP = 4  # columns between two entries in a row


class NameList(ThemedWidget):
    """Names with their nll, coloured by probability, a page at a time, with a summary in the last line.

    `top` is the index of the first name on the page; `part` describes the page, `1–11 of 50`, if it does not hold all.
    """

    DEFAULT_CSS = """
    NameList { height: 1fr; margin-top: 1; background: $ink-bg; color: $ink-fg; }
    """

    names: reactive[NamesState] = reactive(NamesState)
    top: reactive[int] = reactive(0)
    part: reactive[str] = reactive("", repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self._page = 0  # the chosen one, which exists again once all names have come

    @property
    def capacity(self) -> int:
        return _rows(self.size.height) * _columns(self.size.width)

    def turn_page(self, pages: int) -> None:
        """Show the page so many pages on or back; the last one, if there are fewer by now."""
        last = max(0, len(self.names.names) - 1) // max(1, self.capacity)
        if pages:
            self._page = min(max(min(self._page, last) + pages, 0), last)
        self.top = min(self._page, last) * self.capacity
        total = 0 if self.names.refusal else len(self.names.names)
        page = f"{self.top + 1}{GLYPHS.dash}{min(self.top + self.capacity, total)} of {total}"
        self.part = page if 0 < self.capacity < total else ""

    def watch_names(self) -> None:
        self.turn_page(0)

    def on_resize(self) -> None:
        self.turn_page(0)

    def render(self) -> Text:
        if self.names.refusal:
            return to_rich_text(self, _refusal(self.names))
        if not self.names.names:
            hint = (key_span("g"), Span(" samples names from the current model.", "muted"))
            return to_rich_text(self, hint)
        return Text("\n").join(to_rich_text(self, line) for line in self._lines())

    def _lines(self) -> list[StyledLine]:
        width, rows = self.size.width, _rows(self.size.height)
        if not rows or not width:
            return []
        page = self.names.names[self.top : self.top + self.capacity]
        # the summary and every name keep their places as more names come
        return [*entry_lines(page, width, rows), (), names_summary(self.names.names, width)]


def entry_lines(names: Sequence[SampledName], width: int, rows: int) -> list[StyledLine]:
    """Return the names from the top down in as many columns as fit, always in `rows` lines."""
    column_count = _columns(width)
    entry_width = (width - ENTRY_GAP * (column_count - 1)) // column_count
    lines: list[StyledLine] = [()] * rows
    for index, sampled in enumerate(names[: rows * column_count]):
        row = index % rows
        gap = (Span(" " * ENTRY_GAP),) if lines[row] else ()
        lines[row] = (*lines[row], *gap, *name_entry(sampled, entry_width))
    return lines


def name_entry(sampled: SampledName, width: int) -> StyledLine:
    """Return a name, its nll and its novelty in `width` columns."""
    mark, novelty = name_novelty(sampled)
    word = f" {novelty:6}" if width >= MIN_WORD_WIDTH else ""
    nll = f"{format_nll(sampled.nll):>6}"
    room = max(1, width - len(nll) - 3 - len(word))
    return (
        *justify(style_name(sampled, room), (), room),
        Span(f"{nll}  ", "muted" if sampled.in_corpus else "fg"),
        mark,
        Span(word, "muted"),
    )


def names_summary(names: Sequence[SampledName], width: int) -> StyledLine:
    """Return the mean nll and the novelty fractions of names in the fullest form that fits `width`."""
    words = glyphs = ["word list missing"]
    if (fractions := novelty_shares(names)) is not None:
        parts = [(fractions.new, "new", GLYPHS.new), (fractions.near, "near", GLYPHS.near)]
        if fractions.held_out is None:
            parts.append((fractions.corpus, "corpus", GLYPHS.corpus))
        else:
            parts += [(fractions.corpus, "train", GLYPHS.corpus), (fractions.held_out, "unseen", GLYPHS.unseen)]
        words = [f"{fraction:.0%} {word}" for fraction, word, _ in parts]
        glyphs = [f"{glyph} {fraction:.0%}" for fraction, _, glyph in parts]
    full: StyledLine = (
        Span("mean ", "muted"),
        Span(format_nll(mean_nll(names)), "bright"),
        Span(" nll", "muted"),
    )
    brief = full[:2]
    forms = ((full, words), (full, glyphs), (full, words[:2]), (brief, words[:2]), (brief, glyphs))
    for left, texts in (*forms, (brief, glyphs[:2]), (brief, words[:1])):
        right = (Span("  ".join(texts), "muted"),)
        if cell_width(left) + 2 + cell_width(right) <= width:
            return justify(left, right, width)
    return justify(brief, (), width)


def _refusal(names: NamesState) -> StyledLine:
    key, effect = ("w", "rewinds") if names.is_after_divergence else ("g", "tries again")
    text = to_sentence(f"{names.refusal}; {names.remedy}" if names.remedy else names.refusal)
    return (Span(f"{text}\n\n"), key_span(key), Span(f" {effect}.", "muted"))


def _columns(width: int) -> int:
    return max(1, (width + ENTRY_GAP) // (MIN_ENTRY_WIDTH + ENTRY_GAP))


def _rows(height: int) -> int:
    return max(0, height - 2)  # the summary and the empty row above it
