"""The mean loss over whole splits in eval mode, each prefix computed once where the model admits it."""

from __future__ import annotations

import math

from torch.nn import functional

from charwave_tui.core.config.layer_shapes import level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.model.hooks import looking
from charwave_tui.engine.model.layers import Sequential
from charwave_tui.engine.model.prefix_forward import FoldedModel
from charwave_tui.engine.runtime.cooperative import Cooperative

BLOCK_WORK = 50_000_000
"""Multiplications that one block of examples may cost: a few milliseconds of one core."""


LEAST = 512
"""Positions that a block has even of a wide model, since fewer cost more time for each."""


def window_block_size(config: RunConfig, vocab_size: int) -> int:
    """Windows to look at in one piece; by the config alone, so that no bits depend on the machine's speed."""
    return max(1, min(1_024, BLOCK_WORK // window_multiplications(config, vocab_size)))


def prefix_block_size(config: RunConfig, vocab_size: int) -> int:
    """The same for positions of whole names."""
    return max(LEAST, min(4_096, BLOCK_WORK // prefix_multiplications(config, vocab_size)))


def window_multiplications(config: RunConfig, vocab_size: int) -> int:
    """Multiplications that a window costs."""
    work = sum(math.prod((level.positions, level.fan_in, level.fan_out)) for level in level_shapes(config))
    return work + _head(config, vocab_size)


def prefix_multiplications(config: RunConfig, vocab_size: int) -> int:
    """Multiplications that a position of a whole name costs."""
    return sum(level.fan_in * level.fan_out for level in level_shapes(config)) + _head(config, vocab_size)


def _head(config: RunConfig, vocab_size: int) -> int:
    return config.n_hidden * max(1, len(config.dilations)) * vocab_size


def evaluate_windows(model: Sequential, windows: WindowDataset, block: int) -> Cooperative[float]:
    """The mean loss over all windows, in nats per character; yields after each `block` of them."""
    total = 0.0
    for contexts, targets in windows.iter_blocks(block):
        with looking(model, training=False):
            total += functional.cross_entropy(model(contexts), targets, reduction="sum").item()
        yield
    return total / len(windows)


def evaluate_prefixes(model: Sequential, names: PrefixDataset, block: int) -> Cooperative[float]:
    """The mean loss over all positions of all names, in nats per character; yields after about `block` of them.

    The model must stand still meanwhile, and its norm must not be batch-bug.
    """
    total, folded = 0.0, FoldedModel(model)
    for prefixes in names.blocks(block):
        logs = folded.logits(prefixes).log_softmax(1)  # [P, V]
        total -= logs[prefixes.row_of_position, prefixes.targets].sum().item()  # [P, V] → [N]
        yield
    return total / names.positions
