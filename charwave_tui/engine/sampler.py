"""Names from the model, and how well it knew a given one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import SampledName
from charwave_tui.core.sampling import LONGEST_PREFIX, Sampling
from charwave_tui.engine.batches import Windows
from charwave_tui.engine.evaluation import name_block, window_block
from charwave_tui.engine.folded import Folded
from charwave_tui.engine.growth import FoldedGrowth, Growth, WindowGrowth
from charwave_tui.engine.layers import Sequential
from charwave_tui.engine.model import looking
from charwave_tui.engine.names import Names
from charwave_tui.engine.pieces import Pieces, whole

LONGEST = LONGEST_PREFIX
"""Characters after which a name is cut off; a prefix may fill it."""


def sample(
    model: Sequential, corpus: Corpus, config: RunConfig, sampling: Sampling, generator: Generator
) -> tuple[SampledName, ...]:
    """The names that `drawing` draws, all at once."""
    return whole(drawing(model, corpus, config, sampling, generator))


def drawing(
    model: Sequential, corpus: Corpus, config: RunConfig, sampling: Sampling, generator: Generator
) -> Pieces[tuple[SampledName, ...]]:
    """Draw names as `sampling` says, from softmax(logits / temperature) in eval mode; chance comes from `generator`.

    Names that begin alike are one row until they part. Each comes with the mean loss per character that `score` gives
    it. Yields every few milliseconds; the model must stand still meanwhile. Raises Mistake on values out of bounds, on
    a prefix with unknown characters, and on a model whose weights give NaN.
    """
    count, start = sampling.checked().count, corpus.encode(sampling.prefix)
    growth, vocab_size = _growth(model, config, corpus.vocab_size), corpus.vocab_size
    ids = torch.zeros((count, LONGEST + 1), dtype=torch.int64)
    losses = torch.zeros(count, dtype=torch.float64)
    going = torch.arange(count)  # names without an end so far
    row = torch.zeros_like(going)  # of each of them
    parents = symbols = torch.zeros(1, dtype=torch.int64)
    for place in range(LONGEST + 1):
        logits = _sound((yield from growth.on(parents, symbols)))  # [R, V]
        if place < len(start):
            chosen = row * vocab_size + start[place]
        elif place < LONGEST:
            chosen = _chosen(logits, sampling.temperature, row, generator)
        else:
            chosen = row * vocab_size
        losses[going] -= logits.log_softmax(1).view(-1)[chosen]
        ids[going, place] = symbol = chosen % vocab_size
        going, chosen = going[symbol != 0], chosen[symbol != 0]
        if not len(going):
            break
        distinct, row = torch.unique(chosen, return_inverse=True)
        parents, symbols = distinct // vocab_size, distinct % vocab_size
    means = losses / (1 + (ids != 0).sum(1))
    names = _written(ids, corpus.symbols)
    return tuple(
        SampledName(name, nll, name in corpus.words_set) for name, nll in zip(names, means.tolist(), strict=True)
    )


def score(model: Sequential, corpus: Corpus, config: RunConfig, words: Sequence[str]) -> list[float]:
    """The mean of −log softmax(logits) over each word's characters and its end, in nats, in eval mode.

    Raises Mistake on unknown characters and on a model whose weights give NaN.
    """
    lengths = [len(corpus.encode(word)) + 1 for word in words]
    device = next(model.parameters()).device
    losses = [torch.empty(0)]
    if config.norm == "batch-bug":
        windows = Windows(words, corpus.symbols, config.context, device)
        for contexts, targets in windows.blocks(window_block(config, corpus.vocab_size)):
            with looking(model, training=False):
                logits = _sound(model(contexts))
            losses.append(functional.cross_entropy(logits, targets, reduction="none").cpu())
    else:
        folded = Folded(model)
        offsets = {offset for level in folded.levels for offset in level.offsets if offset}
        for prefixes in Names(words, corpus.symbols, offsets, device).blocks(name_block(config, corpus.vocab_size)):
            odds = _sound(folded.logits(prefixes)).log_softmax(1)  # [P, V]
            losses.append(-odds[prefixes.of, prefixes.targets].cpu())  # [N]
    return [part.mean().item() for part in torch.cat(losses).split_with_sizes(lengths)]


def _growth(model: Sequential, config: RunConfig, vocab_size: int) -> Growth:
    if config.norm == "batch-bug":
        return WindowGrowth(model, config.context, window_block(config, vocab_size))
    return FoldedGrowth(Folded(model), name_block(config, vocab_size))


def _sound(logits: Tensor) -> Tensor:
    if not logits.isfinite().all():
        raise Mistake("the weights give NaN, so there is nothing to sample", "begin again with a smaller lr")
    return logits


def _chosen(logits: Tensor, temperature: float, row: Tensor, generator: Generator) -> Tensor:
    """Where in `logits.view(-1)` [R·V] lies what is drawn from the `row` of each name [going]."""
    # Less the largest, so that a low temperature cannot overflow.
    weights = ((logits - logits.amax(1, keepdim=True)) / temperature).exp()
    # One stair over all rows, each of which climbs from its number to the next: a place on it is a row and a symbol.
    stairs = weights.cumsum(1, dtype=torch.float64)  # [R, V]
    stairs = stairs / stairs[:, -1:] + torch.arange(len(stairs))[:, None]
    height = torch.rand(len(row), generator=generator) + row.double()
    return torch.searchsorted(stairs.view(-1), height, right=True)


def _written(ids: Tensor, symbols: str) -> list[str]:
    """The names in `ids` [count, LONGEST + 1], each with the boundary behind it; all are written at once."""
    inside = torch.cat((torch.ones_like(ids[:, :1]), ids[:, :-1]), 1) != 0  # up to the first boundary
    codes = torch.tensor([0, *map(ord, symbols)], dtype=torch.int32)[ids[inside]]
    return codes.numpy().tobytes().decode("utf-32-le").split("\0")[:-1]
