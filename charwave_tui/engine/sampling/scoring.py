"""Nll of words and prefixes, and the percentile of a word in its corpus."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.core.config.choices import Norm
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.memorising import WordProbabilities
from charwave_tui.core.protocol.events import WordScored
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.model.hooks import module_mode
from charwave_tui.engine.model.layers import Sequential
from charwave_tui.engine.model.prefix_forward import FoldedModel
from charwave_tui.engine.runtime.cooperative import Cooperative, Reply, log_as_user_error
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.training.evaluation import (
    prefix_block_size,
    prefix_multiplications,
    window_block_size,
    window_multiplications,
)
from charwave_tui.engine.training.trainer import Trainer

POSITIONS_PER_CHUNK = 100_000  # encoded between two yields: about 20 ms of one core
MAX_MULTIPLICATIONS = 150_000_000_000  # to score a whole corpus: about 2 seconds of one core
MAX_WORDS = 200_000  # in a corpus scored whole
WORD_SAMPLE_SIZE = 1_000  # words of a corpus that is not scored whole
WINDOW_COST = 12  # of a multiplication in windows, which share no prefixes, relative to one in prefixes
SOFTMAX_COST = 400  # of a position's softmax for each id, in multiplications


def score_words(model: Sequential, corpus: Corpus, config: RunConfig, words: Sequence[str]) -> Cooperative[Tensor]:
    """Return the mean nll over each word's characters and its end, in nats, in eval mode: float64 [words].

    `corpus` must have all their characters; sorted words cost least. Yields after each block of positions; the model
    must not change meanwhile. Raises UserError on a model whose weights give NaN.
    """
    lengths = torch.tensor([len(word) + 1 for word in words], dtype=torch.int64)
    device = next(model.parameters()).device
    losses = [torch.empty(0)]
    folded = None if config.norm == Norm.BATCH_BUG else FoldedModel(model)
    for chunk in _chunks(words, lengths):
        if folded is None:
            windows = WindowDataset(chunk, corpus.symbols, config.context, device)
            yield
            for contexts, targets in windows.iter_blocks(window_block_size(config, corpus.vocab_size)):
                with module_mode(model, training=False):
                    logits = require_finite(model(contexts))
                losses.append(functional.cross_entropy(logits, targets, reduction="none").cpu())
                yield
        else:
            offsets = {offset for level in folded.levels for offset in level.offsets if offset}
            dataset = PrefixDataset(chunk, corpus.symbols, offsets, device)
            yield
            for prefixes in dataset.iter_blocks(prefix_block_size(config, corpus.vocab_size)):
                log_probs = require_finite(folded.logits(prefixes)).log_softmax(1)  # [P, V]
                losses.append(-log_probs[prefixes.row_of_position, prefixes.targets].cpu())  # [N]
                yield
    owners = torch.repeat_interleave(torch.arange(len(words)), lengths)
    sums = torch.zeros(len(words), dtype=torch.float64).index_add_(0, owners, torch.cat(losses).double())
    return sums / lengths


def _chunks(words: Sequence[str], lengths: Tensor) -> Iterator[Sequence[str]]:
    """Split `words` into chunks of about POSITIONS_PER_CHUNK positions, of which each word has one of `lengths`."""
    first = 0
    for count in torch.bincount((lengths.cumsum(0) - 1) // POSITIONS_PER_CHUNK).tolist():
        if count:
            yield words[first : first + count]
        first += count


def word_probabilities(trainer: Trainer) -> Cooperative[WordProbabilities]:
    """Return how probable the words of train and the held-out ones are as samples at temperature 1.

    Yields after each block. Raises UserError if the words are missing, or none are held out.
    """
    corpus = trainer.corpus
    corpus.require_words()
    held_out = corpus.word_set - corpus.train_words
    if not held_out:
        raise UserError("every word of val and test is also in train", "take a list with words that occur only once")
    sums = []
    for words in (corpus.train_words, held_out):
        ordered = sorted(words)  # neighbours share prefixes
        means = yield from score_words(trainer.model, corpus, trainer.config, ordered)
        positions = torch.tensor([len(word) + 1 for word in ordered])
        sums.append((-means * positions).exp().sum().item())
    return WordProbabilities(len(corpus.train_words), sums[0], len(held_out), sums[1])


def prefix_nll(model: Sequential, corpus: Corpus, config: RunConfig, text: str) -> Cooperative[Tensor]:
    """Return the nll of every id after each prefix of `text`, the empty one first: float64 [1 + characters, V].

    The logits are those of the model itself in eval mode, the softmax is in float64. Yields after each block. Raises
    UserError on unknown characters and on a model whose weights give NaN.
    """
    context = config.context
    ids = torch.tensor([0] * context + corpus.encode(text))
    windows = ids.unfold(0, context, 1).contiguous().to(next(model.parameters()).device)  # [1 + characters, context]
    blocks = []
    for block in torch.split(windows, window_block_size(config, corpus.vocab_size)):
        with module_mode(model, training=False):
            logits = require_finite(model(block))
        blocks.append(0 - logits.cpu().double().log_softmax(1))
        yield
    return torch.cat(blocks)


def require_finite(logits: Tensor) -> Tensor:
    """Return `logits`; raises UserError if one is not finite."""
    if not logits.isfinite().all():
        raise UserError("the weights give NaN, so there is nothing to sample", "begin again with a smaller lr")
    return logits


def sorted_corpus_nll(trainer: Trainer) -> Cooperative[list[float]]:
    """Return the sorted mean nll of the corpus words, or of WORD_SAMPLE_SIZE random ones where all cost too much.

    Config and corpus alone decide which. Yields after each block; the model must not change meanwhile. Raises UserError
    on a model whose weights give NaN.
    """
    words = sorted(_words_to_score(trainer.corpus, trainer.config))  # neighbours share prefixes
    means = yield from score_words(trainer.model, trainer.corpus, trainer.config, words)
    nll: list[float] = means.sort().values.tolist()
    return nll


def with_percentile(scored: WordScored, corpus_nll: list[float]) -> WordScored:
    """Return `scored` with its percentile in the result of `sorted_corpus_nll`."""
    mean = sum(scored.nlls) / len(scored.nlls)
    larger = len(corpus_nll) - bisect_right(corpus_nll, mean)
    return msgspec.structs.replace(scored, percentile=100 * larger / len(corpus_nll), compared_words=len(corpus_nll))


def _words_to_score(corpus: Corpus, config: RunConfig) -> list[str]:
    words, vocab_size = corpus.words, corpus.vocab_size
    cost = SOFTMAX_COST * vocab_size
    if config.norm == Norm.BATCH_BUG:
        cost += WINDOW_COST * window_multiplications(config, vocab_size)
    else:
        cost += prefix_multiplications(config, vocab_size)
    is_affordable = len(words) <= MAX_WORDS and sum(corpus.summary().examples) * cost <= MAX_MULTIPLICATIONS
    if is_affordable or len(words) <= WORD_SAMPLE_SIZE:
        return list(words)
    generator = derived_generator(config.seed, "words to compare with")
    return [words[index] for index in torch.randperm(len(words), generator=generator)[:WORD_SAMPLE_SIZE].tolist()]


class PercentileQueue:
    """Scored words that wait for their percentiles; the nll of the corpus is cached for one step of one run."""

    def __init__(self) -> None:
        self._pending: deque[tuple[WordScored, Reply]] = deque()
        self._scoring: Cooperative[list[float]] | None = None
        self._cached: tuple[int, list[float]] | None = None  # step, nll

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, scored: WordScored, reply: Reply) -> None:
        """Reply with `scored` once more, with its percentile; without one if that fails or `clear` comes first."""
        self._pending.append((scored, reply))

    def clear(self) -> None:
        """Reply to all words without percentiles, and drop the cache, as the run changes."""
        while self._pending:
            scored, reply = self._pending.popleft()
            reply(scored)
        self._scoring = self._cached = None

    def run_chunk(self, trainer: Trainer) -> None:
        """Do a chunk of work on the run of `trainer`, which takes no step while a word waits."""
        try:
            if self._cached is None or self._cached[0] != trainer.step:
                self._scoring = self._scoring or sorted_corpus_nll(trainer)
                next(self._scoring)
                return
        except StopIteration as end:
            self._cached, self._scoring = (trainer.step, end.value), None
        except Exception as error:
            if not isinstance(error, UserError):
                log_as_user_error("words cannot be given their places", error)
            self.clear()
            return
        assert self._cached is not None
        while self._pending:
            scored, reply = self._pending.popleft()
            reply(with_percentile(scored, self._cached[1]))
