"""The comparison of runs: a table of the fields in which they differ, and a chart of their val losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from textual.app import ComposeResult
from textual.reactive import reactive
from textual.widgets import Static

from charwave_tui.core.config.presets import Preset, presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS
from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.store.run_record import RunSummary
from charwave_tui.ui.charts.axes import EARLY_FRACTION, Axes, Polyline, fit_axes, losses_to_fit, to_columns, x_extent
from charwave_tui.ui.charts.loss_chart import CanvasWidget
from charwave_tui.ui.charts.plot import CurveLabel, PlotArea, draw_axes, write_gutter
from charwave_tui.ui.charts.rasterize import rasterize
from charwave_tui.ui.drawing.canvas import Canvas
from charwave_tui.ui.drawing.number_format import format_loss, format_speed, format_steps
from charwave_tui.ui.drawing.styled_text import GAP, Span, StyledLine, columns, justify, readable, shorten
from charwave_tui.ui.state.runs_state import DASHES, ComparedRun, changes, written
from charwave_tui.ui.tables.runs_table import loss_span, truncate
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.pane import Pane
from charwave_tui.ui.widgets.text_lines import TextLines

LABEL_COLUMNS = 13  # the longest name of a field, and a gap
VALUE_COLUMNS = 11  # for each run, with a gap before it
MAX_CURVE_NAME = 9  # columns that a curve's name has beside its loss in the gutter

TableRow = tuple[str, StyledLine]  # the label, and one span per column


def table_width(run_count: int) -> int:
    """Return the columns of the table of differences; a single run is compared with its preset."""
    return LABEL_COLUMNS + VALUE_COLUMNS * max(run_count, 2)


def differences_table(compared: Sequence[ComparedRun], width: int, height: int) -> list[StyledLine]:
    """Return differing fields above results, side by side if that is needed to fit; the last line counts the rest."""
    if not compared:
        return []
    preset = presets().get(compared[0].row.preset) if len(compared) == 1 else None
    headers: StyledLine = tuple(Span(run.label, run.role, bold=run.has_cursor) for run in compared)
    if preset is not None:
        headers = (Span(readable(preset.name), "muted"), *headers)
    fields = _field_rows(compared, preset)
    params, *results = _result_rows(compared, preset)
    upper = [_table_line(row) for row in (("", headers), *fields, params)]  # the params follow from the fields
    lower = [_table_line(row) for row in results]
    if len(compared) > 1 or preset is not None:
        equal = len(HYPERPARAMETERS) - (preset is not None) - len(fields)  # a preset names no corpus
        count = f"{equal} other" if fields else f"All {equal}"
        end: list[StyledLine] = [(), (Span(f"{count} fields are the same.", "muted"),)]
    else:
        end = []
    lines = [*upper, (), *lower, *end]
    full_width = table_width(len(compared))
    if len(lines) > height and width >= 2 * full_width + GAP:
        row_pairs = zip_longest([*upper, *end], [upper[0], *lower], fillvalue=())
        lines = [columns(pair, (full_width, full_width)) for pair in row_pairs]
    return _crop_lines(lines, height)


def _crop_lines(lines: list[StyledLine], height: int) -> list[StyledLine]:
    if len(lines) <= height:
        return lines
    hidden = sum(1 for line in lines[max(height - 1, 0) :] if line)
    more = f"{hidden} more line{'s' * (hidden > 1)}"
    return [*lines[: max(height - 1, 0)], (Span(more, "muted"),)][: max(height, 0)]


def _table_line(row: TableRow) -> StyledLine:
    label, values = row
    cells = (justify((), (_fit_value(value),), VALUE_COLUMNS) for value in values)
    return (*justify((Span(label, "muted"),), (), LABEL_COLUMNS), *(span for cell in cells for span in cell))


def _fit_value(value: Span) -> Span:
    fit = shorten if "/" in value.text else truncate  # the end of a path says most
    return Span(fit(value.text, VALUE_COLUMNS - 1), value.role, value.bold)


def _field_rows(compared: Sequence[ComparedRun], preset: Preset | None) -> list[TableRow]:
    if preset is not None:
        (run,) = compared
        values = {
            name: HYPERPARAMETERS[name].value_type.format(getattr(preset.config, name)) for name, _ in changes(run.row)
        }
        return [(name, (Span(value, "muted"), _field_value(run, name))) for name, value in values.items()]
    rows = [(name, tuple(_field_value(run, name) for run in compared)) for name in HYPERPARAMETERS]
    return [(name, values) for name, values in rows if len({value.text for value in values}) > 1]


def _field_value(run: ComparedRun, name: str) -> Span:
    """Return a field's value, after its first value if it was edited while training: `0.1→0.01`."""
    value = escape_invisible(written(run.row, name))
    marks = run.history.marks if run.history else ()
    edits = [mark.text.removeprefix(f"{name} ").split(" → ") for mark in marks if mark.text.startswith(f"{name} ")]
    if edits and all(len(edit) == 2 for edit in edits):
        first_to_last = f"{edits[0][0]}{GLYPHS.arrow}{edits[-1][1]}"
        value = first_to_last if len(first_to_last) < VALUE_COLUMNS else value
    return _run_value(run, value)


