"""The mean loss over a whole split in eval mode, and over its words that are not in train."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor
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


class SplitLoss(NamedTuple):
    """Mean loss over all examples of a split, and over those of unseen words; None without a mask of these."""

    loss: float
    unseen: float | None


def evaluate_windows(
    model: Sequential, windows: WindowDataset, unseen: Tensor | None, block: int
) -> Cooperative[SplitLoss]:
    """Return the mean loss over all windows, in nats per character; yields after each `block` of them.

    `unseen` [windows]: whether the window is of an unseen word.
    """
    total = unseen_total = 0.0
    for number, (contexts, targets) in enumerate(windows.iter_blocks(block)):
        with module_mode(model, training=False):
            logits = model(contexts)
            total += functional.cross_entropy(logits, targets, reduction="sum").item()
            if unseen is not None:
                mask = unseen[number * block :][: len(targets)]
                unseen_total += functional.cross_entropy(logits[mask], targets[mask], reduction="sum").item()
        yield
    return SplitLoss(total / len(windows), None if unseen is None else unseen_total / int(unseen.sum()))


def evaluate_prefixes(
    model: Sequential, words: PrefixDataset, unseen: Tensor | None, block: int
) -> Cooperative[SplitLoss]:
    """Return the mean loss over all positions of `words`, in nats per character; yields after about `block` of them.

    Each distinct prefix of a block is computed once. `unseen` [positions]: whether the position is of an unseen word.
    The model must not change meanwhile, nor have the norm batch-bug.
    """
    total, unseen_total, start, folded = 0.0, 0.0, 0, FoldedModel(model)
    for prefixes in words.iter_blocks(block):
        log_probs = folded.logits(prefixes).log_softmax(1)  # [P, V]
        target_log_probs = log_probs[prefixes.row_of_position, prefixes.targets]  # [P, V] → [N]
        total -= target_log_probs.sum().item()
        if unseen is not None:
            unseen_total -= target_log_probs[unseen[start:][: len(target_log_probs)]].sum().item()
        start += len(target_log_probs)
        yield
    return SplitLoss(total / words.positions, None if unseen is None else unseen_total / int(unseen.sum()))
