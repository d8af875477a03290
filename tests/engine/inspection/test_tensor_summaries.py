"""Summaries of tensors against plain torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch

from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.engine.inspection.tensor_summaries import (
    BINS,
    clip_window,
    histogram,
    max_abs_pool,
    principal_components,
    to_float_matrix,
)


def test_histogram_is_density_over_round_bounds_around_zero() -> None:
    tensor = torch.randn(1_000, generator=torch.Generator().manual_seed(1)) * 0.3
    density = histogram(tensor)
    width = (density.high - density.low) / BINS
    assert (density.low, density.high) == (-1.5, 1.5)
    assert len(density.densities) == BINS
    assert sum(density.densities) * width == pytest.approx(1)
    assert (density.mean, density.std) == pytest.approx((tensor.mean().item(), tensor.std().item()))
    for index, value in enumerate(density.densities):
        low = density.low + index * width
        inside = ((tensor >= low) & (tensor < low + width)).sum().item()
        assert value * width * 1_000 == pytest.approx(inside)


def test_outliers_counted_outside_histogram() -> None:
    tensor = torch.ones(1_000) * 0.1
    tensor[0] = 1_000.0
    density = histogram(tensor)
    assert density.high < 1_000
    assert sum(density.densities) * (density.high - density.low) / BINS == pytest.approx(0.999)


@pytest.mark.parametrize(
    ("tensor", "high"),
    [
        ([0.0, 0.0], 1.0),
        ([0.7, 0.7, 0.7], 0.8),
        ([-1.0, 1.0], 1.0),
        ([1e-12, -2e-12], 2e-12),
        ([1e-44, 0.0], 1e-30),
        ([2.9e38, -2.9e38, 0.0], 3e38),
        ([3.3e38], torch.finfo(torch.float32).max),
        ([5.0], 5.0),
    ],
)
def test_histogram_exists_for_any_magnitude(tensor: Sequence[float], high: float) -> None:
    density = histogram(torch.tensor(tensor))
    assert (density.low, density.high) == pytest.approx((-high, high))
    assert sum(density.densities) * 2 * (high / BINS) == pytest.approx(1)


def test_nonfinite_values_left_out_of_bins_but_not_mean() -> None:
    density = histogram(torch.tensor([1.0, math.nan, math.inf, -1.0]))
    assert sum(density.densities) * (density.high - density.low) / BINS == pytest.approx(1)
    assert math.isnan(density.mean)
    assert math.isnan(density.std)
    nothing = histogram(torch.full((3, 2), math.nan))
    assert (nothing.low, nothing.high, nothing.densities) == (0, 0, ())


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((0, 5), (0, 5)),
        ((8, 5), (5, 5)),
        ((-3, 4), (0, 4)),
        ((2, -1), (2, 0)),
        ((0, 99), (0, 7)),
        ((2**60, 2**60), (3, 7)),
    ],
)
def test_query_window_clipped_to_tensor(asked: tuple[int, int], given: tuple[int, int]) -> None:
    assert clip_window(*asked, 10, 7) == given


def test_grid_is_tensor_in_rows() -> None:
    tensor = torch.arange(12.0).view(3, 4).t()
    grid = to_float_matrix(tensor)
    assert torch.equal(torch.tensor([list(grid.row(row)) for row in range(grid.rows)]), tensor)
    assert to_float_matrix(torch.zeros(0, 4)) == FloatMatrix(0, 4, b"")
    assert to_float_matrix(torch.zeros(4)).rows == 1


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 2), (4, 5), (10, 7), (11, 100), (0, -4)])
def test_block_shown_by_value_of_largest_magnitude(rows: int, columns: int) -> None:
    matrix = torch.randn((10, 7), generator=torch.Generator().manual_seed(3))
    pooled = max_abs_pool(matrix, rows, columns)
    assert pooled.shape[0] <= max(rows, 1)
    assert pooled.shape[1] <= max(columns, 1)
    tall, wide = (math.ceil(size / count) for size, count in zip(matrix.shape, pooled.shape, strict=True))
    for row in range(pooled.shape[0]):
        for column in range(pooled.shape[1]):
            block = matrix[row * tall : (row + 1) * tall, column * wide : (column + 1) * wide].flatten()
            assert pooled[row, column] == block[block.abs().argmax()]


def test_block_with_nan_is_nan() -> None:
    matrix = torch.ones(4, 4)
    matrix[0, 1] = math.nan
    assert max_abs_pool(matrix, 2, 2).isnan().tolist() == [[True, False], [False, False]]


def test_collinear_vectors_have_one_axis_and_equal_ones_none() -> None:
    plane, fractions = principal_components(torch.tensor([[1.0], [2.0], [6.0]], dtype=torch.float64))
    assert plane.tolist() == [[-2.0, 0.0], [-1.0, 0.0], [3.0, 0.0]]
    assert fractions == (1.0, 0.0)
    assert principal_components(torch.ones(3, 4))[1] == (0.0, 0.0)
    assert math.isnan(principal_components(torch.full((3, 4), math.nan))[1][0])