def _result_rows(compared: Sequence[ComparedRun], preset: Preset | None) -> Iterator[TableRow]:
    """Yield parameters, steps and losses; before those of a single run, its preset's published losses."""
    published = preset.published if preset is not None and compared[0].published is not None else None

    def row(label: str, value: Callable[[ComparedRun], Span], published_loss: float | None = None) -> TableRow:
        loss = Span("") if published_loss is None else Span(format_loss(published_loss), "muted")
        return label, (*([loss] if preset is not None else []), *map(value, compared))

    yield row("params", lambda run: _run_value(run, f"{run.row.parameters:,}"))
    yield row("steps", lambda run: _run_value(run, format_steps(run.row.step)))
    yield row("train", lambda run: _run_loss(run, run.row.train), published.train if published else None)
    yield row("val", lambda run: _run_loss(run, run.row.val), published.val if published else None)
    if any(run.row.val_unseen is not None for run in compared):
        yield row("val unseen", lambda run: _run_loss(run, run.row.val_unseen))
    yield row("best val", lambda run: _run_loss(run, run.row.best_val))
    yield row(f"val {GLYPHS.minus} train", lambda run: _run_loss(run, _generalization_gap(run.row)))
    yield row("steps/s", lambda run: _run_value(run, format_speed(run.steps_per_second)))


def _run_value(run: ComparedRun, text: str) -> Span:
    return Span(text, "bright" if run.has_cursor else "fg")


def _run_loss(run: ComparedRun, loss: float | None) -> Span:
    span = loss_span(loss)
    return Span(span.text, "bright") if run.has_cursor and span.role == "fg" else span


def _generalization_gap(row: RunSummary) -> float | None:
    return None if row.val is None or row.train is None else row.val - row.train


@dataclass(frozen=True, slots=True)
class ScaledRuns:
    """Runs with a loss to draw, their losses by dot column of the plot, and the axes that hold them."""

    runs: tuple[ComparedRun, ...]
    polylines: tuple[Polyline, ...]
    axes: Axes


def scale_runs(plot: PlotArea, compared: Sequence[ComparedRun], log: bool, previous: Axes | None) -> ScaledRuns | None:
    """Scale the runs to axes that stay as `previous` if possible; None if there is nothing to draw."""
    runs = tuple(run for run in compared if run.last is not None)
    if not runs or not plot.has_room:
        return None
    last_step = max(run.losses[-1][0] for run in runs)
    steps = x_extent(last_step, max(run.row.config.max_steps for run in runs))
    polylines = tuple(to_columns(run.losses, steps, plot.dots[0]) for run in runs)
    values = [loss for polyline in polylines for loss in _losses_to_hold(polyline, plot.dots[0])]
    return ScaledRuns(runs, polylines, fit_axes(values, [], steps, log, previous))


