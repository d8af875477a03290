"""RunRecord and RunSummary: a run as it is stored, whole and as a row of the runs list."""

from __future__ import annotations

import math

import msgspec

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import CorpusSummary, Divergence, RunState, Split, TrainingHistory

RESUMABLE_STATES = frozenset({RunState.TRAINING, RunState.PAUSED})  # of a stored run that was not ended
# Characters of the name and the note of a run.
MAX_RUN_NAME_LENGTH = 60
MAX_RUN_NOTE_LENGTH = 500


class RunSummary(msgspec.Struct, frozen=True):
    """A run as a row of the runs list; losses are in nats per character, None if never measured.

    `train` is the latest evaluation or else the last point of the curve, `val` the latest evaluation, `val_unseen` that
    of the words of val that are not in train. `name` and `note` are the user's; `created` is an ISO time;
    `training_seconds` is the time spent in steps.
    """

    run: int
    name: str
    note: str
    preset: str
    config: RunConfig
    corpus: str
    parameters: int
    state: RunState
    step: int
    created: str
    training_seconds: float
    train: float | None
    val: float | None
    best_val: float | None
    val_unseen: float | None = None
    best_val_unseen: float | None = None


class RunRecord(msgspec.Struct, frozen=True):
    """Everything about a run except its weights. Field names are on disk.

    `seconds` is the time since the run was requested, `training_seconds` the part spent in steps; `train`, `val` and
    `val_unseen` (of the words of val that are not in train) are evaluations at this very `step`, None if there was
    none. `ghost` is the number of the run whose curve is shown behind this one's.
    """

    run: int
    preset: str
    config: RunConfig
    corpus: CorpusSummary
    parameters: int
    state: RunState
    step: int
    created: str
    seconds: float
    training_seconds: float
    first_loss: float | None
    train: float | None
    val: float | None
    history: TrainingHistory
    divergence: Divergence | None = None
    ghost: int | None = None
    name: str = ""
    note: str = ""
    val_unseen: float | None = None

    @property
    def steps_per_second(self) -> float:
        """Training speed, without evaluation and saving."""
        return self.step / self.training_seconds if self.training_seconds else 0.0

    def summary(self) -> RunSummary:
        val_losses = [loss for _, loss in self.history.val_losses() if math.isfinite(loss)]
        unseen_losses = [loss for _, loss in self.history.val_unseen_losses() if math.isfinite(loss)]
        train, val = (self.history.latest_evaluation(split) for split in (Split.TRAIN, Split.VAL))
        points = self.history.points
        return RunSummary(
            run=self.run,
            name=self.name,
            note=self.note,
            preset=self.preset,
            config=self.config,
            corpus=self.corpus.name,
            parameters=self.parameters,
            state=self.state,
            step=self.step,
            created=self.created,
            training_seconds=self.training_seconds,
            train=train.loss if train else points[-1].mean if points else None,
            val=val.loss if val else None,
            best_val=min(val_losses, default=None),
            val_unseen=val.unseen if val else None,
            best_val_unseen=min(unseen_losses, default=None),
        )
