"""The loss chart, and the only room that knows plotext: it rasters single lines, all else is drawn by us."""

from __future__ import annotations

from functools import lru_cache
from time import monotonic

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.timer import Timer

from charwave_tui.core.metrics import TrainingHistory
from charwave_tui.ui.charts.axes import Axes, fit_axes, losses, x_extent
from charwave_tui.ui.charts.plot import (
    CurveLines,
    Dots,
    PlotArea,
    draw_background,
    draw_curves,
    furthest,
    make_curve_lines,
    reference_losses,
)
from charwave_tui.ui.drawing.canvas import Canvas
from charwave_tui.ui.drawing.theme import ThemedWidget
from charwave_tui.ui.state.run_state import LossCurveState
from charwave_tui.ui.terminal.glyphs import GLYPHS

PERIOD = 0.2
"""Seconds between two frames while the curve grows, at the least."""


BLANK = 0x2800
"""The braille character without dots; the eight lowest bits above it are the dots."""


_LOWER = {0x01: 0x02, 0x02: 0x04, 0x04: 0x40, 0x08: 0x10, 0x10: 0x20, 0x20: 0x80}


_LOWERED = tuple(sum(lower for bit, lower in _LOWER.items() if bits & bit) for bits in range(256))


@lru_cache(maxsize=16)
def rasterize(dots: Dots, columns: int, rows: int, pen: str) -> tuple[str, ...]:
    """Lines through dots as rows of text with blanks between (see `plot.Raster`); the same line again costs nothing."""
    if not dots:
        return ()
    import plotext  # costs 50 ms, and the first frame has no curve

    braille = pen in ("thin", "thick")
    across, up = (2, 4) if braille else (1, 1)
    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plot_size(columns, rows)
    plotext.clear_color()
    plotext.frame(False)
    plotext.xticks([])
    plotext.yticks([])
    plotext.xlim(0, columns * across - 1)
    plotext.ylim(0, rows * up - 1)
    for stretch in dots:
        plotext.plot(*map(list, zip(*stretch, strict=True)), marker="braille" if braille else pen)
    drawn = plotext.uncolorize(plotext.build()).split("\n")[:rows]
    return tuple(thickened(drawn) if pen == "thick" else drawn)


def thickened(rows: list[str]) -> list[str]:
    """Every braille dot with the one below it."""
    thick = []
    above = [0] * len(rows[0])
    for row in rows:
        bits = [0 if character == " " else ord(character) - BLANK for character in row]
        fallen = [(dot & 0x40) >> 6 | (dot & 0x80) >> 4 for dot in above]
        both = [dot | _LOWERED[dot] | extra for dot, extra in zip(bits, fallen, strict=True)]
        thick.append("".join(chr(BLANK + dot) if dot else " " for dot in both))
        above = bits
    return thick


class CanvasWidget(ThemedWidget):
    """A widget that shows a canvas; of the next one it repaints the cells that changed and no others."""

    DEFAULT_CSS = "CanvasWidget { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sheet = Canvas(0, 0)
        self._styles: dict[str, Style] = {}
        self._drawn_at = -PERIOD
        self._waiting: Timer | None = None
        self._behind = False

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person reads, row by row."""
        return tuple(self._sheet.line(row) for row in range(self._sheet.height))

    def paint(self, plot: PlotArea) -> Canvas:
        """What is to be seen now."""
        raise NotImplementedError

    def request_draw(self) -> None:
        """Draw once the last frame has stood for its time."""
        if self._waiting is None:
            wait = self._drawn_at + PERIOD - monotonic()
            if wait > 0:
                self._waiting = self.set_timer(wait, self.draw)
            else:
                self.draw()

    def draw(self) -> None:
        """Draw the next sheet and have repainted what it changes; under a screen that hides it, once that is gone."""
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None
        self._drawn_at = monotonic()
        self._behind = self.is_attached and not (self.screen.is_current or self.screen in self.app._background_screens)
        if self._behind:
            self.refresh()  # so that its lines are asked for as soon as they are seen
            return
        earlier, self._sheet = self._sheet, self.paint(PlotArea(*self.size, GLYPHS))
        if (earlier.width, earlier.height) != (self._sheet.width, self._sheet.height):
            self.refresh()
        else:
            regions = [Region(start, row, end - start, 1) for row, start, end in self._sheet.changes(earlier)]
            if regions:
                self.refresh(*regions)

    def on_resize(self) -> None:
        self.draw()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The strips of a region; what was hidden while it changed is drawn first."""
        if self._behind:
            self._behind = False
            self._sheet = self.paint(PlotArea(*self.size, GLYPHS))
        return super().render_lines(crop)

    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        pieces = self._sheet.spans(y) if y < self._sheet.height else ()
        strip = Strip([Segment(text, self._style(ink)) for text, ink in pieces], self._sheet.width if pieces else 0)
        return strip.adjust_cell_length(self.size.width, self._style("fg"))

    def _style(self, ink: str) -> Style:
        if ink not in self._styles:
            *weight, role = ink.split()
            self._styles[ink] = self.rich_style + self.role_style(role, bold=bool(weight))
        return self._styles[ink]


class LossChart(CanvasWidget):
    """The curves of a run over its steps."""

    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    """All that is shown."""
    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether heights are log10 of losses (`log` is taken: every widget has a logger of that name)."""
    cursor: reactive[int | None] = reactive(None, repaint=False)
    """A step to point at, where there is one."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._axes: Axes | None = None
        self._ground: tuple[object, Canvas] = (None, self._sheet)
        self._ghost: tuple[object, CurveLines] = (None, CurveLines((), ()))

    def watch_curve(self) -> None:
        self.request_draw()

    def watch_log_scale(self) -> None:
        self.draw()

    def watch_cursor(self) -> None:
        self.draw()

    def paint(self, plot: PlotArea) -> Canvas:
        """The curve on a sheet, on axes that stay where they were if that can be."""
        curve = self.curve
        if not plot.drawable or not (curve.max_steps or curve.points):
            return Canvas(plot.width, plot.height)
        steps = x_extent(furthest(curve), curve.max_steps)
        columns = plot.dots[0]
        now, ghost = make_curve_lines(curve.points, curve.history, steps, columns), self._ghost_lines(steps, columns)
        values = [loss for line in (*now, ghost.train) for loss in losses(line, columns)]
        constants = [loss for loss, _ in reference_losses(curve).values()]
        self._axes = fit_axes(values, constants, steps, self.log_scale, self._axes)
        key = (plot, self._axes, ghost, constants, curve.vocab_size, curve.history.marks, curve.diverged_at)
        if self._ground[0] != key:
            self._ground = (key, draw_background(plot, self._axes, curve, ghost, rasterize))
        sheet = self._ground[1].copy()
        if self.cursor is not None and self.cursor <= steps:
            column = plot.column(self._axes, self.cursor)
            sheet.overlay(plot.top, column, [plot.glyphs.upright] * plot.rows, "bold accent")
            if plot.top + plot.rows < plot.height:  # the x axis stands there
                sheet.write(plot.top + plot.rows, column, plot.glyphs.up, "bold accent")
        draw_curves(sheet, plot, self._axes, curve, now, rasterize)
        return sheet

    def _ghost_lines(self, steps: float, columns: int) -> CurveLines:
        """The lines of the earlier run, cut once for every width and axis."""
        key = (self.curve.ghost, steps, columns)
        if self._ghost[0] != key:
            history = self.curve.ghost.history if self.curve.ghost else TrainingHistory()
            self._ghost = (key, make_curve_lines(history.points, history, steps, columns))
        return self._ghost[1]
