"""Pane 2: how well the run learns, and a few words where there is no curve to see."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from charwave_tui.core.readings import Split
from charwave_tui.ui.chart import Chart
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.numbers import loss, steps
from charwave_tui.ui.panes.pane import Pane
from charwave_tui.ui.panes.words import words
from charwave_tui.ui.view import Curve, RunView

BESIDE = 70
"""Columns from which words stand right of a curve, in WIDTH of them, and not below it."""

BELOW = 18
"""Rows from which there is room for words below a curve; with fewer they stand alone."""

WIDTH = 38
"""Columns of words beside a curve, the first of them blank."""


class LossPane(Pane, can_focus=True):
    """The chart of a run's losses; `log` chooses its scale."""

    DEFAULT_CSS = """
    LossPane {
        layers: chart words;
        align: center middle;
        Chart { layer: chart; }
        #words { layer: words; width: auto; max-width: 100%; height: auto; padding: 0 2; }
        #words { background: $ink-bg; color: $ink-muted; }
        &.-told #words { layer: chart; dock: right; width: WIDTH; padding: 1 0 0 1; }
        &.-told.-narrow #words { dock: bottom; width: 100%; padding: 0; }
        &.-told.-narrow.-short #words { dock: top; }
        #words.-silent, &.-told.-narrow.-short Chart { display: none; }
    }
    """.replace("WIDTH", str(WIDTH))

    curve: reactive[Curve] = reactive(Curve, repaint=False)
    """What the chart shows."""
    run: reactive[RunView] = reactive(RunView, repaint=False)
    """The run it belongs to, for the words."""
    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether heights are log10 of losses, so that late progress can be seen."""

    def __init__(self, *, id: str = "loss") -> None:
        super().__init__(2, "Loss", id=id)
        self._words = Static(id="words")

    def compose(self) -> ComposeResult:
        yield Chart(id="chart").data_bind(LossPane.curve, LossPane.log_scale)
        yield self._words

    def watch_curve(self, curve: Curve) -> None:
        window = curve.history.window
        means = "" if not curve.points else f"mean of {steps(window)} steps" if window > 1 else "every step"
        test = curve.latest(Split.TEST)
        measured = f"test {loss(test.loss)} after {steps(test.step)} {GLYPHS.dot} " if test else ""
        self.provenance = measured + means
        self._describe()

    def watch_run(self) -> None:
        self._describe()

    def watch_log_scale(self) -> None:
        self._describe()

    def on_resize(self) -> None:
        self.set_class(self.size.width < BESIDE, "-narrow")
        self.set_class(self.size.height < BELOW, "-short")
        self._describe()

    def _describe(self) -> None:
        """Write the note and the words that fit the present state."""
        scale = "log scale" if self.log_scale else "linear scale"
        step = self.curve.diverged_at
        self.note = scale if step is None else f"NaN at step {steps(step)}"
        lost = self.run.engine == "lost"
        self.problem = lost or step is not None
        self.set_class(step is not None or (lost and bool(self.curve.points)), "-told")
        text = "\n\n".join(said := words(self.run, self.curve))
        width = max(self.size.width, 1) if self.has_class("-narrow") else WIDTH - 1
        if self.has_class("-told") and Content.from_markup(text).get_height({}, width) >= self.size.height:
            text = "\n".join(said)
        self._words.set_class(not text, "-silent")
        self._words.update(text)
