"""Queries and evaluations between bursts."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from charwave_tui.core.errors import UserError
from charwave_tui.core.history import timeline_sample_due
from charwave_tui.core.metrics import Evaluation, RunState, Split
from charwave_tui.core.protocol.commands import PredictNext, SampleNames, SampleRun, ScoreWord
from charwave_tui.core.protocol.events import (
    Event,
    NamesRefused,
    QueryRefused,
    SplitEvaluated,
    TimelineSampled,
    WordScored,
)
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runtime.cooperative import Cooperative, Reply, log_as_user_error
from charwave_tui.engine.sampling.queries import (
    answer_predict_next,
    answer_sample_names,
    answer_sample_run,
    answer_score_word,
    sample_for_timeline,
)
from charwave_tui.engine.sampling.scoring import PercentileQueue


def evaluation_at_step(run: ActiveRun, split: Split) -> Evaluation | None:
    """The whole split as measured at this very step, if it was."""
    return run.course.evaluation(split, run.trainer.step)


def evaluate_split(run: ActiveRun, split: Split) -> Cooperative[None]:
    """Measure a whole split, and tell the loss if it is finite; with that of val the timeline grows before."""
    step = run.trainer.step
    loss = yield from run.trainer.evaluate(split)
    if split is Split.VAL and (run.state is not RunState.TRAINING or timeline_sample_due(run.course.timeline, step)):
        yield from record_timeline_sample(run)
    if math.isfinite(loss):  # told last: who waits for it may take the run for saved
        evaluation = Evaluation(step, split, loss)
        run.course.evaluated(evaluation)
        run.emit(SplitEvaluated(evaluation))


def record_timeline_sample(run: ActiveRun) -> Cooperative[None]:
    """Draw names for the timeline and tell of them; weights that give NaN have none."""
    with suppress(UserError):
        drawn = yield from sample_for_timeline(run.trainer)
        run.course.sketched(drawn)
        run.emit(TimelineSampled(drawn))


PATIENCE = 0.02
"""Seconds that pieces are done in a row; the one under way comes on top."""


MOST_WAITING = 64
"""Questions that may wait; one more is refused, so that a flood of them stays bounded."""


Question = SampleNames | PredictNext | ScoreWord | SampleRun
"""What is answered in pieces to the one who asked."""


class BackgroundTasks:
    """What is to be done for a run before it trains on: questions first, in the order asked, then the places of words
    among those of the corpus, then whole splits. The timeline of a run that has taken no step begins with it untrained.

    No step is taken meanwhile, so all of it is of one step; a split is measured once however often it is asked for.
    `store` has the other runs that may be asked about.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._run: ActiveRun | None = None
        self._asked: deque[tuple[Question, Reply]] = deque()
        self._answering: Cooperative[None] | None = None
        self._ranking = PercentileQueue()
        self._unsketched = False
        self._splits: list[Split] = []
        self._measuring: Cooperative[None] | None = None

    @property
    def has_work(self) -> bool:
        """Whether there is something to do."""
        return bool(self._asked or self._ranking.open or self._unsketched or self._splits)

    @property
    def measuring(self) -> bool:
        """Whether whole splits are still to be measured."""
        return bool(self._splits)

    def attach(self, run: ActiveRun) -> None:
        """Work for `run` from now on: questions go to it, what was to be measured is gone."""
        self._run = run
        self._answering = self._measuring = None
        self._ranking.drop()
        numbered, timeline = run.identity.number is not None, run.course.timeline
        self._unsketched = numbered and run.trainer.step == 0 and not timeline
        self._splits = []

    def submit_query(self, question: Question, answer: Reply) -> None:
        """Have a question answered, or told why it cannot be."""
        if self._run is None and not isinstance(question, SampleRun):
            answer(_refused(question, UserError("there is no model yet", "t trains one")))
        elif len(self._asked) + self._ranking.waiting >= MOST_WAITING:
            answer(_refused(question, UserError("too much is being asked", "ask again when that is answered")))
        else:
            self._asked.append((question, answer))

    def submit_evaluation(self, splits: Iterable[Split], answer: Reply | None = None) -> None:
        """Have whole splits measured, for all to hear; one that was measured at this very step is told to `answer`."""
        assert self._run is not None
        for split in splits:
            evaluation = evaluation_at_step(self._run, split)
            if evaluation is None and split not in self._splits:
                self._splits.append(split)
            elif evaluation is not None and answer is not None:
                answer(SplitEvaluated(evaluation))

    def run_slice(self) -> None:
        """Do some pieces, at least one; the run is saved when the last split is measured."""
        until = time.perf_counter() + PATIENCE
        while self.has_work:
            if self._asked:
                self._answer_on()
            elif self._ranking.open:
                assert self._run is not None
                self._ranking.go_on(self._run.trainer)
            else:
                self._measure_on()
            if time.perf_counter() >= until:
                break

    def clear(self) -> None:
        """Forget all of it."""
        self._asked.clear()
        self._ranking.drop()
        self._unsketched = False
        self._splits = []
        self._answering = self._measuring = None

    def _answer_on(self) -> None:
        question, answer = self._asked[0]
        try:
            self._answering = self._answering or self._answered(question, answer)
            next(self._answering)
            return
        except StopIteration:
            pass
        except UserError as mistake:
            answer(_refused(question, mistake))
        except Exception as error:  # such as a device without the memory: no reason to hold the run
            answer(_refused(question, log_as_user_error("that cannot be answered", error)))
        self._asked.popleft()
        self._answering = None

    def _answered(self, question: Question, answer: Reply) -> Cooperative[None]:
        if isinstance(question, SampleRun):
            yield from answer_sample_run(self._store, question, answer)
            return
        assert self._run is not None
        trainer = self._run.trainer
        match question:
            case SampleNames():
                yield from answer_sample_names(trainer, question, answer)
            case PredictNext():
                answer((yield from answer_predict_next(trainer, question)))
            case ScoreWord():
                scored: WordScored = yield from answer_score_word(trainer, question)
                answer(scored)
                self._ranking.ask(scored, answer)

    def _measure_on(self) -> None:
        assert self._run is not None
        if self._measuring is None:
            self._measuring = (
                record_timeline_sample(self._run) if self._unsketched else evaluate_split(self._run, self._splits[0])
            )
        try:
            next(self._measuring)
        except StopIteration:
            self._measuring = None
            if self._unsketched:
                self._unsketched = False
                return
            del self._splits[0]
            if not self._splits:
                self._run.save()


def _refused(question: Question, mistake: UserError) -> Event:
    kind = NamesRefused if isinstance(question, SampleNames) else QueryRefused
    return kind(question.request, mistake.problem, mistake.remedy)
