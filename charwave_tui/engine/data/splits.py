"""What a run learns and is measured on: the splits of its corpus as tensors."""

from __future__ import annotations

import torch
from torch import Generator

from charwave_tui.core.config.layer_shapes import level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import Split
from charwave_tui.engine.data.prefix_dataset import EpochLoader, PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowDataset, WindowLoader


class SplitDatasets:
    """The splits of `corpus` on `device`, each made ready for models of `config` when it is first asked for."""

    def __init__(self, corpus: Corpus, config: RunConfig, device: torch.device) -> None:
        self._corpus = corpus
        self._config = config
        self._device = device
        self._windows: dict[Split, WindowDataset] = {}
        self._names: dict[Split, PrefixDataset] = {}

    def windows(self, split: Split) -> WindowDataset:
        """The examples of `split`."""
        if split not in self._windows:
            words = self._corpus.split(split)
            self._windows[split] = WindowDataset(words, self._corpus.symbols, self._config.context, self._device)
        return self._windows[split]

    def prefixes(self, split: Split) -> PrefixDataset:
        """The whole words of `split`."""
        if split not in self._names:
            offsets = {offset for level in level_shapes(self._config) for offset in level.offsets if offset}
            words = sorted(self._corpus.split(split))  # neighbours share prefixes, which makes evaluation cheaper
            self._names[split] = PrefixDataset(words, self._corpus.symbols, offsets, self._device)
        return self._names[split]

    def train_loader(self, stream: Generator) -> WindowLoader | EpochLoader:
        """The endless row of batches to train on; of windows they are drawn from `stream`."""
        config = self._config
        if config.batches == "windows":
            return WindowLoader(self.windows(Split.TRAIN), stream)
        return EpochLoader(self.prefixes(Split.TRAIN), config.seed, pooled=config.targets == "pooled")

    def check_batch_size(self, batch_size: int) -> None:
        """Raise Mistake where a batch would be larger than all there is to train on."""
        whole = self._config.batches == "names"
        there = len(self._corpus.split(Split.TRAIN)) if whole else len(self.windows(Split.TRAIN))
        if batch_size > there:
            raise UserError(
                f"batch_size {batch_size:,} is more than the {there:,} {'names' if whole else 'examples'} to train on",
                f"set batch_size to {there:,} or fewer",
                "batch_size",
            )
