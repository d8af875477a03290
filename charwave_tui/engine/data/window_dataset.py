"""Fixed windows of context characters with their targets, and minibatches of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

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
    boundary = "\0" * boundaries  # sorts before every symbol, and no corpus has it
    text = boundary.join(("", *words, boundary))
    codes = torch.frombuffer(bytearray(text, "utf-32-le"), dtype=torch.int32)
    alphabet = torch.tensor([ord(symbol) for symbol in symbols], dtype=torch.int32)
    # A character's id is its rank in the sorted alphabet, counted from 1; the boundary's is 0.
    return torch.searchsorted(alphabet, codes, right=True, out_int32=True)


class WindowDataset:
    """Every example of `words`: the `context` ids before a character or a word's end, and the id that follows.

    The lecture's order: words as given, characters in order, then the end. Stored as one sequence of ids with `context`
    boundaries before each word, and the start index of each example in it.
    """

    def __init__(self, words: Sequence[str], symbols: str, context: int, device: torch.device) -> None:
        self.context = context
        ids = encode_words(words, symbols, context).to(device)
        self._windows = ids.unfold(0, context + 1, 1)  # [positions, context + 1], a view

        examples = torch.tensor([len(word) + 1 for word in words], dtype=torch.int32)
        word_index = torch.repeat_interleave(torch.arange(len(words), dtype=torch.int32), examples)
        # Each word before has `context` boundary ids but only one example for its end.
        starts = torch.arange(len(word_index), dtype=torch.int32) + word_index * (context - 1)
        self._starts = starts.to(device)

    def __len__(self) -> int:
        return len(self._starts)

    def batch(self, indices: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return contexts [B, context] and targets [B], int64, of the examples at `indices` [B]."""
        window = self._windows[self._starts[indices]].long()  # [B, context + 1]
        return window[:, :-1], window[:, -1]

    def iter_blocks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size))

    def sample_batch(self, batch_size: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return a minibatch sampled with replacement, as in the lecture."""
        return self.batch(torch.randint(0, len(self), (batch_size,), generator=generator))


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