def _losses_to_hold(polyline: Polyline, columns: int) -> list[float]:
    """Return what the y axis has to hold of a curve; of one that ends early its later half."""
    finite = [(column, loss) for column, loss in polyline if loss is not None]
    if finite[-1][0] < EARLY_FRACTION * columns:
        return [loss for _, loss in finite[len(finite) // 2 :]]
    return losses_to_fit(polyline, columns)


def draw_comparison(plot: PlotArea, scaled: ScaledRuns) -> Canvas:
    """Draw axes, published loss and curves; the run under the cursor comes last, with a thick line."""
    canvas = Canvas(plot.width, plot.height)
    draw_axes(canvas, plot, scaled.axes)
    labels = [CurveLabel(_curve_name(run), run.last or 0.0, run.role, run.has_cursor) for run in scaled.runs]
    published = next((run.published for run in scaled.runs if run.has_cursor), None)
    if published is not None and 0 <= scaled.axes.y_position(published) <= 1:
        canvas.write(plot.row(scaled.axes, published), plot.left, plot.glyphs.dashed * plot.columns, "line")
        labels.append(CurveLabel("published", published, "muted"))
    for run, polyline in sorted(zip(scaled.runs, scaled.polylines, strict=True), key=lambda pair: pair[0].has_cursor):
        dots = plot.to_dots(scaled.axes, polyline)
        rows = rasterize(dots, plot.columns, plot.rows, plot.dot_styles[run.has_cursor])
        if not run.has_cursor:
            drawn, blank = DASHES[run.slot or 0]
            rows = tuple(
                "".join(" " if column % (drawn + blank) >= drawn else char for column, char in enumerate(row))
                for row in rows
            )
        canvas.overlay(plot.top, plot.left, rows, run.role)
    if plot.gutter:
        write_gutter(canvas, plot, scaled.axes, sorted(labels[: plot.rows], key=lambda label: -label.loss))
    return canvas


def _curve_name(run: ComparedRun) -> str:
    return run.label if len(run.label) <= MAX_CURVE_NAME else f"{run.mark} {run.row.run}"


class ComparisonChart(CanvasWidget):
    """Val loss over steps for each run; the train loss of a run whose val loss was never measured."""

    compared: reactive[tuple[ComparedRun, ...]] = reactive((), repaint=False)
    log_scale: reactive[bool] = reactive(True, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self._axes: Axes | None = None

    def watch_compared(self) -> None:
        self.request_draw()

    def watch_log_scale(self) -> None:
        self.draw()

    def paint(self, plot: PlotArea) -> Canvas:
        scaled = scale_runs(plot, self.compared, self.log_scale, self._axes)
        if scaled is None:
            return Canvas(plot.width, plot.height)
        self._axes = scaled.axes
        return draw_comparison(plot, scaled)


class ComparisonChartPane(Pane):
    """The chart, or the reason why there is no curve to draw."""

    DEFAULT_CSS = """
    ComparisonChartPane {
        layers: chart message;
        align: center middle;
        ComparisonChart { layer: chart; }
        #empty {
            layer: message; width: auto; max-width: 100%; height: auto; color: $ink-muted; background: $ink-bg;
        }
        #empty.-hidden { display: none; }
    }
    """

    compared: reactive[tuple[ComparedRun, ...]] = reactive((), repaint=False)
    log_scale: reactive[bool] = reactive(True, repaint=False)

    def __init__(self) -> None:
        super().__init__("Val loss", id="curves")
        self._message = Static(id="empty", markup=False)

    def compose(self) -> ComposeResult:
        yield ComparisonChart().data_bind(ComparisonChartPane.compared, ComparisonChartPane.log_scale)
        yield self._message

    def watch_compared(self, compared: tuple[ComparedRun, ...]) -> None:
        message = empty_chart_text(compared)
        self._message.set_class(not message, "-hidden")
        self._message.update(message)
        self.provenance = chart_notes(compared)

    def watch_log_scale(self, log_scale: bool) -> None:
        self.note = "log scale" if log_scale else "linear scale"


def empty_chart_text(compared: tuple[ComparedRun, ...]) -> str:
    """Return why there is no curve to draw; empty if there is one, or no run."""
    if not compared or any(run.last is not None for run in compared):
        return ""
    if loading := [run.row.run for run in compared if run.history is None]:
        return f"reading {_run_list(loading)}"
    return f"{_run_list([run.row.run for run in compared])}: no loss to draw yet"


def chart_notes(compared: tuple[ComparedRun, ...]) -> str:
    """Return which runs are drawn by their train loss, and which are still being loaded."""
    by_train = [run.row.run for run in compared if run.history is not None and run.losses and not run.by_val]
    loading = [run.row.run for run in compared if run.history is None]
    notes = [f"{_run_list(by_train)} by train loss"] if by_train else []
    if 0 < len(loading) < len(compared):
        notes.append(f"reading {_run_list(loading)}")
    return f" {GLYPHS.dot} ".join(notes)


def _run_list(numbers: list[int]) -> str:
    return f"run{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


class DifferencesPane(Pane):
    """The table of differences, laid out anew whenever the pane is resized."""

    compared: reactive[tuple[ComparedRun, ...]] = reactive((), repaint=False)

    def __init__(self) -> None:
        super().__init__("What differs", id="differences")
        self._lines = TextLines()

    def compose(self) -> ComposeResult:
        yield self._lines

    def watch_compared(self) -> None:
        self._update()

    def on_resize(self) -> None:
        self._update()

    def _update(self) -> None:
        if self.is_mounted and self.size:
            self._lines.set_lines(differences_table(self.compared, *self.size))
