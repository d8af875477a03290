"""The next character of each name: drawn by its odds, from all characters or from those that a sampling leaves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from charwave_tui.core.config.name_pattern import State
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.engine.runtime.cooperative import Cooperative

BLOCK = 200_000
"""Logits that are put in order in one piece: some twenty milliseconds of one core."""


def sample_from_logits(logits: Tensor, temperature: float, row: Tensor, generator: Generator) -> Tensor:
    """Where in `logits.view(-1)` [R·V] lies what is drawn from the `row` of each name [N], by softmax(/temperature).

    A logit of −inf is never drawn; each row needs a finite one.
    """
    # Less the largest, so that a low temperature cannot overflow.
    weights = ((logits - logits.amax(1, keepdim=True)) / temperature).exp()
    # One stair over all rows, each of which climbs from its number to the next: a place on it is a row and a symbol.
    stairs = weights.cumsum(1, dtype=torch.float64)  # [R, V]
    stairs = stairs / stairs[:, -1:] + torch.arange(len(stairs))[:, None]
    height = torch.rand(len(row), generator=generator) + row.double()
    return torch.searchsorted(stairs.view(-1), height, right=True)


def top_k_top_p_mask(logits: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """Which ids of each row of `logits` [R, V] are left: bool [R, V].

    Those are the `top_k` likeliest (0: all), and of those as few as come to `top_p` of their odds, softmax(logits /
    temperature) among them (1: all). Of equals the lower id goes first.
    """
    ranked, order = logits.sort(stable=True, dim=1, descending=True)
    ranks = torch.arange(logits.shape[1])
    first = ranks < (top_k or logits.shape[1])  # [V]
    left = first.expand_as(ranked)
    if top_p < 1:
        ranked = ranked.double()
        odds = ((ranked - ranked[:, :1]) / temperature).masked_fill(~first, -torch.inf).softmax(1)
        before = odds.cumsum(1) - odds
        left = left & ((before < top_p) | (ranks == 0))
    return torch.zeros_like(left).scatter_(1, order, left)


class PatternConstraint:
    """What `sampling` leaves of the odds behind each row of prefixes, from which so many `names` are drawn.

    A name whose end was drawn where it may not be hurries from there on: it goes the shortest way to an end.
    """

    def __init__(self, sampling: SamplingConfig, corpus: Corpus, names: int) -> None:
        self._sampling = sampling
        self._form = sampling.compiled_pattern
        self._vocab_size = corpus.vocab_size
        self._symbols = corpus.symbols
        self._literals = {symbol: corpus.encode(symbol)[0] for symbol in sorted(self._form.literals)}
        self._states: list[State] = [self._form.start]
        self._length = 0
        self._hurried = torch.zeros(names, dtype=torch.bool)

    def grow(self, parents: Tensor, symbols: Tensor) -> None:
        """Go on to the rows that come next: `symbols` [R], no boundaries, behind the `parents` [R]."""
        self._length += 1
        self._states = [
            self._form.advance(self._states[parent], self._symbols[symbol - 1])
            for parent, symbol in zip(parents.tolist(), symbols.tolist(), strict=True)
        ]

    def chosen(self, logits: Tensor, names: Tensor, row: Tensor, generator: Generator) -> Cooperative[Tensor]:
        """As `chosen`, of what is left: for each of `names` [N] where in [R·V] lies what is drawn from its `row`.

        Yields after each BLOCK of logits that had to be put in order.
        """
        heat = self._sampling.temperature
        left = yield from self._left(logits, torch.arange(len(logits)), self._admitted)
        choice = sample_from_logits(left, heat, row, generator)
        too_early = choice % self._vocab_size == 0
        too_early &= ~torch.tensor([self._form.accepts(state, self._length) for state in self._states])[row]
        self._hurried[names] |= too_early
        hurried = self._hurried[names]
        if hurried.any():
            rows, theirs = torch.unique(row[hurried], return_inverse=True)
            left = yield from self._left(logits[rows], rows, self._hurrying)
            some = sample_from_logits(left, heat, theirs, generator)
            choice[hurried] = rows[some // self._vocab_size] * self._vocab_size + some % self._vocab_size
        return choice

    def _left(self, logits: Tensor, rows: Tensor, mask: Callable[[State], Tensor]) -> Cooperative[Tensor]:
        """The `logits` [rows, V], −inf where `mask` [V] of a row's state leaves them not, nor what is likely."""
        states = [self._states[row] for row in rows.tolist()]
        places = {state: number for number, state in enumerate(dict.fromkeys(states))}
        masks = torch.stack([mask(state) for state in places])  # [states, V]
        left = masks[torch.tensor([places[state] for state in states])]  # [rows, V]
        if self._sampling.top_k or self._sampling.top_p < 1:
            both = left & (yield from self._likely(logits))
            left = torch.where(both.any(1, keepdim=True), both, left)
        return logits.masked_fill(~left, -torch.inf)

    def _likely(self, logits: Tensor) -> Cooperative[Tensor]:
        how = self._sampling.temperature, self._sampling.top_k, self._sampling.top_p
        found = []
        for part in torch.split(logits, max(1, BLOCK // self._vocab_size)):
            found.append(top_k_top_p_mask(part, *how))
            yield
        return torch.cat(found)

    def _admitted(self, state: State) -> Tensor:
        """Which ids may follow `state`, the end also where it leads to hurry: bool [V]."""
        mask = self._mask(lambda after: self._form.allows(after, self._length + 1), state)
        mask[0] = self._form.accepts(state, self._length) or self._form.must_finish(state, self._length)
        return mask

    def _hurrying(self, state: State) -> Tensor:
        """Which ids lead from `state` the shortest way to an end: bool [V]."""
        needed = self._form.min_remaining(state)
        mask = self._mask(lambda after: self._form.min_remaining(after) < needed, state)
        mask[0] = needed == 0
        return mask

    def _mask(self, admits: Callable[[State], bool], state: State) -> Tensor:
        mask = torch.full((self._vocab_size,), admits(self._form.advance(state, None)))
        for symbol, number in self._literals.items():
            mask[number] = admits(self._form.advance(state, symbol))
        return mask
