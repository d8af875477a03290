"""The next character of each name: sampled from the softmax, with temperature, top-k, top-p and pattern."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from charwave_tui.core.config.name_pattern import State
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.engine.runtime.cooperative import Cooperative

LOGITS_PER_CHUNK = 200_000  # sorted between two yields: about 20 ms of one core


def sample_from_logits(logits: Tensor, temperature: float, row: Tensor, generator: Generator) -> Tensor:
    """Sample an id for each name from the softmax(logits / temperature) of its `row` [N].

    Returns row · V + id [N], the index in `logits.view(-1)` [R·V]. A logit of -inf is never sampled; each row needs a
    finite one.
    """
    # The maximum is subtracted so that a low temperature cannot overflow.
    weights = ((logits - logits.amax(1, keepdim=True)) / temperature).exp()
    # One cumulative distribution over all rows, row r from r to r + 1: a search in it finds row and id at once.
    cdf = weights.cumsum(1, dtype=torch.float64)  # [R, V]
    cdf = cdf / cdf[:, -1:] + torch.arange(len(cdf))[:, None]
    draws = torch.rand(len(row), generator=generator) + row.double()
    return torch.searchsorted(cdf.view(-1), draws, right=True)


def top_k_top_p_mask(logits: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """Return which ids of each row of `logits` [R, V] may be sampled: bool [R, V].

    Those are the `top_k` likeliest (0: all), and of these the fewest with a total probability of `top_p` (1: all), by
    their softmax(logits / temperature). Among equals the lower id goes first.
    """
    ranked, order = logits.sort(stable=True, dim=1, descending=True)
    ranks = torch.arange(logits.shape[1])
    in_top_k = ranks < (top_k or logits.shape[1])  # [V]
    mask = in_top_k.expand_as(ranked)
    if top_p < 1:
        ranked = ranked.double()
        probs = ((ranked - ranked[:, :1]) / temperature).masked_fill(~in_top_k, -torch.inf).softmax(1)
        likelier = probs.cumsum(1) - probs
        mask = mask & ((likelier < top_p) | (ranks == 0))
    return torch.zeros_like(mask).scatter_(1, order, mask)


class PatternConstraint:
    """What pattern, lengths, top-k and top-p of `sampling` admit after each row of prefixes of `count` names.

    A name whose end was sampled where it may not end is finished from there on by the shortest way to an end.
    """

    def __init__(self, sampling: SamplingConfig, corpus: Corpus, count: int) -> None:
        self._sampling = sampling
        self._pattern = sampling.compiled_pattern
        self._vocab_size = corpus.vocab_size
        self._symbols = corpus.symbols
        self._literals = {symbol: corpus.encode(symbol)[0] for symbol in sorted(self._pattern.literals)}
        self._states: list[State] = [self._pattern.start]
        self._length = 0
        self._finishing = torch.zeros(count, dtype=torch.bool)

    def grow(self, parents: Tensor, symbols: Tensor) -> None:
        """Advance to the next rows: `symbols` [R], none of them a boundary, after the rows `parents` [R]."""
        self._length += 1
        self._states = [
            self._pattern.advance(self._states[parent], self._symbols[symbol - 1])
            for parent, symbol in zip(parents.tolist(), symbols.tolist(), strict=True)
        ]

    def sample(self, logits: Tensor, names: Tensor, row: Tensor, generator: Generator) -> Cooperative[Tensor]:
        """Sample what is admitted for the names with the indices `names` [N]; yields after each chunk sorted."""
        temperature = self._sampling.temperature
        admitted = yield from self._masked(logits, torch.arange(len(logits)), self._admitted_ids)
        choice = sample_from_logits(admitted, temperature, row, generator)
        ends_too_early = choice % self._vocab_size == 0
        ends_too_early &= ~torch.tensor([self._pattern.accepts(state, self._length) for state in self._states])[row]
        self._finishing[names] |= ends_too_early
        finishing = self._finishing[names]
        if finishing.any():
            rows, row_index = torch.unique(row[finishing], return_inverse=True)
            admitted = yield from self._masked(logits[rows], rows, self._finishing_ids)
            shortest = sample_from_logits(admitted, temperature, row_index, generator)
            choice[finishing] = rows[shortest // self._vocab_size] * self._vocab_size + shortest % self._vocab_size
        return choice

    def _masked(self, logits: Tensor, rows: Tensor, mask_of: Callable[[State], Tensor]) -> Cooperative[Tensor]:
        """Return `logits` [rows, V], -inf for ids outside the mask [V] of the row's state, or top-k and top-p."""
        states = [self._states[row] for row in rows.tolist()]
        mask_index = {state: index for index, state in enumerate(dict.fromkeys(states))}
        masks = torch.stack([mask_of(state) for state in mask_index])  # [states, V]
        mask = masks[torch.tensor([mask_index[state] for state in states])]  # [rows, V]
        if self._sampling.top_k or self._sampling.top_p < 1:
            both = mask & (yield from self._likeliest_ids(logits))
            mask = torch.where(both.any(1, keepdim=True), both, mask)
        return logits.masked_fill(~mask, -torch.inf)

    def _likeliest_ids(self, logits: Tensor) -> Cooperative[Tensor]:
        sampling, masks = self._sampling, []
        for chunk in torch.split(logits, max(1, LOGITS_PER_CHUNK // self._vocab_size)):
            masks.append(top_k_top_p_mask(chunk, sampling.temperature, sampling.top_k, sampling.top_p))
            yield
        return torch.cat(masks)

    def _admitted_ids(self, state: State) -> Tensor:
        """Return the ids that may follow `state`, the end also where a name must finish: bool [V]."""
        mask = self._mask(lambda after: self._pattern.allows(after, self._length + 1), state)
        mask[0] = self._pattern.accepts(state, self._length) or self._pattern.must_finish(state, self._length)
        return mask

    def _finishing_ids(self, state: State) -> Tensor:
        """Return the ids on a shortest way from `state` to an end: bool [V]."""
        remaining = self._pattern.min_remaining(state)
        mask = self._mask(lambda after: self._pattern.min_remaining(after) < remaining, state)
        mask[0] = remaining == 0
        return mask

    def _mask(self, admits: Callable[[State], bool], state: State) -> Tensor:
        mask = torch.full((self._vocab_size,), admits(self._pattern.advance(state, None)))
        for symbol, number in self._literals.items():
            mask[number] = admits(self._pattern.advance(state, symbol))
        return mask
