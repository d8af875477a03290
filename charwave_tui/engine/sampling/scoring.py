"""Nll of words and prefixes; percentile in the corpus."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.protocol.events import WordScored
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.model.hooks import module_mode
from charwave_tui.engine.model.layers import Sequential
from charwave_tui.engine.model.prefix_forward import FoldedModel
from charwave_tui.engine.runtime.cooperative import Cooperative, Reply, log_as_user_error, run_to_completion
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.training.evaluation import (
    prefix_block_size,
    prefix_multiplications,
    window_block_size,
    window_multiplications,
)
from charwave_tui.engine.training.trainer import Trainer

CHUNK = 100_000
"""Positions of words that are made ready in one piece: some twenty milliseconds of one core."""


def score(model: Sequential, corpus: Corpus, config: RunConfig, words: Sequence[str]) -> list[float]:
    """The mean of −log softmax(logits) over each word's characters and its end, in nats, in eval mode.

    Raises Mistake on unknown characters and on a model whose weights give NaN.
    """
    for word in words:
        corpus.encode(word)
    return run_to_completion(score_words(model, corpus, config, words)).tolist()


def score_words(model: Sequential, corpus: Corpus, config: RunConfig, words: Sequence[str]) -> Cooperative[Tensor]:
    """As `score`, of words whose characters are known: float64 [words]. Yields after each block of positions.

    Words in the order of spelling cost least. The model must stand still meanwhile.
    """
    lengths = torch.tensor([len(word) + 1 for word in words], dtype=torch.int64)
    device = next(model.parameters()).device
    losses = [torch.empty(0)]
    folded = None if config.norm == "batch-bug" else FoldedModel(model)
    for part in _parts(words, lengths):
        if folded is None:
            windows = WindowDataset(part, corpus.symbols, config.context, device)
            yield
            for contexts, targets in windows.iter_blocks(window_block_size(config, corpus.vocab_size)):
                with module_mode(model, training=False):
                    logits = require_finite(model(contexts))
                losses.append(functional.cross_entropy(logits, targets, reduction="none").cpu())
                yield
        else:
            offsets = {offset for level in folded.levels for offset in level.offsets if offset}
            names = PrefixDataset(part, corpus.symbols, offsets, device)
            yield
            for prefixes in names.iter_blocks(prefix_block_size(config, corpus.vocab_size)):
                odds = require_finite(folded.logits(prefixes)).log_softmax(1)  # [P, V]
                losses.append(-odds[prefixes.row_of_position, prefixes.targets].cpu())  # [N]
                yield
    owners = torch.repeat_interleave(torch.arange(len(words)), lengths)
    sums = torch.zeros(len(words), dtype=torch.float64).index_add_(0, owners, torch.cat(losses).double())
    return sums / lengths


def _parts(words: Sequence[str], lengths: Tensor) -> Iterator[Sequence[str]]:
    """Neighbouring `words` of about PART positions, by the `lengths` of all."""
    first = 0
    for count in torch.bincount((lengths.cumsum(0) - 1) // CHUNK).tolist():
        if count:
            yield words[first : first + count]
        first += count


def prefix_nll(model: Sequential, corpus: Corpus, config: RunConfig, text: str) -> Cooperative[Tensor]:
    """−log softmax(logits) of all ids behind each prefix of `text`, the empty one first: float64 [1 + characters, V].

    The logits are those of the model itself in eval mode; softmax is taken in float64. Yields after each block. Raises
    Mistake on unknown characters and on a model whose weights give NaN.
    """
    context = config.context
    ids = torch.tensor([0] * context + corpus.encode(text))
    windows = ids.unfold(0, context, 1).contiguous().to(next(model.parameters()).device)  # [1 + characters, context]
    found = []
    for some in torch.split(windows, window_block_size(config, corpus.vocab_size)):
        with module_mode(model, training=False):
            logits = require_finite(model(some))
        found.append(0 - logits.cpu().double().log_softmax(1))
        yield
    return torch.cat(found)


def require_finite(logits: Tensor) -> Tensor:
    """The `logits` as they are; raises Mistake where one is not finite."""
    if not logits.isfinite().all():
        raise UserError("the weights give NaN, so there is nothing to sample", "begin again with a smaller lr")
    return logits


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


def sorted_corpus_nll(trainer: Trainer) -> Cooperative[list[float]]:
    """The mean surprises of all words of its corpus, or of SOME by chance, in rising order.

    Which of both is told by the config and the corpus alone. Yields after each block; the model must stand still
    meanwhile. Raises Mistake on a model whose weights give NaN.
    """
    words = sorted(_words(trainer.corpus, trainer.config))  # neighbours share prefixes
    means = yield from score_words(trainer.model, trainer.corpus, trainer.config, words)
    rising: list[float] = means.sort().values.tolist()
    return rising


def with_percentile(scored: WordScored, among: list[float]) -> WordScored:
    """`scored` with its place among the means of a `ladder`."""
    mean = sum(scored.surprises) / len(scored.surprises)
    larger = len(among) - bisect_right(among, mean)
    return msgspec.structs.replace(scored, percentile=100 * larger / len(among), among=len(among))


def _words(corpus: Corpus, config: RunConfig) -> list[str]:
    words, vocab_size = corpus.words, corpus.vocab_size
    windows = config.norm == "batch-bug"
    work = (
        WINDOW_COST * window_multiplications(config, vocab_size)
        if windows
        else prefix_multiplications(config, vocab_size)
    )
    work += ODDS_COST * vocab_size
    few = len(words) <= MOST_WORDS and sum(corpus.summary().examples) * work <= ALL_WORK
    if few or len(words) <= SOME:
        return list(words)
    stream = derived_generator(config.seed, "words to compare with")
    return [words[number] for number in torch.randperm(len(words), generator=stream)[:SOME].tolist()]


class PercentileQueue:
    """Words that wait for their places among those of the corpus, and what was found after one step of one run."""

    def __init__(self) -> None:
        self._words: deque[tuple[WordScored, Reply]] = deque()
        self._climbing: Cooperative[list[float]] | None = None
        self._known: tuple[int, list[float]] | None = None

    @property
    def open(self) -> bool:
        """Whether a word waits."""
        return bool(self._words)

    @property
    def waiting(self) -> int:
        """How many words wait."""
        return len(self._words)

    def ask(self, scored: WordScored, answer: Reply) -> None:
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
                self._climbing = self._climbing or sorted_corpus_nll(trainer)
                next(self._climbing)
                return
        except StopIteration as end:
            self._known, self._climbing = (step, end.value), None
        except Exception as error:
            if not isinstance(error, UserError):
                log_as_user_error("words cannot be given their places", error)
            self.drop()
            return
        while self._words:
            scored, answer = self._words.popleft()
            assert self._known is not None
            answer(with_percentile(scored, self._known[1]))
