"""A training step with its backward pass written out: levels linked by the buffers that they share.

All numbers of a level stand as [rows, channels], in buffers made once for a number of rows; a `slope` is the buffer of
the loss's slope by another one, the loss being the sum over the batch. Each gradient is added, times `scale`, to what
`Workspace.into` says, so that a gradient of its own hardly ever exists. Everything runs without autograd, under
`torch.inference_mode`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from charwave_tui.engine.anatomy import Anatomy, LevelLayers
from charwave_tui.engine.fast.bends import BENDS
from charwave_tui.engine.fast.guesses import Guess, Share
from charwave_tui.engine.fast.joins import Around, Beside, Gathered, Points, Source
from charwave_tui.engine.fast.norms import Norm, Normed, Shifted, Weighed
from charwave_tui.engine.fast.plans import Plan, Rows
from charwave_tui.engine.fast.products import product
from charwave_tui.engine.fast.workspace import Workspace


class Level:
    """A Linear with what feeds it, its norm or bias, the activation, and the way around them.

    `made` [rows, C] is what the activation makes, `out` what the level above stands on. `made_slope` is to be filled by
    the head, `slope` by the level above; they are one buffer unless both do, which `shared` says.
    """

    def __init__(
        self, space: Workspace, number: int, layers: LevelLayers, source: Source, rows: Rows, *, shared: bool
    ) -> None:
        name, joined = f"level {number}", len(layers.offsets)
        self._join = Beside(source, joined) if rows.taps is None else Gathered(space, name, source, rows.size, joined)
        weight = layers.linear.weight
        self._product = product(space, name, weight.data, space.into(weight), self._join.x, self._join.slope)
        x = self._product.out
        bent = space.buffer(f"{name} bent", x.shape)
        self._bend = BENDS[type(layers.activation)](space, number, bent)
        self._norm = _norm(space, layers, rows, x, bent, self._bend.below)
        form = self._bend.out.shape
        self.made = self._bend.out if rows.scales is None else space.buffer(f"{name} scaled", form)
        self.made_slope = self.slope = self._bend.slope
        if shared:
            self.slope = space.buffer("slope by out", form)
        self.out = self.made
        self._around: Around | None = None
        if shared and layers.residual:
            assert isinstance(self._join, Gathered)
            self._around = Around(space, self._join, self.made, self.slope)
            self.out = self._around.out

    def forward(self, rows: Rows) -> None:
        """Fill `made` and `out`."""
        self._scales = rows.scales
        self._join.gather(rows.taps)
        self._product.forward()
        self._norm.forward(rows)
        self._bend.forward()
        if self._scales is not None:
            torch.mul(self._bend.out, self._scales, out=self.made)
        if self._around:
            self._around.forward()

    def backward(self, scale: float) -> None:
        """Add to the gradients and fill the slope of what is below; the slopes of this level are used up."""
        if self.slope is not self.made_slope:
            self.made_slope.add_(self.slope)
        if self._scales is not None:
            self.made_slope.mul_(self._scales)
        self._bend.backward()
        self._product.backward(self._norm.backward(scale), scale)
        if self._around:
            self._around.backward()
        self._join.scatter()


def _norm(space: Workspace, layers: LevelLayers, rows: Rows, x: Tensor, out: Tensor, slope: Tensor) -> Norm:
    if layers.norm is None:
        return Shifted(space, layers.linear, x, out, slope)
    return (Normed if rows.weights is None else Weighed)(space, layers.norm, x, out, slope)


class Tree:
    """All of a model for plans of one form."""

    def __init__(self, space: Workspace, anatomy: Anatomy, plan: Plan) -> None:
        self._points = Points(space, anatomy.embedding, blots=plan.blots)
        self._guess = Guess(space, anatomy.head, plan.levels[-1].size, len(plan.levels) if anatomy.skips else 1)
        self._levels: list[tuple[Level, Share | None]] = []
        source: Source = self._points
        for number, (layers, rows) in enumerate(zip(anatomy.levels, plan.levels, strict=True)):
            last = rows is plan.levels[-1]
            source = level = Level(space, number, layers, source, rows, shared=anatomy.skips and not last)
            share: Share | None = None
            if anatomy.skips or last:
                share = self._guess.share(space, number if anatomy.skips else 0, level.made, level.made_slope)
            self._levels.append((level, share))
        self._downwards = self._levels[::-1]

    def forward(self, plan: Plan) -> float:
        """The mean loss, in nats per character."""
        self._points.forward()
        for (level, share), rows, under in zip(self._levels, plan.levels, (*plan.under, None), strict=True):
            level.forward(rows)
            if share:
                share.forward(under)
        return self._guess.forward(plan)

    def backward(self, scale: float) -> None:
        """Add to every gradient that of the summed loss that `forward` met, times `scale`."""
        self._guess.backward(scale)
        for level, share in self._downwards:
            if share:
                share.backward(scale)
            level.backward(scale)
        self._points.backward(scale)
