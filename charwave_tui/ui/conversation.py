"""What the screen says to the engine: the keys' commands, and the questions that follow from what it hears."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Protocol

from charwave_tui.core import protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.insights import ProbeBatch
from charwave_tui.core.protocol import Command
from charwave_tui.core.readings import Split, State
from charwave_tui.core.sampling import Sampling
from charwave_tui.ui.draft import Draft
from charwave_tui.ui.notices import Notice, notice, reattached
from charwave_tui.ui.steering import command_for, expected_after
from charwave_tui.ui.view import EngineLost, LabView, after

ANSWERED_WITHIN = 5
"""Looks at the layers that may pass before one that was not answered is asked again."""


class EngineLink(Protocol):
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
    def found(self) -> bool:
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

    def __init__(self, engine: EngineLink) -> None:
        self._engine = engine
        self._warned = self._reattaching = False

    def heard(self, event: AnyEvent | EngineLost) -> Notice | None:
        match event:
            case protocol.EngineStarted():
                self._reattaching = self._engine.found
                if self._engine.warning and not self._warned:
                    self._warned = True
                    return Notice(self._engine.warning, "warning")
            case protocol.RunOpened() if self._reattaching:
                self._reattaching = False
                return reattached(event)
        return None


class Conversation:
    """Keeps the view of the engine, asks for layers and names when they have changed, and gives the keys' commands."""

    def __init__(self, engine: EngineLink, sampling: Sampling) -> None:
        self.view = LabView()
        self.sampling = sampling
        self.batch = ProbeBatch()
        self._engine = engine
        self._greeting = _Greeting(engine)
        self._expected: State | None = None
        self._request = 0
        self._looks_unanswered = 0

    @property
    def state(self) -> State | None:
        """What the run is doing, or is about to do once the engine has obeyed the last key."""
        return self._expected or self.view.run.state

    @property
    def elsewhere(self) -> bool:
        """Whether the engine is on another machine."""
        return bool(self._engine.host)

    def heard(self, event: AnyEvent | EngineLost) -> Notice | None:
        """Take in an event, ask what follows from it, and give back what is to be said of it."""
        if isinstance(event, protocol.NamesSampled | protocol.NamesRefused) and event.request != self._request:
            return None
        before, self.view = self.view, after(self.view, event)
        self._follow(event)
        return self._greeting.heard(event) or notice(event, before, self.view)

    def _follow(self, event: AnyEvent | EngineLost) -> None:
        """Ask what follows from an event."""
        match event:
            case protocol.RunOpened(state=state):
                if state is not State.READY:  # one that was there before has no change of state to come
                    self._expected = None
                self.probe()
                self.draw_names()
            case protocol.RunChanged(state=state):
                self._expected = None
                if state is not State.TRAINING:
                    self.probe()
                if state in (State.FINISHED, State.STOPPED):
                    self.draw_names()
            case protocol.SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.VAL:
                self.draw_names()
            case protocol.LayersProbed():
                self._looks_unanswered = 0
            case protocol.CommandRefused() | protocol.EngineFailed() | EngineLost():
                self._expected = None

    def reaching_again(self) -> None:
        """Take in that another engine is being reached."""
        self.view = replace(self.view, run=replace(self.view.run, engine="starting", reason=""))

    def means(self, key: str, draft: Draft) -> bool:
        """Whether the key means something now."""
        return self._command(key, draft) is not None

    def begins(self, key: str) -> bool:
        """Whether the key would begin a run of the form's config."""
        return key == "train" or (key == "step" and self.state in (None, State.READY))

    def steer(self, key: str, draft: Draft) -> bool:
        """Give the command that the key means now; False where it means nothing."""
        command = self._command(key, draft)
        if command is None:
            return False
        self.give(command)
        return True

    def give(self, command: Command) -> None:
        """Give a command, and expect what it does."""
        self._expected = expected_after(command) or self._expected
        self._engine.send(command)

    def prepare(self, draft: Draft) -> None:
        """Have the draft's model built, if no run is there to be kept."""
        if self.state in (None, State.READY) and self.view.run.engine != "lost":
            self._engine.send(protocol.PrepareRun(draft.config, draft.preset))

    def edit(self, config: RunConfig) -> None:
        """Change live fields of the run; one that rests goes on with them, if it does."""
        if self.state not in (None, State.READY):
            self._engine.send(protocol.EditRun(config))

    def look(self) -> None:
        """Ask for the layers while training moves them, unless the last question is still open."""
        if self.state is State.TRAINING:
            if self._looks_unanswered % ANSWERED_WITHIN == 0:
                self.probe()
            self._looks_unanswered += 1

    def probe(self) -> None:
        """Ask for the layers, with the batch that a person chose."""
        self._engine.send(protocol.ProbeLayers(self.batch))

    def draw_names(self, again: bool = False) -> None:
        """Ask for names; `again` where these very names are on the screen moves on to the next seed."""
        if self.view.run.engine == "lost":
            return
        if again and self.view.names.names and self.view.names.step == self.view.run.step:
            self.sampling = self.sampling.nudged("seed", +1)
        self._request += 1
        self._engine.send(protocol.SampleNames(self.sampling, self._request))

    def _command(self, key: str, draft: Draft) -> Command | None:
        return command_for(key, self.state, draft, self.view.run.unfinished)
