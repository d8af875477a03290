"""Sampling names from the model, cooperatively, so that finished names can be shown while others grow."""

from __future__ import annotations

import msgspec
import torch
from torch import Generator, Tensor

from charwave_tui.core.config.choices import Norm
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import ONLY_NEW, SamplingConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.metrics import SampledName
from charwave_tui.engine.model.layers import Sequential
from charwave_tui.engine.model.prefix_forward import CachedDecoder, FoldedModel, IncrementalDecoder, WindowDecoder
from charwave_tui.engine.runtime.cooperative import Cooperative, run_to_completion
from charwave_tui.engine.sampling.near_words import NearWordIndex, near_word_index
from charwave_tui.engine.sampling.scoring import require_finite
from charwave_tui.engine.sampling.token_choice import PatternConstraint, sample_from_logits
from charwave_tui.engine.training.evaluation import prefix_block_size, window_block_size

MAX_SAMPLES_PER_NAME = 20  # where only new names are requested
MIN_RESAMPLED = 16  # names sampled in place of those that are not new: fewer take hardly less time


def sample(
    model: Sequential, corpus: Corpus, config: RunConfig, sampling: SamplingConfig, generator: Generator
) -> tuple[SampledName, ...]:
    """Return the names of a NameSampler, all at once."""
    return run_to_completion(NameSampler(model, corpus, config, sampling, generator).sample())


class NameSampler:
    """Samples names from the model in eval mode with the settings of `sampling` and the draws of `generator`.

    Where `sampling` sets no limit, names may be as long as the corpus's longest word, or as `longest_word` if given;
    `sampled` counts the names begun. The model must not change meanwhile. Raises UserError on values out of bounds and
    unknown characters; `sample` raises it on a model whose weights give NaN.
    """

    def __init__(
        self,
        model: Sequential,
        corpus: Corpus,
        config: RunConfig,
        sampling: SamplingConfig,
        generator: Generator,
        longest_word: int | None = None,
    ) -> None:
        self._unconstrained, self._may_cut = sampling.validated().unconstrained, sampling.may_cut
        self._sampling = sampling.limited(corpus.longest_word if longest_word is None else longest_word)
        if sampling.only_new == ONLY_NEW:
            corpus.require_words()
        self._corpus = corpus
        self._model, self._config = model, config
        self._generator = generator
        self._prefix = corpus.encode(sampling.prefix)
        corpus.encode("".join(sorted(sampling.compiled_pattern.literals)))
        self._near_words: NearWordIndex | None = None
        self._accepted: list[SampledName] = []
        self._batch: _SampleBatch | None = None
        self.sampled = 0

    def sample(self) -> Cooperative[tuple[SampledName, ...]]:
        """Sample all names, fewer than requested if too few are new; yields every few milliseconds."""
        count = self._sampling.count
        limit = count * MAX_SAMPLES_PER_NAME if self._sampling.only_new == ONLY_NEW else count
        self._near_words = yield from near_word_index(self._corpus)
        while len(self._accepted) < count and self.sampled < limit:
            missing = count - len(self._accepted)
            size = max(missing, MIN_RESAMPLED) if self.sampled else missing
            self._batch = _SampleBatch(min(size, limit - self.sampled), self._sampling.longest)
            self.sampled += self._batch.size
            yield from self._decode(self._batch)
            self._accepted += self._accepted_names(self._batch)[:missing]
            self._batch = None
        return tuple(self._accepted)

    def finished(self) -> tuple[SampledName, ...]:
        """Return the names finished so far, in their final order."""
        growing = self._accepted_names(self._batch) if self._batch is not None else []
        return (*self._accepted, *growing)[: self._sampling.count]

    def _decode(self, batch: _SampleBatch) -> Cooperative[None]:
        """Sample a batch character by character; names with the same prefix share a row."""
        sampling, start, vocab_size = self._sampling, self._prefix, self._corpus.vocab_size
        decoder = self._decoder()
        constraint = None if self._unconstrained else PatternConstraint(sampling, self._corpus, batch.size)
        unfinished = torch.arange(batch.size)  # indices of the names without an end
        row = torch.zeros_like(unfinished)  # of each of them
        parents = symbols = torch.zeros(1, dtype=torch.int64)
        for position in range(sampling.longest + 1):
            if position == sampling.longest and self._may_cut:
                batch.cut(unfinished)
                break
            logits = require_finite((yield from decoder.extend(parents, symbols)))  # [R, V]
            if position and constraint is not None:
                constraint.grow(parents, symbols)
            if position < len(start):
                choice = row * vocab_size + start[position]
            elif constraint is not None:
                choice = yield from constraint.sample(logits, unfinished, row, self._generator)
            else:
                choice = sample_from_logits(logits, sampling.temperature, row, self._generator)
            symbol = choice % vocab_size
            nll = 0 - logits.log_softmax(1).view(-1)[choice]  # 0, not -0, where p is 1
            batch.write(position, unfinished, symbol, nll)
            unfinished, choice = unfinished[symbol != 0], choice[symbol != 0]
            if not len(unfinished):
                break
            distinct, row = torch.unique(choice, return_inverse=True)
            parents, symbols = distinct // vocab_size, distinct % vocab_size

    def _decoder(self) -> IncrementalDecoder:
        config, vocab_size = self._config, self._corpus.vocab_size
        if config.norm == Norm.BATCH_BUG:
            return WindowDecoder(self._model, config.context, window_block_size(config, vocab_size))
        return CachedDecoder(FoldedModel(self._model), prefix_block_size(config, vocab_size))

    def _accepted_names(self, batch: _SampleBatch) -> list[SampledName]:
        """Return the finished names of a batch, without those of the corpus where only new ones are requested."""
        finished = batch.finished(self._corpus.symbols)
        if self._corpus.missing is not None:
            return [name if name.is_cut else msgspec.structs.replace(name, in_corpus=None) for name in finished]
        names = [name.name for name in finished]
        in_corpus = dict(zip(names, self._corpus.in_corpus(names), strict=True))
        in_train = dict(zip(names, self._corpus.in_train(names), strict=True))
        new = [name.name for name in finished if not name.is_cut and not in_corpus[name.name]]
        near_words = iter(self._near_words.find(new) if self._near_words is not None else [""] * len(new))
        sampled = (
            name
            if name.is_cut
            else msgspec.structs.replace(name, in_corpus=True, held_out=not in_train[name.name])
            if in_corpus[name.name]
            else msgspec.structs.replace(name, near=next(near_words))
            for name in finished
        )
        return [name for name in sampled if not (self._sampling.only_new == ONLY_NEW and name.in_corpus)]


