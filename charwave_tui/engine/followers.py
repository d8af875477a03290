"""What follows each prefix in all words of a split, not in those of a batch alone."""

from __future__ import annotations

import torch
from torch import Tensor


class Followers:
    """How often each symbol follows each prefix, from the number of each position's prefix and the symbol behind it.

    Both are [positions]. It is kept as a list of the pairs that occur, for there may be millions of prefixes.
    """

    def __init__(self, prefixes: Tensor, symbols: Tensor, vocab_size: int) -> None:
        self._vocab_size = vocab_size
        keys = prefixes.long() * vocab_size + symbols
        pairs, counts = torch.unique(keys, return_counts=True)  # in the order of their prefixes
        self._symbols, self._counts = pairs % vocab_size, counts.float()
        last = int(prefixes.max()) + 1 if len(prefixes) else 0
        borders = torch.arange(last + 1, device=pairs.device) * vocab_size
        self._starts = torch.searchsorted(pairs, borders)  # [prefixes + 1]

    def shares(self, prefixes: Tensor) -> Tensor:
        """The share of each symbol among what follows each of `prefixes` [P], numbers that occur: [P, V], sums of 1."""
        starts = self._starts[prefixes]
        lengths = self._starts[prefixes + 1] - starts
        rows = torch.repeat_interleave(torch.arange(len(prefixes), device=prefixes.device), lengths)  # [pairs]
        within = torch.arange(len(rows), device=rows.device) - (lengths.cumsum(0) - lengths)[rows]
        pairs = starts[rows] + within
        found = torch.zeros((len(prefixes), self._vocab_size), device=prefixes.device)
        found[rows, self._symbols[pairs]] = self._counts[pairs]
        return found / found.sum(1, keepdim=True)
