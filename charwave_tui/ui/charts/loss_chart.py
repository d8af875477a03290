"""The loss chart, and the widget that repaints the changed cells of a canvas."""

from __future__ import annotations

from time import monotonic

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.timer import Timer

from charwave_tui.core.metrics import TrainingHistory
from charwave_tui.ui.charts.axes import Axes, fit_axes, losses_to_fit, x_extent
from charwave_tui.ui.charts.plot import (
    CurveLines,
    PlotArea,
    draw_background,
    draw_curves,
    last_step,
    make_curve_lines,
    reference_losses,
)
from charwave_tui.ui.drawing.canvas import Canvas
from charwave_tui.ui.drawing.theme import ThemedWidget
from charwave_tui.ui.state.run_state import LossCurveState
from charwave_tui.ui.terminal.glyphs import GLYPHS

MIN_FRAME_INTERVAL = 0.2  # seconds between two frames while the curve grows, at least


class CanvasWidget(ThemedWidget):
    """A widget that shows a canvas and repaints only the cells that the next one changes."""

    DEFAULT_CSS = "CanvasWidget { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._canvas = Canvas(0, 0)
        self._styles: dict[str, Style] = {}
        self._drawn_at = -MIN_FRAME_INTERVAL
        self._timer: Timer | None = None
        self._is_outdated = False

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(self._canvas.line(row) for row in range(self._canvas.height))

    def paint(self, plot: PlotArea) -> Canvas:
        raise NotImplementedError

    def request_draw(self) -> None:
        """Draw MIN_FRAME_INTERVAL after the last frame, or now if that is past."""
        if self._timer is None:
            delay = self._drawn_at + MIN_FRAME_INTERVAL - monotonic()
            if delay > 0:
                self._timer = self.set_timer(delay, self.draw)
            else:
                self.draw()

    def draw(self) -> None:
        """Draw the next canvas and refresh the changed cells; a hidden widget does so once it is shown."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._drawn_at = monotonic()
        self._is_outdated = self.is_attached and not (
            self.screen.is_current or self.screen in self.app._background_screens
        )
        if self._is_outdated:
            self.refresh()  # so that `render_lines` is called as soon as the widget is shown
            return
        earlier, self._canvas = self._canvas, self.paint(PlotArea(*self.size, GLYPHS))
        if (earlier.width, earlier.height) != (self._canvas.width, self._canvas.height):
            self.refresh()
        else:
            regions = [Region(start, row, end - start, 1) for row, start, end in self._canvas.changes(earlier)]
            if regions:
                self.refresh(*regions)

    def on_resize(self) -> None:
        self.draw()

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._is_outdated:
            self._is_outdated = False
            self._canvas = self.paint(PlotArea(*self.size, GLYPHS))
        return super().render_lines(crop)

    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        spans = self._canvas.spans(y) if y < self._canvas.height else ()
        strip = Strip([Segment(text, self._style(style)) for text, style in spans], self._canvas.width if spans else 0)
        return strip.adjust_cell_length(self.size.width, self._style("fg"))

    def _style(self, style: str) -> Style:
        if style not in self._styles:
            *weight, role = style.split()
            self._styles[style] = self.rich_style + self.role_style(role, bold=bool(weight))
        return self._styles[style]


class LossChart(CanvasWidget):
    """The curves of a run over its steps; `cursor` is a step to mark.

    `log_scale` is not called `log`, which every widget has for its logger.
    """

    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    log_scale: reactive[bool] = reactive(True, repaint=False)
    cursor: reactive[int | None] = reactive(None, repaint=False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._axes: Axes | None = None
        self._background: tuple[object, Canvas] = (None, self._canvas)
        self._ghost: tuple[object, CurveLines] = (None, CurveLines((), ()))

    def watch_curve(self) -> None:
        self.request_draw()

    def watch_log_scale(self) -> None:
        self.draw()

    def watch_cursor(self) -> None:
        self.draw()

    def paint(self, plot: PlotArea) -> Canvas:
        curve = self.curve
        if not plot.has_room or not (curve.max_steps or curve.points):
            return Canvas(plot.width, plot.height)
        steps = x_extent(last_step(curve), curve.max_steps)
        columns = plot.dots[0]
        lines, ghost = make_curve_lines(curve.points, curve.history, steps, columns), self._ghost_lines(steps, columns)
        values = [loss for line in (*lines, ghost.train) for loss in losses_to_fit(line, columns)]
        references = [loss for loss, _ in reference_losses(curve).values()]
        self._axes = fit_axes(values, references, steps, self.log_scale, self._axes)
        key = (plot, self._axes, ghost, references, curve.vocab_size, curve.history.marks, curve.diverged_at)
        if self._background[0] != key:
            self._background = (key, draw_background(plot, self._axes, curve, ghost))
        canvas = self._background[1].copy()
        if self.cursor is not None and self.cursor <= steps:
            column = plot.column(self._axes, self.cursor)
            canvas.overlay(plot.top, column, [plot.glyphs.vertical] * plot.rows, "bold accent")
            if plot.top + plot.rows < plot.height:  # on the x axis
                canvas.write(plot.top + plot.rows, column, plot.glyphs.up, "bold accent")
        draw_curves(canvas, plot, self._axes, curve, lines)
        return canvas

    def _ghost_lines(self, steps: float, columns: int) -> CurveLines:
        key = (self.curve.ghost, steps, columns)
        if self._ghost[0] != key:
            history = self.curve.ghost.history if self.curve.ghost else TrainingHistory()
            self._ghost = (key, make_curve_lines(history.points, history, steps, columns))
        return self._ghost[1]
