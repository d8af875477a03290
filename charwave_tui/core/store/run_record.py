"""A run as it is kept, whole and as a row of the list."""

from __future__ import annotations

import math

import msgspec

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import CorpusSummary, Divergence, RunState, Split, TrainingHistory

RESUMABLE_STATES = frozenset({RunState.TRAINING, RunState.PAUSED})
"""States of a kept run that has more to do: nobody stopped it, and it did not come to its end."""


class RunSummary(msgspec.Struct, frozen=True):
    """A run as a row of the list; `train`, `val` and `best_val` are nats per character, None where never measured.

    `name` and `note` are a person's own words; `created` is an ISO time; `training_seconds` the time spent in steps.
    `train` is the newest evaluation, else the newest point of the curve; `val` the newest evaluation.
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


class RunRecord(msgspec.Struct, frozen=True):
    """A run as it is kept: everything but the weights.

    `seconds` is the time since the run was asked for, `training_seconds` the part spent in steps; `train` and `val` are
    nats per character over whole splits as they were at `step`, None where not measured then. `ghost` is the number of
    the run whose course stands behind this one's.
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

    @property
    def steps_per_second(self) -> float:
        """The speed of training alone, without evaluation and saving."""
        return self.step / self.training_seconds if self.training_seconds else 0.0

    def latest_evaluation(self, split: Split) -> float | None:
        """The newest evaluation of `split`."""
        return next((item.loss for item in reversed(self.history.evaluations) if item.split is split), None)

    def summary(self) -> RunSummary:
        """The run as a row of the list."""
        vals = [item.loss for item in self.history.evaluations if item.split is Split.VAL and math.isfinite(item.loss)]
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
            train=self.latest_evaluation(Split.TRAIN) or (points[-1].mean if points else None),
            val=self.latest_evaluation(Split.VAL),
            best_val=min(vals, default=None),
        )
