"""Tensors as they travel, and the windows of them that a lens asks for."""

from __future__ import annotations

import ctypes
import sys
from array import array

import torch
from torch import Tensor

from charwave_tui.core.grids import WIDTH, Grid


def grid(numbers: Tensor) -> Grid:
    """A tensor of one dimension as one row, or of two as it is."""
    rows = numbers.detach() if numbers.ndim == 2 else numbers.detach().unsqueeze(0)  # [C] → [1, C]
    there = rows.to("cpu", torch.float32).contiguous()
    content = ctypes.string_at(there.data_ptr(), there.numel() * WIDTH) if there.numel() else b""
    if sys.byteorder == "big":
        swapped = array("f", content)
        swapped.byteswap()
        content = swapped.tobytes()
    return Grid(there.shape[0], there.shape[1], content)


def window(first: int, count: int, there: int, most: int) -> tuple[int, int]:
    """Where a window on `there` things begins and how many it has: as wanted, as far as they go and `most` allow."""
    size = min(max(count, 0), there, most)
    return min(max(first, 0), there - size), size
