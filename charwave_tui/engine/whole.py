"""The second way to run a model: over whole names, every position in one go, as a dilated causal convolution.

After van den Oord et al. 2016, section 2.1. In eval mode it gives the logits of the windows, which are the oracle.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.engine.layers import Activation, BatchNorm1d, FlattenConsecutive, Sequential
from charwave_tui.engine.prefixes import Prefixes
from charwave_tui.engine.stack import FlattenDilated, Residual, Skips


def logits(model: Sequential, prefixes: Prefixes) -> Tensor:
    """What `model` expects after each prefix: [P, vocabulary], by the model's own layers and in its mode.

    In train mode each row counts once in the statistics of the norm, so they are of positions where the rows are
    `apart`. Not for the norm batch-bug, whose statistics belong to places in a window.
    """
    x = below = model.embedded(prefixes.ids, prefixes.kept)  # [P] → [P, C]
    made: list[Tensor] = []
    stride = 1
    for layer in model.layers[1:]:
        match layer:
            case FlattenConsecutive():
                x = _joined(x, [stride * back for back in range(layer.joined - 1, 0, -1)], prefixes)
                stride *= layer.joined
            case FlattenDilated():
                below, x = x, _joined(x, [layer.dilation], prefixes)
            case BatchNorm1d():
                assert layer.running_mean.ndim == 1, "batch-bug has no whole names"
                x = layer(x)
            case Residual():
                x = x + below
            case Skips():
                x = layer(made)
            case _:
                x = layer(x)
        if isinstance(layer, Activation):
            if prefixes.scales is not None:
                x = x * prefixes.scales[:, len(made), None]  # [P, C] · [P, 1]
            made.append(x)
    return x


def _joined(x: Tensor, offsets: Sequence[int], prefixes: Prefixes) -> Tensor:
    """The rows that stand so far back, furthest first, and each row itself last."""
    # embedding looks rows up as x[rows] does, and adds their gradients up in half the time.
    taps = [functional.embedding(prefixes.back[offset], x) for offset in offsets]
    return torch.cat((*taps, x), dim=-1)  # n of [P, C] → [P, n·C]
