"""The second way to run a model: over whole names, every position in one go, as a dilated causal convolution.

After van den Oord et al. 2016, section 2.1. In eval mode it gives the logits of the windows, which are the oracle.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.engine.anatomy import Anatomy
from charwave_tui.engine.layers import Sequential
from charwave_tui.engine.prefixes import Prefixes


def logits(model: Sequential, prefixes: Prefixes) -> Tensor:
    """What `model` expects after each prefix: [P, vocabulary], by the model's own layers and in its mode.

    In train mode each row counts once in the statistics of the norm, so they are of positions where the rows are
    `apart`. Not for the norm batch-bug, whose statistics belong to places in a window.
    """
    anatomy = Anatomy.of(model)
    x = model.embedded(prefixes.ids, prefixes.kept)  # [P] → [P, C]
    made: list[Tensor] = []
    for number, level in enumerate(anatomy.levels):
        below = x
        x = level.linear(_joined(below, level.offsets, prefixes))
        if level.norm is not None:
            assert level.norm.running_mean.ndim == 1, "batch-bug has no whole names"
            x = level.norm(x)
        x = level.activation(x)
        if prefixes.scales is not None:
            x = x * prefixes.scales[:, number, None]  # [P, C] · [P, 1]
        made.append(x)
        if level.residual:
            x = x + below
    out: Tensor = anatomy.head(torch.cat(made, dim=-1) if anatomy.skips else x)  # [P, levels·C] or [P, C]
    return out


def _joined(x: Tensor, offsets: Sequence[int], prefixes: Prefixes) -> Tensor:
    """The rows that stand so far back, side by side; 0 is each row itself."""
    # embedding looks rows up as x[rows] does, and adds their gradients up in half the time.
    taps = [functional.embedding(prefixes.back[offset], x) if offset else x for offset in offsets]
    return torch.cat(taps, dim=-1)  # n of [P, C] → [P, n·C]
