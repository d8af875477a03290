"""How the words of a corpus score, so that a word can be given its place among them."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

import msgspec
import torch

from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.speaking import WordScored
from charwave_tui.engine.evaluation import name_work, window_work
from charwave_tui.engine.faults import harmless
from charwave_tui.engine.pieces import Pieces
from charwave_tui.engine.randomness import side_stream
from charwave_tui.engine.scoring import scoring
from charwave_tui.engine.speech import Answer
from charwave_tui.engine.trainer import Trainer

ALL_WORK = 150_000_000_000
"""Multiplications that all words of a corpus may cost to be scored: some two seconds of one core."""

WINDOW_COST = 12
"""What a multiplication costs in windows, which share no prefixes, where it costs one in whole names."""

ODDS_COST = 400
"""What the softmax of a position costs for each id, in multiplications."""

MOST_WORDS = 200_000
"""Words that are put in order and scored at the most."""

SOME = 1_000
"""Words that are scored where all would cost more, or are more."""


def ladder(trainer: Trainer) -> Pieces[list[float]]:
    """The mean surprises of all words of its corpus, or of SOME by chance, in rising order.

    Which of both is told by the config and the corpus alone. Yields after each block; the model must stand still
    meanwhile. Raises Mistake on a model whose weights give NaN.
    """
    words = sorted(_words(trainer.corpus, trainer.config))  # neighbours share prefixes
    means = yield from scoring(trainer.model, trainer.corpus, trainer.config, words)
    rising: list[float] = means.sort().values.tolist()
    return rising


def placed(scored: WordScored, among: list[float]) -> WordScored:
    """`scored` with its place among the means of a `ladder`."""
    mean = sum(scored.surprises) / len(scored.surprises)
    larger = len(among) - bisect_right(among, mean)
    return msgspec.structs.replace(scored, percentile=100 * larger / len(among), among=len(among))


def _words(corpus: Corpus, config: RunConfig) -> list[str]:
    words, vocab_size = corpus.words, corpus.vocab_size
    windows = config.norm == "batch-bug"
    work = WINDOW_COST * window_work(config, vocab_size) if windows else name_work(config, vocab_size)
    work += ODDS_COST * vocab_size
    few = len(words) <= MOST_WORDS and sum(corpus.card().examples) * work <= ALL_WORK
    if few or len(words) <= SOME:
        return list(words)
    stream = side_stream(config.seed, "words to compare with")
    return [words[number] for number in torch.randperm(len(words), generator=stream)[:SOME].tolist()]


class Ranking:
    """Words that wait for their places among those of the corpus, and what was found after one step of one run."""

    def __init__(self) -> None:
        self._words: deque[tuple[WordScored, Answer]] = deque()
        self._climbing: Pieces[list[float]] | None = None
        self._known: tuple[int, list[float]] | None = None

    @property
    def open(self) -> bool:
        """Whether a word waits."""
        return bool(self._words)

    @property
    def waiting(self) -> int:
        """How many words wait."""
        return len(self._words)

    def ask(self, scored: WordScored, answer: Answer) -> None:
        """Have `scored` told again with its place; whoever waits for that is told in any case."""
        self._words.append((scored, answer))

    def drop(self) -> None:
        """Tell the words again as they are, without a place, and forget what was found: it was of another run."""
        while self._words:
            scored, answer = self._words.popleft()
            answer(scored)
        self._climbing = self._known = None

    def go_on(self, trainer: Trainer) -> None:
        """Do a piece for the run of `trainer`, which takes no step while a word waits."""
        step = trainer.step
        try:
            if self._known is None or self._known[0] != step:
                self._climbing = self._climbing or ladder(trainer)
                next(self._climbing)
                return
        except StopIteration as end:
            self._known, self._climbing = (step, end.value), None
        except Exception as error:
            if not isinstance(error, Mistake):
                harmless("words cannot be given their places", error)
            self.drop()
            return
        while self._words:
            scored, answer = self._words.popleft()
            assert self._known is not None
            answer(placed(scored, self._known[1]))
