"""Compare: names of the present model and of another run, drawn from the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.metrics import SampledName
from charwave_tui.core.protocol.commands import ListRuns, SampleNames, SampleRun
from charwave_tui.core.protocol.events import RunSampled
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, join_within, wrap
from charwave_tui.ui.keymap import COMPARE_KEYS
from charwave_tui.ui.messages import Requested, ScreenRequest
from charwave_tui.ui.sampler.mode import NameListMode, SamplerMemory, empty_state_text, refusal, sentence
from charwave_tui.ui.state.pending_request import PendingRequest
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.widgets.name_list import entry_lines, names_summary
from charwave_tui.ui.widgets.text_lines import TextPane


class CompareMode(NameListMode):
    """The model at the left, the run that was `compared` at the right: the same settings, name by name."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in COMPARE_KEYS]

    title = "Compare"
    keys = COMPARE_KEYS

    def __init__(self, left: SamplerMemory) -> None:
        super().__init__(id="compare")
        self.compared = left.compared
        """The run to compare with, None before one was chosen."""
        self._asking = PendingRequest(self.ask)
        self._other: RunSampled | None = None
        self._refused: tuple[str, str] | None = None
        self._mine = TextPane("This run", id="mine", classes="side keyed")
        self._theirs = TextPane("Another run", id="theirs", classes="main")

    def compose(self) -> ComposeResult:
        yield self._mine
        yield self._theirs

    @property
    def names_shown(self) -> Sequence[SampledName]:
        return self.names.names

    def compare(self, run: int) -> None:
        """Compare with that run."""
        self.compared, self._other, self._refused = run, None, None
        self._draw_theirs()
        self.update()

    def load(self) -> None:
        self._asking.cancel()
        if not self.run.is_connected:
            return
        self.ask(ListRuns())
        if self.ready and not self.names.names:
            self.ask(SampleNames(self.sampling))
        self._draw_theirs()

    def poll(self) -> None:
        if self._asking.poll() and self._other is None and self._refused is None:
            self._draw_theirs()

    def watch_sampling(self) -> None:
        self._other = self._refused = None
        if self.on_screen:
            self._draw_theirs()

    def watch_speech(self, old: SamplerState, new: SamplerState) -> None:
        told, no = new.sampled, new.refused
        if told is not None and told is not old.sampled and self._asking.accept(told.request):
            self._other, self._refused = told, None
        elif no is not None and no is not old.refused and self._asking.accept(no.request):
            self._other, self._refused = None, (no.problem, no.remedy)
        else:
            return
        self.update()

    def action_choose(self) -> None:
        self.post_message(ScreenRequest(Requested.CHOOSE_RUN))

    def update(self) -> None:
        if not self.is_mounted or not self.on_screen:
            return
        names = self.names
        self._mine.note = f"run {self.run.run}" if self.run.run else ""
        drawn = [f"step {format_steps(names.step)}", f"seed {self.sampling.seed}"]
        self._mine.remark = join_within(drawn, self._mine.inner_size[0] - 2)
        if names.refusal:
            problem, _, remedy = names.refusal.partition("; ")
            self._mine.set_lines(list(refusal(self.run, problem, remedy, self._mine.inner_size[0])))
        else:
            self._mine.set_lines(_listing(names.names, *self._mine.inner_size) or list(empty_state_text(self.run)))
        self._theirs.note = "" if self.compared is None else f"run {self.compared}"
        saved = [f"step {format_steps(self._other.step)}", "as saved"] if self._other else []
        self._theirs.remark = join_within(saved, self._theirs.inner_size[0] - 2)
        self._theirs.set_lines(self._told())

    def _told(self) -> list[StyledLine]:
        """The other run's names, or what there is to say instead."""
        if self._refused is not None:
            problem, remedy = self._refused
            width = self._theirs.inner_size[0]
            return [(Span(line),) for line in wrap(f"{sentence(problem)} {sentence(remedy)}", width, 6)]
        if self.compared is None:
            return [(Span("c", "accent", True), Span(" chooses a run.", "muted"))]
        if self._other is None:
            return [(Span(f"drawing names of run {self.compared}", "muted"),)]
        return _listing(self._other.names, *self._theirs.inner_size) or [(Span("No names came of it.", "muted"),)]

    def _draw_theirs(self) -> None:
        run, sampling = self.compared, self.sampling
        if run is not None and self.run.is_connected:
            self._asking.request(lambda number: SampleRun(run, sampling, number))


def _listing(names: Sequence[SampledName], width: int, height: int) -> list[StyledLine]:
    if not names or not width:
        return []
    rows = max(height - 2, 1)
    return [*entry_lines(names, width, rows), (), names_summary(names, width)]
