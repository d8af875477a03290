"""ActiveRun: trainer, history, saves, events; records and snapshots made of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from charwave_tui.core.config.presets import presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.corpus_registry import LECTURE_SHA256, add_recent_corpus, find_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import CurveMarker, Divergence, GhostCurve, LossPoint, RunState, Split
from charwave_tui.core.protocol.events import Event, Progress, RunChanged, RunEdited, RunMarked, RunOpened
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.core.store.run_folder import RunLock
from charwave_tui.core.store.run_record import RESUMABLE_STATES, RunRecord
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.inspection.probe import ProbeBatches
from charwave_tui.engine.optim.lr_schedule import learning_rate, lr_drop_step
from charwave_tui.engine.runs.autosave import Autosave
from charwave_tui.engine.runs.checkpoint import Checkpoint
from charwave_tui.engine.runs.pretrained import NAME
from charwave_tui.engine.runs.run_history import RunHistory, SpeedMeter
from charwave_tui.engine.runtime.devices import resolve_device
from charwave_tui.engine.training.divergence import diagnose_divergence
from charwave_tui.engine.training.trainer import Trainer


@dataclass(slots=True)
class RunIdentity:
    """Which run it is: its number, None before it has one, and where it comes from.

    `asked` is the time.monotonic() from which its seconds count, `ghost` the run whose course stands behind its own.
    """

    preset: str
    number: int | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    asked: float = field(default_factory=time.monotonic)
    ghost: int | None = None


def make_run_opened(
    identity: RunIdentity,
    state: RunState,
    trainer: Trainer,
    course: RunHistory,
    ghost: GhostCurve | None,
    divergence: Divergence | None,
    unsaved: str,
) -> RunOpened:
    """The whole of a run, for a viewer who knows nothing yet."""
    corpus = trainer.corpus.summary()
    return RunOpened(
        run=identity.number,
        preset=identity.preset,
        config=trainer.config,
        corpus=corpus,
        parameters=trainer.parameter_count,
        device=str(trainer.device),
        published=_published(identity.preset) if corpus.sha256 == LECTURE_SHA256 else None,
        state=state,
        step=divergence.step if divergence else trainer.step,
        history=course.history(),
        ghost=ghost,
        divergence=divergence,
        unsaved=unsaved,
        timeline=course.timeline,
    )


def make_run_record(
    identity: RunIdentity,
    state: RunState,
    trainer: Trainer,
    course: RunHistory,
    pace: SpeedMeter,
    divergence: Divergence | None,
) -> RunRecord:
    """A numbered run as it is kept."""
    assert identity.number is not None
    step = divergence.step if divergence else trainer.step
    train, val = (course.evaluation(split, step) for split in (Split.TRAIN, Split.VAL))
    return RunRecord(
        run=identity.number,
        preset=identity.preset,
        config=trainer.config,
        corpus=trainer.corpus.summary(),
        parameters=trainer.parameter_count,
        state=state,
        step=step,
        created=identity.created,
        seconds=time.monotonic() - identity.asked,
        training_seconds=pace.seconds,
        first_loss=trainer.first_loss,
        train=train.loss if train else None,
        val=val.loss if val else None,
        history=course.history(trainer.partial_point),
        divergence=divergence,
        ghost=identity.ghost,
    )


def make_checkpoint(record: RunRecord, trainer: Trainer, course: RunHistory, allowance: int) -> Checkpoint:
    """All that the run of `record` needs to go on to the bit from here."""
    history, standing = course.kept(trainer.window.losses, allowance)
    standing = msgspec.structs.replace(
        standing, ratios=trainer.update_ratios.ratios, changes=trainer.update_ratios.history.state()
    )
    return Checkpoint(msgspec.structs.replace(record, history=history), standing, trainer.state_dict())


def identity_from_record(record: RunRecord) -> RunIdentity:
    """The identity of a run that goes on from its record."""
    asked = time.monotonic() - record.seconds
    return RunIdentity(record.preset, record.run, record.created, asked, record.ghost)


def _published(preset: str) -> float | None:
    known = presets().get(preset)
    return known.published.val if known is not None and known.published is not None else None


BURST = 0.03
"""Seconds of training between two looks at the mailbox."""


PROGRESS_EVERY = 0.1
"""Seconds between two Progress events at the least."""


Emit = Callable[[Event], None]
"""How a run tells what happened."""


class ActiveRun:
    """A model of `config`, untrained until `begin` gives it a number in `store`; `record` is what was last to be kept.

    `boxed`: it is the trained model in the box. `saves` is None as long as it has no number. By `emit` it tells what
    happens to it.

    It learns `corpus`, by default the one that `config` names. Raises Mistake where the config, the corpus or its
    device cannot be had.
    """

    def __init__(self, config: RunConfig, preset: str, emit: Emit, corpus: Corpus | None = None) -> None:
        self.corpus = corpus or find_corpus(config.corpus)
        self.trainer = Trainer(config.validated(), self.corpus, resolve_device(config.device))
        self.batches = ProbeBatches(self.trainer)
        self.identity = RunIdentity(preset)
        self.boxed = False
        self.state = RunState.READY
        self.divergence: Divergence | None = None
        self.record: RunRecord | None = None
        self.saves: Autosave | None = None
        self.course = RunHistory(self.trainer.window.size)
        self.pace = SpeedMeter()
        self.allowance = config.max_steps
        self.emit = emit
        self._told = 0.0
        self._unsent_points: list[LossPoint] = []

    @property
    def config(self) -> RunConfig:
        """The hyperparameters in force."""
        return self.trainer.config

    @property
    def has_ended(self) -> bool:
        """Whether it has a number and came to an end, be it stopped or diverged."""
        return self.identity.number is not None and self.state not in (*RESUMABLE_STATES, RunState.READY)

    def opened(self, ghost: GhostCurve | None) -> RunOpened:
        """The whole of it, for a viewer who knows nothing yet."""
        unsaved = self.saves.problem if self.saves else ""
        return make_run_opened(self.identity, self.state, self.trainer, self.course, ghost, self.divergence, unsaved)

    def ghost(self) -> GhostCurve | None:
        """This course as the shadow of the next one, if there is any."""
        name = NAME if self.boxed else f"run {self.identity.number}"
        return self.course.ghost(name, self.config.max_steps, self.trainer.partial_point)

    def begin(self, store: RunStore, asked: float, ghost: int | None) -> None:
        """Take a number and a place in `store`; `asked` is the `time.monotonic()` from which the run's seconds count.

        Raises Mistake where there is no such place.
        """
        number = store.create()
        try:
            lock = store.lock(number)
        except UserError:
            with suppress(OSError):
                store.folder_of(number).path.rmdir()
            raise
        self.attach_store(store, RunIdentity(self.identity.preset, number, asked=asked, ghost=ghost), lock, None)
        if self.trainer.precision != self.config.precision:
            self.mark("no bfloat16 here: float32")
        corpus = Path(self.config.corpus)
        if corpus.is_absolute():
            with suppress(UserError):  # a list of recent corpora that cannot be kept is no reason not to train
                add_recent_corpus(corpus)

    def attach_store(self, store: RunStore, identity: RunIdentity, lock: RunLock, saved: int | None) -> None:
        """Be the numbered run `identity` of `store`, with its `lock`; `saved` is the step of its last save, if any."""
        assert identity.number is not None
        self.identity = identity
        self.saves = Autosave(store, identity.number, lock, self.emit, saved)

    def set_state(self, state: RunState, reason: str = "") -> None:
        """Enter `state` and say so, after the last of the news."""
        self._tell()
        self.state = state
        step = self.divergence.step if self.divergence else self.trainer.step
        self.emit(RunChanged(state, step, reason, self.divergence))

    def halt(self, state: RunState) -> None:
        """Enter a `state` in which no steps are taken, and save."""
        self.set_state(state)
        self.save()

    def train_burst(self, most: int) -> bool:
        """Train for one burst, at most `most` steps, be it past max_steps; True where an evaluation is due now."""
        trainer, config = self.trainer, self.config
        before, start = trainer.step, time.perf_counter()
        points = trainer.train_for(BURST, min(most, _steps_to_halt(config, before)))
        self.pace.count(trainer.step - before, time.perf_counter() - start)
        self.course.extend(points)
        self._unsent_points.extend(points)
        if trainer.diverged:
            self._diverge()
            return False
        if trainer.step == lr_drop_step(config) and not trainer.finished:
            before_drop, now = (learning_rate(config, step) for step in (trainer.step - 1, trainer.step))
            self.mark(f"lr {before_drop:g} → {now:g}")
        due = not trainer.finished and trainer.step % config.eval_every == 0
        if due or time.monotonic() - self._told >= PROGRESS_EVERY:
            self._tell()
        if self.saves is not None and self.saves.is_due:
            self.save()
        return due

    def edit(self, config: RunConfig) -> None:
        """Take the live fields of `config`, with a mark for each, and for the fall of lr where they move that.

        Raises Mistake where a rebuild field differs.
        """
        old, step = self.config, self.trainer.step
        self.trainer.update_config(config.validated())
        changed = old.changed_fields(config)
        for name in sorted(changed):
            write = HYPERPARAMETERS[name].kind.format
            self.mark(f"{name} {write(getattr(old, name))} → {write(getattr(config, name))}")
        if "max_steps" in changed:
            self.allowance = config.max_steps
        dropping = old.schedule == config.schedule == "step" and "lr" not in changed
        if dropping and (rate := learning_rate(old, step)) != (now := learning_rate(config, step)):
            self.mark(f"lr {rate:g} → {now:g}")
        self.emit(RunEdited(config))
        if self.saves is not None and self.state is not RunState.TRAINING:
            self.saves.mark_dirty()

    def extend_limit(self) -> None:
        """Allow as many steps more as the run was given, which is an edit like any other."""
        allowance = self.allowance
        self.edit(replace(self.config, max_steps=self.trainer.step + allowance))
        self.allowance = allowance

    def current_record(self) -> RunRecord | None:
        """The record of the run as it is, None as long as it has no number."""
        if self.identity.number is None:
            return None
        return make_run_record(self.identity, self.state, self.trainer, self.course, self.pace, self.divergence)

    def save(self) -> None:
        """Keep the run as it is now, if it has a number; of one that diverged the weights saved before stay."""
        if self.saves is None:
            return
        if self.divergence is None and not self.trainer.all_finite:
            self._diverge()
            return
        self.record = make_run_record(self.identity, self.state, self.trainer, self.course, self.pace, self.divergence)
        whole = None if self.divergence else make_checkpoint(self.record, self.trainer, self.course, self.allowance)
        self.saves.write(self.record, whole)

    def _diverge(self) -> None:
        """Hold the run, whose last loss or whose weights are not finite, and say what is known of it."""
        contexts = self.batches.get(ProbeBatch()).contexts
        self.divergence = told = diagnose_divergence(self.trainer, contexts, self.saves.step if self.saves else None)
        what = "the loss" if self.trainer.diverged else "a weight"
        self.set_state(RunState.DIVERGED, f"{what} became {told.became} at step {told.step:,} with lr {told.lr:g}")
        self.save()

    def mark(self, text: str, *, quiet: bool = False) -> None:
        """Leave a mark on the curve."""
        mark = CurveMarker(self.trainer.step, text, quiet)
        self.course.marked(mark)
        self.emit(RunMarked(mark))

    def _tell(self) -> None:
        self._told = time.monotonic()
        news, self._unsent_points = tuple(self._unsent_points), []
        # the mean of a few steps would jitter on the curve: it is shown before there is a point, and at rest
        waiting = self.trainer.partial_point if self.state is not RunState.TRAINING or not self.course.begun else None
        self.emit(Progress(self.trainer.step, self.pace.steps_per_second, news, waiting))


def _steps_to_halt(config: RunConfig, step: int) -> int:
    evaluation, drop = config.eval_every - step % config.eval_every, lr_drop_step(config)
    return evaluation if drop is None or drop <= step else min(evaluation, drop - step)  # its mark stands just there
