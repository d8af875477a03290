"""What each command does to the run that the engine holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import torch

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.protocol.commands import (
    AnyCommand,
    DeleteRun,
    EditRun,
    EvaluateSplits,
    ExtendRun,
    ForkRun,
    InspectLayer,
    OpenRun,
    PauseRun,
    PredictNext,
    PrepareRun,
    ProbeLayers,
    ReportStatus,
    ReportUpdateRatios,
    ResetRun,
    ResumeRun,
    RewindRun,
    SampleNames,
    SampleRun,
    ScoreWord,
    StartRun,
    StepRun,
    StopRun,
)
from charwave_tui.core.protocol.events import EngineReady, Event, ResumableRunFound, StatusReported, WarningIssued
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runtime.devices import resolve_device
from charwave_tui.engine.service.archive_commands import ArchiveCommands, StarCommands
from charwave_tui.engine.service.background_tasks import BackgroundTasks
from charwave_tui.engine.service.corpus_upload import handle_upload
from charwave_tui.engine.service.layer_queries import LayerQueries
from charwave_tui.engine.service.run_slot import RunSlot


class CommandDispatcher:
    """Steers the run on the stage and its errands, which go before training; what is in `store` it can bring there.

    `tell` reaches every viewer, `answer` who asked.
    """

    def __init__(self, store: RunStore, tell: Callable[[Event], None]) -> None:
        store.on_warning = lambda text: tell(WarningIssued(text))
        self._archive = ArchiveCommands(store, tell)
        self._errands = BackgroundTasks(store)
        self._starring = StarCommands(store.stars, tell)
        self._looks = LayerQueries()
        self._stage = RunSlot(store, self._errands, tell)
        self._pause_at: int | None = None
        self._beyond = False

    @property
    def busy(self) -> bool:
        """Whether `work` has something to do."""
        current = self._stage.current
        training = current is not None and current.state is RunState.TRAINING
        return self._errands.has_work or training or self.busy_in == 0

    @property
    def busy_in(self) -> float | None:
        """Seconds until `work` has something to do by itself: a save that failed to be tried again. None for never."""
        current = self._stage.current
        return current.saves.retry_in if current is not None and current.saves is not None else None

    @property
    def record(self) -> RunRecord | None:
        """The record of the run as it was last to be kept, on disk or not."""
        return self._stage.current.record if self._stage.current else None

    def send_snapshot(self, answer: Callable[[Event], None]) -> None:
        """Tell a viewer who knows nothing yet what there is: torch, and the present run whole, or one that was left."""
        answer(EngineReady(str(torch.__version__), resolve_device("auto").type))
        current = self._stage.current
        if current is not None:
            answer(current.opened(self._stage.ghost))
        if current is None or current.state is RunState.READY:
            with suppress(UserError):  # a list that cannot be read is told of when it is asked for
                if (left := self._archive.unfinished()) is not None:
                    answer(ResumableRunFound(left))

    def dispatch(self, command: AnyCommand, answer: Callable[[Event], None], asked: float) -> None:
        """Carry out a command given at the time `asked`; one that does not fit the moment does nothing.

        Raises Mistake where a person asked for what cannot be.
        """
        current = self._stage.current
        match command:
            case PrepareRun(config=config, preset=preset):
                if current is None or current.state is RunState.READY:
                    self._stage.prepare(config, preset)
            case StartRun(config=config, preset=preset, steps=steps):
                if steps is not None and steps < 0:
                    raise UserError(f"a run cannot be held after {steps:,} steps", "give it 0 or more")
                self._stage.begin(config, preset, asked)
                self._start(steps)
            case SampleNames() | PredictNext() | ScoreWord() | SampleRun():
                self._errands.submit_query(command, answer)
            case ProbeLayers() | InspectLayer() | ReportUpdateRatios():
                self._looks.dispatch(command, self._stage.run, answer)
            case ReportStatus():
                answer(_status(current, self._errands.measuring))
            case OpenRun(run=run, train=train):
                self._stage.open(run)
                if train:
                    self._resume(run)
            case ForkRun(run=run):
                self._stage.fork(run, asked)
            case DeleteRun(run=run) if current is not None and current.identity.number == run and current.has_ended:
                self._stage.clear()
                self._archive.dispatch(command, answer, None)
            case _ if handle_upload(command, answer):
                pass
            case _ if self._starring.obey(command, answer):
                pass
            case _ if self._archive.dispatch(command, answer, current.current_record() if current else None):
                pass
            case _ if current is not None and current.state is not RunState.READY:
                self._dispatch_run_command(current, command, answer, asked)
            case _:
                pass

    def run_slice(self) -> None:
        """Do some pieces of what is asked for, else a burst of steps, else save what could not be saved before."""
        if self._errands.has_work:
            self._errands.run_slice()
            return
        current = self._stage.run
        if current.state is not RunState.TRAINING:
            current.save()
            return
        self._looks.invalidate()
        end = current.config.max_steps if self._pause_at is None else self._pause_at
        if current.train_burst(end - current.trainer.step):
            self._errands.submit_evaluation((Split.VAL,))
        if current.state is not RunState.TRAINING or current.trainer.step < end:
            return
        if not current.trainer.finished:
            current.halt(RunState.PAUSED)
            return
        current.halt(RunState.FINISHED)  # saved before the evaluation, which a viewer may not wait for
        if not self._beyond and current.divergence is None:
            self._errands.submit_evaluation((Split.TRAIN, Split.VAL))

    def recover(self, reason: str) -> None:
        """After a fault: drop what was asked for, hold training."""
        self._errands.clear()
        current = self._stage.current
        if current is not None and current.state is RunState.TRAINING:
            current.set_state(RunState.PAUSED, reason)

    def shut_down(self) -> None:
        """Hold and save a run in progress, so that it can be gone on with."""
        self._stage.leave()

    def _dispatch_run_command(
        self, current: ActiveRun, command: AnyCommand, answer: Callable[[Event], None], asked: float
    ) -> None:
        match command, current.state:
            case StepRun(), RunState.TRAINING if self._pause_at is not None:
                self._pause_at += 1  # pressed again before the last single step was taken
            case ExtendRun(), RunState.TRAINING if self._beyond:
                current.extend_limit()
                self._train_until(None)
            case ((ResumeRun() | ExtendRun()), RunState.TRAINING) if self._pause_at is not None:
                self._train_until(None)
            case ((PauseRun() | StepRun()), RunState.TRAINING):
                current.mark("paused", quiet=True)
                current.halt(RunState.PAUSED)
            case ((ResumeRun() | ExtendRun()), RunState.PAUSED):
                self._train_until(None)
            case StepRun(), RunState.PAUSED | RunState.STOPPED | RunState.FINISHED:
                self._train_until(1)
            case ExtendRun(), RunState.STOPPED | RunState.FINISHED:
                current.extend_limit()
                self._train_until(None)
            case StopRun(), RunState.TRAINING | RunState.PAUSED:
                current.halt(RunState.STOPPED)
                self._errands.submit_evaluation((Split.TRAIN, Split.VAL))
            case ResetRun(), RunState.TRAINING | RunState.PAUSED | RunState.STOPPED if current.trainer.step == 0:
                self._train_until(0)  # it is there already
            case ResetRun(), _:
                self._stage.begin(current.config, current.identity.preset, asked, current.corpus)
                self._start(0)
            case RewindRun(), RunState.DIVERGED:
                self._stage.rewind()
                self._train_until(None)
                current.save()
            case (EditRun(config=config), _):
                current.edit(config)
            case ((StepRun() | ExtendRun()), RunState.DIVERGED):
                raise UserError("the weights give NaN, so training cannot go on", "w rewinds to the last good save")
            case EvaluateSplits(splits=splits), _:
                self._errands.submit_evaluation(splits, answer)
            case _:
                pass

    def _start(self, steps: int | None) -> None:
        run = self._stage.run
        self._train_until(None if steps is None else min(steps, run.config.max_steps))
        run.save()

    def _resume(self, number: int) -> None:
        run = self._stage.run
        if run.state is RunState.DIVERGED:
            raise UserError(f"run {number} diverged", "w rewinds it in the playground (charwave-tui, then r, enter, w)")
        if run.trainer.finished and not self._errands.has_work:
            remedy = "c trains it on in the playground (charwave-tui, then r, enter, c)"
            raise UserError(f"run {number} is at its end", remedy)
        if run.state is not RunState.TRAINING and not run.trainer.finished:
            self._train_until(None)
            run.save()

    def _train_until(self, steps: int | None) -> None:
        """Train on, be it for single steps past the end, which is not measured again."""
        current = self._stage.run
        self._pause_at = None if steps is None else current.trainer.step + steps
        self._beyond = steps is not None and current.trainer.finished
        current.set_state(RunState.PAUSED if steps == 0 else RunState.TRAINING)


def _status(current: ActiveRun | None, measuring: bool) -> StatusReported:
    if current is None or current.identity.number is None:
        return StatusReported(None, None, 0, 0)
    number, step, most = current.identity.number, current.trainer.step, current.config.max_steps
    unsaved = current.saves.problem if current.saves else ""
    return StatusReported(number, current.state, step, most, unsaved, measuring)
