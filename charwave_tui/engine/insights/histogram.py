"""How numbers are spread."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from charwave_tui.core.insights import Histogram

BINS = 64
"""Bins of a histogram: an even number, so that 0 lies between two."""

REACH = 5.0
"""Root mean squares from 0 that the bins reach at the most; no more than 1 in 25 numbers lies beyond (Chebyshev)."""

ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""What the bound is a power of ten of, so that it stays put while the numbers move a little."""

LEAST = 1e-30
"""The least bound: numbers of 32 bits below it are hardly told apart."""


def histogram(numbers: Tensor) -> Histogram:
    """The spread of all `numbers` over bounds that lie evenly about 0: the largest one's size or REACH, rounded up."""
    flat = numbers.detach().flatten()
    mean = flat.mean().item()
    std = flat.std().item() if len(flat) > 1 else math.nan
    finite = flat[flat.isfinite()]
    if not len(finite):
        return Histogram(0.0, 0.0, (), mean, std)
    bound = _bound(finite)
    counts = torch.histc(finite / bound, BINS, -1, 1)  # [N] → [BINS]
    densities = counts.cpu().double() * (BINS / (2 * bound * len(finite)))
    return Histogram(-bound, bound, tuple(densities.tolist()), mean, std)


def _bound(finite: Tensor) -> float:
    largest = finite.abs().max().item()
    if largest == 0:
        return 1.0
    if largest <= LEAST:
        return LEAST
    # by the largest one, for squares of small numbers are 0
    square = (finite / largest).square().mean().item()
    return _rounded_up(largest * min(1.0, REACH * math.sqrt(square)))


def _rounded_up(size: float) -> float:
    power = 10.0 ** math.floor(math.log10(size))
    up = next(power * step for step in ROUND if power * step >= size or step == ROUND[-1])
    return min(up, torch.finfo(torch.float32).max)
