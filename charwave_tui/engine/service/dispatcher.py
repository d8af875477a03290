"""CommandDispatcher: what each command does to the active run, and the work between two commands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch

from charwave_tui.core.config.choices import Device
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.protocol import commands, events
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runtime.cooperative import Reply
from charwave_tui.engine.runtime.devices import resolve_device
from charwave_tui.engine.service.archive_commands import ArchiveCommands, StarCommands
from charwave_tui.engine.service.background_tasks import BackgroundTasks
from charwave_tui.engine.service.corpus_upload import handle_upload
from charwave_tui.engine.service.layer_queries import LayerQueries, LayerQuery
from charwave_tui.engine.service.run_slot import RunSlot

Handler = Callable[[Any, Reply], None]  # of a command and the way to reply to its sender
RunHandler = Callable[[ActiveRun, Any, Reply], None]


class CommandDispatcher:
    """Carries out commands and trains the active run in slices; background tasks go before training.

    `store` has the runs on disk; `broadcast` reaches every viewer, a `reply` the sender of a command.
    """

    def __init__(self, store: RunStore, broadcast: Callable[[events.Event], None]) -> None:
        store.on_warning = lambda text: broadcast(events.WarningIssued(text))
        self.background_tasks = BackgroundTasks(store)
        self._slot = RunSlot(store, self.background_tasks, broadcast)
        self._archive = ArchiveCommands(store, self._current_record, broadcast)
        self._layer_queries = LayerQueries()
        self._pause_at: int | None = None  # step
        self._in_extra_steps = False  # single steps past the limit, which is not evaluated again
        self._requested_at = 0.0  # time.monotonic() of the command in hand
        stars = StarCommands(store.stars, broadcast)
        self.handlers: dict[type[commands.Command], Handler] = {
            commands.PrepareRun: self._prepare,
            commands.StartRun: self._start,
            commands.OpenRun: self._open,
            commands.ForkRun: lambda command, reply: self._slot.fork(command.run, self._requested_at),
            commands.DeleteRun: self._delete,
            commands.ReportStatus: self._report_status,
            commands.Ping: lambda command, reply: reply(events.Pong(command.sent)),
            commands.PauseRun: self._if_begun(self._pause),
            commands.ResumeRun: self._if_trainable(self._resume),
            commands.StepRun: self._if_trainable(self._step),
            commands.StopRun: self._if_begun(self._stop),
            commands.ResetRun: self._if_trainable(self._reset),
            commands.ExtendRun: self._if_trainable(self._extend),
            commands.RewindRun: self._if_trainable(self._rewind),
            commands.EditRun: self._if_begun(lambda run, command, reply: run.edit(command.config)),
            commands.EvaluateSplits: self._if_trainable(self._evaluate),
            commands.SampleNames: self.background_tasks.submit_query,
            commands.PredictNext: self.background_tasks.submit_query,
            commands.ScoreWord: self.background_tasks.submit_query,
            commands.SampleRun: self.background_tasks.submit_query,
            commands.ProbeLayers: self._query_layers,
            commands.InspectLayer: self._query_layers,
            commands.ReportUpdateRatios: self._query_layers,
            commands.ListRuns: self._archive.list_runs,
            commands.ShowRun: self._archive.show_run,
            commands.DescribeRun: self._archive.describe_run,
            commands.RestoreRun: self._archive.restore_run,
            commands.ListStars: stars.list_stars,
            commands.StarName: stars.star,
            commands.UnstarName: stars.unstar,
            commands.OfferCorpus: handle_upload,
            commands.UploadCorpusPart: handle_upload,
        }

    @property
    def active_run(self) -> ActiveRun:
        """The run in memory; raises UserError if there is none."""
        return self._slot.active_run

    @property
    def busy(self) -> bool:
        run = self._slot.current
        is_training = run is not None and run.state is RunState.TRAINING
        return self.background_tasks.has_work or is_training or self.busy_in == 0

    @property
    def busy_in(self) -> float | None:
        """Seconds until `run_slice` has to save a run that does not train; None if it is saved."""
        run = self._slot.current
        return run.autosave.retry_in if run is not None and run.autosave is not None else None

    @property
    def last_record(self) -> RunRecord | None:
        """The record of the active run when it was last saved, or was to be."""
        return self._slot.current.last_record if self._slot.current else None

    def send_snapshot(self, reply: Reply) -> None:
        """Send a new viewer the version of torch, the active run, and a stored run to resume if none has begun."""
        reply(events.EngineReady(str(torch.__version__), resolve_device(Device.AUTO).type))
        run = self._slot.current
        if run is not None:
            reply(run.snapshot(self._slot.ghost))
        if run is None or run.state is RunState.READY:
            with suppress(UserError):  # a list that cannot be read is reported to whoever requests it
                if (resumable := self._archive.resumable_run()) is not None:
                    reply(events.ResumableRunFound(resumable))

    def dispatch(self, command: commands.Command, reply: Reply, requested_at: float) -> None:
        """Carry out a command, which does nothing if it does not fit the run's state; raises UserError."""
        self._requested_at = requested_at
        self.handlers[type(command)](command, reply)

    def run_slice(self) -> None:
        """Do some background work, else a burst of training, else save what could not be saved before."""
        if self.background_tasks.has_work:
            self.background_tasks.run_slice()
            return
        run = self.active_run
        if run.state is not RunState.TRAINING:
            run.save()
            return
        self._layer_queries.invalidate()
        last_step = run.config.max_steps if self._pause_at is None else self._pause_at
        if run.train_burst(last_step - run.trainer.step):
            self.background_tasks.submit_evaluation((Split.VAL,))
        if run.state is not RunState.TRAINING or run.trainer.step < last_step:
            return
        if not run.trainer.finished:
            run.halt(RunState.PAUSED)
            return
        run.halt(RunState.FINISHED)  # saved before the evaluation, for which a viewer may not wait
        if not self._in_extra_steps and run.divergence is None:
            self.background_tasks.submit_evaluation((Split.TRAIN, Split.VAL))

    def recover(self, reason: str) -> None:
        """Drop all background work and pause training, after an internal error."""
        self.background_tasks.clear()
        run = self._slot.current
        if run is not None and run.state is RunState.TRAINING:
            run.set_state(RunState.PAUSED, reason)

    def shut_down(self) -> None:
        """Pause and save an unfinished run."""
        self._slot.release()

    def _current_record(self) -> RunRecord | None:
        return self._slot.current.current_record() if self._slot.current else None

    def _if_begun(self, handler: RunHandler) -> Handler:
        """Return a handler that passes on the active run, and ignores the command while no run has begun."""

        def handle(command: commands.Command, reply: Reply) -> None:
            run = self._slot.current
            if run is not None and run.state is not RunState.READY:
                handler(run, command, reply)

        return handle

    def _if_trainable(self, handler: RunHandler) -> Handler:
        """Return a handler that also raises UserError if the words that the run learned are missing."""

        def handle(run: ActiveRun, command: commands.Command, reply: Reply) -> None:
            self._slot.require_words()
            handler(self._slot.active_run, command, reply)

        return self._if_begun(handle)

    def _prepare(self, command: commands.PrepareRun, reply: Reply) -> None:
        if self._slot.current is None or self._slot.current.state is RunState.READY:
            self._slot.prepare(command.config, command.preset)

    def _start(self, command: commands.StartRun, reply: Reply) -> None:
        steps = command.steps
        if steps is not None and steps < 0:
            raise UserError(f"a run cannot be held after {steps:,} steps", "give it 0 or more")
        self._slot.begin(command.config, command.preset, self._requested_at)
        run = self.active_run
        self._train(None if steps is None else min(steps, run.config.max_steps))
        run.save()

    def _open(self, command: commands.OpenRun, reply: Reply) -> None:
        self._slot.open(command.run)
        if not command.train:
            return
        self._slot.require_words()
        run = self.active_run
        if run.state is RunState.DIVERGED:
            remedy = "w rewinds it in the playground (charwave-tui, then r, enter, w)"
            raise UserError(f"run {command.run} diverged", remedy)
        if run.trainer.finished and not self.background_tasks.has_work:
            remedy = "c trains it on in the playground (charwave-tui, then r, enter, c)"
            raise UserError(f"run {command.run} is at its end", remedy)
        if run.state is not RunState.TRAINING and not run.trainer.finished:
            self._train()
            run.save()

    def _delete(self, command: commands.DeleteRun, reply: Reply) -> None:
        run = self._slot.current
        if run is not None and run.identity.number == command.run and run.has_ended:
            self._slot.reset()
        self._archive.delete_run(command, reply)

    def _report_status(self, command: commands.ReportStatus, reply: Reply) -> None:
        run = self._slot.current
        if run is None or run.identity.number is None:
            reply(events.StatusReported(None, None, 0, 0))
            return
        number, step, max_steps = run.identity.number, run.trainer.step, run.config.max_steps
        is_evaluating = self.background_tasks.is_evaluating
        reply(events.StatusReported(number, run.state, step, max_steps, run.unsaved, is_evaluating))

    def _query_layers(self, command: LayerQuery, reply: Reply) -> None:
        self._layer_queries.answer(command, self.active_run, reply)

    def _pause(self, run: ActiveRun, command: commands.PauseRun | commands.StepRun, reply: Reply) -> None:
        if run.state is RunState.TRAINING:
            run.mark("paused", quiet=True)
            run.halt(RunState.PAUSED)

    def _resume(self, run: ActiveRun, command: commands.ResumeRun | commands.ExtendRun, reply: Reply) -> None:
        is_stepping = run.state is RunState.TRAINING and self._pause_at is not None
        if is_stepping or run.state is RunState.PAUSED:
            self._train()

    def _step(self, run: ActiveRun, command: commands.StepRun, reply: Reply) -> None:
        match run.state:
            case RunState.TRAINING if self._pause_at is not None:
                self._pause_at += 1  # pressed again before the last single step was taken
            case RunState.TRAINING:
                self._pause(run, command, reply)
            case RunState.DIVERGED:
                raise _diverged()
            case _:
                self._train(1)

    def _extend(self, run: ActiveRun, command: commands.ExtendRun, reply: Reply) -> None:
        match run.state:
            case RunState.STOPPED | RunState.FINISHED:
                run.extend_limit()
                self._train()
            case RunState.TRAINING if self._in_extra_steps:
                run.extend_limit()
                self._train()
            case RunState.DIVERGED:
                raise _diverged()
            case _:
                self._resume(run, command, reply)

    def _stop(self, run: ActiveRun, command: commands.StopRun, reply: Reply) -> None:
        if run.state in (RunState.TRAINING, RunState.PAUSED):
            run.halt(RunState.STOPPED)
            self.background_tasks.submit_evaluation((Split.TRAIN, Split.VAL))

    def _reset(self, run: ActiveRun, command: commands.ResetRun, reply: Reply) -> None:
        if run.trainer.step == 0 and run.state in (RunState.TRAINING, RunState.PAUSED, RunState.STOPPED):
            self._train(0)  # nothing to reset but the state
            return
        self._slot.begin(run.config, run.identity.preset, self._requested_at, run.corpus)
        self._train(0)
        self.active_run.save()

    def _rewind(self, run: ActiveRun, command: commands.RewindRun, reply: Reply) -> None:
        if run.state is RunState.DIVERGED:
            self._slot.rewind()
            self._train()
            run.save()

    def _evaluate(self, run: ActiveRun, command: commands.EvaluateSplits, reply: Reply) -> None:
        self.background_tasks.submit_evaluation(command.splits, reply)

    def _train(self, steps: int | None = None) -> None:
        """Train the active run on, with `steps` for so many and then pause, even past its limit."""
        run = self.active_run
        self._pause_at = None if steps is None else run.trainer.step + steps
        self._in_extra_steps = steps is not None and run.trainer.finished
        run.set_state(RunState.PAUSED if steps == 0 else RunState.TRAINING)


def _diverged() -> UserError:
    return UserError("the weights give NaN, so training cannot go on", "w rewinds to the last good save")
