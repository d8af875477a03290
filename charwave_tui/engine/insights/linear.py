"""The matrix of a Linear, and how the loss pulls at it."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.core.grids import EMPTY, Grid
from charwave_tui.core.insights import Lens, LinearInsight, singular_values_told
from charwave_tui.engine.insights.grid import grid
from charwave_tui.engine.insights.histogram import histogram
from charwave_tui.engine.layers import Linear
from charwave_tui.engine.look import Look

MOST_ROWS, MOST_COLUMNS = 512, 1_024
"""The most rows and columns of the heat map."""


def linear(look: Look, lens: Lens, layer: Linear) -> LinearInsight:
    """The insight into `layer`, which is the one at `lens.layer`."""
    weight, gradient = layer.weight.detach(), look.pulls[lens.layer]
    fan_in, fan_out = weight.shape
    return LinearInsight(
        fan_in=fan_in,
        fan_out=fan_out,
        weight=histogram(weight),
        gradient=None if gradient is None else histogram(gradient),
        heat=grid(largest(weight, min(lens.rows, MOST_ROWS), min(lens.columns, MOST_COLUMNS))),
        row_norms=grid(torch.linalg.vector_norm(weight, dim=1)),  # [fan_in, fan_out] → [fan_in]
        column_norms=grid(torch.linalg.vector_norm(weight, dim=0)),  # [fan_in, fan_out] → [fan_out]
        singular_values=_singular_values(weight) if lens.singular else EMPTY,
    )


def largest(matrix: Tensor, rows: int, columns: int) -> Tensor:
    """`matrix` in at most `rows` × `columns` blocks of one size, the last ones smaller: of each the largest number.

    The largest by its size, with its sign; NaN where there is one.
    """
    tall, wide = (_block(there, most) for there, most in zip(matrix.shape, (rows, columns), strict=True))
    height, width = (-(-there // block) for there, block in zip(matrix.shape, (tall, wide), strict=True))
    # zeros, which are never larger in size, fill the last blocks up
    padded = functional.pad(matrix, (0, width * wide - matrix.shape[1], 0, height * tall - matrix.shape[0]))
    blocks = padded.view(height, tall, width, wide)  # [H·h, W·w] → [H, h, W, w]
    high, low = blocks.amax((1, 3)), blocks.amin((1, 3))  # [H, h, W, w] → [H, W]
    return torch.where(high >= -low, high, low)


def _block(there: int, most: int) -> int:
    """The least size of blocks with which `there` things come to as few as the size for `most` of them would give."""
    return math.ceil(there / math.ceil(there / math.ceil(there / max(most, 1))))


def _singular_values(weight: Tensor) -> Grid:
    if not singular_values_told(*weight.shape):
        return EMPTY
    there = weight.cpu()  # where the decomposition is at home, whatever the device
    if not there.isfinite().all():
        return grid(torch.full((min(there.shape),), math.nan))
    return grid(torch.linalg.svdvals(there))
