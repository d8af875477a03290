"""Fixed windows of context characters with their targets, and minibatches of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from charwave_tui.core.corpus.word_list import WordList

ENCODED_AT_ONCE = 2**20  # characters
PREFETCH = 1_024  # examples that WindowLoader looks up at once: many batches cost hardly more than one


class WindowBatch(NamedTuple):
    """Contexts [B, context] and targets [B], with the dropout masks of the step.

    `keep_mask` [B, context]: 0 where the embedded character is dropped, else 1; None without context dropout.
    `level_scale` [B, context, levels]: factor of each level's output there; None without stochastic depth.
    """

    contexts: Tensor
    targets: Tensor
    keep_mask: Tensor | None = None
    level_scale: Tensor | None = None


def encode_words(words: Sequence[str], symbols: str, boundaries: int) -> Tensor:
    """Return the ids of all `words` as one sequence, int32 on the CPU.

    `boundaries` boundary ids (0) stand before each word and twice as many after the last.
    """
    boundary = "\n" * boundaries
    return _encode(boundary.join(("", *words, boundary)), symbols).int()


def encode_text(text: str, symbols: str, boundaries: int) -> Tensor:
    """Return the id of each character of words in lines, a line's end being a boundary (0): uint8 if they fit.

    `boundaries` stand before the first word, and one after the last.
    """
    ids = torch.zeros(boundaries + len(text) + 1, dtype=torch.uint8 if len(symbols) < 256 else torch.int32)
    for start in range(0, len(text), ENCODED_AT_ONCE):
        part = _encode(text[start : start + ENCODED_AT_ONCE], symbols)
        ids[boundaries + start : boundaries + start + len(part)] = part
    return ids


def _encode(text: str, symbols: str) -> Tensor:
    # A character's id is its rank in the sorted alphabet, counted from 1; the boundary's is 0.
    if max(symbols, default="") < "\u0100" and len(symbols) < 256:
        ids = bytearray(256)
        for number, symbol in enumerate(symbols, 1):
            ids[ord(symbol)] = number
        return torch.frombuffer(bytearray(text, "latin-1").translate(ids), dtype=torch.uint8)
    codes = torch.frombuffer(bytearray(text, "utf-32-le"), dtype=torch.int32)
    alphabet = torch.tensor([ord("\n"), *map(ord, symbols)], dtype=torch.int32)  # no symbol is before a line's end
    return torch.searchsorted(alphabet, codes, out_int32=True)


class WindowDataset:
    """Every example of `words`: the `context` ids before a character or a word's end, and the id that follows.

    The lecture's order: words as given, characters in order, then the end. Stored are the ids of all lines of the word
    list, as `encode_text` returns them with `context` boundaries, which the datasets of its splits share as `ids`; and
    where each word begins there.
    """

    def __init__(
        self, words: Sequence[str], symbols: str, context: int, device: torch.device, ids: Tensor | None = None
    ) -> None:
        self.context = context
        word_list = WordList.of(words)
        ids = encode_text(word_list.text, symbols, context) if ids is None else ids
        self._windows = ids.to(device).unfold(0, context + 1, 1)  # [positions, context + 1], a view
        self._starts, self._order = _tensor(word_list.starts).to(device), _tensor(word_list.order).to(device)
        ends = (_tensor(word_list.lengths) + 1).cumsum(0, dtype=torch.int32)  # [words], of examples
        self._count = int(ends[-1]) if len(ends) else 0
        self._ends = ends.to(device)

    def __len__(self) -> int:
        return self._count

    def batch(self, indices: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return contexts [B, context] and targets [B], int64, of the examples at `indices` [B]."""
        if isinstance(indices, slice):
            indices = torch.arange(*indices.indices(len(self)))
        indices = indices.to(self._ends.device, torch.int32)
        words = torch.searchsorted(self._ends, indices, right=True)
        offsets = indices - torch.where(words > 0, self._ends[words - 1], 0)  # in the word
        windows = self._windows[self._starts[self._order[words]] + offsets].long()  # [B, context + 1]
        # What stands before the word is a boundary.
        distance = torch.arange(self.context, 0, -1, device=offsets.device)
        return windows[:, :-1] * (distance <= offsets[:, None]), windows[:, -1]

    def iter_blocks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size))

    def sample_batch(self, batch_size: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return a minibatch sampled with replacement, as in the lecture."""
        return self.batch(torch.randint(0, len(self), (batch_size,), generator=generator))


def _tensor(positions: memoryview | range) -> Tensor:
    if isinstance(positions, range):
        return torch.arange(len(positions), dtype=torch.int32)
    return torch.frombuffer(positions, dtype=torch.int32) if len(positions) else torch.empty(0, dtype=torch.int32)


class WindowLoader:
    """An endless sequence of the minibatches that `dataset.sample_batch` returns, looked up several at a time."""

    def __init__(self, dataset: WindowDataset, generator: Generator) -> None:
        self._dataset = dataset
        self._generator = generator
        self._batch_size = 0
        self._prefetched: list[WindowBatch] = []  # the next batch last
        self._state_before = generator.get_state()  # before the prefetched batches were sampled
        self._taken = 0  # batches handed out since

    def next_batch(self, batch_size: int) -> WindowBatch:
        if not self._prefetched or batch_size != self._batch_size:
            self._prefetch(batch_size)
        self._taken += 1
        return self._prefetched.pop()

    def _prefetch(self, batch_size: int) -> None:
        if self._prefetched:
            self._generator.set_state(self.get_state())
        self._state_before = self._generator.get_state()
        self._batch_size, self._taken = batch_size, 0
        count = max(1, PREFETCH // batch_size)
        # On the CPU many numbers sampled at once are those sampled one by one.
        contexts, targets = self._dataset.sample_batch(count * batch_size, self._generator)
        # [count·B, context] → [count, B, context] and [count·B] → [count, B]
        blocks = contexts.contiguous().view(count, batch_size, -1), targets.contiguous().view(count, batch_size)
        self._prefetched = list(map(WindowBatch, *(block.unbind() for block in blocks)))[::-1]

    def get_state(self) -> Tensor:
        """Return the generator's state as if only the batches handed out had been sampled."""
        generator = Generator()
        generator.set_state(self._state_before)
        torch.randint(0, len(self._dataset), (self._taken * self._batch_size,), generator=generator)
        return generator.get_state()

    def set_state(self, state: Tensor) -> None:
        self._prefetched, self._taken, self._state_before = [], 0, state.clone()
        self._generator.set_state(state)
