"""The train, dev and test splits of a corpus as datasets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NoReturn

import torch
from torch import Generator, Tensor

from charwave_tui.core.config.choices import Batches, Targets
from charwave_tui.core.config.layer_shapes import level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import Split
from charwave_tui.engine.data.prefix_dataset import EpochLoader, PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowDataset, WindowLoader, encode_text


class MissingWordsLoader:
    """Keeps the state of the loader of a run whose words are missing; `next_batch` raises UserError."""

    def __init__(self, corpus: Corpus, state: Tensor) -> None:
        self._corpus = corpus
        self._state = state

    def next_batch(self, batch_size: int) -> NoReturn:
        self._corpus.require_words()
        raise AssertionError("the words are there")

    def get_state(self) -> Tensor:
        return self._state.clone()

    def set_state(self, state: Tensor) -> None:
        self._state = state.clone()


Loader = WindowLoader | EpochLoader | MissingWordsLoader


class SplitDatasets:
    """The datasets of each split of `corpus`, built at first use; that raises UserError if words are missing."""

    def __init__(self, corpus: Corpus, config: RunConfig, device: torch.device) -> None:
        self._corpus = corpus
        self._config = config
        self._device = device
        self._windows: dict[Split, WindowDataset] = {}
        self._prefixes: dict[Split, PrefixDataset] = {}
        self._unseen: dict[tuple[Split, bool], Tensor | None] = {}

    @cached_property
    def _ids(self) -> Tensor:
        """The ids of the whole corpus, which the windows of all splits share."""
        return encode_text(self._corpus.words.text, self._corpus.symbols, self._config.context).to(self._device)

    def windows(self, split: Split) -> WindowDataset:
        if split not in self._windows:
            self._corpus.require_words()
            words, symbols, context = self._corpus.split(split), self._corpus.symbols, self._config.context
            self._windows[split] = WindowDataset(words, symbols, context, self._device, self._ids)
        return self._windows[split]

    def prefixes(self, split: Split) -> PrefixDataset:
        if split not in self._prefixes:
            self._corpus.require_words()
            offsets = {offset for level in level_shapes(self._config) for offset in level.offsets if offset}
            words = self._words(split, is_sorted=True)
            self._prefixes[split] = PrefixDataset(words, self._corpus.symbols, offsets, self._device)
        return self._prefixes[split]

    def unseen_windows(self, split: Split) -> Tensor | None:
        """Return whether each of `windows(split)` is of a word that is not in train; None if all or none are."""
        return self._unseen_examples(split, is_sorted=False)

    def unseen_positions(self, split: Split) -> Tensor | None:
        """Return the same for each position of `prefixes(split)`."""
        return self._unseen_examples(split, is_sorted=True)

    def _unseen_examples(self, split: Split, is_sorted: bool) -> Tensor | None:
        key = split, is_sorted
        if key not in self._unseen:
            words = self._words(split, is_sorted)
            is_unseen = ~torch.tensor(self._corpus.in_train(words))
            examples = torch.tensor([len(word) + 1 for word in words])
            is_mixed = bool(is_unseen.any()) and not is_unseen.all()
            mask = torch.repeat_interleave(is_unseen, examples).to(self._device) if is_mixed else None
            self._unseen[key] = mask
        return self._unseen[key]

    def _words(self, split: Split, is_sorted: bool) -> Sequence[str]:
        """Return the words in the order of the windows, or sorted like the prefixes."""
        words = self._corpus.split(split)
        return sorted(words) if is_sorted else words  # sorted neighbours share prefixes, which makes evaluation cheaper

    def train_loader(self, generator: Generator) -> Loader:
        """Return the endless sequence of training batches; windows are sampled with `generator`."""
        config = self._config
        by_windows = config.batches == Batches.WINDOWS
        if self._corpus.missing is not None:
            return MissingWordsLoader(self._corpus, generator.get_state() if by_windows else torch.tensor([0]))
        if by_windows:
            return WindowLoader(self.windows(Split.TRAIN), generator)
        return EpochLoader(self.prefixes(Split.TRAIN), config.seed, pooled=config.targets == Targets.POOLED)

    def check_batch_size(self, batch_size: int) -> None:
        """Raise UserError where a batch would be larger than the training split."""
        if self._corpus.missing is not None:
            return  # nothing is trained
        by_words = self._config.batches == Batches.NAMES
        size = len(self._corpus.split(Split.TRAIN)) if by_words else len(self.windows(Split.TRAIN))
        if batch_size > size:
            raise UserError(
                f"batch_size {batch_size:,} is more than the {size:,} {'names' if by_words else 'examples'} "
                "to train on",
                f"set batch_size to {size:,} or fewer",
                "batch_size",
            )
