"""What all modes of the sampler share: they are told the same, and ask by message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from charwave_tui.core.config import HYPERPARAMETERS
from charwave_tui.core.fields import Effect
from charwave_tui.core.protocol import Command
from charwave_tui.core.readings import SampledName
from charwave_tui.core.sampling import Sampling
from charwave_tui.ui.archive_view import Archive
from charwave_tui.ui.asked import Asked
from charwave_tui.ui.commands import Key
from charwave_tui.ui.pieces import Line, Piece, wrapped
from charwave_tui.ui.sampler.lines_pane import LinesPane
from charwave_tui.ui.speech import Speech
from charwave_tui.ui.view import Curve, NamesView, RunView

REBUILT = tuple(name for name, field in HYPERPARAMETERS.items() if field.effect is Effect.REBUILD)
"""The hyperparameters of which another value is another model."""


class Mode(Widget, can_focus=True):
    """One way to hear the model; `keys` are all it acts on, and `on_screen` says whether it is the one that is seen."""

    DEFAULT_CSS = "Mode { width: 100%; height: 1fr; display: none; background: $ink-bg; color: $ink-fg; }"

    title: ClassVar[str] = ""
    """Its name among the modes."""
    keys: ClassVar[tuple[Key, ...]] = ()
    """Its keys, for the help."""

    run: reactive[RunView] = reactive(RunView, repaint=False)
    """The run that the engine holds."""
    curve: reactive[Curve] = reactive(Curve, repaint=False)
    """Its losses."""
    archive: reactive[Archive] = reactive(Archive, repaint=False)
    """The kept runs."""
    names: reactive[NamesView] = reactive(NamesView, repaint=False)
    """The names that the lab has drawn last."""
    sampling: reactive[Sampling] = reactive(Sampling, repaint=False)
    """What they are drawn with."""
    speech: reactive[Speech] = reactive(Speech, repaint=False)
    """What else the model said."""

    @dataclass
    class Kept(Message):
        """A person wants names to be copied to the clipboard, or with `save` to be written to a file."""

        names: Sequence[SampledName]
        save: bool = False

    @dataclass
    class Wanted(Message):
        """A person wants something of the screen: `leave`, `help`, `choose` a run, `turn` to the mode `places` on."""

        what: str
        places: int = 0

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.on_screen = False

    @property
    def ready(self) -> bool:
        """Whether there is an engine with a model to ask."""
        return self.run.engine == "ready" and self.run.state is not None

    def enter(self) -> None:
        """Be the mode that is seen, with the keys."""
        self.on_screen = self.display = True
        self.take_keys()
        self.begin()
        self.update()

    def take_keys(self) -> None:
        """Have what is typed from now on."""
        self.screen.set_focus(self, scroll_visible=False)

    def depart(self) -> None:
        """Make room for another mode."""
        self.on_screen = self.display = False

    def begin(self) -> None:
        """Ask what is to be shown."""

    def look(self) -> None:
        """Ask anew what training has changed; called once a second while the mode is seen."""

    def update(self) -> None:
        """Draw what changed."""
        raise NotImplementedError

    def ask(self, command: Command) -> None:
        """Put a command on its way to the engine."""
        # a message that a widget's parent makes it post is not passed on to the parent, and the screen calls `look`
        self.call_next(lambda: self.post_message(Asked(command)))

    def watch_names(self) -> None:
        self.update()
        self.refresh_bindings()

    def watch_run(self, old: RunView, run: RunView) -> None:
        if model_of(old) != model_of(run) and self.on_screen:
            self.begin()
            self.update()
        elif old.state != run.state and self.on_screen:
            self.update()

    def on_lines_pane_resized(self, message: LinesPane.Resized) -> None:
        message.stop()
        self.update()

    def action_want(self, what: str, places: int = 0) -> None:
        self.post_message(self.Wanted(what, places))


def model_of(run: RunView) -> tuple[object, ...]:
    """What makes another model of what the engine holds."""
    built = run.config and tuple(getattr(run.config, name) for name in REBUILT)
    return (run.engine, run.run, run.corpus, built, run.parameters, run.state is None)


def silence(run: RunView) -> Iterator[Line]:
    """What to say where no model can be asked; nothing where one can."""
    if run.engine == "lost":
        yield (Piece("The engine is gone.", "error"),)
        yield (_key("esc"), Piece(" goes back, ", "muted"), _key("t"), Piece(" starts another one.", "muted"))
    elif run.engine == "away":
        yield (Piece("The line dropped, and is tried again.", "muted"),)
    elif run.engine == "starting":
        yield (Piece("starting the engine", "muted"),)
    elif run.state is None:
        yield (Piece("There is no model yet."),)
        yield (_key("esc"), Piece(" goes back, ", "muted"), _key("t"), Piece(" trains one.", "muted"))


def refusal(run: RunView, problem: str, remedy: str, width: int) -> Iterator[Line]:
    """Why the model has no answer, and what to do, `width` columns wide; a diverged run is rewound from the lab."""
    yield from ((Piece(line),) for line in wrapped(sentence(problem), width, 4))
    if run.divergence is not None and run.divergence.saved_step is not None:
        yield (_key("esc"), Piece(" goes back, ", "muted"), _key("w"), Piece(" rewinds.", "muted"))
    elif remedy:
        yield from ((Piece(line, "muted"),) for line in wrapped(sentence(remedy), width, 4))


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." if text else ""


def _key(key: str) -> Piece:
    return Piece(key, "accent", True)
