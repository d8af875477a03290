"""Compared curves and differing fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from textual.app import ComposeResult
from textual.reactive import reactive
from textual.widgets import Static

from charwave_tui.core.config.presets import Preset, presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS
from charwave_tui.core.store.run_record import RunSummary
from charwave_tui.ui.charts.axes import EARLY_FRACTION, Axes, Polyline, fit_axes, losses_to_fit, to_columns, x_extent
from charwave_tui.ui.charts.loss_chart import CanvasWidget, rasterize
from charwave_tui.ui.charts.plot import CurveLabel, PlotArea, Raster, draw_axes, write_gutter
from charwave_tui.ui.drawing.canvas import Canvas
from charwave_tui.ui.drawing.number_format import format_loss, format_speed, format_steps
from charwave_tui.ui.drawing.styled_text import GAP, Span, StyledLine, columns, justify, readable, shorten
from charwave_tui.ui.state.runs_state import DASHES, ComparedRun, changes, written
from charwave_tui.ui.tables.runs_table import loss_span, truncate
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.pane import UnnumberedPane
from charwave_tui.ui.widgets.text_lines import TextLines

LABEL = 13
"""Columns for what the rows are of: the longest name of a field, and a gap."""


COLUMN = 11
"""Columns for each run, the gap before it included."""


Row = tuple[str, StyledLine]
"""What a row is of, and a piece for each column."""


def width_for(runs: int) -> int:
    """The columns that the table of so many runs takes; one alone stands beside its preset."""
    return LABEL + COLUMN * max(runs, 2)


def differences_table(among: Sequence[ComparedRun], width: int, height: int) -> list[StyledLine]:
    """The table in at most `height` lines of `width` columns; lines that do not fit are counted in the last of them."""
    if not among:
        return []
    preset = presets().get(among[0].row.preset) if len(among) == 1 else None
    heads: StyledLine = tuple(Span(item.label, item.ink, bold=item.here) for item in among)
    if preset is not None:
        heads = (Span(readable(preset.name), "muted"), *heads)
    fields = _fields(among, preset)
    params, *others = _figures(among, preset)
    upper = [_line(row) for row in (("", heads), *fields, params)]  # the params follow from the fields
    lower = [_line(row) for row in others]
    if len(among) > 1 or preset is not None:
        said = _sameness(len(fields), beside_preset=preset is not None)
        end: list[StyledLine] = [(), (Span(said, "muted"),)]
    else:
        end = []
    lines = [*upper, (), *lower, *end]
    whole = width_for(len(among))
    if len(lines) > height and width >= 2 * whole + GAP:
        row_pairs = zip_longest([*upper, *end], [upper[0], *lower], fillvalue=())
        lines = [columns(pair, (whole, whole)) for pair in row_pairs]
    return _counted(lines, height)


def _counted(lines: list[StyledLine], height: int) -> list[StyledLine]:
    if len(lines) <= height:
        return lines
    hidden = sum(1 for line in lines[max(height - 1, 0) :] if line)
    more = f"{hidden} more line{'s' * (hidden > 1)}"
    return [*lines[: max(height - 1, 0)], (Span(more, "muted"),)][: max(height, 0)]


def _sameness(differing: int, *, beside_preset: bool) -> str:
    total = len(HYPERPARAMETERS) - beside_preset  # the corpus is no preset's to say
    return f"{f'{total - differing} other' if differing else f'All {total}'} fields are the same."


def _line(row: Row) -> StyledLine:
    label, values = row
    cells = (justify((), (_fitted(value),), COLUMN) for value in values)
    return (*justify((Span(label, "muted"),), (), LABEL), *(piece for cell in cells for piece in cell))


def _fitted(piece: Span) -> Span:
    fit = shorten if "/" in piece.text else truncate  # of a path the end is worth most
    return Span(fit(piece.text, COLUMN - 1), piece.role, piece.bold)


def _fields(among: Sequence[ComparedRun], preset: Preset | None) -> list[Row]:
    """The fields in which the runs are not all alike, or one not as its preset has it."""
    if preset is not None:
        (item,) = among
        return [
            (name, (Span(HYPERPARAMETERS[name].kind.format(getattr(preset.config, name)), "muted"), _value(item, name)))
            for name, _ in changes(item.row)
        ]
    rows = [(name, tuple(_value(item, name) for item in among)) for name in HYPERPARAMETERS]
    return [(name, values) for name, values in rows if len({piece.text for piece in values}) > 1]


def _value(item: ComparedRun, name: str) -> Span:
    """A field's value, with where it began if it was moved while training: `0.1→0.01`."""
    value = readable(written(item.row, name))
    marks = item.history.marks if item.history else ()
    moves = [mark.text.removeprefix(f"{name} ").split(" → ") for mark in marks if mark.text.startswith(f"{name} ")]
    if moves and all(len(move) == 2 for move in moves):
        course = f"{moves[0][0]}{GLYPHS.arrow}{moves[-1][1]}"
        value = course if len(course) < COLUMN else value
    return Span(value, "bright" if item.here else "fg")


