"""What the engine is asked besides training: what the model says and whole splits, a piece at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event, NamesRefused, SampleNames, SplitEvaluated
from charwave_tui.core.readings import Split
from charwave_tui.core.runs import RunStore
from charwave_tui.core.speaking import PredictNext, SampleRun, ScoreWord, SpeechRefused, WordScored
from charwave_tui.engine import measuring
from charwave_tui.engine.current import CurrentRun
from charwave_tui.engine.elsewhere import names_of_another
from charwave_tui.engine.faults import harmless
from charwave_tui.engine.percentiles import Ranking
from charwave_tui.engine.pieces import Pieces
from charwave_tui.engine.speech import Answer, names, next_character, word_score

PATIENCE = 0.02
"""Seconds that pieces are done in a row; the one under way comes on top."""

MOST_WAITING = 64
"""Questions that may wait; one more is refused, so that a flood of them stays bounded."""

Question = SampleNames | PredictNext | ScoreWord | SampleRun
"""What is answered in pieces to the one who asked."""


class Errands:
    """What is to be done for a run before it trains on: questions first, in the order asked, then the places of words
    among those of the corpus, then whole splits. The timeline of a run that has taken no step begins with it untrained.

    No step is taken meanwhile, so all of it is of one step; a split is measured once however often it is asked for.
    `store` has the other runs that may be asked about.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._run: CurrentRun | None = None
        self._asked: deque[tuple[Question, Answer]] = deque()
        self._answering: Pieces[None] | None = None
        self._ranking = Ranking()
        self._unsketched = False
        self._splits: list[Split] = []
        self._measuring: Pieces[None] | None = None

    @property
    def open(self) -> bool:
        """Whether there is something to do."""
        return bool(self._asked or self._ranking.open or self._unsketched or self._splits)

    @property
    def measuring(self) -> bool:
        """Whether whole splits are still to be measured."""
        return bool(self._splits)

    def turn_to(self, run: CurrentRun) -> None:
        """Work for `run` from now on: questions go to it, what was to be measured is gone."""
        self._run = run
        self._answering = self._measuring = None
        self._ranking.drop()
        numbered, timeline = run.identity.number is not None, run.course.timeline
        self._unsketched = numbered and run.trainer.step == 0 and not timeline
        self._splits = []

    def ask(self, question: Question, answer: Answer) -> None:
        """Have a question answered, or told why it cannot be."""
        if self._run is None and not isinstance(question, SampleRun):
            answer(_refused(question, Mistake("there is no model yet", "t trains one")))
        elif len(self._asked) + self._ranking.waiting >= MOST_WAITING:
            answer(_refused(question, Mistake("too much is being asked", "ask again when that is answered")))
        else:
            self._asked.append((question, answer))

    def measure(self, splits: Iterable[Split], answer: Answer | None = None) -> None:
        """Have whole splits measured, for all to hear; one that was measured at this very step is told to `answer`."""
        assert self._run is not None
        for split in splits:
            evaluation = measuring.known(self._run, split)
            if evaluation is None and split not in self._splits:
                self._splits.append(split)
            elif evaluation is not None and answer is not None:
                answer(SplitEvaluated(evaluation))

    def work(self) -> None:
        """Do some pieces, at least one; the run is saved when the last split is measured."""
        until = time.perf_counter() + PATIENCE
        while self.open:
            if self._asked:
                self._answer_on()
            elif self._ranking.open:
                assert self._run is not None
                self._ranking.go_on(self._run.trainer)
            else:
                self._measure_on()
            if time.perf_counter() >= until:
                break

    def drop(self) -> None:
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
        except Mistake as mistake:
            answer(_refused(question, mistake))
        except Exception as error:  # such as a device without the memory: no reason to hold the run
            answer(_refused(question, harmless("that cannot be answered", error)))
        self._asked.popleft()
        self._answering = None

    def _answered(self, question: Question, answer: Answer) -> Pieces[None]:
        if isinstance(question, SampleRun):
            yield from names_of_another(self._store, question, answer)
            return
        assert self._run is not None
        trainer = self._run.trainer
        match question:
            case SampleNames():
                yield from names(trainer, question, answer)
            case PredictNext():
                answer((yield from next_character(trainer, question)))
            case ScoreWord():
                scored: WordScored = yield from word_score(trainer, question)
                answer(scored)
                self._ranking.ask(scored, answer)

    def _measure_on(self) -> None:
        assert self._run is not None
        if self._measuring is None:
            self._measuring = (
                measuring.sketch(self._run) if self._unsketched else measuring.evaluate(self._run, self._splits[0])
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


def _refused(question: Question, mistake: Mistake) -> Event:
    kind = NamesRefused if isinstance(question, SampleNames) else SpeechRefused
    return kind(question.request, mistake.problem, mistake.remedy)
