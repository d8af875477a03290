"""Timeline mode: the names sampled at each evaluation of the run, with the same seed, next to its loss curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import reactive

from charwave_tui.core.metrics import SampledName, Split, TimelineSample
from charwave_tui.ui.charts.loss_chart import LossChart
from charwave_tui.ui.drawing.number_format import format_loss, format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, muted_lines, wrap
from charwave_tui.ui.keymap import TIMELINE_KEYS
from charwave_tui.ui.sampler.mode import SamplerMode, unavailable_lines
from charwave_tui.ui.state.run_state import LossCurveState
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.name_list import entry_lines, names_summary
from charwave_tui.ui.widgets.pane import Pane
from charwave_tui.ui.widgets.text_lines import TextPane

PAGE_SIZE = 10  # evaluations


class TimelineChartPane(Pane):
    """The loss curve, with a cursor at the step of an evaluation."""

    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    cursor: reactive[int | None] = reactive(None, repaint=False)

    def __init__(self) -> None:
        super().__init__("Loss", id="timeline-chart")
        self.add_class("main", "keyed")

    def compose(self) -> ComposeResult:
        yield LossChart().data_bind(TimelineChartPane.curve, TimelineChartPane.cursor)


class TimelineMode(SamplerMode):
    """The loss curve above the names of the chosen evaluation; at the last one it follows each new evaluation."""

    BINDINGS: ClassVar[list[BindingType]] = [*TIMELINE_KEYS]

    title = "Timeline"
    keys = TIMELINE_KEYS

    def __init__(self) -> None:
        super().__init__(id="timeline")
        self._step: int | None = None  # of the chosen evaluation; None follows the last one
        self._chart = TimelineChartPane()
        self._names_pane = TextPane("Names", id="timeline-names", classes="side")

    def compose(self) -> ComposeResult:
        yield self._chart.data_bind(SamplerMode.curve)
        yield self._names_pane

    @property
    def current_sample(self) -> TimelineSample | None:
        """The names of the chosen evaluation, or of the last one before it."""
        timeline = self.replies.timeline
        if not timeline:
            return None
        step = timeline[-1].step if self._step is None else self._step
        return next((sample for sample in reversed(timeline) if sample.step <= step), timeline[0])

    @property
    def names_shown(self) -> Sequence[SampledName]:
        return self.current_sample.names if self.current_sample else ()

    def load(self) -> None:
        if self._step not in {sample.step for sample in self.replies.timeline}:
            self._step = None

    def watch_replies(self, old: SamplerState, new: SamplerState) -> None:
        if old.timeline is not new.timeline:
            if not old.timeline or not new.timeline:
                self.refresh_bindings()
            self.update()

    def action_move_cursor(self, evaluations: int) -> None:
        timeline, sample = self.replies.timeline, self.current_sample
        if sample is None:
            return
        last = len(timeline) - 1
        index = min(max(timeline.index(sample) + evaluations, 0), last)
        self._step = None if index == last else timeline[index].step
        self.update()

    def action_page(self, pages: int) -> None:
        self.action_move_cursor(pages * PAGE_SIZE)

    def draw(self) -> None:
        sample, timeline, pane = self.current_sample, self.replies.timeline, self._names_pane
        self._chart.cursor = sample.step if sample else None
        self._chart.note = _step_and_val_loss(sample.step, self.curve) if sample else ""
        width, height = pane.inner_size
        if sample is None:
            pane.note = pane.provenance = ""
            pane.set_lines(unavailable_lines(self.run, width) or _empty_timeline_lines(width))
            return
        pane.note = f"step {format_steps(sample.step)}"
        pane.provenance = f"{timeline.index(sample) + 1} of {len(timeline):,} evaluations"
        pane.set_lines([*entry_lines(sample.names, width, max(height - 2, 1)), (), names_summary(sample.names, width)])


def _step_and_val_loss(step: int, curve: LossCurveState) -> str:
    evaluations = curve.history.evaluations
    losses = [item.loss for item in evaluations if item.split is Split.VAL and item.step == step]
    val_loss = f" {GLYPHS.dot} val {format_loss(losses[-1])}" if losses else ""
    return f"step {format_steps(step)}{val_loss}"


def _empty_timeline_lines(width: int) -> list[StyledLine]:
    lines = wrap("This run has no names of its evaluations yet.", width, 3)
    explanation = muted_lines("They are sampled at each evaluation, always with the same seed.", width, 3)
    return [*((Span(line),) for line in lines), *explanation]
