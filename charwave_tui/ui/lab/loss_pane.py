"""Pane 2: the loss curve, and text beside or instead of it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from charwave_tui.core.metrics import Divergence, RunState, Split
from charwave_tui.core.protocol.commands import REWIND_LR_DIVISOR
from charwave_tui.ui.charts.loss_chart import LossChart
from charwave_tui.ui.drawing.number_format import format_loss, format_norm, format_rate, format_steps
from charwave_tui.ui.drawing.styled_text import shorten
from charwave_tui.ui.state.notifications import empty_state_text
from charwave_tui.ui.state.run_state import ConnectionState, LossCurveState, RunViewState
from charwave_tui.ui.terminal.cell_width import cell_len
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.pane import Pane


def loss_text(run: RunViewState, curve: LossCurveState) -> list[str]:
    """Return the paragraphs, as markup, that stand beside or instead of the curve; none while the curve is enough."""
    if run.connection is ConnectionState.LOST:
        return list(_engine_lost(run))
    if curve.diverged_at is not None:
        return list(_diverged(run, curve.diverged_at))
    if curve.points:
        return []
    if run.connection is ConnectionState.STARTING:
        return [empty_state_text(run)]
    match run.state:
        case None:
            return ["No model has been built yet.", f"{_key('1')} shows what the form needs"]
        case RunState.READY:
            return _untrained(run, curve)
        case RunState.TRAINING:
            return ["The first steps are being trained."]
        case RunState.PAUSED:
            return [_fg("Paused before the first step."), f"{_key('space')} trains\n{_key('.')} takes a single step"]
        case _:
            return [_fg("Stopped before the first step."), f"{_key('c')} trains on\n{_key('t')} starts a new run"]


def _engine_lost(run: RunViewState) -> Iterator[str]:
    yield f"[bold $ink-error]{empty_state_text(run)}[/]"
    if run.reason:
        yield escape(run.reason)
    new_run = f"{_key('t')} starts a new run"
    if run.unfinished is None:
        yield new_run
    else:
        yield _fg("All checkpoints are safe.")
        yield f"{_key('space')} resumes run {run.unfinished.run}\n{new_run}"


def _untrained(run: RunViewState, curve: LossCurveState) -> list[str]:
    length = f": {format_steps(curve.max_steps)} steps" if curve.max_steps else ""
    keys = (
        f"{_key('t')} trains the model of the form{length}\n"
        f"{_key('.')} takes a single step\n"
        f"{_key('g')} samples names from the untrained model"
    )
    if run.unfinished is None:
        return [_fg("Nothing is trained yet."), keys]
    unfinished = f"Run {run.unfinished.run} is unfinished, at step {format_steps(run.unfinished.step)}."
    return [_fg(unfinished), f"{_key('space')} resumes it\n{keys}"]


def _diverged(run: RunViewState, step: int) -> Iterator[str]:
    divergence = run.divergence
    yield f"[bold $ink-error]The loss became {run.diverged_to} at step {format_steps(step)}.[/]"
    keys = [f"{_key('1')} change the form first", f"{_key('0')} the same weights, from step 0"]
    if divergence is not None:
        yield _fg(_cause(divergence))
    if divergence is not None and divergence.saved_step is not None:
        saved_step = format_steps(divergence.saved_step)
        yield f"Step {saved_step} is saved; nothing is lost."
        with_lr = f" with lr {format_rate(run.config.lr / REWIND_LR_DIVISOR)}" if run.config else ""
        keys.insert(0, f"{_key('w')} rewind to step {saved_step}{with_lr}")
    yield "\n".join(keys)


def _cause(divergence: Divergence) -> str:
    lines = [f"{_bright(f'lr {format_rate(divergence.lr)}')} is too large for these weights."]
    gradient = divergence.gradient
    norm = f"the gradient before had norm {_bright(format_norm(gradient))}" if gradient else ""
    if divergence.layer:
        layer = _bright(escape(divergence.layer.replace("→", GLYPHS.arrow)))
        lines.append(f"{layer} was the first whose output was not finite{f'; {norm}' if norm else ''}.")
    elif norm:
        lines.append(f"T{norm[1:]}.")
    return "\n".join(lines)


def _fg(text: str) -> str:
    return f"[$ink-fg]{text}[/]"


def _bright(text: str) -> str:
    return f"[$ink-bright]{text}[/]"


def _key(key: str) -> str:
    return f"[bold $ink-accent]{key}[/]"


def provenance_text(run: RunViewState, curve: LossCurveState, width: int) -> str:
    """Return what is evaluated and how it is averaged, with as much on repeated words as fits `width` columns."""
    window = curve.history.window
    means = "" if not curve.points else f"mean of {format_steps(window)} steps" if window > 1 else "every step"
    test = curve.latest(Split.TEST)
    test_loss = f"test {format_loss(test.loss)} after {format_steps(test.step)}" if test else ""
    ghost = f"ghost of another corpus: {shorten(curve.ghost_corpus, 16)}" if curve.ghost_corpus else ""
    repeats = run.corpus.repeats_text if run.corpus is not None and curve.points else ""
    for note in (repeats, repeats.partition("; ")[2], ""):
        text = f" {GLYPHS.dot} ".join(filter(None, (ghost, note, test_loss, means)))
        if cell_len(text) <= width:
            break
    return text


BESIDE_MIN_COLUMNS = 70  # of the pane, from which the text stands right of the curve and not below it

BELOW_MIN_ROWS = 18  # of the pane, from which text fits below a curve; with fewer it stands alone

TEXT_COLUMNS = 38  # beside a curve, the first of them blank


class LossPane(Pane, can_focus=True):
    """The chart of the losses, with text beside or below it after a divergence, and instead of it if there is none."""

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
    """.replace("WIDTH", str(TEXT_COLUMNS))

    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    log_scale: reactive[bool] = reactive(True, repaint=False)

    def __init__(self, *, id: str = "loss") -> None:
        super().__init__("Loss", id=id, number=2)
        self._text = Static(id="words")

    def compose(self) -> ComposeResult:
        yield LossChart(id="chart").data_bind(LossPane.curve, LossPane.log_scale)
        yield self._text

    def watch_curve(self) -> None:
        self._update_text()

    def watch_run(self) -> None:
        self._update_text()

    def watch_log_scale(self) -> None:
        self._update_text()

    def on_resize(self) -> None:
        self.set_class(self.size.width < BESIDE_MIN_COLUMNS, "-narrow")
        self.set_class(self.size.height < BELOW_MIN_ROWS, "-short")
        self._update_text()

    def _update_text(self) -> None:
        self.provenance = provenance_text(self.run, self.curve, self.size.width - 4)  # the border has corners
        scale = "log scale" if self.log_scale else "linear scale"
        step = self.curve.diverged_at
        self.note = scale if step is None else f"diverged at step {format_steps(step)}"
        is_lost = self.run.connection is ConnectionState.LOST
        self.problem = is_lost or step is not None
        self.set_class(step is not None or (is_lost and bool(self.curve.points)), "-told")
        paragraphs = loss_text(self.run, self.curve)
        text = "\n\n".join(paragraphs)
        width = max(self.size.width, 1) if self.has_class("-narrow") else TEXT_COLUMNS - 1
        if self.has_class("-told") and Content.from_markup(text).get_height({}, width) >= self.size.height:
            text = "\n".join(paragraphs)
        self._text.set_class(not text, "-silent")
        self._text.update(text)
