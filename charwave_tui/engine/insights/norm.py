"""What a BatchNorm1d keeps, against what the batch itself has."""

from __future__ import annotations

from charwave_tui.core.insights import Lens, NormInsight
from charwave_tui.engine.insights.grid import grid, window
from charwave_tui.engine.layers import EPSILON, BatchNorm1d
from charwave_tui.engine.look import Look

MOST_COLUMNS = 1_024
"""The most units of a window."""


def norm(look: Look, lens: Lens, layer: BatchNorm1d) -> NormInsight:
    """The insight into `layer`, which is the one at `lens.layer`.

    The batch's statistics that the running ones are compared with are those that the layer itself takes: with the norm
    batch-bug each position's own. EPSILON is added to variances, as the layer does.
    """
    came = look.came[lens.layer]
    assert came is not None
    x = came.unsqueeze(1) if came.ndim == 2 else came  # [B, C] → [B, 1, C]
    examples, positions, units = x.shape
    flat = x.flatten(0, 1)  # [B, T, C] → [B·T, C]
    mean, var = flat.mean(0), flat.var(0)  # [B·T, C] → [C]
    position_mean, position_var = x.mean(0), x.var(0)  # [B, T, C] → [T, C]
    own_mean, own_var = (position_mean, position_var) if layer.running_mean.ndim == 2 else (mean, var)
    mean_apart = (layer.running_mean - own_mean).abs() / (own_var + EPSILON).sqrt()
    var_apart = ((layer.running_var + EPSILON) / (own_var + EPSILON)).log10().abs()
    left, columns = window(lens.left, lens.columns, units, MOST_COLUMNS)
    seen = slice(left, left + columns)
    return NormInsight(
        units=units,
        positions=positions,
        examples=examples,
        left=left,
        gamma=grid(layer.gamma[seen]),
        beta=grid(layer.beta[seen]),
        running_mean=grid(layer.running_mean[..., seen]),
        running_var=grid(layer.running_var[..., seen]),
        batch_mean=grid(mean[seen]),
        batch_var=grid(var[seen]),
        position_mean=grid(position_mean[:, seen]),
        position_var=grid(position_var[:, seen]),
        mean_apart=mean_apart.mean().item(),
        var_apart=var_apart.mean().item(),
    )
