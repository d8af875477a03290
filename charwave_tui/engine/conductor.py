"""What each command does to the run that the engine holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import torch

from charwave_tui.core import protocol
from charwave_tui.core.archive import DeleteRun, ForkRun, OpenRun, UnfinishedFound
from charwave_tui.core.framing import AnyCommand
from charwave_tui.core.inspection import InspectLayer, ReportChanges
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event
from charwave_tui.core.readings import Split, State
from charwave_tui.core.records import RunRecord
from charwave_tui.core.runs import RunStore
from charwave_tui.core.speaking import PredictNext, SampleRun, ScoreWord
from charwave_tui.engine.archive import Archive
from charwave_tui.engine.current import CurrentRun
from charwave_tui.engine.devices import choose_device
from charwave_tui.engine.errands import Errands
from charwave_tui.engine.looks import Looks
from charwave_tui.engine.parcels import receive
from charwave_tui.engine.stage import Stage
from charwave_tui.engine.starring import Starring


class Conductor:
    """Steers the run on the stage and its errands, which go before training; what is in `store` it can bring there.

    `tell` reaches every viewer, `answer` who asked.
    """

    def __init__(self, store: RunStore, tell: Callable[[Event], None]) -> None:
        store.remark = lambda text: tell(protocol.Remarked(text))
        self._archive = Archive(store, tell)
        self._errands = Errands(store)
        self._starring = Starring(store.stars, tell)
        self._looks = Looks()
        self._stage = Stage(store, self._errands, tell)
        self._pause_at: int | None = None
        self._beyond = False

    @property
    def busy(self) -> bool:
        """Whether `work` has something to do."""
        current = self._stage.current
        training = current is not None and current.state is State.TRAINING
        return self._errands.open or training or self.busy_in == 0

    @property
    def busy_in(self) -> float | None:
        """Seconds until `work` has something to do by itself: a save that failed to be tried again. None for never."""
        current = self._stage.current
        return current.saves.overdue_in if current is not None and current.saves is not None else None

    @property
    def record(self) -> RunRecord | None:
        """The record of the run as it was last to be kept, on disk or not."""
        return self._stage.current.record if self._stage.current else None

    def introduce(self, answer: Callable[[Event], None]) -> None:
        """Tell a viewer who knows nothing yet what there is: torch, and the present run whole, or one that was left."""
        answer(protocol.EngineReady(str(torch.__version__), choose_device("auto").type))
        current = self._stage.current
        if current is not None:
            answer(current.opened(self._stage.ghost))
        if current is None or current.state is State.READY:
            with suppress(Mistake):  # a list that cannot be read is told of when it is asked for
                if (left := self._archive.unfinished()) is not None:
                    answer(UnfinishedFound(left))

    def obey(self, command: AnyCommand, answer: Callable[[Event], None], asked: float) -> None:
        """Carry out a command given at the time `asked`; one that does not fit the moment does nothing.

        Raises Mistake where a person asked for what cannot be.
        """
        current = self._stage.current
        match command:
            case protocol.PrepareRun(config=config, preset=preset):
                if current is None or current.state is State.READY:
                    self._stage.prepare(config, preset)
            case protocol.StartRun(config=config, preset=preset, steps=steps):
                if steps is not None and steps < 0:
                    raise Mistake(f"a run cannot be held after {steps:,} steps", "give it 0 or more")
                self._stage.begin(config, preset, asked)
                self._start(steps)
            case protocol.SampleNames() | PredictNext() | ScoreWord() | SampleRun():
                self._errands.ask(command, answer)
            case protocol.ProbeLayers() | InspectLayer() | ReportChanges():
                self._looks.obey(command, self._stage.run, answer)
            case protocol.ReportStatus():
                answer(_status(current, self._errands.measuring))
            case OpenRun(run=run, train=train):
                self._stage.open(run)
                if train:
                    self._resume(run)
            case ForkRun(run=run):
                self._stage.fork(run, asked)
            case DeleteRun(run=run) if current is not None and current.identity.number == run and current.rests:
                self._stage.clear()
                self._archive.obey(command, answer, None)
            case _ if receive(command, answer):
                pass
            case _ if self._starring.obey(command, answer):
                pass
            case _ if self._archive.obey(command, answer, current.now() if current else None):
                pass
            case _ if current is not None and current.state is not State.READY:
                self._steer(current, command, answer, asked)
            case _:
                pass

    def work(self) -> None:
        """Do some pieces of what is asked for, else a burst of steps, else save what could not be saved before."""
        if self._errands.open:
            self._errands.work()
            return
        current = self._stage.run
        if current.state is not State.TRAINING:
            current.save()
            return
        self._looks.forget()
        end = current.config.max_steps if self._pause_at is None else self._pause_at
        if current.advance(end - current.trainer.step):
            self._errands.measure((Split.VAL,))
        if current.state is not State.TRAINING or current.trainer.step < end:
            return
        if not current.trainer.finished:
            current.rest(State.PAUSED)
            return
        current.rest(State.FINISHED)  # saved before the evaluation, which a viewer may not wait for
        if not self._beyond and current.divergence is None:
            self._errands.measure((Split.TRAIN, Split.VAL))

    def recover(self, reason: str) -> None:
        """After a fault: drop what was asked for, hold training."""
        self._errands.drop()
        current = self._stage.current
        if current is not None and current.state is State.TRAINING:
            current.change(State.PAUSED, reason)

    def leave(self) -> None:
        """Hold and save a run in progress, so that it can be gone on with."""
        self._stage.leave()

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
                current.mark("paused", quiet=True)
                current.rest(State.PAUSED)
            case ((protocol.ResumeRun() | protocol.ExtendRun()), State.PAUSED):
                self._go(None)
            case protocol.StepRun(), State.PAUSED | State.STOPPED | State.FINISHED:
                self._go(1)
            case protocol.ExtendRun(), State.STOPPED | State.FINISHED:
                current.allow()
                self._go(None)
            case protocol.StopRun(), State.TRAINING | State.PAUSED:
                current.rest(State.STOPPED)
                self._errands.measure((Split.TRAIN, Split.VAL))
            case protocol.ResetRun(), State.TRAINING | State.PAUSED | State.STOPPED if current.trainer.step == 0:
                self._go(0)  # it is there already
            case protocol.ResetRun(), _:
                self._stage.begin(current.config, current.identity.preset, asked, current.corpus)
                self._start(0)
            case protocol.RewindRun(), State.DIVERGED:
                self._stage.rewind()
                self._go(None)
                current.save()
            case (protocol.EditRun(config=config), _):
                current.edit(config)
            case ((protocol.StepRun() | protocol.ExtendRun()), State.DIVERGED):
                raise Mistake("the weights give NaN, so training cannot go on", "w rewinds to the last good save")
            case protocol.EvaluateSplits(splits=splits), _:
                self._errands.measure(splits, answer)
            case _:
                pass

    def _start(self, steps: int | None) -> None:
        run = self._stage.run
        self._go(None if steps is None else min(steps, run.config.max_steps))
        run.save()

    def _resume(self, number: int) -> None:
        run = self._stage.run
        if run.state is State.DIVERGED:
            raise Mistake(f"run {number} diverged", "w rewinds it in the playground (charwave-tui, then r, enter, w)")
        if run.trainer.finished and not self._errands.open:
            remedy = "c trains it on in the playground (charwave-tui, then r, enter, c)"
            raise Mistake(f"run {number} is at its end", remedy)
        if run.state is not State.TRAINING and not run.trainer.finished:
            self._go(None)
            run.save()

    def _go(self, steps: int | None) -> None:
        """Train on, be it for single steps past the end, which is not measured again."""
        current = self._stage.run
        self._pause_at = None if steps is None else current.trainer.step + steps
        self._beyond = steps is not None and current.trainer.finished
        current.change(State.PAUSED if steps == 0 else State.TRAINING)


def _status(current: CurrentRun | None, measuring: bool) -> protocol.StatusReported:
    if current is None or current.identity.number is None:
        return protocol.StatusReported(None, None, 0, 0)
    number, step, most = current.identity.number, current.trainer.step, current.config.max_steps
    unsaved = current.saves.problem if current.saves else ""
    return protocol.StatusReported(number, current.state, step, most, unsaved, measuring)
