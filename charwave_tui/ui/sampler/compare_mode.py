"""Compare mode: names of the active model beside names of another run, sampled with the same settings and seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.metrics import SampledName
from charwave_tui.core.protocol.commands import ListRuns, SampleRun
from charwave_tui.core.protocol.events import QueryRefused, RunSampled
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, join_within, key_span, to_sentence, wrap
from charwave_tui.ui.keymap import COMPARE_KEYS
from charwave_tui.ui.messages import Requested, ScreenRequest
from charwave_tui.ui.sampler.mode import SamplerMode, unavailable_lines
from charwave_tui.ui.state.pending_request import PendingRequest
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.widgets.name_list import entry_lines, names_summary
from charwave_tui.ui.widgets.text_lines import TextPane


class CompareMode(SamplerMode):
    """The active model at the left, `compared_run` as it was saved at the right."""

    BINDINGS: ClassVar[list[BindingType]] = [*COMPARE_KEYS]

    title = "Compare"
    keys = COMPARE_KEYS

    def __init__(self, compared_run: int | None) -> None:
        super().__init__(id="compare")
        self.compared_run = compared_run  # None until one is chosen
        self._pending = PendingRequest(self.send)
        self._reply: RunSampled | QueryRefused | None = None
        self._left_pane = TextPane("This run", id="active-run", classes="side keyed")
        self._right_pane = TextPane("Another run", id="compared-run", classes="main")

    def compose(self) -> ComposeResult:
        yield self._left_pane
        yield self._right_pane

    @property
    def names_shown(self) -> Sequence[SampledName]:
        return self.names.names

    def compare_with(self, run: int) -> None:
        self.compared_run, self._reply = run, None
        self._sample_compared_run()
        self.update()

    def load(self) -> None:
        self._pending.cancel()
        if not self.run.is_connected:
            return
        self.send(ListRuns())
        self.sample_if_empty()
        self._sample_compared_run()

    def poll(self) -> None:
        if self._pending.poll() and self._reply is None:
            self._sample_compared_run()

    def _sample_compared_run(self) -> None:
        run, sampling = self.compared_run, self.sampling
        if run is not None and self.run.is_connected:
            self._pending.request(lambda request: SampleRun(run, sampling, request))

    def watch_sampling(self) -> None:
        self._reply = None
        if self.is_shown:
            self._sample_compared_run()

    def watch_replies(self, old: SamplerState, new: SamplerState) -> None:
        for reply, previous in ((new.sampled, old.sampled), (new.refused, old.refused)):
            if reply is not None and reply is not previous and self._pending.accept(reply.request):
                self._reply = reply
                self.update()
                return

    def action_choose_run(self) -> None:
        self.post_message(ScreenRequest(Requested.CHOOSE_RUN))

    def draw(self) -> None:
        left, right, reply = self._left_pane, self._right_pane, self._reply
        left.note = f"run {self.run.run}" if self.run.run else ""
        notes = [f"step {format_steps(self.names.step)}", f"seed {self.sampling.seed}"]
        left.provenance = join_within(notes, left.inner_size[0] - 2)
        refusal, remedy = self.names.refusal, self.names.remedy
        lines = [] if refusal else _names_lines(self.names.names, *left.inner_size)
        left.set_lines(lines or unavailable_lines(self.run, left.inner_size[0], refusal, remedy))
        right.note = "" if self.compared_run is None else f"run {self.compared_run}"
        notes = [f"step {format_steps(reply.step)}", "as saved"] if isinstance(reply, RunSampled) else []
        right.provenance = join_within(notes, right.inner_size[0] - 2)
        right.set_lines(self._reply_lines(*right.inner_size))

    def _reply_lines(self, width: int, height: int) -> list[StyledLine]:
        match self._reply:
            case QueryRefused(problem=problem, remedy=remedy):
                text = f"{to_sentence(problem)} {to_sentence(remedy)}"
                return [(Span(line),) for line in wrap(text, width, 6)]
            case RunSampled(names=names):
                return _names_lines(names, width, height) or [(Span("No names were sampled.", "muted"),)]
            case _ if self.compared_run is None:
                return [(key_span("c"), Span(" chooses a run.", "muted"))]
            case _:
                return [(Span(f"sampling names from run {self.compared_run}", "muted"),)]


def _names_lines(names: Sequence[SampledName], width: int, height: int) -> list[StyledLine]:
    if not names or not width:
        return []
    return [*entry_lines(names, width, max(height - 2, 1)), (), names_summary(names, width)]
