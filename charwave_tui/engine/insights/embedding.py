"""The characters as points in the plane."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from charwave_tui.core.insights import EmbeddingInsight, Lens
from charwave_tui.engine.insights.grid import grid
from charwave_tui.engine.layers import Embedding

NEIGHBOURS = 10
"""Neighbours of a character that are told."""


def embedding(lens: Lens, layer: Embedding) -> EmbeddingInsight:
    """The insight into `layer`."""
    points = layer.weight.detach().to("cpu").double()  # where the decomposition is at home, whatever the device
    count, dimensions = points.shape
    plane, shares = principal(points)
    symbol = min(max(lens.symbol, 0), count - 1)
    distances = torch.linalg.vector_norm(points - points[symbol], dim=1)  # [V, C] → [V]
    distances[symbol] = -1  # the character itself comes first, wherever others lie
    order = distances.argsort(stable=True)[1 : NEIGHBOURS + 1]
    return EmbeddingInsight(
        dimensions=dimensions,
        plane=grid(plane),
        shares=shares,
        symbol=symbol,
        neighbours=tuple(order.tolist()),
        distances=tuple(distances[order].tolist()),
    )


def principal(points: Tensor) -> tuple[Tensor, tuple[float, float]]:
    """The first two principal components of `points` [N, C] on the CPU, [N, 2], and their shares of the variance.

    By the singular values of the centred points; the point farthest out along an axis lies on its positive side.
    """
    centred = points - points.mean(0)
    if not centred.isfinite().all():
        return torch.full((len(points), 2), math.nan), (math.nan, math.nan)
    _, sizes, axes = torch.linalg.svd(centred, full_matrices=False)
    flat = centred @ axes[:2].T  # [N, C] @ [C, 2] → [N, 2]
    plane = torch.zeros((len(points), 2), dtype=points.dtype)
    plane[:, : flat.shape[1]] = flat  # there is one axis alone where C or N is 1
    farthest = plane.gather(0, plane.abs().argmax(0, keepdim=True))  # [N, 2] → [1, 2]
    squares = sizes.square()
    shares = [*(squares / squares.sum()).nan_to_num(0.0).tolist(), 0.0]
    return torch.where(farthest < 0, -plane, plane), (shares[0], shares[1])
