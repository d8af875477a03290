"""What a step does not see: blotted characters (context dropout) and levels passed by (stochastic depth)."""

from __future__ import annotations

from dataclasses import replace

import torch

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.engine.data.prefix_dataset import PrefixBatch
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.runtime.random_streams import derived_generator


def apply_dropout(batch: WindowBatch | PrefixBatch, config: RunConfig, step: int) -> WindowBatch | PrefixBatch:
    """`batch` with what `config` drops from it, the same for one seed and step.

    A level passed by makes 0, and where it is not, so much more that the mean stays; the first never is, the last
    drop_path of the time, those between in proportion: Huang et al. 2016, section 3.
    """
    levels = len(config.dilations)
    passes = config.drop_path > 0 and levels > 1
    if not config.drop_context and not passes:
        return batch
    stream = derived_generator(config.seed, f"drops of step {step}")
    places = batch.contexts if isinstance(batch, WindowBatch) else batch.ids
    kept = scales = None
    if config.drop_context:
        kept = (torch.rand(places.shape, generator=stream) >= config.drop_context).float().to(places.device)
    if passes:
        shares = config.drop_path * torch.arange(levels) / (levels - 1)
        stays = torch.rand((*places.shape, levels), generator=stream) >= shares
        scales = (stays / (1 - shares)).to(places.device)
    if isinstance(batch, WindowBatch):
        return batch._replace(keep_mask=kept, level_scale=scales)
    return replace(batch, keep_mask=kept, level_scale=scales)
