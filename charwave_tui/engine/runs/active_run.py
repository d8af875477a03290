"""ActiveRun: trainer, history, autosave and events of the run that the engine holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from charwave_tui.core.config.choices import Schedule
from charwave_tui.core.config.presets import published_losses
from charwave_tui.core.config.run_config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.corpus.registry import add_recent_corpus, find_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import (
    CurveMarker,
    Divergence,
    Evaluation,
    GhostCurve,
    LossPoint,
    RunState,
    Split,
    TimelineSample,
)
from charwave_tui.core.protocol import events
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.core.store.run_folder import RunLock
from charwave_tui.core.store.run_record import RESUMABLE_STATES, RunRecord
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.inspection.probe import ProbeBatches
from charwave_tui.engine.optim.lr_schedule import learning_rate, lr_drop_step
from charwave_tui.engine.runs.autosave import Autosave
from charwave_tui.engine.runs.checkpoint import Checkpoint
from charwave_tui.engine.runs.pretrained import PRETRAINED_NAME
from charwave_tui.engine.runs.run_history import ResumeState, RunHistory, SpeedMeter
from charwave_tui.engine.runtime.devices import resolve_device
from charwave_tui.engine.training.divergence import diagnose_divergence
from charwave_tui.engine.training.trainer import Trainer

BURST_SECONDS = 0.03  # of training between two checks of the mailbox
PROGRESS_INTERVAL = 0.1  # seconds, at least, between two Progress events

Emit = Callable[[events.Event], None]


@dataclass(slots=True)
class RunIdentity:
    """The number of a run, None until it has one, and its origin.

    `requested_at` is the time.monotonic() from which its seconds count, `ghost` the run whose curve is shown with it.
    """

    preset: str
    number: int | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    requested_at: float = field(default_factory=time.monotonic)
    ghost: int | None = None


class ActiveRun:
    """A run in memory: untrained and without a number until `begin` gives it one, or restored from a checkpoint.

    It changes only through its methods and tells by `emit` what happens. `autosave` is None while it has no number;
    `last_record` is the record last to be saved, written or not; `is_pretrained` marks the model that comes with the
    program. Raises UserError if config, corpus or device cannot be used; without `corpus` it learns that of the config.
    """

    def __init__(self, config: RunConfig, preset: str, emit: Emit, corpus: Corpus | None = None) -> None:
        corpus = corpus or find_corpus(config.corpus)
        self.trainer = Trainer(config.validated(), corpus, resolve_device(config.device))
        self.probe_batches = ProbeBatches(self.trainer)
        self.identity = RunIdentity(preset)
        self.is_pretrained = False
        self.last_record: RunRecord | None = None
        self.autosave: Autosave | None = None
        self.history = RunHistory(self.trainer.window.size)
        self.state = RunState.READY
        self.divergence: Divergence | None = None
        self._speed = SpeedMeter()
        self._step_allowance = config.max_steps
        self._emit = emit
        self._last_progress = 0.0
        self._unsent_points: list[LossPoint] = []

    @staticmethod
    def from_checkpoint(checkpoint: Checkpoint, config: RunConfig, corpus: Corpus, emit: Emit) -> ActiveRun:
        """Return a run without a number, paused, with the model, history and training time of `checkpoint`."""
        run = ActiveRun(config, checkpoint.record.preset, emit, corpus)
        run.restore(checkpoint)
        run._speed = SpeedMeter(checkpoint.record.training_seconds)
        return run

    @property
    def config(self) -> RunConfig:
        return self.trainer.config

    @property
    def corpus(self) -> Corpus:
        return self.trainer.corpus

    @property
    def step(self) -> int:
        """The steps taken, up to that of the divergence if there was one."""
        return self.divergence.step if self.divergence else self.trainer.step

    @property
    def has_ended(self) -> bool:
        """Whether it has a number and is finished, stopped or diverged."""
        return self.identity.number is not None and self.state not in (*RESUMABLE_STATES, RunState.READY)

    @property
    def unsaved(self) -> str:
        """Why it is not being saved, empty if it is."""
        return self.autosave.problem if self.autosave else ""

    def begin(self, store: RunStore, requested_at: float, ghost: int | None) -> None:
        """Become a new run of `store`; raises UserError if its folder cannot be created or locked."""
        number = store.create()
        try:
            lock = store.lock(number)
        except UserError:
            with suppress(OSError):
                store.folder_of(number).path.rmdir()
            raise
        identity = RunIdentity(self.identity.preset, number, requested_at=requested_at, ghost=ghost)
        self._attach_store(store, identity, lock, None)
        if self.trainer.precision != self.config.precision:
            self.mark("no bfloat16 here: float32")
        corpus = Path(self.config.corpus)
        if corpus.is_absolute():
            with suppress(UserError):  # a list of recent corpora that cannot be written is no reason not to train
                add_recent_corpus(corpus)

    def reopen(self, store: RunStore, record: RunRecord, checkpoint: Checkpoint, lock: RunLock) -> None:
        """Become the run of `record` in `store` again, after it was restored from its latest checkpoint."""
        requested_at = time.monotonic() - record.seconds
        identity = RunIdentity(record.preset, record.run, record.created, requested_at, record.ghost)
        self._attach_store(store, identity, lock, checkpoint.record.step)
        state = checkpoint.record.state
        self.state = RunState.PAUSED if state is RunState.TRAINING else state
        if record.state is RunState.DIVERGED:  # what followed the checkpoint is in the record only
            self.state, self.divergence = RunState.DIVERGED, record.divergence
            self.history.load(record.history, ResumeState(timeline=self.history.timeline))
        self.last_record = record

    def _attach_store(self, store: RunStore, identity: RunIdentity, lock: RunLock, saved_step: int | None) -> None:
        assert identity.number is not None
        self.identity = identity
        self.autosave = Autosave(store, identity.number, lock, self._emit, saved_step)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Load model, optimizer, data loader and history of `checkpoint`, and pause."""
        record, resume_state = checkpoint.record, checkpoint.resume_state
        self.trainer.load_state(checkpoint.tensors, record.step, resume_state.losses, record.history.window)
        self.trainer.first_loss = record.first_loss
        self.trainer.update_ratios.restore(resume_state.ratios, resume_state.changes)
        self.history.load(record.history, resume_state)
        self._step_allowance = resume_state.allowance or record.config.max_steps
        self.divergence = None
        self.state = RunState.PAUSED

    def load_pretrained(self, model: Checkpoint) -> None:
        """Load the model that comes with the program; it is shown, not trained."""
        self.trainer.load_state(model.tensors, model.record.step)
        self.history.load(model.record.history)
        self.is_pretrained = True

    def set_state(self, state: RunState, reason: str = "") -> None:
        """Enter `state`, and emit Progress, then RunChanged."""
        self._emit_progress()
        self.state = state
        self._emit(events.RunChanged(state, self.step, reason, self.divergence))

    def halt(self, state: RunState) -> None:
        """Enter a `state` in which no steps are taken, and save."""
        self.set_state(state)
        self.save()

    def release(self, state: RunState) -> None:
        """Halt in `state` if training or paused, save if dirty, and release the lock."""
        if self.autosave is None:
            return
        if self.state in RESUMABLE_STATES:
            self.halt(state)
        elif self.autosave.dirty:
            self.save()
        self.autosave.release()

    def train_burst(self, max_steps: int) -> bool:
        """Train for BURST_SECONDS, at most `max_steps`, even past the limit; return whether to evaluate now."""
        trainer, config = self.trainer, self.config
        first_step, start = trainer.step, time.perf_counter()
        points = trainer.train_for(BURST_SECONDS, min(max_steps, _steps_to_next_halt(config, first_step)))
        self._speed.add_burst(trainer.step - first_step, time.perf_counter() - start)
        self.history.add_points(points)
        self._unsent_points.extend(points)
        if trainer.diverged:
            self._diverge()
            return False
        if trainer.step == lr_drop_step(config) and not trainer.finished:
            last_lr, lr = (learning_rate(config, step) for step in (trainer.step - 1, trainer.step))
            self.mark(f"lr {last_lr:g} → {lr:g}")
        evaluate = not trainer.finished and trainer.step % config.eval_every == 0
        if evaluate or time.monotonic() - self._last_progress >= PROGRESS_INTERVAL:
            self._emit_progress()
        if self.autosave is not None and self.autosave.is_due:
            self.save()
        return evaluate

    def record_evaluation(self, evaluation: Evaluation) -> None:
        self.history.add_evaluation(evaluation)
        self._emit(events.SplitEvaluated(evaluation))

    def record_timeline_sample(self, sample: TimelineSample) -> None:
        self.history.add_timeline_sample(sample)
        self._emit(events.TimelineSampled(sample))

    def mark(self, text: str, *, quiet: bool = False) -> None:
        """Add a marker to the curve; a `quiet` one is kept but not drawn."""
        marker = CurveMarker(self.trainer.step, text, quiet)
        self.history.add_marker(marker)
        self._emit(events.RunMarked(marker))

    def edit(self, config: RunConfig) -> None:
        """Use the live fields of `config` from the next step on, with markers; raises UserError if others differ."""
        old, step = self.config, self.trainer.step
        self.trainer.update_config(config.validated())
        changed = old.changed_fields(config)
        for name in sorted(changed):
            format_value = HYPERPARAMETERS[name].value_type.format
            self.mark(f"{name} {format_value(getattr(old, name))} → {format_value(getattr(config, name))}")
        if "max_steps" in changed:
            self._step_allowance = config.max_steps
        has_lr_drop = old.schedule == config.schedule == Schedule.STEP and "lr" not in changed
        if has_lr_drop and (old_lr := learning_rate(old, step)) != (lr := learning_rate(config, step)):
            self.mark(f"lr {old_lr:g} → {lr:g}")
        self._emit(events.RunEdited(config))
        if self.autosave is not None and self.state is not RunState.TRAINING:
            self.autosave.mark_dirty()

    def extend_limit(self) -> None:
        """Raise max_steps, from the current step on, by as many steps as a person last set, as an edit."""
        allowance = self._step_allowance
        self.edit(replace(self.config, max_steps=self.trainer.step + allowance))
        self._step_allowance = allowance

    def save(self) -> None:
        """Save the run as it is now if it has a number; one that diverged keeps its last checkpoint."""
        if self.autosave is None:
            return
        if self.divergence is None and not self.trainer.all_finite:
            self._diverge()
            return
        self.last_record = record = self.current_record()
        assert record is not None
        self.autosave.write(record, None if self.divergence else self._checkpoint(record))

    def snapshot(self, ghost: GhostCurve | None) -> events.RunOpened:
        """Return the whole run for a viewer that knows nothing of it."""
        published = published_losses(self.identity.preset, self.config, self.corpus.sha256)
        return events.RunOpened(
            run=self.identity.number,
            preset=self.identity.preset,
            config=self.config,
            corpus=self.corpus.summary(),
            parameters=self.trainer.parameter_count,
            device=str(self.trainer.device),
            published=published.val if published is not None else None,
            state=self.state,
            step=self.step,
            history=self.history.snapshot(),
            ghost=ghost,
            divergence=self.divergence,
            save_error=self.unsaved,
            timeline=self.history.timeline,
            missing_words=self.corpus.missing.consequence if self.corpus.missing else "",
        )

    def current_record(self) -> RunRecord | None:
        """Return the record of the run as it is now, None while it has no number."""
        if self.identity.number is None:
            return None
        train, val = (self.history.evaluation(split, self.step) for split in (Split.TRAIN, Split.VAL))
        return RunRecord(
            run=self.identity.number,
            preset=self.identity.preset,
            config=self.config,
            corpus=self.corpus.summary(),
            parameters=self.trainer.parameter_count,
            state=self.state,
            step=self.step,
            created=self.identity.created,
            seconds=time.monotonic() - self.identity.requested_at,
            training_seconds=self._speed.seconds,
            first_loss=self.trainer.first_loss,
            train=train.loss if train else None,
            val=val.loss if val else None,
            val_unseen=val.unseen if val else None,
            history=self.history.snapshot(self.trainer.partial_point),
            divergence=self.divergence,
            ghost=self.identity.ghost,
        )

    def ghost_curve(self) -> GhostCurve | None:
        """Return its loss curve as the ghost of the next run; None without points."""
        name = PRETRAINED_NAME if self.is_pretrained else f"run {self.identity.number}"
        history = self.history.snapshot(self.trainer.partial_point)
        return GhostCurve(name, self.config.max_steps, history, self.corpus.summary()) if history.points else None

    def _checkpoint(self, record: RunRecord) -> Checkpoint:
        history, resume_state = self.history.resumable(self.trainer.window.losses, self._step_allowance)
        ratios = self.trainer.update_ratios
        resume_state = msgspec.structs.replace(resume_state, ratios=ratios.ratios, changes=ratios.history.state())
        return Checkpoint(msgspec.structs.replace(record, history=history), resume_state, self.trainer.state_dict())

    def _diverge(self) -> None:
        """Halt because the last loss or a weight is not finite, and diagnose it."""
        contexts = self.probe_batches.get(ProbeBatch()).contexts
        saved_step = self.autosave.saved_step if self.autosave else None
        self.divergence = diagnosis = diagnose_divergence(self.trainer, contexts, saved_step)
        cause = f"{'the loss' if self.trainer.diverged else 'a weight'} became {diagnosis.became}"
        self.set_state(RunState.DIVERGED, f"{cause} at step {diagnosis.step:,} with lr {diagnosis.lr:g}")
        self.save()

    def _emit_progress(self) -> None:
        self._last_progress = time.monotonic()
        points, self._unsent_points = tuple(self._unsent_points), []
        # the mean of a few steps would jitter on the curve: it is sent while there is no point, and when halted
        show_partial = self.state is not RunState.TRAINING or not self.history.has_points
        partial = self.trainer.partial_point if show_partial else None
        self._emit(events.Progress(self.trainer.step, self._speed.steps_per_second, points, partial))


def _steps_to_next_halt(config: RunConfig, step: int) -> int:
    """Return the steps to the next evaluation or the drop of lr, whose marker belongs exactly there."""
    to_evaluation, drop = config.eval_every - step % config.eval_every, lr_drop_step(config)
    return to_evaluation if drop is None or drop <= step else min(to_evaluation, drop - step)
