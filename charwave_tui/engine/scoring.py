"""How much words surprise the model: −log p of each of their characters and of their ends, in eval mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.mistake import Mistake
from charwave_tui.engine.batches import Windows
from charwave_tui.engine.evaluation import name_block, window_block
from charwave_tui.engine.folded import Folded
from charwave_tui.engine.layers import Sequential
from charwave_tui.engine.model import looking
from charwave_tui.engine.names import Names
from charwave_tui.engine.pieces import Pieces, whole

PART = 100_000
"""Positions of words that are made ready in one piece: some twenty milliseconds of one core."""


def score(model: Sequential, corpus: Corpus, config: RunConfig, words: Sequence[str]) -> list[float]:
    """The mean of −log softmax(logits) over each word's characters and its end, in nats, in eval mode.

    Raises Mistake on unknown characters and on a model whose weights give NaN.
    """
    for word in words:
        corpus.encode(word)
    return whole(scoring(model, corpus, config, words)).tolist()


def scoring(model: Sequential, corpus: Corpus, config: RunConfig, words: Sequence[str]) -> Pieces[Tensor]:
    """As `score`, of words whose characters are known: float64 [words]. Yields after each block of positions.

    Words in the order of spelling cost least. The model must stand still meanwhile.
    """
    lengths = torch.tensor([len(word) + 1 for word in words], dtype=torch.int64)
    device = next(model.parameters()).device
    losses = [torch.empty(0)]
    folded = None if config.norm == "batch-bug" else Folded(model)
    for part in _parts(words, lengths):
        if folded is None:
            windows = Windows(part, corpus.symbols, config.context, device)
            yield
            for contexts, targets in windows.blocks(window_block(config, corpus.vocab_size)):
                with looking(model, training=False):
                    logits = sound(model(contexts))
                losses.append(functional.cross_entropy(logits, targets, reduction="none").cpu())
                yield
        else:
            offsets = {offset for level in folded.levels for offset in level.offsets if offset}
            names = Names(part, corpus.symbols, offsets, device)
            yield
            for prefixes in names.blocks(name_block(config, corpus.vocab_size)):
                odds = sound(folded.logits(prefixes)).log_softmax(1)  # [P, V]
                losses.append(-odds[prefixes.of, prefixes.targets].cpu())  # [N]
                yield
    owners = torch.repeat_interleave(torch.arange(len(words)), lengths)
    sums = torch.zeros(len(words), dtype=torch.float64).index_add_(0, owners, torch.cat(losses).double())
    return sums / lengths


def _parts(words: Sequence[str], lengths: Tensor) -> Iterator[Sequence[str]]:
    """Neighbouring `words` of about PART positions, by the `lengths` of all."""
    first = 0
    for count in torch.bincount((lengths.cumsum(0) - 1) // PART).tolist():
        if count:
            yield words[first : first + count]
        first += count


def surprises(model: Sequential, corpus: Corpus, config: RunConfig, text: str) -> Pieces[Tensor]:
    """−log softmax(logits) of all ids behind each prefix of `text`, the empty one first: float64 [1 + characters, V].

    The logits are those of the model itself in eval mode; softmax is taken in float64. Yields after each block. Raises
    Mistake on unknown characters and on a model whose weights give NaN.
    """
    context = config.context
    ids = torch.tensor([0] * context + corpus.encode(text))
    windows = ids.unfold(0, context, 1).contiguous().to(next(model.parameters()).device)  # [1 + characters, context]
    found = []
    for some in torch.split(windows, window_block(config, corpus.vocab_size)):
        with looking(model, training=False):
            logits = sound(model(some))
        found.append(0 - logits.cpu().double().log_softmax(1))
        yield
    return torch.cat(found)


def sound(logits: Tensor) -> Tensor:
    """The `logits` as they are; raises Mistake where one is not finite."""
    if not logits.isfinite().all():
        raise Mistake("the weights give NaN, so there is nothing to sample", "begin again with a smaller lr")
    return logits
