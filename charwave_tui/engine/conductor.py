"""What each command does to the run that the engine holds."""

from __future__ import annotations

from collections.abc import Callable, Generator

import torch

from charwave_tui.core import protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import AnyCommand, Event, Ghost, State
from charwave_tui.core.readings import Split
from charwave_tui.core.runs import RunStore
from charwave_tui.core.sampling import Sampling
from charwave_tui.engine.current import CurrentRun
from charwave_tui.engine.probe import probe
from charwave_tui.engine.randomness import side_stream
from charwave_tui.engine.sampler import sample
from charwave_tui.engine.trainer import choose_device

IN_PROGRESS = (State.TRAINING, State.PAUSED)
"""States of a run that has more to do."""


class Conductor:
    """Holds the run, and the job that goes before training; `tell` reaches every viewer, `answer` the one who asked."""

    def __init__(self, store: RunStore, tell: Callable[[Event], None]) -> None:
        self._store = store
        self._tell = tell
        self._current: CurrentRun | None = None
        self._ghost: Ghost | None = None
        self._job: Generator[None, None, None] | None = None
        self._pause_at: int | None = None

    @property
    def busy(self) -> bool:
        """Whether `work` has something to do."""
        return self._job is not None or (self._current is not None and self._current.state is State.TRAINING)

    def introduce(self, answer: Callable[[Event], None]) -> None:
        """Tell a viewer who knows nothing yet what there is: torch, and the present run whole."""
        answer(protocol.EngineReady(str(torch.__version__), choose_device("auto").type))
        if self._current:
            answer(self._current.opened(self._ghost))

    def obey(self, command: AnyCommand, answer: Callable[[Event], None], asked: float) -> None:
        """Carry out a command given at the time `asked`; one that does not fit the moment does nothing.

        Raises Mistake where a person asked for what cannot be.
        """
        current = self._current
        match command:
            case protocol.PrepareRun(config=config, preset=preset):
                if current is None or current.state is State.READY:
                    self._hold(self._built(config, preset))
            case protocol.StartRun(config=config, preset=preset, steps=steps):
                self._start(config, preset, asked)
                self._go(steps)
            case protocol.SampleNames(sampling=sampling, request=request):
                answer(self._names(sampling, request))
            case protocol.ProbeLayers():
                model = self._model()
                answer(protocol.LayersProbed(model.trainer.step, probe(model.trainer.model, model.contexts)))
            case _ if current is not None and current.state is not State.READY:
                self._steer(current, command, asked)
            case _:
                pass

    def work(self) -> None:
        """Do one piece: a chunk of the job under way, else a burst of steps."""
        if self._job is not None:
            try:
                next(self._job)
            except StopIteration:
                self._job = None
            return
        current = self._current
        assert current is not None
        left = None if self._pause_at is None else self._pause_at - current.trainer.step
        if current.advance(left):
            self._job = current.evaluate((Split.VAL,))
        if current.trainer.finished and current.state is State.TRAINING:
            current.change(State.FINISHED)
            current.save()  # before the evaluation, which a viewer may not wait for
            self._job = current.evaluate((Split.TRAIN, Split.VAL))
        elif current.trainer.step == self._pause_at and current.state is State.TRAINING:
            current.change(State.PAUSED)

    def recover(self, reason: str) -> None:
        """After a fault: drop the job, hold training."""
        self._job = None
        if self._current and self._current.state is State.TRAINING:
            self._current.change(State.PAUSED, reason)

    def leave(self) -> None:
        """Save a run in progress, as stopped; others are saved already."""
        if self._current and self._current.state in IN_PROGRESS:
            self._current.change(State.STOPPED)
            self._current.save()

    def _steer(self, current: CurrentRun, command: AnyCommand, asked: float) -> None:
        match command, current.state:
            case protocol.StepRun(), State.TRAINING if self._pause_at is not None:
                self._pause_at += 1  # pressed again before the last single step was taken
            case ((protocol.ResumeRun() | protocol.ExtendRun()), State.TRAINING) if self._pause_at is not None:
                self._go(None)
            case ((protocol.PauseRun() | protocol.StepRun()), State.TRAINING):
                current.change(State.PAUSED)
            case ((protocol.ResumeRun() | protocol.ExtendRun()), State.PAUSED):
                self._go(None)
            case protocol.StepRun(), State.PAUSED | State.STOPPED | State.FINISHED:
                if current.trainer.finished:
                    current.allow(1)
                self._go(1)
            case protocol.ExtendRun(), State.STOPPED | State.FINISHED:
                current.allow()
                self._go(None)
            case protocol.StopRun(), State.TRAINING | State.PAUSED:
                self.leave()
                self._job = current.evaluate((Split.TRAIN, Split.VAL))
            case protocol.ResetRun(), _:
                self._start(current.config, current.preset, asked)
                self._go(0)
            case (protocol.EditRun(config=config), _):
                current.edit(config)
            case ((protocol.StepRun() | protocol.ExtendRun()), State.DIVERGED):
                raise Mistake("the weights give NaN, so training cannot go on", "0 goes back to the first weights")
            case protocol.EvaluateSplits(splits=splits), _:
                self._job = _in_turn(self._job, current.evaluate(splits))
            case _:
                pass

    def _names(self, sampling: Sampling, request: int) -> Event:
        try:
            model = self._model()
            stream = side_stream(sampling.seed, "sampling", 0)
            names = sample(model.trainer.model, model.corpus, model.config.context, sampling, stream)
        except Mistake as mistake:
            return protocol.NamesRefused(request, mistake.problem, mistake.remedy)
        return protocol.NamesSampled(model.trainer.step, request, names)

    def _model(self) -> CurrentRun:
        if self._current is None:
            raise Mistake("there is no model yet", "t trains one")
        return self._current

    def _built(self, config: RunConfig, preset: str) -> CurrentRun:
        return CurrentRun(config, preset, self._store, self._tell)

    def _start(self, config: RunConfig, preset: str, asked: float) -> None:
        old = self._current
        ready = old is not None and old.state is State.READY and (old.config, old.preset) == (config, preset)
        new = old if ready and old is not None else self._built(config, preset)
        self.leave()
        new.begin(asked)
        if old is not None and old is not new:
            self._ghost = old.ghost() or self._ghost
        self._hold(new)

    def _hold(self, run: CurrentRun) -> None:
        torch.set_num_threads(run.config.threads)
        self._current, self._job, self._pause_at = run, None, None
        self._tell(run.opened(self._ghost))

    def _go(self, steps: int | None) -> None:
        current = self._model()
        self._pause_at = None if steps is None else current.trainer.step + steps
        current.change(State.PAUSED if steps == 0 else State.TRAINING)


def _in_turn(*jobs: Generator[None, None, None] | None) -> Generator[None, None, None]:
    for job in jobs:
        if job is not None:
            yield from job
