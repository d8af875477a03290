"""Whole words as their prefixes: batches of distinct prefixes, epochs without replacement, next-character counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from charwave_tui.engine.data.window_dataset import encode_words
from charwave_tui.engine.runtime.random_streams import derived_generator


class NextCharCounts:
    """How often each symbol follows each prefix, stored sparsely: there may be millions of prefixes.

    `prefix_ids` and `symbols`, both [positions]: the prefix of each position and the symbol after it.
    """

    def __init__(self, prefix_ids: Tensor, symbols: Tensor, vocab_size: int) -> None:
        self._vocab_size = vocab_size
        keys = prefix_ids.long() * vocab_size + symbols
        pairs, counts = torch.unique(keys, return_counts=True)  # sorted by prefix
        self._symbols, self._counts = pairs % vocab_size, counts.float()
        count = int(prefix_ids.max()) + 1 if len(prefix_ids) else 0
        first_keys = torch.arange(count + 1, device=pairs.device) * vocab_size
        self._starts = torch.searchsorted(pairs, first_keys)  # [prefixes + 1]

    def probabilities(self, prefix_ids: Tensor) -> Tensor:
        """Return the distribution of the symbol after each of `prefix_ids` [P], which must occur: [P, V]."""
        starts = self._starts[prefix_ids]
        lengths = self._starts[prefix_ids + 1] - starts
        rows = torch.repeat_interleave(torch.arange(len(prefix_ids), device=prefix_ids.device), lengths)  # [pairs]
        rank = torch.arange(len(rows), device=rows.device) - (lengths.cumsum(0) - lengths)[rows]  # within its prefix
        pairs = starts[rows] + rank
        counts = torch.zeros((len(prefix_ids), self._vocab_size), device=prefix_ids.device)
        counts[rows, self._symbols[pairs]] = self._counts[pairs]
        return counts / counts.sum(1, keepdim=True)


@dataclass(frozen=True, slots=True)
class PrefixBatch:
    """P prefixes to score for the N positions of whole words.

    A word of L characters has L + 1 positions; each has the prefix before it and the symbol after it as target, the
    boundary at the end. Positions with equal prefixes may share a row; the empty prefix is one of the rows.

    `ids` [P]: last symbol of each prefix, the boundary for the empty one.
    `depth` [P]: its length.
    `ancestor_rows`: for each offset the row [P] of the prefix that many symbols shorter, at least the empty one.
    `row_of_position` [N]: the row of each position, words in order. `targets` [N]: the symbol after it.
    `target_probs` [P, V]: distribution of the symbol after each prefix in the whole dataset (pooled targets).
    `keep_mask` [P]: 0 where the embedded last symbol is dropped, else 1; None without context dropout.
    `level_scale` [P, levels]: factor of each level's output; None without stochastic depth.
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
        """Return the same words without shared rows, P = N, in the order of the positions."""
        rows = torch.arange(len(self.row_of_position), device=self.row_of_position.device)
        depth = self.depth[self.row_of_position]  # [P] → [N]
        return PrefixBatch(
            ids=self.ids[self.row_of_position],
            depth=depth,
            # The rows of a word's prefixes are adjacent, the shortest first.
            ancestor_rows={offset: rows - depth.clamp(max=offset) for offset in self.ancestor_rows},
            row_of_position=rows,
            targets=self.targets,
            target_probs=None if self.target_probs is None else self.target_probs[self.row_of_position],
            keep_mask=None if self.keep_mask is None else self.keep_mask[self.row_of_position],
            level_scale=None if self.level_scale is None else self.level_scale[self.row_of_position],
        )


