"""Tensors summarised for the wire: histograms, pooled and clipped matrices, principal components."""

from __future__ import annotations

import ctypes
import math
import sys
from array import array

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.core.protocol.float_matrix import FLOAT_BYTES, FloatMatrix
from charwave_tui.core.protocol.layer_insights import Histogram

BINS = 64  # of a histogram; even, so that 0 is between two
MAX_RMS_SPAN = 5.0  # bound in root mean squares; at most 1 in 25 numbers is beyond (Chebyshev)
ROUND_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # so that bounds stay put while numbers move a little
MIN_BOUND = 1e-30  # near the end of float32


def to_float_matrix(tensor: Tensor) -> FloatMatrix:
    """Return a tensor [R, C] as a matrix for the wire, or [C] as one row of it."""
    rows = tensor.detach() if tensor.ndim == 2 else tensor.detach().unsqueeze(0)  # [C] → [1, C]
    floats = rows.to("cpu", torch.float32).contiguous()
    content = ctypes.string_at(floats.data_ptr(), floats.numel() * FLOAT_BYTES) if floats.numel() else b""
    if sys.byteorder == "big":
        swapped = array("f", content)
        swapped.byteswap()
        content = swapped.tobytes()
    return FloatMatrix(floats.shape[0], floats.shape[1], content)


def max_abs_pool(matrix: Tensor, rows: int, columns: int) -> Tensor:
    """Return the number of largest magnitude, with its sign, in each of at most `rows` × `columns` blocks of `matrix`.

    The blocks are of one size, the last ones smaller; NaN where a block has one.
    """
    tall, wide = (_block_size(size, most) for size, most in zip(matrix.shape, (rows, columns), strict=True))
    height, width = (-(-size // block) for size, block in zip(matrix.shape, (tall, wide), strict=True))
    # The last blocks are padded with zeros, which never have the largest magnitude.
    padded = functional.pad(matrix, (0, width * wide - matrix.shape[1], 0, height * tall - matrix.shape[0]))
    blocks = padded.view(height, tall, width, wide)  # [H·h, W·w] → [H, h, W, w]
    high, low = blocks.amax((1, 3)), blocks.amin((1, 3))  # [H, h, W, w] → [H, W]
    return torch.where(high >= -low, high, low)


def _block_size(size: int, most: int) -> int:
    """Return the smallest block size that gives no more blocks than the smallest one for at most `most` blocks."""
    return math.ceil(size / math.ceil(size / math.ceil(size / max(most, 1))))


def clip_window(start: int, count: int, size: int, most: int) -> tuple[int, int]:
    """Return start and length of a window on `size` items, moved and shortened to fit them and `most`."""
    length = min(max(count, 0), size, most)
    return min(max(start, 0), size - length), length


def principal_components(vectors: Tensor) -> tuple[Tensor, tuple[float, float]]:
    """Return the first two principal components of `vectors` [N, C] on the CPU, [N, 2], and their variance fractions.

    By singular value decomposition; signs are such that the farthest vector along an axis is on its positive side.
    """
    centred = vectors - vectors.mean(0)
    if not centred.isfinite().all():
        return torch.full((len(vectors), 2), math.nan), (math.nan, math.nan)
    _, singular_values, axes = torch.linalg.svd(centred, full_matrices=False)
    projected = centred @ axes[:2].T  # [N, C] @ [C, 2] → [N, 2]
    plane = torch.zeros((len(vectors), 2), dtype=vectors.dtype)
    plane[:, : projected.shape[1]] = projected  # there is only one axis where C or N is 1
    farthest = plane.gather(0, plane.abs().argmax(0, keepdim=True))  # [N, 2] → [1, 2]
    squares = singular_values.square()
    fractions = [*(squares / squares.sum()).nan_to_num(0.0).tolist(), 0.0]
    return torch.where(farthest < 0, -plane, plane), (fractions[0], fractions[1])


def histogram(tensor: Tensor) -> Histogram:
    """Return the density of all numbers over bins symmetric about 0.

    The bound is the largest magnitude or MAX_RMS_SPAN root mean squares, rounded up; the rest is clipped away.
    """
    flat = tensor.detach().flatten()
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
    if largest <= MIN_BOUND:
        return MIN_BOUND
    # Relative to the largest, for squares of small numbers are 0.
    mean_square = (finite / largest).square().mean().item()
    return _round_up(largest * min(1.0, MAX_RMS_SPAN * math.sqrt(mean_square)))


def _round_up(size: float) -> float:
    power = 10.0 ** math.floor(math.log10(size))
    bound = next(power * step for step in ROUND_STEPS if power * step >= size or step == ROUND_STEPS[-1])
    return min(bound, torch.finfo(torch.float32).max)
