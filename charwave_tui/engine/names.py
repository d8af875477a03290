"""The whole words of a split as distinct prefixes, and batches of them without replacement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor

from charwave_tui.engine.batches import id_stream
from charwave_tui.engine.followers import Followers
from charwave_tui.engine.prefixes import Prefixes
from charwave_tui.engine.randomness import side_stream


class Names:
    """All `words` with every position that they have, one for each symbol and one for the end; `positions` in all.

    Kept as one stream of ids, and a number for the prefix of each position: the same for equal prefixes, smaller for
    shorter ones. `offsets` are those of the model's levels but for 0, which is the row itself.
    """

    def __init__(self, words: Sequence[str], symbols: str, offsets: Iterable[int], device: torch.device) -> None:
        self._offsets = tuple(sorted(offsets))
        lengths = torch.tensor([len(word) + 1 for word in words], dtype=torch.int64)  # [words], in positions
        stream = id_stream(words, symbols, 1)  # a symbol before each position and one after it
        starts = lengths.cumsum(0) - lengths
        self.positions = int(lengths.sum())
        self._prefixes = _numbered(stream[: self.positions], starts, lengths, len(symbols) + 1).to(device)
        self._vocab_size = len(symbols) + 1
        self._stream, self._starts, self._lengths = stream.to(device), starts.to(device), lengths.to(device)

    def __len__(self) -> int:
        return len(self._starts)

    @cached_property
    def followers(self) -> Followers:
        """What follows each prefix in all the words."""
        return Followers(self._prefixes, self._stream[1 : self.positions + 1], self._vocab_size)

    def batch(self, indices: Tensor | slice, *, pooled: bool = False) -> Prefixes:
        """The words at `indices` [B], in that order; each distinct prefix of theirs has one row, the shortest first.

        `pooled`: with what follows each prefix in all the words.
        """
        lengths = self._lengths[indices]  # [B]
        ends = lengths.cumsum(0)
        # From a place in the batch to the one in the stream, for all positions of a word the same way.
        places = torch.arange(int(lengths.sum()), device=lengths.device)  # [N]
        first = torch.repeat_interleave(ends - lengths, lengths, output_size=len(places))
        there = torch.repeat_interleave(self._starts[indices], lengths, output_size=len(places)) + places - first
        rows, of = torch.unique(self._prefixes[there], return_inverse=True)  # [N] → [P] and [N]
        # Any position of a prefix stands for all: what precedes it in its word is the same.
        one = torch.empty_like(rows, dtype=torch.int64).scatter_(0, of, places)  # [P]
        depth = (places - first)[one]
        return Prefixes(
            ids=self._stream[there[one]].long(),
            depth=depth,
            back={offset: of[one - depth.clamp(max=offset)] for offset in self._offsets},
            of=of,
            targets=self._stream[there + 1].long(),
            shares=self.followers.shares(rows) if pooled else None,
        )

    def blocks(self, positions: int) -> Iterator[Prefixes]:
        """All words in order, about so many positions at a time: words in the order of spelling share most.

        Those that begin in the same stretch of so many positions, so that a block goes on to the end of its last word.
        """
        stretches = self._starts.cpu() // positions
        first = 0
        for words in torch.unique_consecutive(stretches, return_counts=True)[1].tolist():
            yield self.batch(slice(first, first + words))
            first += words


def _numbered(before: Tensor, starts: Tensor, lengths: Tensor, vocab_size: int) -> Tensor:
    """The number of each position's prefix, from the symbol `before` each [positions] and where each word starts."""
    numbers = torch.zeros_like(before)
    known = 1  # the empty prefix is number 0
    for depth in range(1, int(lengths.max()) if len(lengths) else 0):
        places = starts[lengths > depth] + depth
        # A prefix is the one before it and one symbol more.
        keys = numbers[places - 1].long() * vocab_size + before[places]
        found, numbered = torch.unique(keys, return_inverse=True)
        numbers[places] = numbered.int() + known
        known += len(found)
    return numbers


class Passes:
    """Batches of whole names without replacement: an endless row of passes over `names`, each in an order of its own.

    `drawn`, the names drawn so far, is all that is needed to go on. `pooled` as in `Names.batch`.
    """

    def __init__(self, names: Names, seed: int, drawn: int = 0, *, pooled: bool = False) -> None:
        self.drawn = drawn
        self._pooled = pooled
        self._names = names
        self._seed = seed
        self._pass = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def next(self, batch_size: int) -> Prefixes:
        """The next `batch_size` names; the last ones of a pass and the first of the next may share a batch."""
        chosen: list[Tensor] = []
        missing = batch_size
        while missing:
            number, begun = divmod(self.drawn, len(self._names))
            chosen.append(self._order_of(number)[begun : begun + missing])
            self.drawn += len(chosen[-1])
            missing -= len(chosen[-1])
        return self._names.batch(torch.cat(chosen), pooled=self._pooled)

    def _order_of(self, number: int) -> Tensor:
        if number != self._pass:
            stream = side_stream(self._seed, f"names of pass {number}")
            self._pass, self._order = number, torch.randperm(len(self._names), generator=stream)
        return self._order

    def state(self) -> Tensor:
        """`drawn` as a tensor [1]."""
        return torch.tensor([self.drawn])

    def go_to(self, state: Tensor) -> None:
        """Go on from where `state` was taken."""
        self.drawn = int(state.item())
