"""Pane 2: how well the run learns, and a few words where there is no curve to see."""

from __future__ import annotations

from rich.markup import escape
from textual.app import ComposeResult
from textual.reactive import reactive
from textual.widgets import Static

from charwave_tui.core.readings import Split, State
from charwave_tui.ui.chart import Chart
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.numbers import loss, steps
from charwave_tui.ui.panes.pane import Pane
from charwave_tui.ui.view import Curve, RunView


class LossPane(Pane, can_focus=True):
    """The chart of a run's losses; `log` chooses its scale."""

    DEFAULT_CSS = """
    LossPane {
        layers: chart words;
        align: center middle;
        Chart { layer: chart; }
        #words { layer: words; width: auto; max-width: 100%; height: auto; padding: 0 2; }
        #words { background: $ink-bg; color: $ink-muted; }
        &.-problem #words { layer: chart; dock: right; width: 36; padding: 1 0 0 2; }
        #words.-silent, &.-problem.-narrow #words { display: none; }
    }
    """

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
        self.problem = curve.diverged_at is not None
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
        self.set_class(self.size.width < 70, "-narrow")

    def _describe(self) -> None:
        """Write the note and the words that fit the present state."""
        scale = "log scale" if self.log_scale else "linear scale"
        step = self.curve.diverged_at
        self.note = scale if step is None else f"NaN at step {steps(step)}"
        text = words(self.run, self.curve)
        self._words.set_class(not text, "-silent")
        self._words.update(text)


def words(run: RunView, curve: Curve) -> str:
    """What to say beside or instead of the curve, as markup; nothing while a curve speaks for itself."""
    if curve.diverged_at is not None:
        return _after_divergence(run, curve.diverged_at)
    if curve.points:
        return ""
    if run.engine != "ready":
        if run.engine == "starting":
            return "starting the engine"
        why = f"{escape(run.reason)}\n\n" if run.reason else ""
        return f"[$ink-error]The engine is gone.[/]\n\n{why}{_key('t')} starts another one"
    match run.state:
        case None:
            return f"There is no model of the form yet.\n\n{_key('1')} says what it waits for"
        case State.READY:
            length = f": {steps(curve.max_steps)} steps" if curve.max_steps else ""
            return (
                "[$ink-fg]Nothing is trained yet.[/]\n\n"
                f"{_key('t')} trains the model of the form{length}\n"
                f"{_key('.')} takes a single step\n"
                f"{_key('g')} names from the model as it is"
            )
        case State.TRAINING:
            return "taking the first steps"
        case State.PAUSED:
            return (
                f"[$ink-fg]Paused before the first step.[/]\n\n{_key('space')} trains\n{_key('.')} takes a single step"
            )
        case _:
            return f"[$ink-fg]Stopped before the first step.[/]\n\n{_key('c')} trains on\n{_key('t')} starts a new run"


def _after_divergence(run: RunView, step: int) -> str:
    reason = run.reason or f"the loss became NaN at step {steps(step)}"
    return (
        f"[bold $ink-error]{escape(reason[:1].upper() + reason[1:])}.[/]\n\n"
        "[$ink-fg]That lr may be too large for these weights.[/]\n\n"
        f"{_key('1')} change the form first\n"
        f"{_key('t')} train anew\n"
        f"{_key('0')} the same weights, from step 0"
    )


def _key(key: str) -> str:
    return f"[bold $ink-accent]{key}[/]"
