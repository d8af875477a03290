"""The train, dev and test splits of a corpus as datasets."""

from __future__ import annotations

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
from charwave_tui.engine.data.window_dataset import WindowDataset, WindowLoader


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

    def windows(self, split: Split) -> WindowDataset:
        if split not in self._windows:
            self._corpus.require_words()
            words = self._corpus.split(split)
            self._windows[split] = WindowDataset(words, self._corpus.symbols, self._config.context, self._device)
        return self._windows[split]

    def prefixes(self, split: Split) -> PrefixDataset:
        if split not in self._prefixes:
            self._corpus.require_words()
            offsets = {offset for level in level_shapes(self._config) for offset in level.offsets if offset}
            words = sorted(self._corpus.split(split))  # neighbours share prefixes, which makes evaluation cheaper
            self._prefixes[split] = PrefixDataset(words, self._corpus.symbols, offsets, self._device)
        return self._prefixes[split]

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
