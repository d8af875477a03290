"""The mean loss over a whole split in eval mode."""

from __future__ import annotations

import math

from torch.nn import functional

from charwave_tui.core.config.layer_shapes import level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.model.hooks import module_mode
from charwave_tui.engine.model.layers import Sequential
from charwave_tui.engine.model.prefix_forward import FoldedModel
from charwave_tui.engine.runtime.cooperative import Cooperative

MAX_BLOCK_MULTIPLICATIONS = 50_000_000  # a few milliseconds of one core
MIN_PREFIX_BLOCK = 512  # positions, even of a wide model: fewer cost more time each


def window_block_size(config: RunConfig, vocab_size: int) -> int:
    """Return how many windows to evaluate at once; from the config alone, so that no bits depend on the machine."""
    return max(1, min(1_024, MAX_BLOCK_MULTIPLICATIONS // window_multiplications(config, vocab_size)))


def prefix_block_size(config: RunConfig, vocab_size: int) -> int:
    """Return how many positions of whole words to evaluate at once, likewise."""
    size = MAX_BLOCK_MULTIPLICATIONS // prefix_multiplications(config, vocab_size)
    return max(MIN_PREFIX_BLOCK, min(4_096, size))


def window_multiplications(config: RunConfig, vocab_size: int) -> int:
    """Return the multiplications of the forward pass of one window."""
    levels = sum(math.prod((level.positions, level.fan_in, level.fan_out)) for level in level_shapes(config))
    return levels + _head_multiplications(config, vocab_size)


def prefix_multiplications(config: RunConfig, vocab_size: int) -> int:
    """Return the multiplications of the forward pass of one prefix."""
    levels = sum(level.fan_in * level.fan_out for level in level_shapes(config))
    return levels + _head_multiplications(config, vocab_size)


def _head_multiplications(config: RunConfig, vocab_size: int) -> int:
    return config.n_hidden * max(1, len(config.dilations)) * vocab_size


def evaluate_windows(model: Sequential, windows: WindowDataset, block: int) -> Cooperative[float]:
    """Return the mean loss over all windows, in nats per character; yields after each `block` of them."""
    total = 0.0
    for contexts, targets in windows.iter_blocks(block):
        with module_mode(model, training=False):
            total += functional.cross_entropy(model(contexts), targets, reduction="sum").item()
        yield
    return total / len(windows)


def evaluate_prefixes(model: Sequential, words: PrefixDataset, block: int) -> Cooperative[float]:
    """Return the mean loss over all positions of `words`, in nats per character; yields after about `block` of them.

    Each distinct prefix of a block is computed once. The model must not change meanwhile, nor have the norm batch-bug.
    """
    total, folded = 0.0, FoldedModel(model)
    for prefixes in words.iter_blocks(block):
        log_probs = folded.logits(prefixes).log_softmax(1)  # [P, V]
        total -= log_probs[prefixes.row_of_position, prefixes.targets].sum().item()  # [P, V] → [N]
        yield
    return total / words.positions
