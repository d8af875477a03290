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

LONGEST = LONGEST_PREFIX
"""Characters after which a name is cut off; a prefix may fill it."""

SCORE_BLOCK = 1_024
"""Examples that `score` runs at once."""


def sample(
    model: Sequential, corpus: Corpus, context: int, sampling: Sampling, generator: Generator
) -> tuple[SampledName, ...]:
    """Draw names as `sampling` says, from softmax(logits / temperature) in eval mode; chance comes from `generator`.

    Each comes with the mean loss per character that `score` gives it. Raises Mistake on values out of bounds, on a
    prefix with unknown characters, and on a model whose weights give NaN.
    """
    count, start = sampling.checked().count, corpus.encode(sampling.prefix)
    device = next(model.parameters()).device
    ids = torch.zeros((count, context + LONGEST), dtype=torch.int64, device=device)
    ids[:, context : context + len(start)] = torch.tensor(start, dtype=torch.int64, device=device)
    going = torch.arange(count, device=device)  # rows without an end so far
    with looking(model, training=False):
        for place in range(context + len(start), context + LONGEST):
            logits = _finite(model(ids[going, place - context : place])).cpu()  # [going, V]
            # Less the largest, so that a low temperature cannot overflow.
            cooled = (logits - logits.amax(1, keepdim=True)) / sampling.temperature
            drawn = torch.multinomial(cooled.softmax(1), 1, generator=generator).view(-1).to(device)  # [going]
            ids[going, place] = drawn
            going = going[drawn != 0]
            if not len(going):
                break
    names = [corpus.decode(row[: (*row, 0).index(0)]) for row in ids[:, context:].tolist()]
    scores = score(model, corpus, context, names)
    return tuple(SampledName(name, nll, name in corpus.words_set) for name, nll in zip(names, scores, strict=True))


def score(model: Sequential, corpus: Corpus, context: int, words: Sequence[str]) -> list[float]:
    """The mean of −log softmax(logits) over each word's characters and its end, in nats, in eval mode.

    Raises Mistake on unknown characters and on a model whose weights give NaN.
    """
    lengths = [len(corpus.encode(word)) + 1 for word in words]
    windows = Windows(words, corpus.symbols, context, next(model.parameters()).device)
    losses = [torch.empty(0)]
    with looking(model, training=False):
        for contexts, targets in windows.blocks(SCORE_BLOCK):
            losses.append(functional.cross_entropy(_finite(model(contexts)), targets, reduction="none").cpu())
    return [part.mean().item() for part in torch.cat(losses).split_with_sizes(lengths)]


def _finite(logits: Tensor) -> Tensor:
    if not logits.isfinite().all():
        raise Mistake("the weights give NaN, so there is nothing to sample", "begin again with a smaller lr")
    return logits
