"""Names from the model, in pieces, so that those which are finished can be told while others grow."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import LONGEST_PREFIX, NEW, SamplingConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.metrics import SampledName
from charwave_tui.engine.model.layers import Sequential
from charwave_tui.engine.model.prefix_forward import CachedDecoder, FoldedModel, IncrementalDecoder, WindowDecoder
from charwave_tui.engine.runtime.cooperative import Cooperative, run_to_completion
from charwave_tui.engine.sampling.near_words import NearWordIndex, nearness
from charwave_tui.engine.sampling.scoring import require_finite
from charwave_tui.engine.sampling.token_choice import PatternConstraint, sample_from_logits
from charwave_tui.engine.training.evaluation import prefix_block_size, window_block_size

LONGEST = LONGEST_PREFIX
"""Characters after which a name is cut off; a prefix may fill it."""


DRAWS = 20
"""How many names are drawn at most, for each that is asked for, to find new ones."""


FEWEST_AGAIN = 16
"""Names that are drawn at least in place of those that are not new: fewer take hardly less time."""


def sample(
    model: Sequential, corpus: Corpus, config: RunConfig, sampling: SamplingConfig, generator: Generator
) -> tuple[SampledName, ...]:
    """The names that `drawing` draws, all at once."""
    return run_to_completion(sample_cooperatively(model, corpus, config, sampling, generator))


def sample_cooperatively(
    model: Sequential, corpus: Corpus, config: RunConfig, sampling: SamplingConfig, generator: Generator
) -> Cooperative[tuple[SampledName, ...]]:
    """Draw names as `Drawing` does; raises what that raises."""
    return NameSampler(model, corpus, config, sampling, generator).sample()


class NameSampler:
    """Names that are drawn as `sampling` says, from the model in eval mode; chance comes from `generator`.

    `drawn` is how many were begun. The model must stand still meanwhile. Raises Mistake on values out of bounds, on
    characters that the corpus has not, and while it is drawn on a model whose weights give NaN.
    """

    def __init__(
        self, model: Sequential, corpus: Corpus, config: RunConfig, sampling: SamplingConfig, generator: Generator
    ) -> None:
        self._sampling = sampling.checked()
        self._corpus = corpus
        self._model, self._config = model, config
        self._generator = generator
        self._prefix = corpus.encode(sampling.prefix)
        corpus.encode("".join(sorted(sampling.compiled_pattern.literals)))
        self._nearness: NearWordIndex | None = None
        self._kept: list[SampledName] = []
        self._sheet: _SampleBatch | None = None
        self.drawn = 0

    def sample(self) -> Cooperative[tuple[SampledName, ...]]:
        """Draw all of them; yields every few milliseconds.

        Where only new names are asked for and DRAWS for each do not give as many, they are fewer.
        """
        count = self._sampling.count
        only_new = self._sampling.only_new == NEW
        most = count * DRAWS if only_new else count
        self._nearness = yield from nearness(self._corpus)
        while len(self._kept) < count and self.drawn < most:
            missing = count - len(self._kept)
            again = max(missing, FEWEST_AGAIN) if self.drawn else missing
            self._sheet = _SampleBatch(min(again, most - self.drawn))
            self.drawn += self._sheet.count
            yield from self._decode(self._sheet)
            finished = self._told(self._sheet)
            self._kept += [name for name in finished if not (only_new and name.in_corpus)][:missing]
            self._sheet = None
        return tuple(self._kept)

    def finished(self) -> tuple[SampledName, ...]:
        """Those that are finished, in the order that they will have among all."""
        growing = self._told(self._sheet) if self._sheet is not None else []
        wanted = [name for name in growing if not (self._sampling.only_new == NEW and name.in_corpus)]
        return (*self._kept, *wanted)[: self._sampling.count]

    def _decode(self, sheet: _SampleBatch) -> Cooperative[None]:
        """Draw a whole sheet; names that begin alike are one row until they part."""
        sampling, start, vocab_size = self._sampling, self._prefix, self._corpus.vocab_size
        growth = self._growth()
        limits = None if sampling.unconstrained else PatternConstraint(sampling, self._corpus, sheet.count)
        going = torch.arange(sheet.count)  # names without an end so far
        row = torch.zeros_like(going)  # of each of them
        parents = symbols = torch.zeros(1, dtype=torch.int64)
        for place in range(LONGEST + 1):
            logits = require_finite((yield from growth.extend(parents, symbols)))  # [R, V]
            if place and limits is not None:
                limits.grow(parents, symbols)
            if place < len(start):
                choice = row * vocab_size + start[place]
            elif place < LONGEST and limits is not None:
                choice = yield from limits.chosen(logits, going, row, self._generator)
            elif place < LONGEST:
                choice = sample_from_logits(logits, sampling.temperature, row, self._generator)
            else:
                choice = row * vocab_size
            symbol = choice % vocab_size
            sheet.write(place, going, symbol, 0 - logits.log_softmax(1).view(-1)[choice])  # 0, not −0, where it is sure
            going, choice = going[symbol != 0], choice[symbol != 0]
            if not len(going):
                break
            distinct, row = torch.unique(choice, return_inverse=True)
            parents, symbols = distinct // vocab_size, distinct % vocab_size

    def _growth(self) -> IncrementalDecoder:
        config, vocab_size = self._config, self._corpus.vocab_size
        if config.norm == "batch-bug":
            return WindowDecoder(self._model, config.context, window_block_size(config, vocab_size))
        return CachedDecoder(FoldedModel(self._model), prefix_block_size(config, vocab_size))

    def _told(self, sheet: _SampleBatch) -> list[SampledName]:
        """The finished names of a sheet, with all that is told of them."""
        names, means, surprises = sheet.finished(self._corpus.symbols)
        known = self._corpus.word_set
        new = [name for name in names if name not in known]
        near = iter(self._nearness.near(new) if self._nearness is not None else [""] * len(new))
        return [
            SampledName(name, mean, True, "", told)
            if name in known
            else SampledName(name, mean, False, next(near), told)
            for name, mean, told in zip(names, means, surprises, strict=True)
        ]


class _SampleBatch:
    """`count` names side by side: their ids, and what each character and the end of each surprised, in nats."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._ids = torch.zeros((count, LONGEST + 1), dtype=torch.int64)
        self._surprises = torch.zeros((count, LONGEST + 1))
        self._losses = torch.zeros(count, dtype=torch.float64)
        self._ended = torch.zeros(count, dtype=torch.bool)

    def write(self, place: int, names: Tensor, symbols: Tensor, surprises: Tensor) -> None:
        """Put `symbols` at a place of `names`, with their `surprises`; all three are [names]."""
        self._ids[names, place] = symbols
        self._surprises[names, place] = surprises
        self._losses[names] += surprises
        self._ended[names] = symbols == 0

    def finished(self, symbols: str) -> tuple[list[str], list[float], list[tuple[float, ...]]]:
        """The names that have their end, the mean surprise of each, and all its surprises."""
        ids, losses = self._ids[self._ended], self._losses[self._ended]
        lengths = 1 + (ids != 0).sum(1)  # [names]
        inside = torch.arange(LONGEST + 1) < lengths[:, None]  # up to the boundary
        codes = torch.tensor([0, *map(ord, symbols)], dtype=torch.int32)[ids[inside]]
        names = codes.numpy().tobytes().decode("utf-32-le").split("\0")[:-1]
        surprises = self._surprises[self._ended][inside].tolist()
        ends = lengths.cumsum(0).tolist()
        parts = [tuple(surprises[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]
        return names, (losses / lengths).tolist(), parts
