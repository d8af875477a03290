"""Commands for the engine: those of keys, and those that follow from events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from enum import StrEnum
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
    CommandRefused,
    EngineFailed,
    EngineStarted,
    Event,
    LayersProbed,
    NamesRefused,
    NamesSampled,
    RunChanged,
    RunOpened,
    SplitEvaluated,
)
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.ui.state.form_state import Draft
from charwave_tui.ui.state.notifications import Notification, notification_for, reattached_notification
from charwave_tui.ui.state.run_state import ConnectionState, EngineDisconnected, LabState, Unfinished, reduce
from charwave_tui.ui.state.sampler_state import FIRST_REQUEST

PROBE_POLLS_UNTIL_LOST = 5


class RunKey(StrEnum):
    """What a key does to the run; the values are the parameters of `action_control_run`."""

    TRAIN = "train"
    PAUSE = "pause"
    STEP = "step"
    STOP = "stop"
    EXTEND = "extend"
    RESET = "reset"
    REWIND = "rewind"
    EVALUATE = "evaluate"


def command_for_key(
    key: str, state: RunState | None, draft: Draft, unfinished: Unfinished | None = None
) -> Command | None:
    """Return the command that `key` gives in `state` (None: no model yet), None if it is not available.

    `unfinished` is the stored run that can be resumed while the engine has none of its own.
    """
    match key, state:
        case RunKey.TRAIN, _:
            return StartRun(draft.config, draft.preset)
        case RunKey.PAUSE, None | RunState.READY if unfinished is not None:
            return OpenRun(unfinished.run, train=True)
        case RunKey.PAUSE, RunState.TRAINING:
            return PauseRun()
        case ((RunKey.PAUSE | RunKey.EXTEND), RunState.PAUSED):
            return ResumeRun()
        case RunKey.STEP, None | RunState.READY:
            return StartRun(draft.config, draft.preset, steps=1)
        case RunKey.STEP, RunState.TRAINING | RunState.PAUSED | RunState.STOPPED | RunState.FINISHED:
            return StepRun()
        case RunKey.STOP, RunState.TRAINING | RunState.PAUSED:
            return StopRun()
        case RunKey.EXTEND, RunState.STOPPED | RunState.FINISHED:
            return ExtendRun()
        case (
            RunKey.RESET,
            RunState.TRAINING | RunState.PAUSED | RunState.STOPPED | RunState.FINISHED | RunState.DIVERGED,
        ):
            return ResetRun()
        case RunKey.REWIND, RunState.DIVERGED:
            return RewindRun()
        case RunKey.EVALUATE, RunState.PAUSED | RunState.TRAINING | RunState.STOPPED | RunState.FINISHED:
            return EvaluateSplits(tuple(Split))
        case _:
            return None


def expected_state(command: Command) -> RunState | None:
    """Return the state of the run after `command`, which the next key acts on; None if the state stays."""
    match command:
        case StartRun(steps=None) | OpenRun(train=True) | ResumeRun() | ExtendRun() | RewindRun():
            return RunState.TRAINING
        case StartRun() | PauseRun() | StepRun() | ResetRun():
            return RunState.PAUSED
        case StopRun():
            return RunState.STOPPED
        case _:
            return None


class EngineClientProtocol(Protocol):
    """The client of the engine as the lab needs it; `was_running` and `warning` are valid after the first event."""

    @property
    def host(self) -> str:
        """The engine's machine, empty for this one."""

    @property
    def latency(self) -> float | None:
        """Seconds of a round trip, None while unknown."""

    @property
    def retry_in(self) -> float | None:
        """Seconds until `events` should be called again after it ended, None if only the user can decide that."""

    @property
    def was_running(self) -> bool:
        """Whether the engine ran before this program connected."""

    @property
    def warning(self) -> str:
        """A warning about the engine's machine, or empty."""

    def send(self, command: Command) -> None:
        """Send a command, or queue it until the engine is connected."""

    def events(self) -> AsyncIterator[Event]:
        """Connect and yield the engine's events until it is gone; raises EngineUnavailable, EngineOutdated."""

    async def restart(self) -> None:
        """Stop an engine of another version, which saves its run; raises EngineUnavailable."""

    def close(self) -> None:
        """Close the connection."""


