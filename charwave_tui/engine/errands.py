"""What the engine is asked besides training: names to draw and whole splits to measure, a piece at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event, NamesRefused, NamesSampled, SampleNames, SplitEvaluated
from charwave_tui.core.readings import SampledName, Split
from charwave_tui.engine.current import CurrentRun
from charwave_tui.engine.pieces import Pieces
from charwave_tui.engine.randomness import side_stream
from charwave_tui.engine.sampler import drawing

PATIENCE = 0.02
"""Seconds that pieces are done in a row; the one under way comes on top."""

MOST_WAITING = 64
"""Requests for names that may wait; one more is refused, so that a flood of them stays bounded."""

Answer = Callable[[Event], None]
"""How the one who asked is told."""


class Errands:
    """What is to be done for a run before it trains on: names first, in the order asked for, then whole splits.

    No step is taken meanwhile, so all of it is of one step; a split is measured once however often it is asked for.
    """

    def __init__(self) -> None:
        self._run: CurrentRun | None = None
        self._asked: deque[tuple[SampleNames, Answer]] = deque()
        self._drawing: Pieces[tuple[SampledName, ...]] | None = None
        self._splits: list[Split] = []
        self._measuring: Pieces[None] | None = None

    @property
    def open(self) -> bool:
        """Whether there is something to do."""
        return bool(self._asked or self._splits)

    def turn_to(self, run: CurrentRun) -> None:
        """Work for `run` from now on: names asked for are drawn from it, what was to be measured is gone."""
        self._run = run
        self._drawing = self._measuring = None
        self._splits = []

    def draw(self, command: SampleNames, answer: Answer) -> None:
        """Have names drawn; `answer` gets them, or why there are none, once."""
        if len(self._asked) == MOST_WAITING:
            answer(NamesRefused(command.request, "too many names are being drawn", "ask again when those are there"))
        else:
            self._asked.append((command, answer))

    def measure(self, splits: Iterable[Split], answer: Answer | None = None) -> None:
        """Have whole splits measured, for all to hear; one that was measured at this very step is told to `answer`."""
        assert self._run is not None
        for split in splits:
            known = self._run.evaluation(split)
            if known is None and split not in self._splits:
                self._splits.append(split)
            elif known is not None and answer is not None:
                answer(SplitEvaluated(known))

    def work(self) -> None:
        """Do some pieces, at least one; the run is saved when the last split is measured."""
        until = time.perf_counter() + PATIENCE
        while self.open:
            if self._asked:
                self._draw_on()
            else:
                self._measure_on()
            if time.perf_counter() >= until:
                break

    def drop(self) -> None:
        """Forget all of it."""
        self._asked.clear()
        self._splits = []
        self._drawing = self._measuring = None

    def _draw_on(self) -> None:
        assert self._run is not None
        command, answer = self._asked[0]
        try:
            self._drawing = self._drawing or _names(self._run, command)
            next(self._drawing)
            return
        except StopIteration as end:
            told: Event = NamesSampled(self._run.trainer.step, command.request, end.value)
        except Mistake as mistake:
            told = NamesRefused(command.request, mistake.problem, mistake.remedy)
        self._asked.popleft()
        self._drawing = None
        answer(told)

    def _measure_on(self) -> None:
        assert self._run is not None
        self._measuring = self._measuring or self._run.evaluate(self._splits[0])
        try:
            next(self._measuring)
        except StopIteration:
            self._measuring = None
            del self._splits[0]
            if not self._splits:
                self._run.save()


def _names(run: CurrentRun, command: SampleNames) -> Pieces[tuple[SampledName, ...]]:
    stream = side_stream(command.sampling.seed, "sampling")
    trainer = run.trainer
    return drawing(trainer.model, run.corpus, trainer.config, command.sampling, stream)
