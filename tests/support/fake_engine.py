"""Engines that never compute: one fed by hand, one that shows a view, one that obeys as the real one does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace

from support import lab_states as scenes
from support import layer_insights as inspected

from charwave_tui.client.connection import EngineOutdated, EngineUnavailable
from charwave_tui.core.metrics import Evaluation, RunState, Split
from charwave_tui.core.protocol.commands import (
    Command,
    EditRun,
    EvaluateSplits,
    ExtendRun,
    InspectLayer,
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
    EngineReady,
    EngineStarted,
    Event,
    LayersProbed,
    NamesRefused,
    NamesSampled,
    Progress,
    ResumableRunFound,
    RunChanged,
    RunEdited,
    RunOpened,
    RunSaved,
    SplitEvaluated,
)
from charwave_tui.core.store.run_record import RunSummary
from charwave_tui.ui.state.run_state import ConnectionState, LabState, RunViewState, Unfinished


class FakeEngine:
    """Remembers what it was `sent`, and tells what a test puts in; `reached` counts how often it was connected to.

    A `found` one was running before; it has been `restarted` so often, which ends what it has been `outdated` by.
    """

    def __init__(self, *events: Event, found: bool = False, warning: str = "", outdated: str = "") -> None:
        self.sent: list[Command] = []
        self.host, self.latency, self.retry_in = "", None, None
        self.connections = self.restarts = 0
        self.closed = False
        self.was_running, self.warning, self.outdated = found, warning, outdated
        self._pending: asyncio.Queue[Event | str] = asyncio.Queue()
        self.emit(*events)

    def send(self, command: Command) -> None:
        self.sent.append(command)
        self.emit(*self.replies_to(command))

    def replies_to(self, command: Command) -> Iterable[Event]:
        """What the engine says to a command."""
        return ()

    def emit(self, *events: Event) -> None:
        for event in events:
            self._pending.put_nowait(event)

    def disconnect(self, reason: str = "") -> None:
        """Be gone; with a reason, it could not be reached."""
        self._pending.put_nowait(reason)

    async def events(self) -> AsyncIterator[Event]:
        self.connections += 1
        if self.outdated:
            raise EngineOutdated(self.outdated, 4_711)
        yield EngineStarted("1", 4_711)
        while not isinstance(event := await self._pending.get(), str):
            yield event
        if event:
            raise EngineUnavailable(event)

    async def restart(self) -> None:
        self.restarts += 1
        self.outdated = ""

    def close(self) -> None:
        self.closed = True

    def drain(self) -> Iterator[Event]:
        """What it has told so far, and tells meanwhile, to whom no screen listens."""
        while not self._pending.empty():
            event = self._pending.get_nowait()
            assert not isinstance(event, str)
            yield event

    def sent_of(self, kind: type[Command]) -> list[Command]:
        """The commands of one kind, oldest first."""
        return [command for command in self.sent if isinstance(command, kind)]

    @property
    def control_commands(self) -> list[str]:
        """The names of the commands that keys give, without questions and preparations."""
        asked = (PrepareRun, ProbeLayers, SampleNames, InspectLayer)
        return [type(command).__name__ for command in self.sent if not isinstance(command, asked)]


class StaticEngine(FakeEngine):
    """Tells a whole view by events, as an engine does to a screen that finds it in that state."""

    def __init__(self, view: LabState) -> None:
        self.view = view
        super().__init__(*events_for_view(view))

    def replies_to(self, command: Command) -> Iterable[Event]:
        layers, names = self.view.layers, self.view.names
        match command:
            case ProbeLayers() if layers.layers:
                yield LayersProbed(layers.step, layers.layers)
            case InspectLayer() if layers.layers:
                yield inspected.inspect_reply(layers.layers, layers.step, command)
            case SampleNames(request=request) if names.refusal:
                yield NamesRefused(request, names.refusal, "begin again with a smaller lr")
            case SampleNames(request=request) if names.names:
                yield NamesSampled(names.step, request, names.names)


class SimulatedEngine(FakeEngine):
    """Obeys each command with the events, and in the order, in which the real engine tells them; it never steps."""

    def __init__(self) -> None:
        self.run = RunViewState()
        self.runs = 0
        super().__init__(EngineReady("2.13", "cpu"))

    def replies_to(self, command: Command) -> Iterator[Event]:
        state = self.run.state
        moving = state in (RunState.TRAINING, RunState.PAUSED)
        match command:
            case OpenRun(run=number, train=train):
                self.run = RunViewState(
                    ConnectionState.READY, number, "tree-76k", scenes.CONFIG, state=RunState.PAUSED, step=48_200
                )
                yield run_opened(self.run)
                if train:
                    yield self._change(RunState.TRAINING)
            case RewindRun() if state is RunState.DIVERGED:
                config = replace(self.run.config, lr=self.run.config.lr / 3)
                self.run = replace(self.run, config=config, step=400, state=RunState.PAUSED, divergence=None)
                yield run_opened(self.run)
                yield self._change(RunState.TRAINING)
            case PrepareRun(config=config, preset=preset) if state in (None, RunState.READY):
                self.run = replace(self.run, config=config, preset=preset, state=RunState.READY, step=0)
                yield run_opened(self.run)
            case StartRun(config=config, preset=preset, steps=steps):
                yield from self._start(replace(self.run, config=config, preset=preset))
                if steps is None:
                    yield self._change(RunState.TRAINING)
                else:
                    yield from self._step(steps)
            case PauseRun() | StepRun() if state is RunState.TRAINING:
                yield self._change(RunState.PAUSED)
            case ResumeRun() | ExtendRun() if state is RunState.PAUSED:
                yield self._change(RunState.TRAINING)
            case ExtendRun() if state in (RunState.STOPPED, RunState.FINISHED):
                yield self._change(RunState.TRAINING)
            case StepRun() if state not in (None, RunState.READY, RunState.DIVERGED):
                yield from self._step(1)
            case StopRun() if moving:
                yield self._change(RunState.STOPPED)
                yield self._saved()
                yield from self._evaluated(Split.TRAIN, Split.VAL)
            case ResetRun() if state not in (None, RunState.READY):
                yield from self._start(self.run)
                yield self._change(RunState.PAUSED)
            case EditRun(config=config) if state not in (None, RunState.READY):
                self.run = replace(self.run, config=config)
                yield RunEdited(config)
            case EvaluateSplits(splits=splits) if state not in (None, RunState.READY):
                yield from self._evaluated(*splits)
            case ProbeLayers() if state is not None:
                yield LayersProbed(self.run.step, scenes.TRAINING.layers.layers)
            case SampleNames(request=request) if state is None:
                yield NamesRefused(request, "there is no model yet", "t trains one")
            case SampleNames(request=request):
                yield NamesSampled(self.run.step, request, scenes.NAMES)

    def _start(self, run: RunViewState) -> Iterator[Event]:
        self.runs += 1
        self.run = replace(run, run=self.runs, state=RunState.READY, step=0)
        yield self._saved()
        yield run_opened(self.run)

    def _step(self, steps: int) -> Iterator[Event]:
        yield self._change(RunState.TRAINING)
        self.run = replace(self.run, step=self.run.step + steps)
        yield self._change(RunState.PAUSED)

    def _change(self, state: RunState) -> Event:
        self.run = replace(self.run, state=state)
        return RunChanged(state, self.run.step)

    def _saved(self) -> Event:
        return RunSaved(self.runs, self.run.step)

    def _evaluated(self, *splits: Split) -> Iterator[Event]:
        for split in splits:
            yield SplitEvaluated(Evaluation(self.run.step, split, 2.0))
        yield self._saved()


def run_opened(run: RunViewState, view: LabState = scenes.UNTRAINED) -> Event:
    """The event that opens `run`, with the course of `view`."""
    assert run.config is not None
    assert run.state is not None
    return RunOpened(
        run=run.run,
        preset=run.preset,
        config=run.config,
        corpus=run.corpus or scenes.CARD,
        parameters=run.parameters or 76_579,
        device=run.device or "cpu",
        published=view.curve.published,
        state=run.state,
        step=run.step,
        history=view.curve.history,
        ghost=view.curve.ghost,
        divergence=run.divergence,
        save_error=run.unsaved,
    )


def events_for_view(view: LabState) -> Iterator[Event]:
    """The events from which `view` comes to be, but for its layers and names, which are asked for."""
    run = view.run
    if run.connection is ConnectionState.STARTING:
        return
    yield EngineReady("2.13", "cpu")
    if run.unfinished:
        yield ResumableRunFound(unfinished_summary(run.unfinished))
    if run.state is None:
        return
    yield run_opened(run, view)
    if view.curve.partial or run.steps_per_second:
        yield Progress(run.step, run.steps_per_second, (), view.curve.partial)
    if run.reason:
        yield RunChanged(run.state, run.step, run.reason, run.divergence)


def unfinished_summary(left: Unfinished) -> RunSummary:
    """A run that was left in the middle, as the list of runs has it."""
    return RunSummary(
        run=left.run,
        name="",
        note="",
        preset="tree-76k",
        config=scenes.CONFIG,
        corpus="makemore",
        parameters=76_579,
        state=RunState.TRAINING,
        step=left.step,
        created="2026-01-02T03:04:05+00:00",
        training_seconds=31.0,
        train=1.9,
        val=2.0,
        best_val=2.0,
    )
