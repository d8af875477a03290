"""The base class of the sampler's modes, and what they show when there is nothing to list."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.binding import Binding
from textual.reactive import reactive
from textual.widget import Widget

from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.escaping import JOINERS
from charwave_tui.core.metrics import SampledName
from charwave_tui.core.protocol.commands import Command, SampleNames
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, key_span, muted_lines, to_sentence, wrap
from charwave_tui.ui.messages import Requested, ScreenRequest, SendCommand
from charwave_tui.ui.state.notifications import empty_state_text
from charwave_tui.ui.state.run_state import ConnectionState, LossCurveState, NamesState, RunsState, RunViewState
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.widgets.text_lines import TextPane

MODEL_FIELDS = tuple(name for name, field in HYPERPARAMETERS.items() if field.effect is EditEffect.REBUILD)


class SamplerMode(Widget, can_focus=True):
    """One tab of the sampler. Only the mode that `is_shown` sends commands and draws its panes."""

    DEFAULT_CSS = "SamplerMode { width: 100%; height: 1fr; display: none; background: $ink-bg; color: $ink-fg; }"

    title: ClassVar[str]
    keys: ClassVar[tuple[Binding, ...]]

    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    stored_runs: reactive[RunsState] = reactive(RunsState, repaint=False)
    names: reactive[NamesState] = reactive(NamesState, repaint=False)  # those of the lab's names pane
    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)  # settings of `names`
    replies: reactive[SamplerState] = reactive(SamplerState, repaint=False)  # replies to the sampler's own requests

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.is_shown = False

    @property
    def has_model(self) -> bool:
        return self.run.is_connected and self.run.state is not None

    @property
    def names_shown(self) -> Sequence[SampledName]:
        """The names that can be copied and saved."""
        return ()

    @property
    def current_name(self) -> SampledName | None:
        """The name under the cursor; None if the mode has none."""
        return None

    def show(self) -> None:
        self.is_shown = self.display = True
        self.take_focus()
        self.load()
        self.update()

    def hide(self) -> None:
        self.is_shown = self.display = False

    def take_focus(self) -> None:
        self.screen.set_focus(self, scroll_visible=False)

    def load(self) -> None:
        """Send the requests for what the mode shows; called when it is shown, and for every other model."""

    def poll(self) -> None:
        """Repeat requests whose answer training has changed; called once a second while the mode is shown."""

    def update(self) -> None:
        """Draw the panes, if they can be seen."""
        if self.is_mounted and self.is_shown:
            self.draw()

    @abstractmethod
    def draw(self) -> None:
        """Write the lines and borders of all panes."""

    def send(self, command: Command) -> None:
        # Textual does not pass a message on to the node that caused it, and the screen calls `poll`
        self.call_next(lambda: self.post_message(SendCommand(command)))

    def typed_character(self, event: events.Key) -> str:
        """Return the character that the key types and consume the event; empty if the key is bound or types none."""
        if event.key in self._bindings.key_to_bindings or not event.character:
            return ""
        if not event.is_printable and event.character not in JOINERS:
            return ""
        event.stop()
        event.prevent_default()
        return event.character

    def watch_names(self) -> None:
        self.update()
        self.refresh_bindings()

    def watch_run(self, old: RunViewState, run: RunViewState) -> None:
        if not self.is_shown:
            return
        is_other_model = model_identity(old) != model_identity(run)
        if is_other_model:
            self.load()
        if is_other_model or old.state != run.state:
            self.update()

    @on(TextPane.Resized)
    def redraw(self, message: TextPane.Resized) -> None:
        message.stop()
        self.update()

    def action_request(self, requested: str) -> None:
        self.post_message(ScreenRequest(Requested(requested)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "star":
            return True if self.current_name else None
        if action == "resample":
            return True if self.has_model else None
        return super().check_action(action, parameters)

    def action_resample(self) -> None:
        if self.names.names and self.names.step == self.run.step:
            self.sampling = self.sampling.stepped("seed", +1)
        self.send(SampleNames(self.sampling))

    def sample_if_empty(self) -> None:
        if self.has_model and not self.names.names:
            self.send(SampleNames(self.sampling))


def model_identity(run: RunViewState) -> tuple[object, ...]:
    """Return a key that is equal for two states of a run as long as the engine holds the same model."""
    fields = run.config and tuple(getattr(run.config, name) for name in MODEL_FIELDS)
    return (run.connection, run.run, run.corpus, fields, run.parameters, run.state is None)


def unavailable_lines(run: RunViewState, width: int, problem: str = "", remedy: str = "") -> list[StyledLine]:
    """Return why there is nothing to show, and what to do: the engine refused, or has no model; empty if neither."""
    if problem:
        lines: list[StyledLine] = [(Span(line),) for line in wrap(to_sentence(problem), width, 4)]
        if run.divergence is not None and run.divergence.saved_step is not None:
            return [*lines, _way_out("w", "rewinds")]
        return [*lines, *muted_lines(to_sentence(remedy), width, 4)]
    text = empty_state_text(run, "There is no model yet.")
    if run.connection is ConnectionState.LOST:
        return [(Span(text, "error"),), _way_out("t", "starts a new run")]
    if text and run.is_connected:
        return [(Span(text),), _way_out("t", "trains one")]
    return [(Span(text, "muted"),)] if text else []


def _way_out(key: str, effect: str) -> StyledLine:
    return (key_span("esc"), Span(" goes back, ", "muted"), key_span(key), Span(f" {effect}.", "muted"))