def _figures(among: Sequence[ComparedRun], preset: Preset | None) -> Iterator[Row]:
    """What the runs came to; beside one alone, what others reported for its preset on this corpus."""
    reported = preset.published if preset is not None and among[0].published is not None else None

    def row(label: str, figure: Callable[[ComparedRun], Span], published: Span | None = None) -> Row:
        before = (published or Span(""),) if preset is not None else ()
        return label, (*before, *map(figure, among))

    def told(loss: float | None) -> Span | None:
        return None if loss is None else Span(format_loss(loss), "muted")

    yield row("params", lambda item: _own(item, f"{item.row.parameters:,}"))
    yield row("steps", lambda item: _own(item, format_steps(item.row.step)))
    yield row("train", lambda item: _loss(item, item.row.train), told(reported.train) if reported else None)
    yield row("val", lambda item: _loss(item, item.row.val), told(reported.val) if reported else None)
    yield row("best val", lambda item: _loss(item, item.row.best_val))
    yield row(f"val {GLYPHS.minus} train", lambda item: _loss(item, _gap(item.row)))
    yield row("steps/s", lambda item: _own(item, format_speed(item.steps_per_second)))


def _own(item: ComparedRun, text: str) -> Span:
    return Span(text, "bright" if item.here else "fg")


def _loss(item: ComparedRun, value: float | None) -> Span:
    piece = loss_span(value)
    return Span(piece.text, "bright") if item.here and piece.role == "fg" else piece


def _gap(row: RunSummary) -> float | None:
    return None if row.val is None or row.train is None else row.val - row.train


NAME = 9
"""Columns that a curve's name has in the gutter beside a loss."""


@dataclass(frozen=True, slots=True)
class ScaledRuns:
    """Runs with a course, cut to the dot columns of a plot, and the axes that hold them."""

    among: tuple[ComparedRun, ...]
    courses: tuple[Polyline, ...]
    axes: Axes


def scale_runs(plot: PlotArea, among: Sequence[ComparedRun], log: bool, previous: Axes | None) -> ScaledRuns | None:
    """The runs that can be drawn, on axes that stay as `previous` where they can; None where there is nothing."""
    drawn = tuple(item for item in among if item.last is not None)
    if not drawn or not plot.has_room:
        return None
    furthest = max(item.losses[-1][0] for item in drawn)
    steps = x_extent(furthest, max(item.row.config.max_steps for item in drawn))
    courses = tuple(to_columns(item.losses, steps, plot.dots[0]) for item in drawn)
    values = list(chain.from_iterable(_worth_holding(line, plot.dots[0]) for line in courses))
    return ScaledRuns(drawn, courses, fit_axes(values, [], steps, log, previous))


def draw_comparison(plot: PlotArea, shown: ScaledRuns, raster: Raster) -> Canvas:
    """The sheet: axes, the loss that others reported, then the curves, the one under the cursor on top and thick."""
    sheet = Canvas(plot.width, plot.height)
    draw_axes(sheet, plot, shown.axes)
    ends = [CurveLabel(_name(item), item.last or 0.0, item.ink, item.here) for item in shown.among]
    published = next((item.published for item in shown.among if item.here), None)
    if published is not None and 0 <= shown.axes.y_position(published) <= 1:
        sheet.write(plot.row(shown.axes, published), plot.left, plot.glyphs.dashed * plot.columns, "line")
        ends.append(CurveLabel("published", published, "muted"))
    for item, line in sorted(zip(shown.among, shown.courses, strict=True), key=lambda pair: pair[0].here):
        dots = plot.to_dots(shown.axes, line)
        rows = raster(dots, plot.columns, plot.rows, plot.pens[item.here])
        sheet.overlay(plot.top, plot.left, rows if item.here else _dashed(rows, *DASHES[item.place or 0]), item.ink)
    if plot.gutter:
        write_gutter(sheet, plot, shown.axes, sorted(ends[: plot.rows], key=lambda end: -end.loss))
    return sheet


