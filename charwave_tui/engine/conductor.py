"""What each command does to the run that the engine holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import torch

from charwave_tui.core import protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.framing import AnyCommand
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event
from charwave_tui.core.readings import Ghost, Split, State
from charwave_tui.core.records import RunRecord
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.box import boxed
from charwave_tui.engine.current import CurrentRun
from charwave_tui.engine.errands import Errands
from charwave_tui.engine.probe import probe
from charwave_tui.engine.trainer import choose_device

IN_PROGRESS = (State.TRAINING, State.PAUSED)
"""States of a run that has more to do."""


class Conductor:
    """Holds the run and its errands, which go before training; `tell` reaches every viewer, `answer` who asked."""

    def __init__(self, store: RunStore, tell: Callable[[Event], None]) -> None:
        self._store = store
        self._tell = tell
        self._current: CurrentRun | None = None
        self._ghost: Ghost | None = None
        self._errands = Errands()
        self._pause_at: int | None = None
        self._beyond = False

    @property
    def busy(self) -> bool:
        """Whether `work` has something to do."""
        return self._errands.open or (self._current is not None and self._current.state is State.TRAINING)

    @property
    def record(self) -> RunRecord | None:
        """The record of the run as it was last to be kept, on disk or not."""
        return self._current.record if self._current else None

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
                    self._prepare(config, preset)
            case protocol.StartRun(config=config, preset=preset, steps=steps):
                if steps is not None and steps < 0:
                    raise Mistake(f"a run cannot be held after {steps:,} steps", "give it 0 or more")
                self._start(config, preset, steps, asked)
            case protocol.SampleNames() if current is not None:
                self._errands.draw(command, answer)
            case protocol.SampleNames(request=request):
                none = _no_model()
                answer(protocol.NamesRefused(request, none.problem, none.remedy))
            case protocol.ProbeLayers():
                model = self._model()
                answer(protocol.LayersProbed(model.trainer.step, probe(model.trainer.model, model.contexts)))
            case _ if current is not None and current.state is not State.READY:
                self._steer(current, command, answer, asked)
            case _:
                pass

    def work(self) -> None:
        """Do some pieces of what is asked for, else a burst of steps."""
        if self._errands.open:
            self._errands.work()
            return
        current = self._model()
        end = current.config.max_steps if self._pause_at is None else self._pause_at
        if current.advance(end - current.trainer.step):
            self._errands.measure((Split.VAL,))
        if current.state is not State.TRAINING or current.trainer.step < end:
            return
        if not current.trainer.finished:
            current.change(State.PAUSED)
            return
        current.change(State.FINISHED)
        current.save()  # before the evaluation, which a viewer may not wait for
        if not self._beyond:
            self._errands.measure((Split.TRAIN, Split.VAL))

    def recover(self, reason: str) -> None:
        """After a fault: drop what was asked for, hold training."""
        self._errands.drop()
        if self._current and self._current.state is State.TRAINING:
            self._current.change(State.PAUSED, reason)

    def leave(self) -> None:
        """Save a run in progress, as stopped; others are saved already."""
        if self._current and self._current.state in IN_PROGRESS:
            self._current.change(State.STOPPED)
            self._current.save()

    def _steer(self, current: CurrentRun, command: AnyCommand, answer: Callable[[Event], None], asked: float) -> None:
        match command, current.state:
            case protocol.StepRun(), State.TRAINING if self._pause_at is not None:
                self._pause_at += 1  # pressed again before the last single step was taken
            case protocol.ExtendRun(), State.TRAINING if self._beyond:
                current.allow()
                self._go(None)
            case ((protocol.ResumeRun() | protocol.ExtendRun()), State.TRAINING) if self._pause_at is not None:
                self._go(None)
            case ((protocol.PauseRun() | protocol.StepRun()), State.TRAINING):
                current.change(State.PAUSED)
            case ((protocol.ResumeRun() | protocol.ExtendRun()), State.PAUSED):
                self._go(None)
            case protocol.StepRun(), State.PAUSED | State.STOPPED | State.FINISHED:
                self._go(1)
            case protocol.ExtendRun(), State.STOPPED | State.FINISHED:
                current.allow()
                self._go(None)
            case protocol.StopRun(), State.TRAINING | State.PAUSED:
                self.leave()
                self._errands.measure((Split.TRAIN, Split.VAL))
            case protocol.ResetRun(), State.TRAINING | State.PAUSED | State.STOPPED if current.trainer.step == 0:
                self._go(0)  # it is there already
            case protocol.ResetRun(), _:
                self._start(current.config, current.preset, 0, asked, current.corpus)
            case (protocol.EditRun(config=config), _):
                current.edit(config)
            case ((protocol.StepRun() | protocol.ExtendRun()), State.DIVERGED):
                raise Mistake("the weights give NaN, so training cannot go on", "0 goes back to the first weights")
            case protocol.EvaluateSplits(splits=splits), _:
                self._errands.measure(splits, answer)
            case _:
                pass

    def _model(self) -> CurrentRun:
        if self._current is None:
            raise _no_model()
        return self._current

    def _prepare(self, config: RunConfig, preset: str) -> None:
        run = CurrentRun(config, preset, self._store, self._tell)
        if (trained := boxed(config, run.corpus)) is not None:
            with suppress(Mistake):  # a box that does not fit is as good as none
                run.open_box(trained)
        self._hold(run)

    def _start(
        self, config: RunConfig, preset: str, steps: int | None, asked: float, corpus: Corpus | None = None
    ) -> None:
        old = self._current
        if old is not None and old.serves(config, preset):
            new = old
        else:
            new = CurrentRun(config, preset, self._store, self._tell, corpus)
        new.begin(asked)  # before the old one is left: without a place for the new one it trains on
        if old is not None and old is not new:
            self.leave()
            self._ghost = old.ghost() or self._ghost
        self._hold(new)
        self._go(None if steps is None else min(steps, config.max_steps))
        new.save()

    def _hold(self, run: CurrentRun) -> None:
        torch.set_num_threads(run.config.threads)
        self._current = run
        self._errands.turn_to(run)
        self._tell(run.opened(self._ghost))

    def _go(self, steps: int | None) -> None:
        """Train on, be it for single steps past the end, which is not measured again."""
        current = self._model()
        self._pause_at = None if steps is None else current.trainer.step + steps
        self._beyond = steps is not None and current.trainer.finished
        current.change(State.PAUSED if steps == 0 else State.TRAINING)


def _no_model() -> Mistake:
    return Mistake("there is no model yet", "t trains one")
