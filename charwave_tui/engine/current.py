"""The run that the engine holds now: its model in motion, its course, its saves."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from charwave_tui.core.config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.corpora import find_corpus, remember
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.insights import ProbeBatch
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event, Progress, RunChanged, RunEdited, RunMarked, RunOpened
from charwave_tui.core.readings import Divergence, Ghost, LossPoint, Mark, State
from charwave_tui.core.records import UNFINISHED, RunRecord
from charwave_tui.core.run_folder import RunLock
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.box import NAME
from charwave_tui.engine.course import Course, Pace
from charwave_tui.engine.devices import choose_device
from charwave_tui.engine.divergence import explained
from charwave_tui.engine.look import FixedBatches
from charwave_tui.engine.recording import Identity, opened, recorded, saved
from charwave_tui.engine.saves import Saves
from charwave_tui.engine.schedules import drop_step, learning_rate
from charwave_tui.engine.trainer import Trainer

BURST = 0.03
"""Seconds of training between two looks at the mailbox."""

PROGRESS_EVERY = 0.1
"""Seconds between two Progress events at the least."""

Emit = Callable[[Event], None]
"""How a run tells what happened."""


class CurrentRun:
    """A model of `config`, untrained until `begin` gives it a number in `store`; `record` is what was last to be kept.

    `boxed`: it is the trained model in the box. `saves` is None as long as it has no number. By `emit` it tells what
    happens to it.

    It learns `corpus`, by default the one that `config` names. Raises Mistake where the config, the corpus or its
    device cannot be had.
    """

    def __init__(self, config: RunConfig, preset: str, emit: Emit, corpus: Corpus | None = None) -> None:
        self.corpus = corpus or find_corpus(config.corpus)
        self.trainer = Trainer(config.checked(), self.corpus, choose_device(config.device))
        self.batches = FixedBatches(self.trainer)
        self.identity = Identity(preset)
        self.boxed = False
        self.state = State.READY
        self.divergence: Divergence | None = None
        self.record: RunRecord | None = None
        self.saves: Saves | None = None
        self.course = Course(self.trainer.window.size)
        self.pace = Pace()
        self.allowance = config.max_steps
        self.emit = emit
        self._told = 0.0
        self._news: list[LossPoint] = []

    @property
    def config(self) -> RunConfig:
        """The hyperparameters in force."""
        return self.trainer.config

    @property
    def rests(self) -> bool:
        """Whether it has a number and came to an end, be it stopped or diverged."""
        return self.identity.number is not None and self.state not in (*UNFINISHED, State.READY)

    def opened(self, ghost: Ghost | None) -> RunOpened:
        """The whole of it, for a viewer who knows nothing yet."""
        unsaved = self.saves.problem if self.saves else ""
        return opened(self.identity, self.state, self.trainer, self.course, ghost, self.divergence, unsaved)

    def ghost(self) -> Ghost | None:
        """This course as the shadow of the next one, if there is any."""
        name = NAME if self.boxed else f"run {self.identity.number}"
        return self.course.ghost(name, self.config.max_steps, self.trainer.partial)

    def begin(self, store: RunStore, asked: float, ghost: int | None) -> None:
        """Take a number and a place in `store`; `asked` is the `time.monotonic()` from which the run's seconds count.

        Raises Mistake where there is no such place.
        """
        number = store.create()
        try:
            lock = store.lock(number)
        except Mistake:
            with suppress(OSError):
                store.place(number).path.rmdir()
            raise
        self.hold(store, Identity(self.identity.preset, number, asked=asked, ghost=ghost), lock, None)
        if self.trainer.precision != self.config.precision:
            self.mark("no bfloat16 here: float32")
        corpus = Path(self.config.corpus)
        if corpus.is_absolute():
            with suppress(Mistake):  # a list of recent corpora that cannot be kept is no reason not to train
                remember(corpus)

    def hold(self, store: RunStore, identity: Identity, lock: RunLock, saved: int | None) -> None:
        """Be the numbered run `identity` of `store`, with its `lock`; `saved` is the step of its last save, if any."""
        assert identity.number is not None
        self.identity = identity
        self.saves = Saves(store, identity.number, lock, self.emit, saved)

    def change(self, state: State, reason: str = "") -> None:
        """Enter `state` and say so, after the last of the news."""
        self._tell()
        self.state = state
        step = self.divergence.step if self.divergence else self.trainer.step
        self.emit(RunChanged(state, step, reason, self.divergence))

    def rest(self, state: State) -> None:
        """Enter a `state` in which no steps are taken, and save."""
        self.change(state)
        self.save()

    def advance(self, most: int) -> bool:
        """Train for one burst, at most `most` steps, be it past max_steps; True where an evaluation is due now."""
        trainer, config = self.trainer, self.config
        before, start = trainer.step, time.perf_counter()
        points = trainer.advance(BURST, min(most, _steps_to_halt(config, before)))
        self.pace.count(trainer.step - before, time.perf_counter() - start)
        self.course.extend(points)
        self._news.extend(points)
        if trainer.diverged:
            self._diverge()
            return False
        if trainer.step == drop_step(config) and not trainer.finished:
            before_drop, now = (learning_rate(config, step) for step in (trainer.step - 1, trainer.step))
            self.mark(f"lr {before_drop:g} → {now:g}")
        due = not trainer.finished and trainer.step % config.eval_every == 0
        if due or time.monotonic() - self._told >= PROGRESS_EVERY:
            self._tell()
        if self.saves is not None and self.saves.due:
            self.save()
        return due

    def edit(self, config: RunConfig) -> None:
        """Take the live fields of `config`, with a mark for each, and for the fall of lr where they move that.

        Raises Mistake where a rebuild field differs.
        """
        old, step = self.config, self.trainer.step
        self.trainer.edit(config.checked())
        changed = old.differences(config)
        for name in sorted(changed):
            write = HYPERPARAMETERS[name].kind.write
            self.mark(f"{name} {write(getattr(old, name))} → {write(getattr(config, name))}")
        if "max_steps" in changed:
            self.allowance = config.max_steps
        dropping = old.schedule == config.schedule == "step" and "lr" not in changed
        if dropping and (rate := learning_rate(old, step)) != (now := learning_rate(config, step)):
            self.mark(f"lr {rate:g} → {now:g}")
        self.emit(RunEdited(config))
        if self.saves is not None and self.state is not State.TRAINING:
            self.saves.owe()

    def allow(self) -> None:
        """Allow as many steps more as the run was given, which is an edit like any other."""
        allowance = self.allowance
        self.edit(replace(self.config, max_steps=self.trainer.step + allowance))
        self.allowance = allowance

    def now(self) -> RunRecord | None:
        """The record of the run as it is, None as long as it has no number."""
        if self.identity.number is None:
            return None
        return recorded(self.identity, self.state, self.trainer, self.course, self.pace, self.divergence)

    def save(self) -> None:
        """Keep the run as it is now, if it has a number; of one that diverged the weights saved before stay."""
        if self.saves is None:
            return
        if self.divergence is None and not self.trainer.sound:
            self._diverge()
            return
        self.record = recorded(self.identity, self.state, self.trainer, self.course, self.pace, self.divergence)
        whole = None if self.divergence else saved(self.record, self.trainer, self.course, self.allowance)
        self.saves.write(self.record, whole)

    def _diverge(self) -> None:
        """Hold the run, whose last loss or whose weights are not finite, and say what is known of it."""
        contexts = self.batches.of(ProbeBatch()).contexts
        self.divergence = told = explained(self.trainer, contexts, self.saves.step if self.saves else None)
        what = "the loss" if self.trainer.diverged else "a weight"
        self.change(State.DIVERGED, f"{what} became {told.became} at step {told.step:,} with lr {told.lr:g}")
        self.save()

    def mark(self, text: str, *, quiet: bool = False) -> None:
        """Leave a mark on the curve."""
        mark = Mark(self.trainer.step, text, quiet)
        self.course.marked(mark)
        self.emit(RunMarked(mark))

    def _tell(self) -> None:
        self._told = time.monotonic()
        news, self._news = tuple(self._news), []
        # the mean of a few steps would jitter on the curve: it is shown before there is a point, and at rest
        waiting = self.trainer.partial if self.state is not State.TRAINING or not self.course.begun else None
        self.emit(Progress(self.trainer.step, self.pace.steps_per_second, news, waiting))


def _steps_to_halt(config: RunConfig, step: int) -> int:
    evaluation, drop = config.eval_every - step % config.eval_every, drop_step(config)
    return evaluation if drop is None or drop <= step else min(evaluation, drop - step)  # its mark stands just there
