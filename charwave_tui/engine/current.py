"""The run that the engine holds now: its model in motion, its course, its record on disk."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from charwave_tui.core.config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.corpora import LECTURE_SHA256, find_corpus, remember
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.presets import presets
from charwave_tui.core.protocol import (
    Event,
    Progress,
    RunChanged,
    RunEdited,
    RunMarked,
    RunOpened,
    RunSaved,
    SaveFailed,
    SplitEvaluated,
)
from charwave_tui.core.readings import Evaluation, Ghost, LossPoint, Mark, Split, State
from charwave_tui.core.records import RunRecord
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.box import NAME, Boxed
from charwave_tui.engine.checkpoint import save_weights
from charwave_tui.engine.course import Course, Pace
from charwave_tui.engine.pieces import Pieces
from charwave_tui.engine.probe import probe_contexts
from charwave_tui.engine.schedules import drop_step, learning_rate
from charwave_tui.engine.trainer import Trainer, choose_device

BURST = 0.03
"""Seconds of training between two looks at the mailbox."""

PROGRESS_EVERY = 0.1
"""Seconds between two Progress events at the least."""

SAVE_EVERY = 30.0
"""Seconds of training after which a run is saved, however rarely it is evaluated."""

Emit = Callable[[Event], None]
"""How a run tells what happened."""


class CurrentRun:
    """A model of `config`, untrained until `begin` gives it a number in `store`; `record` is what was last to be kept.

    `boxed`: it is the trained model in the box.

    It learns `corpus`, by default the one that `config` names. Raises Mistake where the config, the corpus or its
    device cannot be had.
    """

    def __init__(
        self, config: RunConfig, preset: str, store: RunStore, emit: Emit, corpus: Corpus | None = None
    ) -> None:
        self.preset = preset
        self.corpus = corpus or find_corpus(config.corpus)
        self.trainer = Trainer(config.checked(), self.corpus, choose_device(config.device))
        self.contexts = probe_contexts(self.trainer, config.seed)
        self.number: int | None = None
        self.boxed = False
        self.state = State.READY
        self.record: RunRecord | None = None
        self._store = store
        self._emit = emit
        self._course = Course(self.trainer.window)
        self._pace = Pace()
        self._allowance = config.max_steps
        self._asked = time.monotonic()
        self._created = datetime.now(UTC)
        self._told = 0.0
        self._saved = 0.0
        self._news: list[LossPoint] = []

    @property
    def config(self) -> RunConfig:
        """The hyperparameters in force."""
        return self.trainer.config

    @property
    def parameters(self) -> int:
        """How many numbers the model learns."""
        return sum(parameter.numel() for parameter in self.trainer.model.parameters())

    def opened(self, ghost: Ghost | None) -> RunOpened:
        """The whole of it, for a viewer who knows nothing yet."""
        known = presets().get(self.preset)
        comparable = known is not None and known.published is not None and self.corpus.sha256 == LECTURE_SHA256
        return RunOpened(
            run=self.number,
            preset=self.preset,
            config=self.config,
            corpus=self.corpus.card(),
            parameters=self.parameters,
            device=str(self.trainer.device),
            published=known.published.val if comparable and known and known.published else None,
            state=self.state,
            step=self.trainer.step,
            history=self._course.history(),
            ghost=ghost,
        )

    def ghost(self) -> Ghost | None:
        """This course as the shadow of the next one, if there is any."""
        name = NAME if self.boxed else f"run {self.number}"
        return self._course.ghost(name, self.config.max_steps, self.trainer.partial)

    def serves(self, config: RunConfig, preset: str) -> bool:
        """Whether it is untrained and just what a run of `config` begins with."""
        return self.state is State.READY and not self.boxed and (self.config, self.preset) == (config, preset)

    def open_box(self, trained: Boxed) -> None:
        """Show the trained model in the box in place of the untrained one; it is not to be trained on."""
        self.trainer.load(trained.weights, trained.record.step)
        self._course.take(trained.record.history)
        self.boxed = True

    def evaluation(self, split: Split) -> Evaluation | None:
        """The whole split as measured at this very step, if it was."""
        return self._course.evaluation(split, self.trainer.step)

    def begin(self, asked: float) -> None:
        """Take a number and a place on disk; `asked` is the `time.monotonic()` from which the run's seconds count.

        Raises Mistake where there is no such place.
        """
        self.number = self._store.create()
        self._asked = asked
        self._created = datetime.now(UTC)
        if self.trainer.precision != self.config.precision:
            self._mark("no bfloat16 here: float32")
        corpus = Path(self.config.corpus)
        if corpus.is_absolute():
            with suppress(Mistake):  # a list of recent corpora that cannot be kept is no reason not to train
                remember(corpus)

    def change(self, state: State, reason: str = "") -> None:
        """Enter `state` and say so, after the last of the news."""
        self._tell()
        self.state = state
        self._emit(RunChanged(state, self.trainer.step, reason))

    def advance(self, most: int) -> bool:
        """Train for one burst, at most `most` steps, be it past max_steps; True where an evaluation is due now."""
        trainer, config = self.trainer, self.config
        before, start = trainer.step, time.perf_counter()
        points = trainer.advance(BURST, min(most, _steps_to_halt(config, before)))
        self._pace.count(trainer.step - before, time.perf_counter() - start)
        self._course.extend(points)
        self._news.extend(points)
        if trainer.diverged:
            became = "NaN" if math.isnan(trainer.last_loss or 0) else "infinite"
            rate = learning_rate(config, max(trainer.step - 1, 0))  # of the move that led there
            self.change(State.DIVERGED, f"the loss became {became} at step {trainer.step:,} with lr {rate:g}")
            self.save()
            return False
        if trainer.step == drop_step(config) and not trainer.finished:
            before_drop, now = (learning_rate(config, step) for step in (trainer.step - 1, trainer.step))
            self._mark(f"lr {before_drop:g} → {now:g}")
        due = not trainer.finished and trainer.step % config.eval_every == 0
        if due or time.monotonic() - self._told >= PROGRESS_EVERY:
            self._tell()
        if self._pace.seconds - self._saved >= SAVE_EVERY:
            self.save()
        return due

    def evaluate(self, split: Split) -> Pieces[None]:
        """Measure a whole split, and tell the loss if it is finite."""
        step = self.trainer.step
        loss = yield from self.trainer.evaluate(split)
        if math.isfinite(loss):
            evaluation = Evaluation(step, split, loss)
            self._course.evaluated(evaluation)
            self._emit(SplitEvaluated(evaluation))

    def edit(self, config: RunConfig) -> None:
        """Take the live fields of `config`, with a mark for each, and for the fall of lr where they move that.

        Raises Mistake where a rebuild field differs.
        """
        old, step = self.config, self.trainer.step
        self.trainer.edit(config.checked())
        changed = old.differences(config)
        for name in sorted(changed):
            write = HYPERPARAMETERS[name].kind.write
            self._mark(f"{name} {write(getattr(old, name))} → {write(getattr(config, name))}")
        if "max_steps" in changed:
            self._allowance = config.max_steps
        dropping = old.schedule == config.schedule == "step" and "lr" not in changed
        if dropping and (rate := learning_rate(old, step)) != (now := learning_rate(config, step)):
            self._mark(f"lr {rate:g} → {now:g}")
        self._emit(RunEdited(config))

    def allow(self) -> None:
        """Allow as many steps more as the run was given, which is an edit like any other."""
        allowance = self._allowance
        self.edit(replace(self.config, max_steps=self.trainer.step + allowance))
        self._allowance = allowance

    def save(self) -> None:
        """Keep the run as it is now, if it has a number; of one that diverged the weights saved before stay."""
        if self.number is None:
            return
        self._saved = self._pace.seconds
        self.record = self._record(self.number)
        try:
            if not self.trainer.diverged:
                facts = {"run": str(self.number), "step": str(self.trainer.step)}
                save_weights(self._store.weights_path(self.number), self.trainer.weights(), facts)
            self._store.write(self.record)
        except OSError as error:
            self._emit(SaveFailed(self.number, error.strerror or str(error)))
        else:
            self._emit(RunSaved(self.number, self.trainer.step))

    def _record(self, number: int) -> RunRecord:
        train, val = self.evaluation(Split.TRAIN), self.evaluation(Split.VAL)
        return RunRecord(
            run=number,
            preset=self.preset,
            config=self.config,
            corpus=self.corpus.card(),
            parameters=self.parameters,
            state=self.state,
            step=self.trainer.step,
            created=self._created.isoformat(timespec="seconds"),
            seconds=time.monotonic() - self._asked,
            training_seconds=self._pace.seconds,
            first_loss=self.trainer.first_loss,
            train=train.loss if train else None,
            val=val.loss if val else None,
            history=self._course.history(self.trainer.partial),
        )

    def _mark(self, text: str) -> None:
        mark = Mark(self.trainer.step, text)
        self._course.marked(mark)
        self._emit(RunMarked(mark))

    def _tell(self) -> None:
        self._told = time.monotonic()
        news, self._news = tuple(self._news), []
        # the mean of a few steps would jitter on the curve: it is shown before there is a point, and at rest
        waiting = self.trainer.partial if self.state is not State.TRAINING or not self._course.begun else None
        self._emit(Progress(self.trainer.step, self._pace.steps_per_second, news, waiting))


def _steps_to_halt(config: RunConfig, step: int) -> int:
    evaluation, drop = config.eval_every - step % config.eval_every, drop_step(config)
    return evaluation if drop is None or drop <= step else min(evaluation, drop - step)  # its mark stands just there
