"""Dropout of a batch: masked context characters (context dropout) and skipped levels (stochastic depth)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator, Tensor

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.engine.data.prefix_dataset import PrefixBatch
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.runtime.random_streams import derived_generator


def apply_dropout(batch: WindowBatch | PrefixBatch, config: RunConfig, step: int) -> WindowBatch | PrefixBatch:
    """Return `batch` with the masks that `config` asks for; they depend on the seed and `step` alone."""
    levels = len(config.dilations)
    skips_levels = config.drop_path > 0 and levels > 1
    if not config.drop_context and not skips_levels:
        return batch
    generator = derived_generator(config.seed, f"drops of step {step}")
    ids = batch.contexts if isinstance(batch, WindowBatch) else batch.ids  # [B, context] or [P]
    # The context mask first: both draw from one generator.
    keep_mask = None
    if config.drop_context:  # 0 for that fraction of the ids, 1 for the rest
        keep_mask = (torch.rand(ids.shape, generator=generator) >= config.drop_context).float().to(ids.device)
    level_scale = stochastic_depth_scale(ids, config.drop_path, levels, generator) if skips_levels else None
    if isinstance(batch, WindowBatch):
        return batch._replace(keep_mask=keep_mask, level_scale=level_scale)
    return replace(batch, keep_mask=keep_mask, level_scale=level_scale)


def stochastic_depth_scale(ids: Tensor, rate: float, levels: int, generator: Generator) -> Tensor:
    """Return the factor of each level's output, [..., levels] for `ids` [...]: 0, or 1/(1 − p) so that the mean stays.

    The first level is never skipped (p = 0), the last with p = `rate`, the others linearly between: Huang et al. 2016,
    section 3.
    """
    probs = rate * torch.arange(levels) / (levels - 1)
    is_kept = torch.rand((*ids.shape, levels), generator=generator) >= probs
    return (is_kept / (1 - probs)).to(ids.device)