class EngineController:
    """Keeps the state of the lab, and sends the engine the commands of keys and those that follow from events."""

    def __init__(self, engine: EngineClientProtocol, sampling: SamplingConfig) -> None:
        self.lab_state = LabState()
        self.sampling = sampling
        self.batch = ProbeBatch()
        self._engine = engine
        self._expected: RunState | None = None
        self._names_request = 0  # below FIRST_REQUEST
        self._polls_since_probe = 0
        self._has_warned = self._is_reattaching = False

    @property
    def run_state(self) -> RunState | None:
        """The state of the run, or the one expected after the commands that the engine has not answered yet."""
        return self._expected or self.lab_state.run.state

    @property
    def is_remote(self) -> bool:
        return bool(self._engine.host)

    def handle_event(self, event: Event | EngineDisconnected) -> Notification | None:
        """Update the state, send the requests that follow, and return what to notify the user of."""
        if isinstance(event, NamesSampled | NamesRefused):
            is_for_lab = event.request < FIRST_REQUEST
            if is_for_lab and event.request != self._names_request:
                return None
        before, self.lab_state = self.lab_state, reduce(self.lab_state, event)
        self._send_follow_ups(event)
        return self._connection_notification(event) or notification_for(event, before, self.lab_state)

    def _send_follow_ups(self, event: Event | EngineDisconnected) -> None:
        match event:
            case RunOpened(state=state):
                if state is not RunState.READY:  # a run that existed before: no RunChanged follows
                    self._expected = None
                self.probe()
                self.request_names()
            case RunChanged(state=state):
                self._expected = None
                if state is not RunState.TRAINING:
                    self.probe()
                if state in (RunState.FINISHED, RunState.STOPPED):
                    self.request_names()
            case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.VAL:
                self.request_names()
            case LayersProbed():
                self._polls_since_probe = 0
            case CommandRefused() | EngineFailed() | EngineDisconnected():
                self._expected = None

    def _connection_notification(self, event: Event | EngineDisconnected) -> Notification | None:
        """What is said once: the engine's warning, and that its run was there before."""
        match event:
            case EngineStarted():
                self._is_reattaching = self._engine.was_running
                if self._engine.warning and not self._has_warned:
                    self._has_warned = True
                    return Notification(self._engine.warning, "warning")
            case RunOpened() if self._is_reattaching:
                self._is_reattaching = False
                return reattached_notification(event)
        return None

    def set_connecting(self) -> None:
        self.lab_state = replace(
            self.lab_state, run=replace(self.lab_state.run, connection=ConnectionState.STARTING, reason="")
        )

    def is_available(self, key: str, draft: Draft) -> bool:
        return self._command(key, draft) is not None

    def starts_run(self, key: str) -> bool:
        """Whether `key` starts a run of the form's config."""
        return key == RunKey.TRAIN or (key == RunKey.STEP and self.run_state in (None, RunState.READY))

    def press(self, key: str, draft: Draft) -> bool:
        """Send the command of `key`; return whether there is one."""
        command = self._command(key, draft)
        if command is None:
            return False
        self.send(command)
        return True

    def send(self, command: Command) -> None:
        """Send a command, and expect the state that it leads to."""
        self._expected = expected_state(command) or self._expected
        self._engine.send(command)

    def prepare(self, draft: Draft) -> None:
        """Have the engine build the draft's model, unless there is a run."""
        if self.run_state in (None, RunState.READY) and self.lab_state.run.connection is not ConnectionState.LOST:
            self._engine.send(PrepareRun(draft.config, draft.preset))

    def edit(self, config: RunConfig) -> None:
        if self.run_state not in (None, RunState.READY):
            self._engine.send(EditRun(config))

    def poll_layers(self) -> None:
        """Request the layer statistics of a run in training, unless the last request is still open."""
        if self.run_state is RunState.TRAINING:
            if self._polls_since_probe % PROBE_POLLS_UNTIL_LOST == 0:
                self.probe()
            self._polls_since_probe += 1

    def probe(self) -> None:
        self._engine.send(ProbeLayers(self.batch))

    def request_names(self, again: bool = False) -> None:
        """Request names; with `again` from the next seed if those shown are of the present step."""
        if self.lab_state.run.connection is ConnectionState.LOST:
            return
        if again and self.lab_state.names.names and self.lab_state.names.step == self.lab_state.run.step:
            self.sampling = self.sampling.stepped("seed", +1)
        self._names_request += 1
        self._engine.send(SampleNames(self.sampling, self._names_request))

    def _command(self, key: str, draft: Draft) -> Command | None:
        return command_for_key(key, self.run_state, draft, self.lab_state.run.unfinished)
