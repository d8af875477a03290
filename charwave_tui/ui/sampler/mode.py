"""SamplerMode, list modes, memory, stars."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual import on
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import SampledName, StarredName
from charwave_tui.core.protocol.commands import Command, SampleNames, StarName, UnstarName
from charwave_tui.core.protocol.events import WordScored
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, wrap
from charwave_tui.ui.keymap import KeyBinding
from charwave_tui.ui.messages import Requested, ScreenRequest, SendCommand
from charwave_tui.ui.sampler.step_state import StepState
from charwave_tui.ui.state.run_state import ConnectionState, LossCurveState, NamesState, RunsState, RunViewState
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.widgets.text_lines import TextPane

REBUILT = tuple(name for name, field in HYPERPARAMETERS.items() if field.effect is EditEffect.REBUILD)
"""The hyperparameters of which another value is another model."""


class SamplerMode(Widget, can_focus=True):
    """One way to hear the model; `keys` are all it acts on, and `on_screen` says whether it is the one that is seen."""

    DEFAULT_CSS = "SamplerMode { width: 100%; height: 1fr; display: none; background: $ink-bg; color: $ink-fg; }"

    title: ClassVar[str] = ""
    """Its name among the modes."""
    keys: ClassVar[tuple[KeyBinding, ...]] = ()
    """Its keys, for the help."""

    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    """The run that the engine holds."""
    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    """Its losses."""
    archive: reactive[RunsState] = reactive(RunsState, repaint=False)
    """The kept runs."""
    names: reactive[NamesState] = reactive(NamesState, repaint=False)
    """The names that the lab has drawn last."""
    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)
    """What they are drawn with."""
    speech: reactive[SamplerState] = reactive(SamplerState, repaint=False)
    """What else the model said."""

    @dataclass
    class SaveRequested(Message):
        """A person wants names to be copied to the clipboard, or with `save` to be written to a file."""

        names: Sequence[SampledName]
        save: bool = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.on_screen = False

    @property
    def ready(self) -> bool:
        """Whether there is an engine with a model to ask."""
        return self.run.is_connected and self.run.state is not None

    def enter(self) -> None:
        """Be the mode that is seen, with the keys."""
        self.on_screen = self.display = True
        self.take_keys()
        self.load()
        self.update()

    def take_keys(self) -> None:
        """Have what is typed from now on."""
        self.screen.set_focus(self, scroll_visible=False)

    def hide(self) -> None:
        """Make room for another mode."""
        self.on_screen = self.display = False

    def load(self) -> None:
        """Ask what is to be shown."""

    def poll(self) -> None:
        """Ask anew what training has changed; called once a second while the mode is seen."""

    def update(self) -> None:
        """Draw what changed."""
        raise NotImplementedError

    def ask(self, command: Command) -> None:
        """Put a command on its way to the engine."""
        # a message that a widget's parent makes it post is not passed on to the parent, and the screen calls `look`
        self.call_next(lambda: self.post_message(SendCommand(command)))

    def watch_names(self) -> None:
        self.update()
        self.refresh_bindings()

    def watch_run(self, old: RunViewState, run: RunViewState) -> None:
        if model_of(old) != model_of(run) and self.on_screen:
            self.load()
            self.update()
        elif old.state != run.state and self.on_screen:
            self.update()

    @on(TextPane.Resized)
    def on_lines_pane_resized(self, message: TextPane.Resized) -> None:
        message.stop()
        self.update()

    def action_request(self, requested: str) -> None:
        self.post_message(ScreenRequest(Requested(requested)))


def model_of(run: RunViewState) -> tuple[object, ...]:
    """What makes another model of what the engine holds."""
    built = run.config and tuple(getattr(run.config, name) for name in REBUILT)
    return (run.connection, run.run, run.corpus, built, run.parameters, run.state is None)


def empty_state_text(run: RunViewState) -> Iterator[StyledLine]:
    """What to say where no model can be asked; nothing where one can."""
    if run.connection is ConnectionState.LOST:
        yield (Span("The engine is gone.", "error"),)
        yield (_key("esc"), Span(" goes back, ", "muted"), _key("t"), Span(" starts another one.", "muted"))
    elif run.connection is ConnectionState.OFFLINE:
        yield (Span("The line dropped, and is tried again.", "muted"),)
    elif run.connection is ConnectionState.STARTING:
        yield (Span("starting the engine", "muted"),)
    elif run.state is None:
        yield (Span("There is no model yet."),)
        yield (_key("esc"), Span(" goes back, ", "muted"), _key("t"), Span(" trains one.", "muted"))


def refusal(run: RunViewState, problem: str, remedy: str, width: int) -> Iterator[StyledLine]:
    """Why the model has no answer, and what to do, `width` columns wide; a diverged run is rewound from the lab."""
    yield from ((Span(line),) for line in wrap(sentence(problem), width, 4))
    if run.divergence is not None and run.divergence.saved_step is not None:
        yield (_key("esc"), Span(" goes back, ", "muted"), _key("w"), Span(" rewinds.", "muted"))
    elif remedy:
        yield from ((Span(line, "muted"),) for line in wrap(sentence(remedy), width, 4))


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." if text else ""


def _key(key: str) -> Span:
    return Span(key, "accent", True)


class NameListMode(SamplerMode):
    """A mode with `listed` names, one of which may be under a cursor."""

    @property
    @abstractmethod
    def names_shown(self) -> Sequence[SampledName]:
        """All names that are shown."""

    @property
    def current_name(self) -> SampledName | None:
        """The name under the cursor, if there is one."""
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("copy_all", "save"):
            return True if self.names_shown else None
        if action in ("copy", "star"):
            return True if self.current_name else None
        if action == "again":
            return True if self.ready else None
        return super().check_action(action, parameters)

    def action_copy(self) -> None:
        if self.current_name is not None:
            self.post_message(self.SaveRequested((self.current_name,)))

    def action_copy_all(self) -> None:
        if self.names_shown:
            self.post_message(self.SaveRequested(tuple(self.names_shown)))

    def action_save(self) -> None:
        if self.names_shown:
            self.post_message(self.SaveRequested(tuple(self.names_shown), save=True))

    def action_again(self) -> None:
        if not self.ready:
            return
        if self.names.names and self.names.step == self.run.step:
            self.sampling = self.sampling.stepped("seed", +1)
        self.ask(SampleNames(self.sampling))


class StarredSet:
    """The stars as they were told, and what was done since."""

    def __init__(self) -> None:
        self._told: frozenset[str] = frozenset()
        self._since: dict[str, bool] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names that are starred."""
        gone = {name for name, starred in self._since.items() if not starred}
        return (self._told | {name for name, starred in self._since.items() if starred}) - gone

    def tell(self, stars: tuple[StarredName, ...] | None) -> None:
        """Take in what the engine told; it has the last word."""
        self._told = frozenset(star.name for star in stars or ())
        self._since.clear()

    def toggled(self, sampled: SampledName, run: int | None, step: int) -> Command:
        """The command that stars the name, or lets it go."""
        starred = sampled.name in self.names
        self._since[sampled.name] = not starred
        return UnstarName(sampled.name) if starred else StarName(sampled.name, sampled.nll, run, step)


@dataclass(frozen=True, slots=True)
class SamplerMemory:
    """The mode, the name made step by step, the words that were scored, the last first, and the run to compare with.

    `scored_by` is the model that scored the words, as `mode.model_of` tells models apart.
    """

    mode: str = "names"
    stepping: StepState = field(default_factory=StepState)
    words: tuple[WordScored, ...] = ()
    scored_by: tuple[object, ...] = ()
    compared: int | None = None
