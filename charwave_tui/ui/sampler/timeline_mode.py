"""Timeline: names drawn with the same chance at every evaluation, scrubbed along the curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import reactive

from charwave_tui.core.metrics import SampledName, Split, TimelineSample
from charwave_tui.ui.charts.loss_chart import LossChart
from charwave_tui.ui.drawing.number_format import format_loss, format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, wrap
from charwave_tui.ui.keymap import TIMELINE_KEYS
from charwave_tui.ui.sampler.mode import NameListMode, SamplerMode, empty_state_text
from charwave_tui.ui.state.run_state import LossCurveState
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.name_list import entry_lines, names_summary
from charwave_tui.ui.widgets.pane import UnnumberedPane
from charwave_tui.ui.widgets.text_lines import TextPane

PAGE = 10
"""Evaluations that a page takes."""


class TimelineChartPane(UnnumberedPane):
    """The curve of the run, with a cursor at an evaluation."""

    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    """The losses."""
    cursor: reactive[int | None] = reactive(None, repaint=False)
    """The step of the evaluation."""

    def __init__(self) -> None:
        super().__init__("Loss", id="scrubbed")
        self.add_class("main", "keyed")

    def compose(self) -> ComposeResult:
        yield LossChart().data_bind(TimelineChartPane.curve, TimelineChartPane.cursor)


class TimelineMode(NameListMode):
    """The curve above, the names of the chosen evaluation below; at the last one it goes on with each that comes."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in TIMELINE_KEYS]

    title = "Timeline"
    keys = TIMELINE_KEYS

    def __init__(self) -> None:
        super().__init__(id="timeline")
        self._step: int | None = None
        self._chart = TimelineChartPane()
        self._names = TextPane("Names", id="sketched", classes="side")

    def compose(self) -> ComposeResult:
        yield self._chart.data_bind(SamplerMode.curve)
        yield self._names

    @property
    def sketch(self) -> TimelineSample | None:
        """The names of the evaluation under the cursor, or of the last before it."""
        timeline = self.speech.timeline
        if not timeline:
            return None
        step = timeline[-1].step if self._step is None else self._step
        return next((item for item in reversed(timeline) if item.step <= step), timeline[0])

    @property
    def names_shown(self) -> Sequence[SampledName]:
        return self.sketch.names if self.sketch else ()

    def watch_speech(self, old: SamplerState, new: SamplerState) -> None:
        if old.timeline is not new.timeline:
            if not old.timeline or not new.timeline:
                self.refresh_bindings()
            self.update()

    def load(self) -> None:
        if self._step is not None and all(item.step != self._step for item in self.speech.timeline):
            self._step = None

    def action_walk(self, places: int) -> None:
        timeline = self.speech.timeline
        if self.sketch is None:
            return
        place = min(max(timeline.index(self.sketch) + places, 0), len(timeline) - 1)
        self._step = None if place == len(timeline) - 1 else timeline[place].step
        self.update()

    def action_page(self, pages: int) -> None:
        self.action_walk(pages * PAGE)

    def update(self) -> None:
        if not self.is_mounted or not self.on_screen:
            return
        sketch, timeline = self.sketch, self.speech.timeline
        self._chart.cursor = sketch.step if sketch else None
        self._chart.note = _evaluated(sketch, self.curve) if sketch else ""
        width, height = self._names.inner_size
        if sketch is None:
            self._names.note = self._names.remark = ""
            self._names.set_lines(list(empty_state_text(self.run)) or _none_yet(width))
            return
        self._names.note = f"step {format_steps(sketch.step)}"
        self._names.remark = f"{timeline.index(sketch) + 1} of {len(timeline):,} evaluations"
        rows = max(height - 2, 1)
        self._names.set_lines([*entry_lines(sketch.names, width, rows), (), names_summary(sketch.names, width)])


def _evaluated(sketch: TimelineSample, curve: LossCurveState) -> str:
    """The step of a sketch, and the val loss that was measured there."""
    losses = [item.loss for item in curve.history.evaluations if item.split is Split.VAL and item.step == sketch.step]
    measured = f" {GLYPHS.dot} val {format_loss(losses[-1])}" if losses else ""
    return f"step {format_steps(sketch.step)}{measured}"


def _none_yet(width: int) -> list[StyledLine]:
    said = wrap("There are no names of this run's evaluations yet.", width, 3)
    then = wrap("They are drawn at each of them, always with the same chance.", width, 3)
    return [*((Span(line),) for line in said), *((Span(line, "muted"),) for line in then)]
