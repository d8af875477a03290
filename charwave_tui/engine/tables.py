"""The first level's products, looked up: there are far fewer symbols than positions."""

from __future__ import annotations

import torch
from torch import Tensor

from charwave_tui.engine.joins import Points
from charwave_tui.engine.workspace import Workspace

WORTH_LOOKING_UP = 300_000
"""Multiplications that a table must save each product, for it is a few more calls than that."""


class Table:
    """Join and product in one: each symbol is multiplied once for each of k taps, and a row is the sum of k of those.

    It stands for [rows, k·C] @ [k·C, fan_out]; with fewer roundings than that, which makes bfloat16 no use here.
    """

    def __init__(self, space: Workspace, weight: Tensor, into: Tensor, points: Points, rows: int, joined: int) -> None:
        symbols, channels = points.out.shape
        form = joined, symbols, weight.shape[1]
        weights = weight.view(joined, channels, -1)  # [k·C, fan_out] → [k, C, fan_out]
        self._weights, self._weights_turned = weights, weights.transpose(1, 2)
        self._into = into.view_as(weights)
        self._points = points.out.expand(joined, -1, -1)  # [V + 1, C] → [k, V + 1, C], the same for each tap
        self._points_turned = self._points.transpose(1, 2)
        self._points_slope = points.slope
        self._made, self._slope = space.buffer("table", form), space.buffer("table slope", form)
        self._tables, self._slopes = self._made.view(-1, form[2]), self._slope.view(-1, form[2])  # [k·(V + 1), fan_out]
        self._shift = (torch.arange(joined) * symbols).repeat(rows)  # [rows·k]
        self._starts = torch.arange(0, rows * joined, joined)
        self._joined = joined
        self.out = space.buffer("level 0 product", (rows, form[2]))

    @staticmethod
    def pays(weight: Tensor, points: Points, rows: int) -> bool:
        """Whether it is the faster one."""
        return (rows - points.out.shape[0]) * weight.numel() >= WORTH_LOOKING_UP

    def gather(self, taps: Tensor | None) -> None:
        """Take `taps` [rows·k]."""
        assert taps is not None
        self._places = taps + self._shift

    def forward(self) -> None:
        """Fill `out`."""
        torch.bmm(self._points, self._weights, out=self._made)
        self.out.copy_(torch.embedding_bag(self._tables, self._places, self._starts)[0])

    def backward(self, slope: Tensor, scale: float) -> None:
        """Fill the points' slope, given that by `out`, and add to the gradient of the weight."""
        self._slopes.zero_()
        for places in self._places.view(-1, self._joined).unbind(1):
            self._slopes.index_add_(0, places, slope)
        # before the weight moves
        torch.sum(torch.bmm(self._slope, self._weights_turned), 0, out=self._points_slope)
        self._into.baddbmm_(self._points_turned, self._slope, alpha=scale)

    def scatter(self) -> None:
        """All slopes are filled."""
