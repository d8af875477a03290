"""The curves of the runs that are compared."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.reactive import reactive
from textual.widgets import Static

from charwave_tui.ui.axes import Axes
from charwave_tui.ui.canvas import Canvas
from charwave_tui.ui.chart import Sheet, raster
from charwave_tui.ui.comparison import Compared
from charwave_tui.ui.comparison_sheet import drawn, scaled
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.panes.run_pane import RunPane
from charwave_tui.ui.plot import Plot


class ComparisonChart(Sheet):
    """Val loss over steps for each of the runs; training loss for one whose val was never measured."""

    among: reactive[tuple[Compared, ...]] = reactive((), repaint=False)
    """The runs."""
    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether heights are log10 of losses."""

    def __init__(self) -> None:
        super().__init__()
        self._axes: Axes | None = None

    def watch_among(self) -> None:
        self.draw_soon()

    def watch_log_scale(self) -> None:
        self.draw()

    def paint(self, plot: Plot) -> Canvas:
        shown = scaled(plot, self.among, self.log_scale, self._axes)
        if shown is None:
            return Canvas(plot.width, plot.height)
        self._axes = shown.axes
        return drawn(plot, shown, raster)


class RunCurves(RunPane):
    """The chart, and a few words where there is nothing to draw."""

    DEFAULT_CSS = """
    RunCurves {
        layers: chart words;
        align: center middle;
        ComparisonChart { layer: chart; }
        #silence { layer: words; width: auto; max-width: 100%; height: auto; color: $ink-muted; background: $ink-bg; }
        #silence.-silent { display: none; }
    }
    """

    among: reactive[tuple[Compared, ...]] = reactive((), repaint=False)
    """The runs that are compared."""
    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether heights are log10 of losses, so that late progress can be seen."""

    def __init__(self, *, id: str) -> None:
        super().__init__("Val loss", id=id)
        self._words = Static(id="silence", markup=False)

    def compose(self) -> ComposeResult:
        yield ComparisonChart().data_bind(RunCurves.among, RunCurves.log_scale)
        yield self._words

    def watch_among(self, among: tuple[Compared, ...]) -> None:
        words = silence(among)
        self._words.set_class(not words, "-silent")
        self._words.update(words)
        self.remark = remarks(among)

    def watch_log_scale(self, log_scale: bool) -> None:
        self.note = "log scale" if log_scale else "linear scale"


def silence(among: tuple[Compared, ...]) -> str:
    """What to say where there is no curve to draw."""
    if not among or any(item.last is not None for item in among):
        return ""
    coming = [item.row.run for item in among if item.history is None]
    if coming:
        return f"reading {_runs(coming)}"
    return f"{_runs([item.row.run for item in among])}: no loss to draw yet"


def remarks(among: tuple[Compared, ...]) -> str:
    """What is not as one would think of the curves that are drawn."""
    trained = [item.row.run for item in among if item.history is not None and item.losses and not item.by_val]
    coming = [item.row.run for item in among if item.history is None]
    said = [f"{_runs(trained)} by train loss"] if trained else []
    if 0 < len(coming) < len(among):
        said.append(f"reading {_runs(coming)}")
    return f" {GLYPHS.dot} ".join(said)


def _runs(numbers: list[int]) -> str:
    return f"run{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
