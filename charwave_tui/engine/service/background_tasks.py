"""Queries and evaluations that are done between bursts of training."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import Evaluation, RunState, Split
from charwave_tui.core.protocol.commands import PredictNext, SampleNames, SampleRun, ScoreWord
from charwave_tui.core.protocol.events import NamesRefused, QueryRefused, SplitEvaluated
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.core.timeline import timeline_sample_due
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runtime.cooperative import Cooperative, Reply, log_as_user_error
from charwave_tui.engine.sampling import queries
from charwave_tui.engine.sampling.scoring import PercentileQueue

SLICE_SECONDS = 0.02  # of chunks done in a row; the last one may take longer
MAX_PENDING_QUERIES = 64

Query = SampleNames | PredictNext | ScoreWord | SampleRun  # answered in chunks


def evaluate_split(run: ActiveRun, split: Split) -> Cooperative[None]:
    """Evaluate a split and record the loss if it is finite; an evaluation of val may add a timeline sample."""
    step = run.trainer.step
    loss, unseen = yield from run.trainer.evaluate(split)
    if split is Split.VAL and (run.state is not RunState.TRAINING or timeline_sample_due(run.history.timeline, step)):
        yield from add_timeline_sample(run)
    if math.isfinite(loss):  # recorded last: once it is, the run counts as evaluated
        run.record_evaluation(Evaluation(step, split, loss, unseen))


def add_timeline_sample(run: ActiveRun) -> Cooperative[None]:
    """Sample names for the timeline; there is no sample of weights that give NaN."""
    with suppress(UserError):
        sample = yield from queries.sample_for_timeline(run.trainer)
        run.record_timeline_sample(sample)


class BackgroundTasks:
    """Work done between training bursts: queries in order, then percentiles of scored words, then evaluations.

    No step is taken until all is done, so every result belongs to the same step; a split is evaluated once however
    often it is requested. A new run first gets a timeline sample of the untrained model. `store` has the other runs
    that queries may name.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._run: ActiveRun | None = None
        self._queries: deque[tuple[Query, Reply]] = deque()
        self._answering: Cooperative[None] | None = None
        self._percentiles = PercentileQueue()
        self._needs_first_sample = False
        self._splits: list[Split] = []
        self._evaluating: Cooperative[None] | None = None

    @property
    def has_work(self) -> bool:
        return bool(self._queries or self._percentiles or self._needs_first_sample or self._splits)

    @property
    def is_evaluating(self) -> bool:
        return bool(self._splits)

    def attach(self, run: ActiveRun) -> None:
        """Work for `run` from now on: pending queries go to it, pending evaluations are dropped."""
        self._run = run
        self._answering = self._evaluating = None
        self._percentiles.clear()
        self._needs_first_sample = (
            run.identity.number is not None and run.trainer.step == 0 and not run.history.timeline
        )
        self._splits = []

    def submit_query(self, query: Query, reply: Reply) -> None:
        """Have a query answered, or reply why it cannot be."""
        if self._run is None and not isinstance(query, SampleRun):
            _refuse(query, reply, UserError("there is no model yet", "t trains one"))
        elif len(self._queries) + len(self._percentiles) >= MAX_PENDING_QUERIES:
            _refuse(query, reply, UserError("too much is being asked", "ask again when that is answered"))
        else:
            self._queries.append((query, reply))

    def submit_evaluation(self, splits: Iterable[Split], reply: Reply | None = None) -> None:
        """Have splits evaluated for all viewers; those evaluated at the current step are sent by `reply` again."""
        assert self._run is not None
        for split in splits:
            evaluation = self._run.history.evaluation(split, self._run.trainer.step)
            if evaluation is None and split not in self._splits:
                self._splits.append(split)
            elif evaluation is not None and reply is not None:
                reply(SplitEvaluated(evaluation))

    def run_slice(self) -> None:
        """Do chunks for SLICE_SECONDS, at least one; the run is saved after the last evaluation."""
        end = time.perf_counter() + SLICE_SECONDS
        while self.has_work:
            if self._queries:
                self._run_query_chunk()
            elif self._percentiles:
                assert self._run is not None
                self._percentiles.run_chunk(self._run.trainer)
            else:
                self._run_evaluation_chunk()
            if time.perf_counter() >= end:
                break

    def clear(self) -> None:
        self._queries.clear()
        self._percentiles.clear()
        self._needs_first_sample = False
        self._splits = []
        self._answering = self._evaluating = None

    def _run_query_chunk(self) -> None:
        query, reply = self._queries[0]
        try:
            self._answering = self._answering or self._answer(query, reply)
            next(self._answering)
            return
        except StopIteration:
            pass
        except UserError as error:
            _refuse(query, reply, error)
        except Exception as error:  # such as a device out of memory: no reason to halt the run
            _refuse(query, reply, log_as_user_error("that cannot be answered", error))
        self._queries.popleft()
        self._answering = None

    def _answer(self, query: Query, reply: Reply) -> Cooperative[None]:
        if isinstance(query, SampleRun):
            yield from queries.answer_sample_run(self._store, query, reply)
            return
        assert self._run is not None
        trainer = self._run.trainer
        match query:
            case SampleNames():
                yield from queries.answer_sample_names(trainer, query, reply)
            case PredictNext():
                reply((yield from queries.answer_predict_next(trainer, query)))
            case ScoreWord():
                scored = yield from queries.answer_score_word(trainer, query)
                reply(scored)
                if trainer.corpus.missing is None:
                    self._percentiles.add(scored, reply)

    def _run_evaluation_chunk(self) -> None:
        assert self._run is not None
        if self._evaluating is None:
            self._evaluating = (
                add_timeline_sample(self._run)
                if self._needs_first_sample
                else evaluate_split(self._run, self._splits[0])
            )
        try:
            next(self._evaluating)
        except StopIteration:
            self._evaluating = None
            if self._needs_first_sample:
                self._needs_first_sample = False
                return
            del self._splits[0]
            if not self._splits:
                self._run.save()


def _refuse(query: Query, reply: Reply, error: UserError) -> None:
    refused = NamesRefused if isinstance(query, SampleNames) else QueryRefused
    reply(refused(query.request, error.problem, error.remedy))
