"""Whole words as distinct prefixes, epochs without replacement, next-character counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from charwave_tui.engine.data.window_dataset import encode_words
from charwave_tui.engine.runtime.random_streams import derived_generator


class NextCharCounts:
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

    def probabilities(self, prefixes: Tensor) -> Tensor:
        """The share of each symbol among what follows each of `prefixes` [P], numbers that occur: [P, V], sums of 1."""
        starts = self._starts[prefixes]
        lengths = self._starts[prefixes + 1] - starts
        rows = torch.repeat_interleave(torch.arange(len(prefixes), device=prefixes.device), lengths)  # [pairs]
        within = torch.arange(len(rows), device=rows.device) - (lengths.cumsum(0) - lengths)[rows]
        pairs = starts[rows] + within
        found = torch.zeros((len(prefixes), self._vocab_size), device=prefixes.device)
        found[rows, self._symbols[pairs]] = self._counts[pairs]
        return found / found.sum(1, keepdim=True)


@dataclass(frozen=True, slots=True)
class PrefixBatch:
    """Rows to score, each the beginning of some word: P rows for the N positions of whole words.

    A word of L characters has L + 1 positions, each with the prefix before it and the symbol that follows, the last of
    which is the boundary. Positions with one prefix may share a row; the empty prefix is among the rows.

    `ids` [P]: the last symbol of each prefix, the boundary for the empty one.
    `depth` [P]: its length.
    `back`: for each offset, the row [P] of the prefix so many symbols shorter, the empty one's where none are left.
    `of` [N]: the row of each position, words in order. `targets` [N]: the symbol that follows there.
    `shares` [P, V]: how much of what follows the prefix each symbol is, where more is known of it than `targets` say.
    `kept` [P]: 0 where the embedded last symbol is blotted out, else 1; None where all are kept.
    `scales` [P, levels]: what each level's output at the prefix is multiplied by; None where nothing is dropped.
    """

    ids: Tensor
    depth: Tensor
    ancestor_rows: Mapping[int, Tensor]
    row_of_position: Tensor
    targets: Tensor
    target_probs: Tensor | None = None
    keep_mask: Tensor | None = None
    level_scale: Tensor | None = None

    def one_row_per_position(self) -> PrefixBatch:
        """The same words with a row for each position, in their order, so that each counts once: P = N."""
        rows = torch.arange(len(self.row_of_position), device=self.row_of_position.device)
        depth = self.depth[self.row_of_position]  # [P] → [N]
        return PrefixBatch(
            ids=self.ids[self.row_of_position],
            depth=depth,
            # Right before a position stand those of its word's shorter prefixes.
            ancestor_rows={offset: rows - depth.clamp(max=offset) for offset in self.ancestor_rows},
            row_of_position=rows,
            targets=self.targets,
            target_probs=None if self.target_probs is None else self.target_probs[self.row_of_position],
            keep_mask=None if self.keep_mask is None else self.keep_mask[self.row_of_position],
            level_scale=None if self.level_scale is None else self.level_scale[self.row_of_position],
        )


class PrefixDataset:
    """All `words` with every position that they have, one for each symbol and one for the end; `positions` in all.

    Kept as one stream of ids, and a number for the prefix of each position: the same for equal prefixes, smaller for
    shorter ones. `offsets` are those of the model's levels but for 0, which is the row itself.
    """

    def __init__(self, words: Sequence[str], symbols: str, offsets: Iterable[int], device: torch.device) -> None:
        self._offsets = tuple(sorted(offsets))
        lengths = torch.tensor([len(word) + 1 for word in words], dtype=torch.int64)  # [words], in positions
        stream = encode_words(words, symbols, 1)  # a symbol before each position and one after it
        starts = lengths.cumsum(0) - lengths
        self.positions = int(lengths.sum())
        self._prefixes = _numbered(stream[: self.positions], starts, lengths, len(symbols) + 1).to(device)
        self._vocab_size = len(symbols) + 1
        self._stream, self._starts, self._lengths = stream.to(device), starts.to(device), lengths.to(device)

    def __len__(self) -> int:
        return len(self._starts)

    @cached_property
    def followers(self) -> NextCharCounts:
        """What follows each prefix in all the words."""
        return NextCharCounts(self._prefixes, self._stream[1 : self.positions + 1], self._vocab_size)

    def batch(self, indices: Tensor | slice, *, pooled: bool = False) -> PrefixBatch:
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
        return PrefixBatch(
            ids=self._stream[there[one]].long(),
            depth=depth,
            ancestor_rows={offset: of[one - depth.clamp(max=offset)] for offset in self._offsets},
            row_of_position=of,
            targets=self._stream[there + 1].long(),
            target_probs=self.followers.probabilities(rows) if pooled else None,
        )

    def blocks(self, positions: int) -> Iterator[PrefixBatch]:
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


class EpochLoader:
    """Batches of whole names without replacement: an endless row of passes over `names`, each in an order of its own.

    `drawn`, the names drawn so far, is all that is needed to go on. `pooled` as in `Names.batch`.
    """

    def __init__(self, names: PrefixDataset, seed: int, drawn: int = 0, *, pooled: bool = False) -> None:
        self.drawn = drawn
        self._pooled = pooled
        self._names = names
        self._seed = seed
        self._pass = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def next_batch(self, batch_size: int) -> PrefixBatch:
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
            stream = derived_generator(self._seed, f"names of pass {number}")
            self._pass, self._order = number, torch.randperm(len(self._names), generator=stream)
        return self._order

    def state(self) -> Tensor:
        """`drawn` as a tensor [1]."""
        return torch.tensor([self.drawn])

    def go_to(self, state: Tensor) -> None:
        """Go on from where `state` was taken."""
        self.drawn = int(state.item())
