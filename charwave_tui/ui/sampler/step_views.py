"""Next-character bars, path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from charwave_tui.core.protocol.events import NextPredicted
from charwave_tui.ui.drawing.block_graphics import horizontal_bar
from charwave_tui.ui.drawing.name_style import LEGEND, novelty_mark, style_character, style_name
from charwave_tui.ui.drawing.number_format import format_nll
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify, readable, shorten
from charwave_tui.ui.sampler.step_state import (
    END,
    MOST_LIKELY,
    TEMPERATURES,
    StepState,
    entropy,
    order_of,
    softmax_at,
    top_k_mass,
)
from charwave_tui.ui.state.sampler_state import PrefixSamples
from charwave_tui.ui.terminal.glyphs import GLYPHS

END_WORD = "end"
"""How the boundary that ends a name is written."""


FULL_BAR = 6.0
"""Nats of surprise that fill a bar: p = 0.0025."""


BAR = 14
"""Columns that a bar of surprise takes at most."""


_PATH_LABEL, _P, _SURPRISE = 6, 8, 10


_FIGURES = _P + _SURPRISE


_GAP = 2


HEAD: StyledLine = (Span(f"{'char':<{_PATH_LABEL}}{'p':>{_P}}{'surprise':>{_SURPRISE}}", "muted"),)
"""The heading of the table, without the context."""


@dataclass(frozen=True, slots=True)
class ScoredChar:
    """A character, or the word for the end, and −log p of it in nats."""

    text: str
    surprise: float

    @property
    def probability(self) -> float:
        """How probable it was."""
        return math.exp(-self.surprise)


def scored_chars(text: str, surprises: Sequence[float]) -> list[ScoredChar]:
    """The characters of `text` with their surprises; a further surprise is that of the end."""
    letters = [readable(symbol) for symbol in text]
    letters += [END_WORD] * (len(surprises) - len(letters))
    return [ScoredChar(letter, surprise) for letter, surprise in zip(letters, surprises, strict=False)]


def probability(value: float) -> str:
    """A probability, four places: `0.1210`."""
    return f"{value:.4f}" if math.isfinite(value) else "nan"


def row(mark: ScoredChar, context: StyledLine, width: int) -> StyledLine:
    """A line of the table in `width` columns: context, character, figures and the bar."""
    inked = style_character(mark.text, mark.surprise)
    bar = min(width - cell_width(context) - _PATH_LABEL - _FIGURES - _GAP, BAR)
    share = mark.surprise / FULL_BAR
    label = Span(mark.text, "warning" if inked.underline else "bright", True, underline=inked.underline)
    return (
        *context,
        label,
        Span(" " * max(_PATH_LABEL - cell_len(mark.text), 0)),
        Span(f"{probability(mark.probability):>{_P}}{format_nll(mark.surprise):>{_SURPRISE}}"),
        *(
            (Span(" " * _GAP), Span(horizontal_bar(share, bar), "warning" if inked.underline else "muted"))
            if bar > 2
            else ()
        ),
    )


def in_context(text: str, length: int) -> StyledLine:
    """The last `length` characters before a guess, the boundary as dots."""
    seen = readable(text[-length:])
    return (Span(GLYPHS.dot * (length - len(seen)), "line"), Span(seen, "fg"))


def line(path: Sequence[ScoredChar], right: StyledLine, width: int) -> StyledLine:
    """Character and probability of each in one line with `right` behind them; what does not fit is cut at the left."""
    kept: list[StyledLine] = []
    room = width - cell_width(right) - _GAP
    for mark in reversed(path):
        inked = style_character(mark.text, mark.surprise)
        label = Span(mark.text, "warning" if inked.underline else "bright", True, underline=inked.underline)
        item: StyledLine = (label, Span(f" {probability(mark.probability)}", "muted"), Span(" " * 3))
        more = 0 if len(kept) + 1 == len(path) else cell_len(GLYPHS.ellipsis) + 1
        if sum(map(cell_width, kept)) + cell_width(item) + more > room:
            kept.append((Span(f"{GLYPHS.ellipsis} ", "muted"),))
            break
        kept.append(item)
    return (*(piece for item in reversed(kept) for piece in item), *right)


def wrapped_chars(path: Sequence[ScoredChar], width: int) -> list[StyledLine]:
    """Characters and probabilities in as many lines as it takes."""
    each = max((cell_len(mark.text) for mark in path), default=1) + 10
    across = max(width // each, 1)
    lines: list[StyledLine] = []
    for start in range(0, len(path), across):
        made: StyledLine = ()
        for mark in path[start : start + across]:
            made = (*made, *justify(line([mark], (), each + _GAP), (), each))
        lines.append(made)
    return lines


def total(path: Sequence[ScoredChar]) -> float:
    """The surprises together, in nats."""
    return math.fsum(mark.surprise for mark in path)


def mean(path: Sequence[ScoredChar]) -> float:
    """The mean surprise, in nats per character; NaN of nothing."""
    return total(path) / len(path) if path else math.nan


def sums(path: Sequence[ScoredChar], words: str) -> StyledLine:
    """What the surprises come to: `so far  7.09 nats   1.77 per char`."""
    if not path:
        return ()
    return (
        Span(f"{words}  ", "muted"),
        Span(format_nll(total(path)), "bright", True),
        Span(" nats   ", "muted"),
        Span(format_nll(mean(path)), "bright", True),
        Span(" per char", "muted"),
    )


SCALES = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
"""The probabilities that a whole bar may stand for: the least that holds the highest one."""


_LABEL, _FIGURE, _NARROW = 8, 9, 48


@dataclass(frozen=True, slots=True)
class NextCharView:
    """What may follow: the ids with the likeliest first, and their probabilities at each of TEMPERATURES."""

    order: tuple[int, ...]
    columns: tuple[tuple[float, ...], ...]
    column: int
    symbols: str

    @classmethod
    def of(cls, surprises: tuple[float, ...], column: int, symbols: str) -> NextCharView:
        """The distribution whose −log p at temperature 1 are told, looked at in one column of TEMPERATURES."""
        return cls(
            tuple(order_of(surprises)),
            tuple(softmax_at(surprises, temperature) for temperature in TEMPERATURES),
            column,
            symbols,
        )

    @property
    def probabilities(self) -> tuple[float, ...]:
        """The probabilities in the column that is looked at, by id."""
        return self.columns[self.column]

    def word(self, place: int) -> str:
        """How the id is written."""
        return END_WORD if place == END else readable(self.symbols[place - 1])

    def lines(self, after: str, here: int | None, width: int, height: int) -> list[StyledLine]:
        """All of it in `height` rows: a heading, the rows around the one under the cursor, and the sums below."""
        order = self.order
        at = order.index(here) if here in order else 0
        sums = self._sums(width)
        foot = [(), *sums] if len(order) + 2 + len(sums) <= height else []
        room = height - 1 - len(foot)
        if len(order) > room and not foot:
            room -= 1
        if room < 1:
            return [self._head(after, width)][:height]
        top = max(min(at - room // 2, len(order) - room), 0)
        seen = order[top : top + room]
        lines = [self._head(after, width), *(self._row(place, place == order[at], width) for place in seen)]
        if len(order) > len(seen):
            lines.append(self._rest(top, order[top + room :], width))
        return [*lines, *foot]

    def _shown(self, width: int) -> tuple[int, ...]:
        """The columns of probabilities for which there is room."""
        return tuple(range(len(TEMPERATURES))) if width >= _NARROW else (self.column,)

    def _head(self, after: str, width: int) -> StyledLine:
        heads: StyledLine = ()
        for place in self._shown(width):
            chosen = place == self.column
            text = f"T {TEMPERATURES[place]:.1f}"
            heads = (*heads, Span(f"{text:>{_FIGURE}}", "accent" if chosen else "muted", chosen))
        text = shorten(readable(after), max(width - _LABEL - cell_width(heads) - 12, 1))
        said = (Span("next after "), Span(text, "bright")) if after else (Span("first character"),)
        return justify((Span(" " * _LABEL), *said), heads, width)

    def _row(self, place: int, here: bool, width: int) -> StyledLine:
        shown = self._shown(width)
        scale = next((scale for scale in SCALES if max(self.probabilities) <= scale), SCALES[-1])
        bar = horizontal_bar(self.probabilities[place] / scale, max(width - _LABEL - _FIGURE * len(shown) - 2, 0))
        word = self.word(place)
        left: StyledLine = (
            Span(GLYPHS.cursor if here else " ", "accent"),
            Span(" " * max(_LABEL - 2 - cell_len(word), 0)),
            Span(word, "bright" if here else "fg", here),
            Span(" "),
            Span(bar, "accent" if here else "muted"),
        )
        figures = tuple(
            Span(
                f"{probability(self.columns[column][place]):>{_FIGURE}}",
                "muted" if column != self.column else "bright" if here else "fg",
                here and column == self.column,
            )
            for column in shown
        )
        return justify(left, figures, width)

    def _rest(self, above: int, below: Sequence[int], width: int) -> StyledLine:
        """How many rows are out of sight, and what those below come to."""
        said = [f"{above:,} more, {GLYPHS.up}"] if above else []
        if below:
            together = sum(self.probabilities[place] for place in below)
            said.append(f"{len(below):,} more, {GLYPHS.down}  together {probability(together)}")
        return justify((Span(" " * _LABEL), Span("   ".join(said), "muted")), (), width)

    def _sums(self, width: int) -> list[StyledLine]:
        held = top_k_mass(self.probabilities)
        count = len(self.order)
        parts: list[StyledLine] = [
            (Span(f"top {min(MOST_LIKELY, count)} hold ", "muted"), Span(f"{held:.3f}", "bright")),
            (
                Span("entropy ", "muted"),
                Span(format_nll(entropy(self.probabilities)), "bright"),
                Span(" nats", "muted"),
            ),
            (Span(f"chance 1/{count:,} = {probability(1 / count)}", "muted"),),
        ]
        lines: list[StyledLine] = [(Span(" " * _LABEL), *parts[0])]
        for part in parts[1:]:
            longer = (*lines[-1], Span("   "), *part)
            if cell_width(longer) <= width:
                lines[-1] = longer
            else:
                lines.append((Span(" " * _LABEL), *part))
        return lines


WIDEST_CONTEXT = 12
"""Columns of context that are shown at most before each character."""


TALL = 9
"""Rows from which the path is a table."""


LEAST_PATH = 4
"""Rows of the path that are shown before names are tried."""


@dataclass(frozen=True, slots=True)
class PathView:
    """What there is to show: the steps, what is known of them, the names tried from there, and the model's context."""

    stepping: StepState
    known: NextPredicted | None
    tried: PrefixSamples
    context: int

    def lines(self, width: int, height: int) -> list[StyledLine]:
        """All of it in `height` rows of `width` columns; in few rows the path is a line."""
        if height < TALL:
            marked = self._marks()
            summary = (
                Span("mean ", "muted"),
                Span(format_nll(mean(marked)), "bright"),
                Span(" nll", "muted"),
            )
            told = line(marked, summary, width) if marked else self._hint()
            return [self._typed(width), told][:height]
        below = self._sums()
        tried = self._tried(width, height - 3 - LEAST_PATH - len(below))
        table = self._table(width, height - 2 - len(tried) - len(below))
        return [self._typed(width), (), *table, *below, *tried]

    def _typed(self, width: int) -> StyledLine:
        stepping = self.stepping
        temperature: StyledLine = (
            Span("temp ", "muted"),
            Span(f"{GLYPHS.left} ", "accent"),
            Span(f"{stepping.temperature:.1f}", "bright", True),
            Span(f" {GLYPHS.right}", "accent"),
        )
        room = width - cell_width(temperature) - 11
        text = readable(stepping.prefix)
        while text and cell_len(text) > room:
            text = text[1:]
        cursor = Span(f" {END_WORD}", "muted") if stepping.ended else Span(" ", "fg", background="accent")
        return justify((Span("prefix  ", "muted"), Span(text, "bright", True), cursor), temperature, width)

    def _hint(self) -> StyledLine:
        if self.stepping.prefix:
            return ()
        return (Span("type letters, or roll with ", "muted"), Span("space", "accent", True))

    def _marks(self) -> list[ScoredChar]:
        """The path as far as it was told."""
        if self.known is None:
            return []
        marked = scored_chars(self.stepping.prefix, self.known.path)
        if self.stepping.ended and len(self.known.surprises) > END:
            marked.append(ScoredChar(END_WORD, self.known.surprises[END]))
        return marked

    def _table(self, width: int, room: int) -> list[StyledLine]:
        shown = min(self.context, WIDEST_CONTEXT)
        text = self.stepping.prefix
        rows: list[StyledLine] = []
        for place, mark in enumerate(self._marks()):
            rows.append(row(mark, (Span("  "), *in_context(text[:place], shown), Span("  ")), width))
        if not self.stepping.ended:
            context = (Span(f"{GLYPHS.cursor} ", "accent"), *in_context(text, shown), Span("  "))
            rows.append((*context, Span("?", "accent", True)))
        head = Span(f"  {'context':<{shown + 2}}", "muted")
        return [(head, *HEAD), *rows[-max(room - 1, 1) :]]

    def _sums(self) -> list[StyledLine]:
        totals = sums(self._marks(), "in all" if self.stepping.ended else "so far")
        return [(), totals] if totals else []

    def _tried(self, width: int, room: int) -> list[StyledLine]:
        """Names drawn from the prefix, in at most `room` rows."""
        names = self.tried.names
        if room < 4 or self.stepping.ended or not names:
            return []
        legend = [(), LEGEND] if room >= 8 and cell_width(LEGEND) <= width else []
        figures = min(width, 40)
        name_room = figures - 17
        lines: list[StyledLine] = [(), justify((Span("tried from here"),), (Span(f"nll{'':10}", "muted"),), figures)]
        for sampled in names[: room - 2 - len(legend)]:
            mark, word = novelty_mark(sampled)
            right: StyledLine = (Span(f"{format_nll(sampled.nll):>6}  "), mark, Span(f" {word:6}", "muted"))
            lines.append(justify((Span("  "), *style_name(sampled, name_room)), right, figures))
        return [*lines, *legend]
