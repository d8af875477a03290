"""Engines that never compute: one fed by hand, one that shows a view, one that obeys as the real one does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace

import inspected
import scenes

from charwave_tui.client.engine import EngineOutdated, EngineUnavailable
from charwave_tui.core import archive, inspection, protocol
from charwave_tui.core.framing import AnyCommand, AnyEvent
from charwave_tui.core.protocol import Command
from charwave_tui.core.readings import Evaluation, Split, State
from charwave_tui.core.records import RunSummary
from charwave_tui.ui.view import LabView, RunView, Unfinished


class FakeEngine:
    """Remembers what it was `sent`, and tells what a test puts in; `reached` counts how often it was connected to.

    A `found` one was running before; it has been `restarted` so often, which ends what it has been `outdated` by.
    """

    def __init__(self, *events: AnyEvent, found: bool = False, warning: str = "", outdated: str = "") -> None:
        self.sent: list[AnyCommand] = []
        self.host, self.latency, self.retry_in = "", None, None
        self.reached = self.restarted = 0
        self.closed = False
        self.found, self.warning, self.outdated = found, warning, outdated
        self._coming: asyncio.Queue[AnyEvent | str] = asyncio.Queue()
        self.tell(*events)

    def send(self, command: AnyCommand) -> None:
        self.sent.append(command)
        self.tell(*self.reaction(command))

    def reaction(self, command: AnyCommand) -> Iterable[AnyEvent]:
        """What the engine says to a command."""
        return ()

    def tell(self, *events: AnyEvent) -> None:
        for event in events:
            self._coming.put_nowait(event)

    def go(self, reason: str = "") -> None:
        """Be gone; with a reason, it could not be reached."""
        self._coming.put_nowait(reason)

    async def events(self) -> AsyncIterator[AnyEvent]:
        self.reached += 1
        if self.outdated:
            raise EngineOutdated(self.outdated, 4_711)
        yield protocol.EngineStarted("1", 4_711)
        while not isinstance(event := await self._coming.get(), str):
            yield event
        if event:
            raise EngineUnavailable(event)

    async def restart(self) -> None:
        self.restarted += 1
        self.outdated = ""

    def close(self) -> None:
        self.closed = True

    def unheard(self) -> Iterator[AnyEvent]:
        """What it has told so far, and tells meanwhile, to whom no screen listens."""
        while not self._coming.empty():
            event = self._coming.get_nowait()
            assert not isinstance(event, str)
            yield event

    def sent_of(self, kind: type[Command]) -> list[Command]:
        """The commands of one kind, oldest first."""
        return [command for command in self.sent if isinstance(command, kind)]

    @property
    def steered(self) -> list[str]:
        """The names of the commands that keys give, without questions and preparations."""
        asked = (protocol.PrepareRun, protocol.ProbeLayers, protocol.SampleNames, inspection.InspectLayer)
        return [type(command).__name__ for command in self.sent if not isinstance(command, asked)]


class ShowingEngine(FakeEngine):
    """Tells a whole view by events, as an engine does to a screen that finds it in that state."""

    def __init__(self, view: LabView) -> None:
        self.view = view
        super().__init__(*told(view))

    def reaction(self, command: AnyCommand) -> Iterable[AnyEvent]:
        layers, names = self.view.layers, self.view.names
        match command:
            case protocol.ProbeLayers() if layers.layers:
                yield protocol.LayersProbed(layers.step, layers.layers)
            case inspection.InspectLayer() if layers.layers:
                yield inspected.answer(layers.layers, layers.step, command)
            case protocol.SampleNames(request=request) if names.refusal:
                yield protocol.NamesRefused(request, names.refusal, "begin again with a smaller lr")
            case protocol.SampleNames(request=request) if names.names:
                yield protocol.NamesSampled(names.step, request, names.names)


class ObedientEngine(FakeEngine):
    """Obeys each command with the events, and in the order, in which the real engine tells them; it never steps."""

    def __init__(self) -> None:
        self.run = RunView()
        self.runs = 0
        super().__init__(protocol.EngineReady("2.13", "cpu"))

    def reaction(self, command: AnyCommand) -> Iterator[AnyEvent]:
        state = self.run.state
        moving = state in (State.TRAINING, State.PAUSED)
        match command:
            case archive.OpenRun(run=number, train=train):
                self.run = RunView("ready", number, "tree-76k", scenes.CONFIG, state=State.PAUSED, step=48_200)
                yield opened(self.run)
                if train:
                    yield self._change(State.TRAINING)
            case protocol.RewindRun() if state is State.DIVERGED:
                config = replace(self.run.config, lr=self.run.config.lr / 3)
                self.run = replace(self.run, config=config, step=400, state=State.PAUSED, divergence=None)
                yield opened(self.run)
                yield self._change(State.TRAINING)
            case protocol.PrepareRun(config=config, preset=preset) if state in (None, State.READY):
                self.run = replace(self.run, config=config, preset=preset, state=State.READY, step=0)
                yield opened(self.run)
            case protocol.StartRun(config=config, preset=preset, steps=steps):
                yield from self._start(replace(self.run, config=config, preset=preset))
                if steps is None:
                    yield self._change(State.TRAINING)
                else:
                    yield from self._step(steps)
            case protocol.PauseRun() | protocol.StepRun() if state is State.TRAINING:
                yield self._change(State.PAUSED)
            case protocol.ResumeRun() | protocol.ExtendRun() if state is State.PAUSED:
                yield self._change(State.TRAINING)
            case protocol.ExtendRun() if state in (State.STOPPED, State.FINISHED):
                yield self._change(State.TRAINING)
            case protocol.StepRun() if state not in (None, State.READY, State.DIVERGED):
                yield from self._step(1)
            case protocol.StopRun() if moving:
                yield self._change(State.STOPPED)
                yield self._saved()
                yield from self._evaluated(Split.TRAIN, Split.VAL)
            case protocol.ResetRun() if state not in (None, State.READY):
                yield from self._start(self.run)
                yield self._change(State.PAUSED)
            case protocol.EditRun(config=config) if state not in (None, State.READY):
                self.run = replace(self.run, config=config)
                yield protocol.RunEdited(config)
            case protocol.EvaluateSplits(splits=splits) if state not in (None, State.READY):
                yield from self._evaluated(*splits)
            case protocol.ProbeLayers() if state is not None:
                yield protocol.LayersProbed(self.run.step, scenes.TRAINING.layers.layers)
            case protocol.SampleNames(request=request) if state is None:
                yield protocol.NamesRefused(request, "there is no model yet", "t trains one")
            case protocol.SampleNames(request=request):
                yield protocol.NamesSampled(self.run.step, request, scenes.NAMES)

    def _start(self, run: RunView) -> Iterator[AnyEvent]:
        self.runs += 1
        self.run = replace(run, run=self.runs, state=State.READY, step=0)
        yield self._saved()
        yield opened(self.run)

    def _step(self, steps: int) -> Iterator[AnyEvent]:
        yield self._change(State.TRAINING)
        self.run = replace(self.run, step=self.run.step + steps)
        yield self._change(State.PAUSED)

    def _change(self, state: State) -> AnyEvent:
        self.run = replace(self.run, state=state)
        return protocol.RunChanged(state, self.run.step)

    def _saved(self) -> AnyEvent:
        return protocol.RunSaved(self.runs, self.run.step)

    def _evaluated(self, *splits: Split) -> Iterator[AnyEvent]:
        for split in splits:
            yield protocol.SplitEvaluated(Evaluation(self.run.step, split, 2.0))
        yield self._saved()


def opened(run: RunView, view: LabView = scenes.UNTRAINED) -> AnyEvent:
    """The event that opens `run`, with the course of `view`."""
    assert run.config is not None
    assert run.state is not None
    return protocol.RunOpened(
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
        unsaved=run.unsaved,
    )


def told(view: LabView) -> Iterator[AnyEvent]:
    """The events from which `view` comes to be, but for its layers and names, which are asked for."""
    run = view.run
    if run.engine == "starting":
        return
    yield protocol.EngineReady("2.13", "cpu")
    if run.unfinished:
        yield archive.UnfinishedFound(summary(run.unfinished))
    if run.state is None:
        return
    yield opened(run, view)
    if view.curve.partial or run.steps_per_second:
        yield protocol.Progress(run.step, run.steps_per_second, (), view.curve.partial)
    if run.reason:
        yield protocol.RunChanged(run.state, run.step, run.reason, run.divergence)


def summary(left: Unfinished) -> RunSummary:
    """A run that was left in the middle, as the list of runs has it."""
    return RunSummary(
        run=left.run,
        name="",
        note="",
        preset="tree-76k",
        config=scenes.CONFIG,
        corpus="makemore",
        parameters=76_579,
        state=State.TRAINING,
        step=left.step,
        created="2026-01-02T03:04:05+00:00",
        training_seconds=31.0,
        train=1.9,
        val=2.0,
        best_val=2.0,
    )
