"""Lines of the step-by-step mode: a path of characters with their probabilities, and the next-char distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charwave_tui.core.protocol.events import NextPredicted
from charwave_tui.ui.drawing.block_graphics import horizontal_bar
from charwave_tui.ui.drawing.name_style import LEGEND, name_novelty, style_character, style_name
from charwave_tui.ui.drawing.number_format import format_nll
from charwave_tui.ui.drawing.styled_text import (
    Span,
    StyledLine,
    cell_width,
    justify,
    key_span,
    readable,
    shorten,
    tail_within,
)
from charwave_tui.ui.sampler.step_state import (
    END_ID,
    TEMPERATURES,
    TOP_K,
    StepState,
    entropy,
    rank_ids,
    softmax_at,
    top_k_mass,
)
from charwave_tui.ui.state.sampler_state import PrefixSamples
from charwave_tui.ui.terminal.cell_width import cell_len
from charwave_tui.ui.terminal.glyphs import GLYPHS

END_TEXT = "end"  # stands for the boundary that ends a name
FULL_BAR_NLL = 6.0  # nats, p = 0.0025
MAX_BAR_COLUMNS = 14
CHAR_COLUMNS, P_COLUMNS, NLL_COLUMNS = 6, 8, 10
BAR_GAP = 2
PATH_HEADER: StyledLine = (Span(f"{'char':<{CHAR_COLUMNS}}{'p':>{P_COLUMNS}}{'nll':>{NLL_COLUMNS}}", "muted"),)


@dataclass(frozen=True, slots=True)
class ScoredChar:
    """A character, or END_TEXT, and its −log p in nats."""

    text: str
    nll: float

    @property
    def probability(self) -> float:
        return math.exp(-self.nll)

    @property
    def span(self) -> Span:
        style = style_character(self.text, self.nll)
        return Span(self.text, "warning" if style.underline else "bright", True, underline=style.underline)


def scored_chars(text: str, nlls: Sequence[float]) -> list[ScoredChar]:
    """Pair the characters of `text` with their nll; one more nll is that of the end."""
    chars = [readable(symbol) for symbol in text]
    chars += [END_TEXT] * (len(nlls) - len(chars))
    return [ScoredChar(char, nll) for char, nll in zip(chars, nlls, strict=False)]


def format_probability(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "nan"


def path_row(char: ScoredChar, context: StyledLine, width: int) -> StyledLine:
    bar_columns = min(width - cell_width(context) - CHAR_COLUMNS - P_COLUMNS - NLL_COLUMNS - BAR_GAP, MAX_BAR_COLUMNS)
    role = "warning" if char.span.underline else "muted"
    bar = (Span(" " * BAR_GAP), Span(horizontal_bar(char.nll / FULL_BAR_NLL, bar_columns), role))
    return (
        *context,
        char.span,
        Span(" " * max(CHAR_COLUMNS - cell_len(char.text), 0)),
        Span(f"{format_probability(char.probability):>{P_COLUMNS}}{format_nll(char.nll):>{NLL_COLUMNS}}"),
        *(bar if bar_columns > 2 else ()),
    )


def context_spans(text: str, length: int) -> StyledLine:
    """Return the last `length` characters before a prediction in as many columns, with dots for the boundary."""
    shown = readable(text[-length:])
    context = tail_within(shown, length)
    free = length - cell_len(context)
    boundaries = min(max(length - len(text), 0), free) if context == shown else 0
    return (Span(" " * (free - boundaries) + GLYPHS.dot * boundaries, "line"), Span(context, "fg"))


def path_line(path: Sequence[ScoredChar], right: StyledLine, width: int) -> StyledLine:
    """Return the path with its probabilities in one line that ends with `right`, cut off at the left."""
    groups: list[StyledLine] = []  # from the last character to the first
    available = width - cell_width(right) - BAR_GAP
    for char in reversed(path):
        group: StyledLine = (char.span, Span(f" {format_probability(char.probability)}", "muted"), Span(" " * 3))
        cut_columns = 0 if len(groups) + 1 == len(path) else cell_len(GLYPHS.ellipsis) + 1
        if sum(map(cell_width, groups)) + cell_width(group) + cut_columns > available:
            groups.append((Span(f"{GLYPHS.ellipsis} ", "muted"),))
            break
        groups.append(group)
    return (*(span for group in reversed(groups) for span in group), *right)


def wrapped_path(path: Sequence[ScoredChar], width: int) -> list[StyledLine]:
    group_columns = max((cell_len(char.text) for char in path), default=1) + 10
    per_line = max(width // group_columns, 1)
    groups = [justify(path_line([char], (), group_columns + BAR_GAP), (), group_columns) for char in path]
    return [sum(groups[start : start + per_line], ()) for start in range(0, len(path), per_line)]


def total_nll(path: Sequence[ScoredChar]) -> float:
    return math.fsum(char.nll for char in path)


def mean_nll(path: Sequence[ScoredChar]) -> float:
    """Return the mean nll in nats per character; NaN for an empty path."""
    return total_nll(path) / len(path) if path else math.nan


def nll_summary(path: Sequence[ScoredChar], label: str) -> StyledLine:
    """Return total and mean nll: `so far  7.09 nats   1.77 per char`; empty for no character."""
    if not path:
        return ()
    return (
        Span(f"{label}  ", "muted"),
        Span(format_nll(total_nll(path)), "bright", True),
        Span(" nats   ", "muted"),
        Span(format_nll(mean_nll(path)), "bright", True),
        Span(" per char", "muted"),
    )


BAR_SCALES = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)  # probability of a full bar: the smallest that no bar exceeds
LABEL_COLUMNS, FIGURE_COLUMNS = 8, 9
MIN_COLUMNS_FOR_ALL_TEMPERATURES = 48


@dataclass(frozen=True, slots=True)
class NextCharView:
    """The next-char distribution at each of TEMPERATURES, one of which is selected."""

    ranked_ids: tuple[int, ...]  # by descending probability
    distributions: tuple[tuple[float, ...], ...]  # per temperature, by id
    temperature_index: int
    symbols: str

    @classmethod
    def from_nlls(cls, nlls: tuple[float, ...], temperature_index: int, symbols: str) -> NextCharView:
        distributions = tuple(softmax_at(nlls, temperature) for temperature in TEMPERATURES)
        return cls(tuple(rank_ids(nlls)), distributions, temperature_index, symbols)

    @property
    def probabilities(self) -> tuple[float, ...]:
        return self.distributions[self.temperature_index]

    def lines(self, prefix: str, cursor_id: int | None, width: int, height: int) -> list[StyledLine]:
        """Return a header, the rows around the cursor, and statistics, in at most `height` lines."""
        total = len(self.ranked_ids)
        cursor = self.ranked_ids.index(cursor_id) if cursor_id in self.ranked_ids else 0
        statistics = self._statistics(width)
        footer = [(), *statistics] if total + 2 + len(statistics) <= height else []
        row_count = height - 1 - len(footer)
        if total > row_count and not footer:
            row_count -= 1
        if row_count < 1:
            return [self._header(prefix, width)][:height]
        top = max(min(cursor - row_count // 2, total - row_count), 0)
        visible_ids = self.ranked_ids[top : top + row_count]
        lines = [self._header(prefix, width)]
        lines += [self._row(char_id, char_id == self.ranked_ids[cursor], width) for char_id in visible_ids]
        if total > len(visible_ids):
            lines.append(self._hidden_rows(top, self.ranked_ids[top + row_count :], width))
        return [*lines, *footer]

    def _visible_temperatures(self, width: int) -> Sequence[int]:
        return range(len(TEMPERATURES)) if width >= MIN_COLUMNS_FOR_ALL_TEMPERATURES else (self.temperature_index,)

    def _header(self, prefix: str, width: int) -> StyledLine:
        headers: StyledLine = ()
        for index in self._visible_temperatures(width):
            is_selected = index == self.temperature_index
            text = f"T {TEMPERATURES[index]:.1f}"
            headers = (*headers, Span(f"{text:>{FIGURE_COLUMNS}}", "accent" if is_selected else "muted", is_selected))
        text = shorten(readable(prefix), max(width - LABEL_COLUMNS - cell_width(headers) - 12, 1))
        title = (Span("next after "), Span(text, "bright")) if prefix else (Span("first character"),)
        return justify((Span(" " * LABEL_COLUMNS), *title), headers, width)

    def _row(self, char_id: int, is_selected: bool, width: int) -> StyledLine:
        temperatures = self._visible_temperatures(width)
        scale = next((scale for scale in BAR_SCALES if max(self.probabilities) <= scale), BAR_SCALES[-1])
        bar_columns = max(width - LABEL_COLUMNS - FIGURE_COLUMNS * len(temperatures) - 2, 0)
        text = END_TEXT if char_id == END_ID else readable(self.symbols[char_id - 1])
        left: StyledLine = (
            Span(GLYPHS.cursor if is_selected else " ", "accent"),
            Span(" " * max(LABEL_COLUMNS - 2 - cell_len(text), 0)),
            Span(text, "bright" if is_selected else "fg", is_selected),
            Span(" "),
            Span(
                horizontal_bar(self.probabilities[char_id] / scale, bar_columns), "accent" if is_selected else "muted"
            ),
        )
        figures = tuple(
            Span(
                f"{format_probability(self.distributions[index][char_id]):>{FIGURE_COLUMNS}}",
                "muted" if index != self.temperature_index else "bright" if is_selected else "fg",
                is_selected and index == self.temperature_index,
            )
            for index in temperatures
        )
        return justify(left, figures, width)

    def _hidden_rows(self, above: int, ids_below: Sequence[int], width: int) -> StyledLine:
        parts = [f"{above:,} more, {GLYPHS.up}"] if above else []
        if ids_below:
            mass = sum(self.probabilities[char_id] for char_id in ids_below)
            parts.append(f"{len(ids_below):,} more, {GLYPHS.down}  sum {format_probability(mass)}")
        return justify((Span(" " * LABEL_COLUMNS), Span("   ".join(parts), "muted")), (), width)

    def _statistics(self, width: int) -> list[StyledLine]:
        count = len(self.ranked_ids)
        first: StyledLine = (
            Span(f"top {min(TOP_K, count)} sum ", "muted"),
            Span(f"{top_k_mass(self.probabilities):.3f}", "bright"),
        )
        others: list[StyledLine] = [
            (
                Span("entropy ", "muted"),
                Span(format_nll(entropy(self.probabilities)), "bright"),
                Span(" nats", "muted"),
            ),
            (Span(f"uniform 1/{count:,} = {format_probability(1 / count)}", "muted"),),
        ]
        lines: list[StyledLine] = [(Span(" " * LABEL_COLUMNS), *first)]
        for statistic in others:
            longer = (*lines[-1], Span("   "), *statistic)
            if cell_width(longer) <= width:
                lines[-1] = longer
            else:
                lines.append((Span(" " * LABEL_COLUMNS), *statistic))
        return lines


MAX_CONTEXT_COLUMNS = 12
MIN_TABLE_HEIGHT = 9  # rows from which the path is a table
MIN_PATH_HEIGHT = 4  # rows of the path that leave no space to names sampled from the prefix
MAX_SAMPLES_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class PathView:
    """The prefix, the nll of its characters once predicted, and names sampled from it."""

    step_state: StepState
    prediction: NextPredicted | None
    samples: PrefixSamples
    context: int  # characters that the model sees

    def lines(self, width: int, height: int) -> list[StyledLine]:
        """Return prefix, path, nll and samples in `height` lines; below MIN_TABLE_HEIGHT the path is one line."""
        path = self._path()
        if height < MIN_TABLE_HEIGHT:
            mean: StyledLine = (
                Span("mean ", "muted"),
                Span(format_nll(mean_nll(path)), "bright"),
                Span(" nll", "muted"),
            )
            return [self._prefix_line(width), path_line(path, mean, width) if path else self._hint()][:height]
        summary = nll_summary(path, "total" if self.step_state.is_ended else "so far")
        below = [(), summary] if summary else []
        samples = self._sample_lines(width, height - 3 - MIN_PATH_HEIGHT - len(below))
        table = self._table(path, width, height - 2 - len(samples) - len(below))
        return [self._prefix_line(width), (), *table, *below, *samples]

    def _path(self) -> list[ScoredChar]:
        if self.prediction is None:
            return []
        path = scored_chars(self.step_state.prefix, self.prediction.prefix_nlls)
        if self.step_state.is_ended and len(self.prediction.nlls) > END_ID:
            path.append(ScoredChar(END_TEXT, self.prediction.nlls[END_ID]))
        return path

    def _prefix_line(self, width: int) -> StyledLine:
        temperature: StyledLine = (
            Span("temp ", "muted"),
            Span(f"{GLYPHS.left} ", "accent"),
            Span(f"{self.step_state.temperature:.1f}", "bright", True),
            Span(f" {GLYPHS.right}", "accent"),
        )
        text = tail_within(readable(self.step_state.prefix), width - cell_width(temperature) - 11)
        cursor = Span(f" {END_TEXT}", "muted") if self.step_state.is_ended else Span(" ", "fg", background="accent")
        return justify((Span("prefix  ", "muted"), Span(text, "bright", True), cursor), temperature, width)

    def _hint(self) -> StyledLine:
        if self.step_state.prefix:
            return ()
        return (Span("type letters, or sample with ", "muted"), key_span("space"))

    def _table(self, path: Sequence[ScoredChar], width: int, height: int) -> list[StyledLine]:
        context_columns = min(self.context, MAX_CONTEXT_COLUMNS)
        prefix = self.step_state.prefix
        rows: list[StyledLine] = []
        for index, char in enumerate(path):
            context = context_spans(prefix[:index], context_columns)
            rows.append(path_row(char, (Span("  "), *context, Span("  ")), width))
        if not self.step_state.is_ended:
            context = context_spans(prefix, context_columns)
            rows.append((Span(f"{GLYPHS.cursor} ", "accent"), *context, Span("  "), Span("?", "accent", True)))
        header = Span(f"  {'context':<{context_columns + 2}}", "muted")
        return [(header, *PATH_HEADER), *rows[-max(height - 1, 1) :]]

    def _sample_lines(self, width: int, height: int) -> list[StyledLine]:
        names = self.samples.names
        if height < 4 or self.step_state.is_ended or not names:
            return []
        legend = [(), LEGEND] if height >= 8 and cell_width(LEGEND) <= width else []
        columns = min(width, MAX_SAMPLES_COLUMNS)
        lines: list[StyledLine] = [(), justify((Span("sampled from here"),), (Span(f"nll{'':10}", "muted"),), columns)]
        for sampled in names[: height - 2 - len(legend)]:
            mark, novelty = name_novelty(sampled)
            right: StyledLine = (Span(f"{format_nll(sampled.nll):>6}  "), mark, Span(f" {novelty:6}", "muted"))
            lines.append(justify((Span("  "), *style_name(sampled, columns - 17)), right, columns))
        return [*lines, *legend]