class PrefixDataset:
    """All positions of `words`: one for each character and one for the end; `positions` is their number.

    Stored as one sequence of ids and an id for the prefix of each position: equal for equal prefixes, smaller for
    shorter ones. `offsets` are those of the model's levels except 0, which is the row itself.
    """

    def __init__(self, words: Sequence[str], symbols: str, offsets: Iterable[int], device: torch.device) -> None:
        self._offsets = tuple(sorted(offsets))
        lengths = torch.tensor([len(word) + 1 for word in words], dtype=torch.int64)  # [words], in positions
        ids = encode_words(words, symbols, 1)  # the symbol before position i is at i, the one after it at i + 1
        starts = lengths.cumsum(0) - lengths
        self.positions = int(lengths.sum())
        self._prefix_ids = _prefix_ids(ids[: self.positions], starts, lengths, len(symbols) + 1).to(device)
        self._vocab_size = len(symbols) + 1
        self._ids, self._starts, self._lengths = ids.to(device), starts.to(device), lengths.to(device)

    def __len__(self) -> int:
        return len(self._starts)

    @cached_property
    def next_char_counts(self) -> NextCharCounts:
        return NextCharCounts(self._prefix_ids, self._ids[1 : self.positions + 1], self._vocab_size)

    def batch(self, indices: Tensor | slice, *, pooled: bool = False) -> PrefixBatch:
        """Return the words at `indices` [B], in that order, with one row for each distinct prefix, the shortest first.

        `pooled`: with `target_probs` over all words of the dataset.
        """
        lengths = self._lengths[indices]  # [B]
        ends = lengths.cumsum(0)
        positions = torch.arange(int(lengths.sum()), device=lengths.device)  # [N], within the batch
        word_starts = torch.repeat_interleave(ends - lengths, lengths, output_size=len(positions))
        # The same positions within the dataset.
        indices_of_ids = (
            torch.repeat_interleave(self._starts[indices], lengths, output_size=len(positions))
            + positions
            - word_starts
        )
        prefix_ids, row_of_position = torch.unique(self._prefix_ids[indices_of_ids], return_inverse=True)  # [P], [N]
        # Any position of a prefix represents it: what precedes it in its word is the same.
        position_of_row = torch.empty_like(prefix_ids, dtype=torch.int64).scatter_(0, row_of_position, positions)  # [P]
        depth = (positions - word_starts)[position_of_row]
        return PrefixBatch(
            ids=self._ids[indices_of_ids[position_of_row]].long(),
            depth=depth,
            ancestor_rows={
                offset: row_of_position[position_of_row - depth.clamp(max=offset)] for offset in self._offsets
            },
            row_of_position=row_of_position,
            targets=self._ids[indices_of_ids + 1].long(),
            target_probs=self.next_char_counts.probabilities(prefix_ids) if pooled else None,
        )

    def iter_blocks(self, positions: int) -> Iterator[PrefixBatch]:
        """Yield all words in order, in blocks of those that begin in the same range of `positions` positions."""
        block_of_word = self._starts.cpu() // positions
        start = 0
        for count in torch.unique_consecutive(block_of_word, return_counts=True)[1].tolist():
            yield self.batch(slice(start, start + count))
            start += count


def _prefix_ids(symbols: Tensor, starts: Tensor, lengths: Tensor, vocab_size: int) -> Tensor:
    """Return the prefix id of each position, from the symbol before it [positions] and each word's start and length."""
    prefix_ids = torch.zeros_like(symbols)
    count = 1  # the empty prefix has id 0
    for depth in range(1, int(lengths.max()) if len(lengths) else 0):
        positions = starts[lengths > depth] + depth
        # A prefix is the one before it plus one symbol.
        keys = prefix_ids[positions - 1].long() * vocab_size + symbols[positions]
        distinct, ids = torch.unique(keys, return_inverse=True)
        prefix_ids[positions] = ids.int() + count
        count += len(distinct)
    return prefix_ids


class EpochLoader:
    """An endless sequence of batches of whole words, each epoch shuffled; `words_taken` is its whole state."""

    def __init__(self, dataset: PrefixDataset, seed: int, words_taken: int = 0, *, pooled: bool = False) -> None:
        self.words_taken = words_taken
        self._pooled = pooled
        self._dataset = dataset
        self._seed = seed
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def next_batch(self, batch_size: int) -> PrefixBatch:
        """Return the next `batch_size` words; a batch may span the end of an epoch."""
        indices: list[Tensor] = []
        missing = batch_size
        while missing:
            epoch, start = divmod(self.words_taken, len(self._dataset))
            indices.append(self._order_of(epoch)[start : start + missing])
            self.words_taken += len(indices[-1])
            missing -= len(indices[-1])
        return self._dataset.batch(torch.cat(indices), pooled=self._pooled)

    def _order_of(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = derived_generator(self._seed, f"names of pass {epoch}")
            self._epoch, self._order = epoch, torch.randperm(len(self._dataset), generator=generator)
        return self._order

    def get_state(self) -> Tensor:
        return torch.tensor([self.words_taken])

    def set_state(self, state: Tensor) -> None:
        self.words_taken = int(state.item())
