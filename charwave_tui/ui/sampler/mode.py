"""Base classes of the sampler's modes, the starred names, and what the sampler remembers while it is closed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual import events, on
from textual.binding import Binding
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import SampledName, StarredName
from charwave_tui.core.protocol.commands import Command, SampleNames, StarName, UnstarName
from charwave_tui.core.protocol.events import WordScored
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, muted_lines, wrap
from charwave_tui.ui.messages import Requested, ScreenRequest, SendCommand
from charwave_tui.ui.sampler.step_state import StepState
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
    archive: reactive[RunsState] = reactive(RunsState, repaint=False)
    names: reactive[NamesState] = reactive(NamesState, repaint=False)  # those of the lab's names pane
    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)  # settings of `names`
    speech: reactive[SamplerState] = reactive(SamplerState, repaint=False)  # replies to the sampler's own requests

    @dataclass
    class CopyRequested(Message):
        """Names are to be copied to the clipboard."""

        names: Sequence[SampledName]

    @dataclass
    class SaveRequested(Message):
        """Names are to be written to a file."""

        names: Sequence[SampledName]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.is_shown = False

    @property
    def has_model(self) -> bool:
        """Whether an engine with a model is there to answer."""
        return self.run.is_connected and self.run.state is not None

    def show(self) -> None:
        """Become the mode on the screen, with the focus."""
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
        if event.key in self._bindings.key_to_bindings or not event.is_printable or not event.character:
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


def model_identity(run: RunViewState) -> tuple[object, ...]:
    """Return a key that is equal for two states of a run as long as the engine holds the same model."""
    fields = run.config and tuple(getattr(run.config, name) for name in MODEL_FIELDS)
    return (run.connection, run.run, run.corpus, fields, run.parameters, run.state is None)


def no_model_lines(run: RunViewState) -> Iterator[StyledLine]:
    """Yield why there is no model to sample from, and what to do; nothing if there is one."""
    text = empty_state_text(run, "There is no model yet.")
    if run.connection is ConnectionState.LOST:
        yield (Span(text, "error"),)
        yield (_key("esc"), Span(" goes back, ", "muted"), _key("t"), Span(" starts a new run.", "muted"))
    elif text and run.is_connected:
        yield (Span(text),)
        yield (_key("esc"), Span(" goes back, ", "muted"), _key("t"), Span(" trains one.", "muted"))
    elif text:
        yield (Span(text, "muted"),)


def refusal_lines(run: RunViewState, problem: str, remedy: str, width: int) -> Iterator[StyledLine]:
    """Yield why the engine refused a request, and the remedy: for a diverged run, to rewind it in the lab."""
    yield from ((Span(line),) for line in wrap(to_sentence(problem), width, 4))
    if run.divergence is not None and run.divergence.saved_step is not None:
        yield (_key("esc"), Span(" goes back, ", "muted"), _key("w"), Span(" rewinds.", "muted"))
    elif remedy:
        yield from muted_lines(to_sentence(remedy), width, 4)


def to_sentence(text: str) -> str:
    """Return the text with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." if text else ""


def _key(key: str) -> Span:
    return Span(key, "accent", True)


class NameListMode(SamplerMode):
    """A mode that lists names, which can be copied and saved; one of them may be under a cursor."""

    @property
    @abstractmethod
    def names_shown(self) -> Sequence[SampledName]:
        """All names that are listed."""

    @property
    def current_name(self) -> SampledName | None:
        """The name under the cursor; None if there is no cursor."""
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("copy_all", "save"):
            return True if self.names_shown else None
        if action in ("copy", "star"):
            return True if self.current_name else None
        if action == "resample":
            return True if self.has_model else None
        return super().check_action(action, parameters)

    def action_copy(self) -> None:
        if self.current_name is not None:
            self.post_message(self.CopyRequested((self.current_name,)))

    def action_copy_all(self) -> None:
        if self.names_shown:
            self.post_message(self.CopyRequested(tuple(self.names_shown)))

    def action_save(self) -> None:
        if self.names_shown:
            self.post_message(self.SaveRequested(tuple(self.names_shown)))

    def action_resample(self) -> None:
        if not self.has_model:
            return
        if self.names.names and self.names.step == self.run.step:
            self.sampling = self.sampling.stepped("seed", +1)
        self.send(SampleNames(self.sampling))

    def sample_if_empty(self) -> None:
        """Sample the lab's names if there are none yet."""
        if self.has_model and not self.names.names:
            self.send(SampleNames(self.sampling))

    def no_names_lines(self, width: int) -> list[StyledLine]:
        """Return why the lab's names are missing: they were refused, or there is no model."""
        if not self.names.refusal:
            return list(no_model_lines(self.run))
        problem, _, remedy = self.names.refusal.partition("; ")
        return list(refusal_lines(self.run, problem, remedy, width))


class StarredSet:
    """The starred names, with those changes that the engine has not confirmed yet."""

    def __init__(self) -> None:
        self._confirmed: frozenset[str] = frozenset()
        self._unconfirmed: dict[str, bool] = {}  # whether the name is starred

    @property
    def names(self) -> frozenset[str]:
        starred = {name for name, is_starred in self._unconfirmed.items() if is_starred}
        return (self._confirmed | starred) - (self._unconfirmed.keys() - starred)

    def confirm(self, stars: tuple[StarredName, ...] | None) -> None:
        """Replace all by the stars that the engine sent."""
        self._confirmed = frozenset(star.name for star in stars or ())
        self._unconfirmed.clear()

    def toggle(self, sampled: SampledName, run: int | None, step: int) -> Command:
        """Star the name, or remove its star; return the command that does so in the engine."""
        is_starred = sampled.name in self.names
        self._unconfirmed[sampled.name] = not is_starred
        return UnstarName(sampled.name) if is_starred else StarName(sampled.name, sampled.nll, run, step)


@dataclass(frozen=True, slots=True)
class SamplerMemory:
    """What the sampler restores when it is opened again."""

    mode: str = "names"
    step_state: StepState = field(default_factory=StepState)
    words: tuple[WordScored, ...] = ()  # newest first
    scored_model: tuple[object, ...] = ()  # `model_identity` of the model that scored `words`
    compared_run: int | None = None
