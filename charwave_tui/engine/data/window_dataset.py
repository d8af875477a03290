"""Contexts and targets of a split as tensors, and minibatches of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from charwave_tui.engine.runtime.random_streams import generator_from_state


class WindowBatch(NamedTuple):
    """Contexts [B, context] and targets [B], with what is dropped from them.

    `kept` [B, context]: 0 where an embedded character is blotted out, else 1; None where all are kept.
    `scales` [B, context, levels]: what each level's output there is multiplied by; None where nothing is dropped.
    """

    contexts: Tensor
    targets: Tensor
    keep_mask: Tensor | None = None
    level_scale: Tensor | None = None


def encode_words(words: Sequence[str], symbols: str, boundaries: int) -> Tensor:
    """The ids of all `words` in one row, int32 on the CPU, with so many boundaries before each and twice after all."""
    boundary = "\0" * boundaries  # sorts before every symbol, and no corpus has it
    text = boundary.join(("", *words, boundary))
    codes = torch.frombuffer(bytearray(text, "utf-32-le"), dtype=torch.int32)
    alphabet = torch.tensor([ord(symbol) for symbol in symbols], dtype=torch.int32)
    # The symbols up to a character are as many as its id, and none for the boundary.
    return torch.searchsorted(alphabet, codes, right=True, out_int32=True)


class WindowDataset:
    """Every example of `words`: the `context` ids before a character or a word's end, and the id that follows.

    The order is the lecture's: words as given, characters in order, then the end. Kept as one stream of ids, in which
    `context` boundaries stand before each word, and the place in it where each example starts.
    """

    def __init__(self, words: Sequence[str], symbols: str, context: int, device: torch.device) -> None:
        self.context = context
        stream = encode_words(words, symbols, context).to(device)
        self._windows = stream.unfold(0, context + 1, 1)  # [positions, context + 1], a view

        examples = torch.tensor([len(word) + 1 for word in words], dtype=torch.int32)
        word = torch.repeat_interleave(torch.arange(len(words), dtype=torch.int32), examples)
        # Each word before takes context ids of boundary but has one example for them.
        starts = torch.arange(len(word), dtype=torch.int32) + word * (context - 1)
        self._starts = starts.to(device)

    def __len__(self) -> int:
        return len(self._starts)

    def batch(self, indices: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Contexts [B, context] and targets [B], int64, of the examples at `indices` [B]."""
        window = self._windows[self._starts[indices]].long()  # [B, context + 1]
        return window[:, :-1], window[:, -1]

    def iter_blocks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in order, at most `size` at a time, as `batch` gives them."""
        for first in range(0, len(self), size):
            yield self.batch(slice(first, first + size))

    def sample_batch(self, batch_size: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """A minibatch of `batch_size` examples, drawn with replacement as the lecture does."""
        return self.batch(torch.randint(0, len(self), (batch_size,), generator=generator))


PREFETCH = 1_024
"""Examples that `Draws` looks up at once: a block of batches costs hardly more than one."""


class WindowLoader:
    """The minibatches that `windows.draw` gives with `generator`, one after the other, looked up in blocks."""

    def __init__(self, windows: WindowDataset, generator: Generator) -> None:
        self._windows = windows
        self._generator = generator
        self._batch_size = 0
        self._waiting: list[WindowBatch] = []
        self._before = generator.get_state()
        self._taken = 0

    def next_batch(self, batch_size: int) -> WindowBatch:
        """The next `batch_size` examples."""
        if not self._waiting or batch_size != self._batch_size:
            self._look_up(batch_size)
        self._taken += 1
        return self._waiting.pop()

    def _look_up(self, batch_size: int) -> None:
        if self._waiting:
            self._generator.set_state(self.state())
        self._before = self._generator.get_state()
        self._batch_size, self._taken = batch_size, 0
        batches = max(1, PREFETCH // batch_size)
        # on the CPU many numbers drawn at once are those drawn one by one
        contexts, targets = self._windows.sample_batch(batches * batch_size, self._generator)
        blocks = contexts.contiguous().view(batches, batch_size, -1), targets.contiguous().view(batches, batch_size)
        self._waiting = list(map(WindowBatch, *(block.unbind() for block in blocks)))[::-1]

    def state(self) -> Tensor:
        """The state of the stream as if no batch had been drawn but those that `next` gave."""
        stream = generator_from_state(self._before)
        torch.randint(0, len(self._windows), (self._taken * self._batch_size,), generator=stream)
        return stream.get_state()

    def go_to(self, state: Tensor) -> None:
        """Go on from where `state` was taken."""
        self._waiting, self._taken, self._before = [], 0, state.clone()
        self._generator.set_state(state)