def _worth_holding(line: Polyline, columns: int) -> list[float]:
    """What the y axis has to hold of a course; of one that ends early, its later half."""
    finite = [(column, loss) for column, loss in line if loss is not None]
    if finite[-1][0] < EARLY_FRACTION * columns:
        return [loss for _, loss in finite[len(finite) // 2 :]]
    return losses_to_fit(line, columns)


def _name(item: ComparedRun) -> str:
    return item.label if len(item.label) <= NAME else f"{item.mark} {item.row.run}"


def _dashed(rows: Sequence[str], on: int, off: int) -> list[str]:
    """A picture of a line with `off` of its columns left out after each `on`."""
    return ["".join(" " if column % (on + off) >= on else sign for column, sign in enumerate(row)) for row in rows]


class ComparisonChart(CanvasWidget):
    """Val loss over steps for each of the runs; training loss for one whose val was never measured."""

    among: reactive[tuple[ComparedRun, ...]] = reactive((), repaint=False)
    """The runs."""
    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether heights are log10 of losses."""

    def __init__(self) -> None:
        super().__init__()
        self._axes: Axes | None = None

    def watch_among(self) -> None:
        self.request_draw()

    def watch_log_scale(self) -> None:
        self.draw()

    def paint(self, plot: PlotArea) -> Canvas:
        shown = scale_runs(plot, self.among, self.log_scale, self._axes)
        if shown is None:
            return Canvas(plot.width, plot.height)
        self._axes = shown.axes
        return draw_comparison(plot, shown, rasterize)


class ComparisonChartPane(UnnumberedPane):
    """The chart, and a few words where there is nothing to draw."""

    DEFAULT_CSS = """
    ComparisonChartPane {
        layers: chart words;
        align: center middle;
        ComparisonChart { layer: chart; }
        #silence { layer: words; width: auto; max-width: 100%; height: auto; color: $ink-muted; background: $ink-bg; }
        #silence.-silent { display: none; }
    }
    """

    among: reactive[tuple[ComparedRun, ...]] = reactive((), repaint=False)
    """The runs that are compared."""
    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether heights are log10 of losses, so that late progress can be seen."""

    def __init__(self, *, id: str) -> None:
        super().__init__("Val loss", id=id)
        self._words = Static(id="silence", markup=False)

    def compose(self) -> ComposeResult:
        yield ComparisonChart().data_bind(ComparisonChartPane.among, ComparisonChartPane.log_scale)
        yield self._words

    def watch_among(self, among: tuple[ComparedRun, ...]) -> None:
        words = empty_state_text(among)
        self._words.set_class(not words, "-silent")
        self._words.update(words)
        self.remark = chart_notes(among)

    def watch_log_scale(self, log_scale: bool) -> None:
        self.note = "log scale" if log_scale else "linear scale"


def empty_state_text(among: tuple[ComparedRun, ...]) -> str:
    """What to say where there is no curve to draw."""
    if not among or any(item.last is not None for item in among):
        return ""
    coming = [item.row.run for item in among if item.history is None]
    if coming:
        return f"reading {_runs(coming)}"
    return f"{_runs([item.row.run for item in among])}: no loss to draw yet"


def chart_notes(among: tuple[ComparedRun, ...]) -> str:
    """What is not as one would think of the curves that are drawn."""
    trained = [item.row.run for item in among if item.history is not None and item.losses and not item.by_val]
    coming = [item.row.run for item in among if item.history is None]
    said = [f"{_runs(trained)} by train loss"] if trained else []
    if 0 < len(coming) < len(among):
        said.append(f"reading {_runs(coming)}")
    return f" {GLYPHS.dot} ".join(said)


def _runs(numbers: list[int]) -> str:
    return f"run{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


class DifferencesPane(UnnumberedPane):
    """The fields in which the runs differ, and what each came to."""

    among: reactive[tuple[ComparedRun, ...]] = reactive((), repaint=False)
    """The runs that are compared."""

    def __init__(self, *, id: str) -> None:
        super().__init__("What differs", id=id)
        self._lines = TextLines()

    def compose(self) -> ComposeResult:
        yield self._lines

    def watch_among(self) -> None:
        self.update()

    def on_resize(self) -> None:
        self.update()

    def update(self) -> None:
        """Write the table into the room there is."""
        if self.is_mounted and self.size:
            self._lines.set_lines(differences_table(self.among, *self.size))
