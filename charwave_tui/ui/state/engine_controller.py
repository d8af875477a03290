"""Keys to commands; requests that follow from events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Protocol

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.protocol.commands import (
    Command,
    EditRun,
    EvaluateSplits,
    ExtendRun,
    OpenRun,
    PauseRun,
    PrepareRun,
    ProbeLayers,
    ResetRun,
    ResumeRun,
    RewindRun,
    SampleNames,
    StartRun,
    StepRun,
    StopRun,
)
from charwave_tui.core.protocol.events import (
    AnyEvent,
    CommandRefused,
    EngineFailed,
    EngineStarted,
    LayersProbed,
    NamesRefused,
    NamesSampled,
    RunChanged,
    RunOpened,
    SplitEvaluated,
)
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.ui.state.form_state import Draft
from charwave_tui.ui.state.notifications import Notification, notification_for, reattached
from charwave_tui.ui.state.run_state import EngineDisconnected, LabState, Unfinished, reduce


def command_for_key(
    key: str, state: RunState | None, draft: Draft, unfinished: Unfinished | None = None
) -> Command | None:
    """The command that the steering `key` gives in `state` (None: no model yet), or None where it means nothing.

    `unfinished` is the run that can be gone on with where the engine holds none of its own.
    """
    match key, state:
        case "train", _:
            return StartRun(draft.config, draft.preset)
        case "pause", None | RunState.READY if unfinished is not None:
            return OpenRun(unfinished.run, train=True)
        case "pause", RunState.TRAINING:
            return PauseRun()
        case (("pause" | "extend"), RunState.PAUSED):
            return ResumeRun()
        case "step", None | RunState.READY:
            return StartRun(draft.config, draft.preset, steps=1)
        case "step", RunState.TRAINING | RunState.PAUSED | RunState.STOPPED | RunState.FINISHED:
            return StepRun()
        case "stop", RunState.TRAINING | RunState.PAUSED:
            return StopRun()
        case "extend", RunState.STOPPED | RunState.FINISHED:
            return ExtendRun()
        case "reset", RunState.TRAINING | RunState.PAUSED | RunState.STOPPED | RunState.FINISHED | RunState.DIVERGED:
            return ResetRun()
        case "rewind", RunState.DIVERGED:
            return RewindRun()
        case "evaluate", RunState.PAUSED | RunState.TRAINING | RunState.STOPPED | RunState.FINISHED:
            return EvaluateSplits(tuple(Split))
        case _:
            return None


def expected_state(command: Command) -> RunState | None:
    """The state the run will be in once the engine has obeyed, for reading the next key; None where it stays."""
    match command:
        case StartRun(steps=None) | ResumeRun() | ExtendRun() | RewindRun():
            return RunState.TRAINING
        case OpenRun(train=True):
            return RunState.TRAINING
        case StartRun() | PauseRun() | StepRun() | ResetRun():
            return RunState.PAUSED
        case StopRun():
            return RunState.STOPPED
        case _:
            return None


ANSWERED_WITHIN = 5
"""Looks at the layers that may pass before one that was not answered is asked again."""


class EngineClientProtocol(Protocol):
    """The engine as the screen needs it; `found` and `warning` are known once it has greeted."""

    @property
    def host(self) -> str:
        """The machine that it is on, empty for this one."""

    @property
    def latency(self) -> float | None:
        """Seconds of a round trip there, None while unknown."""

    @property
    def retry_in(self) -> float | None:
        """Seconds until it is worth to reach for it again, once `events` has ended; None where a person has to say."""

    @property
    def was_running(self) -> bool:
        """Whether it was running before the screen came."""

    @property
    def warning(self) -> str:
        """What a person should know of where it runs, empty where there is nothing."""

    def send(self, command: Command) -> None:
        """Put a command on its way, remembered until there is an engine."""

    def events(self) -> AsyncIterator[AnyEvent]:
        """Reach the engine and pass on what it tells until it goes; raises EngineUnavailable, EngineOutdated."""

    async def restart(self) -> None:
        """End an engine of another version, its run saved, so that `events` starts one of this; EngineUnavailable."""

    def close(self) -> None:
        """Hang up."""


class _Greeting:
    """What is said once: how the engine was found, and what it warns of."""

    def __init__(self, engine: EngineClientProtocol) -> None:
        self._engine = engine
        self._warned = self._reattaching = False

    def heard(self, event: AnyEvent | EngineDisconnected) -> Notification | None:
        match event:
            case EngineStarted():
                self._reattaching = self._engine.was_running
                if self._engine.warning and not self._warned:
                    self._warned = True
                    return Notification(self._engine.warning, "warning")
            case RunOpened() if self._reattaching:
                self._reattaching = False
                return reattached(event)
        return None


class EngineController:
    """Keeps the view of the engine, asks for layers and names when they have changed, and gives the keys' commands."""

    def __init__(self, engine: EngineClientProtocol, sampling: SamplingConfig) -> None:
        self.view = LabState()
        self.sampling = sampling
        self.batch = ProbeBatch()
        self._engine = engine
        self._greeting = _Greeting(engine)
        self._expected: RunState | None = None
        self._request = 0
        self._looks_unanswered = 0

    @property
    def state(self) -> RunState | None:
        """What the run is doing, or is about to do once the engine has obeyed the last key."""
        return self._expected or self.view.run.state

    @property
    def elsewhere(self) -> bool:
        """Whether the engine is on another machine."""
        return bool(self._engine.host)

    def handle_event(self, event: AnyEvent | EngineDisconnected) -> Notification | None:
        """Take in an event, ask what follows from it, and give back what is to be said of it."""
        if isinstance(event, NamesSampled | NamesRefused) and event.request != self._request:
            return None
        before, self.view = self.view, reduce(self.view, event)
        self._follow(event)
        return self._greeting.heard(event) or notification_for(event, before, self.view)

    def _follow(self, event: AnyEvent | EngineDisconnected) -> None:
        """Ask what follows from an event."""
        match event:
            case RunOpened(state=state):
                if state is not RunState.READY:  # one that was there before has no change of state to come
                    self._expected = None
                self.probe()
                self.draw_names()
            case RunChanged(state=state):
                self._expected = None
                if state is not RunState.TRAINING:
                    self.probe()
                if state in (RunState.FINISHED, RunState.STOPPED):
                    self.draw_names()
            case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.VAL:
                self.draw_names()
            case LayersProbed():
                self._looks_unanswered = 0
            case CommandRefused() | EngineFailed() | EngineDisconnected():
                self._expected = None

    def reaching_again(self) -> None:
        """Take in that another engine is being reached."""
        self.view = replace(self.view, run=replace(self.view.run, engine="starting", reason=""))

    def is_available(self, key: str, draft: Draft) -> bool:
        """Whether the key means something now."""
        return self._command(key, draft) is not None

    def begins(self, key: str) -> bool:
        """Whether the key would begin a run of the form's config."""
        return key == "train" or (key == "step" and self.state in (None, RunState.READY))

    def press(self, key: str, draft: Draft) -> bool:
        """Give the command that the key means now; False where it means nothing."""
        command = self._command(key, draft)
        if command is None:
            return False
        self.send(command)
        return True

    def send(self, command: Command) -> None:
        """Give a command, and expect what it does."""
        self._expected = expected_state(command) or self._expected
        self._engine.send(command)

    def prepare(self, draft: Draft) -> None:
        """Have the draft's model built, if no run is there to be kept."""
        if self.state in (None, RunState.READY) and self.view.run.engine != "lost":
            self._engine.send(PrepareRun(draft.config, draft.preset))

    def edit(self, config: RunConfig) -> None:
        """Change live fields of the run; one that rests goes on with them, if it does."""
        if self.state not in (None, RunState.READY):
            self._engine.send(EditRun(config))

    def poll_layers(self) -> None:
        """Ask for the layers while training moves them, unless the last question is still open."""
        if self.state is RunState.TRAINING:
            if self._looks_unanswered % ANSWERED_WITHIN == 0:
                self.probe()
            self._looks_unanswered += 1

    def probe(self) -> None:
        """Ask for the layers, with the batch that a person chose."""
        self._engine.send(ProbeLayers(self.batch))

    def draw_names(self, again: bool = False) -> None:
        """Ask for names; `again` where these very names are on the screen moves on to the next seed."""
        if self.view.run.engine == "lost":
            return
        if again and self.view.names.names and self.view.names.step == self.view.run.step:
            self.sampling = self.sampling.stepped("seed", +1)
        self._request += 1
        self._engine.send(SampleNames(self.sampling, self._request))

    def _command(self, key: str, draft: Draft) -> Command | None:
        return command_for_key(key, self.state, draft, self.view.run.unfinished)
