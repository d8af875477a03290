"""Pane 2 and its words."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from charwave_tui.core.metrics import Divergence, RunState, Split
from charwave_tui.ui.charts.loss_chart import LossChart
from charwave_tui.ui.drawing.number_format import format_loss, format_norm, format_rate, format_steps
from charwave_tui.ui.state.run_state import LossCurveState, RunViewState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.pane import Pane


def empty_state_text(run: RunViewState, curve: LossCurveState) -> list[str]:
    """What to say, as paragraphs with markup; nothing while a curve speaks for itself."""
    if run.engine == "lost":
        return list(_without_engine(run))
    if curve.diverged_at is not None:
        return list(_after_divergence(run, curve.diverged_at))
    if curve.points:
        return []
    if run.engine == "starting":
        return ["starting the engine"]
    match run.state:
        case None:
            return ["There is no model of the form yet.", f"{_key('1')} says what it waits for"]
        case RunState.READY:
            return _before_training(run, curve)
        case RunState.TRAINING:
            return ["taking the first steps"]
        case RunState.PAUSED:
            return [_said("Paused before the first step."), f"{_key('space')} trains\n{_key('.')} takes a single step"]
        case _:
            return [_said("Stopped before the first step."), f"{_key('c')} trains on\n{_key('t')} starts a new run"]


def _without_engine(run: RunViewState) -> Iterator[str]:
    yield "[bold $ink-error]The engine is gone.[/]"
    if run.reason:
        yield escape(run.reason)
    anew = f"{_key('t')} starts a new run"
    if run.unfinished is None:
        yield anew
    else:
        yield _said("What was saved is safe.")
        yield f"{_key('space')} goes on with run {run.unfinished.run}\n{anew}"


def _before_training(run: RunViewState, curve: LossCurveState) -> list[str]:
    length = f": {format_steps(curve.max_steps)} steps" if curve.max_steps else ""
    keys = (
        f"{_key('t')} trains the model of the form{length}\n"
        f"{_key('.')} takes a single step\n"
        f"{_key('g')} names from the model as it is"
    )
    if run.unfinished is None:
        return [_said("Nothing is trained yet."), keys]
    left = f"Run {run.unfinished.run} was left at step {format_steps(run.unfinished.step)}."
    return [_said(left), f"{_key('space')} goes on with it\n{keys}"]


def _after_divergence(run: RunViewState, step: int) -> Iterator[str]:
    known = run.divergence
    became = known.became if known else "NaN"
    yield f"[bold $ink-error]The loss became {became} at step {format_steps(step)}.[/]"
    keys = [f"{_key('1')} change the form first", f"{_key('0')} the same weights, from step 0"]
    if known is not None:
        yield _said(_cause(known))
    if known is not None and known.saved_step is not None:
        back = format_steps(known.saved_step)
        yield f"Step {back} is saved; nothing is lost."
        with_lr = f" with lr {format_rate(run.config.lr / 3)}" if run.config else ""
        keys.insert(0, f"{_key('w')} rewind to step {back}{with_lr}")
    yield "\n".join(keys)


def _cause(known: Divergence) -> str:
    """What led there, as far as it was found."""
    lines = [f"{_figure(f'lr {format_rate(known.lr)}')} is too large for these weights."]
    norm = f"the gradient before had norm {_figure(format_norm(known.gradient))}" if known.gradient else ""
    if known.layer:
        layer = _figure(escape(known.layer.replace("→", GLYPHS.arrow)))
        lines.append(f"{layer} was the first whose output was not finite{f'; {norm}' if norm else ''}.")
    elif norm:
        lines.append(f"T{norm[1:]}.")
    return "\n".join(lines)


def _said(text: str) -> str:
    return f"[$ink-fg]{text}[/]"


def _figure(text: str) -> str:
    return f"[$ink-bright]{text}[/]"


def _key(key: str) -> str:
    return f"[bold $ink-accent]{key}[/]"


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
        LossChart { layer: chart; }
        #words { layer: words; width: auto; max-width: 100%; height: auto; padding: 0 2; }
        #words { background: $ink-bg; color: $ink-muted; }
        &.-told #words { layer: chart; dock: right; width: WIDTH; padding: 1 0 0 1; }
        &.-told.-narrow #words { dock: bottom; width: 100%; padding: 0; }
        &.-told.-narrow.-short #words { dock: top; }
        #words.-silent, &.-told.-narrow.-short LossChart { display: none; }
    }
    """.replace("WIDTH", str(WIDTH))

    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    """What the chart shows."""
    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    """The run it belongs to, for the words."""
    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether heights are log10 of losses, so that late progress can be seen."""

    def __init__(self, *, id: str = "loss") -> None:
        super().__init__(2, "Loss", id=id)
        self._words = Static(id="words")

    def compose(self) -> ComposeResult:
        yield LossChart(id="chart").data_bind(LossPane.curve, LossPane.log_scale)
        yield self._words

    def watch_curve(self, curve: LossCurveState) -> None:
        window = curve.history.window
        means = "" if not curve.points else f"mean of {format_steps(window)} steps" if window > 1 else "every step"
        test = curve.latest(Split.TEST)
        measured = f"test {format_loss(test.loss)} after {format_steps(test.step)} {GLYPHS.dot} " if test else ""
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
        self.note = scale if step is None else f"NaN at step {format_steps(step)}"
        lost = self.run.engine == "lost"
        self.problem = lost or step is not None
        self.set_class(step is not None or (lost and bool(self.curve.points)), "-told")
        text = "\n\n".join(said := empty_state_text(self.run, self.curve))
        width = max(self.size.width, 1) if self.has_class("-narrow") else WIDTH - 1
        if self.has_class("-told") and Content.from_markup(text).get_height({}, width) >= self.size.height:
            text = "\n".join(said)
        self._words.set_class(not text, "-silent")
        self._words.update(text)