class _SampleBatch:
    """The ids of `size` names of up to `longest` characters, and the nll of each character and end, in nats."""

    def __init__(self, size: int, longest: int) -> None:
        self.size = size
        self._ids = torch.zeros((size, longest + 1), dtype=torch.int64)
        self._nll = torch.zeros((size, longest + 1))
        self._total_nll = torch.zeros(size, dtype=torch.float64)
        self._ended = torch.zeros(size, dtype=torch.bool)
        self._cut = torch.zeros(size, dtype=torch.bool)

    def write(self, position: int, names: Tensor, symbols: Tensor, nll: Tensor) -> None:
        """Write `symbols` and their `nll` at a position of the names with the indices `names`; all three [names]."""
        self._ids[names, position] = symbols
        self._nll[names, position] = nll
        self._total_nll[names] += nll
        self._ended[names] = symbols == 0

    def cut(self, names: Tensor) -> None:
        """Finish the names with the indices `names` without an end."""
        self._cut[names] = True

    def finished(self, symbols: str) -> list[SampledName]:
        """Return the names that have ended or are cut off, as if none were in the corpus or near a word of it."""
        finished = self._ended | self._cut
        ids, cut = self._ids[finished], self._cut[finished]
        characters = (ids != 0).sum(1)  # [names]
        columns = torch.arange(ids.shape[1])
        codes = torch.tensor([0, *map(ord, symbols)], dtype=torch.int32)[ids[columns <= characters[:, None]]]
        names = codes.numpy().tobytes().decode("utf-32-le").split("\0")[:-1]
        lengths = characters + ~cut  # with the end, where there is one
        nll = self._nll[finished][columns < lengths[:, None]].tolist()
        ends = lengths.cumsum(0).tolist()
        nlls = [tuple(nll[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]
        means = (self._total_nll[finished] / lengths).tolist()
        return [
            SampledName(name, mean, False, "", nlls_of_name, is_cut)
            for name, mean, nlls_of_name, is_cut in zip(names, means, nlls, cut.tolist(), strict=True)
        ]
