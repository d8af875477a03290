"""Names from the model, and how well it knew a given one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from charwave_tui.core.corpus import Corpus
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import SampledName
from charwave_tui.core.sampling import LONGEST_PREFIX, Sampling
from charwave_tui.engine.batches import Windows
from charwave_tui.engine.layers import Sequential
from charwave_tui.engine.model import looking
from charwave_tui.engine.pieces import Pieces, whole

LONGEST = LONGEST_PREFIX
"""Characters after which a name is cut off; a prefix may fill it."""

BLOCK = 1_024
"""Rows that run through the model at once where nothing else is said."""


def sample(
    model: Sequential, corpus: Corpus, context: int, sampling: Sampling, generator: Generator, block: int = BLOCK
) -> tuple[SampledName, ...]:
    """The names that `drawing` draws, all at once."""
    return whole(drawing(model, corpus, context, sampling, generator, block))


def drawing(
    model: Sequential, corpus: Corpus, context: int, sampling: Sampling, generator: Generator, block: int = BLOCK
) -> Pieces[tuple[SampledName, ...]]:
    """Draw names as `sampling` says, from softmax(logits / temperature) in eval mode; chance comes from `generator`.

    Each comes with the mean loss per character that `score` gives it. Yields after each `block` of rows, with the model
    as it was. Raises Mistake on values out of bounds, on a prefix with unknown characters, and on a model whose weights
    give NaN.
    """
    count, start = sampling.checked().count, corpus.encode(sampling.prefix)
    device = next(model.parameters()).device
    ids = torch.zeros((count, context + LONGEST), dtype=torch.int64, device=device)
    ids[:, context : context + len(start)] = torch.tensor(start, dtype=torch.int64, device=device)
    going = torch.arange(count, device=device)  # rows without an end so far
    for place in range(context + len(start), context + LONGEST):
        logits = []
        for contexts in torch.split(ids[going, place - context : place], block):
            logits.append(_logits(model, contexts).cpu())
            yield
        rows = torch.cat(logits)  # [going, V]
        # Less the largest, so that a low temperature cannot overflow.
        cooled = (rows - rows.amax(1, keepdim=True)) / sampling.temperature
        drawn = torch.multinomial(cooled.softmax(1), 1, generator=generator).view(-1).to(device)  # [going]
        ids[going, place] = drawn
        going = going[drawn != 0]
        if not len(going):
            break
    names = [corpus.decode(row[: (*row, 0).index(0)]) for row in ids[:, context:].tolist()]
    scores = yield from _scoring(model, corpus, context, names, block)
    return tuple(SampledName(name, nll, name in corpus.words_set) for name, nll in zip(names, scores, strict=True))


def score(model: Sequential, corpus: Corpus, context: int, words: Sequence[str], block: int = BLOCK) -> list[float]:
    """The mean of −log softmax(logits) over each word's characters and its end, in nats, in eval mode.

    Raises Mistake on unknown characters and on a model whose weights give NaN.
    """
    return whole(_scoring(model, corpus, context, words, block))


def _scoring(model: Sequential, corpus: Corpus, context: int, words: Sequence[str], block: int) -> Pieces[list[float]]:
    lengths = [len(corpus.encode(word)) + 1 for word in words]
    windows = Windows(words, corpus.symbols, context, next(model.parameters()).device)
    losses = [torch.empty(0)]
    for contexts, targets in windows.blocks(block):
        losses.append(functional.cross_entropy(_logits(model, contexts), targets, reduction="none").cpu())
        yield
    return [part.mean().item() for part in torch.cat(losses).split_with_sizes(lengths)]


def _logits(model: Sequential, contexts: Tensor) -> Tensor:
    with looking(model, training=False):
        logits: Tensor = model(contexts)  # [rows, V]
    if not logits.isfinite().all():
        raise Mistake("the weights give NaN, so there is nothing to sample", "begin again with a smaller lr")
    return logits
