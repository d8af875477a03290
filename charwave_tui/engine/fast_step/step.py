"""FastStep, and the graph of level kernels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from charwave_tui.engine.data.prefix_dataset import PrefixBatch
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.fast_step.activations import ACTIVATION_KERNELS
from charwave_tui.engine.fast_step.batch_plan import BatchPlan, DeduplicatingPlanner, LevelRows, WindowPlanner
from charwave_tui.engine.fast_step.batchnorm import BatchNormKernel, BiasKernel, NormKernel, WeightedBatchNormKernel
from charwave_tui.engine.fast_step.buffers import BufferPool
from charwave_tui.engine.fast_step.gather import AdjacentConcat, EmbeddingRows, GatherConcat, LevelInput, ResidualAdd
from charwave_tui.engine.fast_step.linear import make_linear_kernel
from charwave_tui.engine.fast_step.output_head import CrossEntropyHead, HeadSlice
from charwave_tui.engine.model.architecture import LevelModules, ModelStructure
from charwave_tui.engine.model.layers import FlattenDilated, Sequential
from charwave_tui.engine.optim.optimizers import Optimizer


class LevelKernel:
    """A Linear with what feeds it, its norm or bias, the activation, and the way around them.

    `made` [rows, C] is what the activation makes, `out` what the level above stands on. `made_slope` is to be filled by
    the head, `slope` by the level above; they are one buffer unless both do, which `shared` says.
    """

    def __init__(
        self, space: BufferPool, number: int, layers: LevelModules, source: LevelInput, rows: LevelRows, *, shared: bool
    ) -> None:
        name, joined = f"level {number}", len(layers.offsets)
        self._join = (
            AdjacentConcat(source, joined)
            if rows.taps is None
            else GatherConcat(space, name, source, rows.size, joined)
        )
        weight = layers.linear.weight
        self._product = make_linear_kernel(
            space, name, weight.data, space.grad_target(weight), self._join.x, self._join.slope
        )
        x = self._product.out
        bent = space.buffer(f"{name} bent", x.shape)
        self._bend = ACTIVATION_KERNELS[type(layers.activation)](space, number, bent)
        self._norm = _norm(space, layers, rows, x, bent, self._bend.below)
        form = self._bend.out.shape
        self.made = self._bend.out if rows.level_scale is None else space.buffer(f"{name} scaled", form)
        self.made_slope = self.slope = self._bend.slope
        if shared:
            self.slope = space.buffer("slope by out", form)
        self.out = self.made
        self._around: ResidualAdd | None = None
        if shared and layers.residual:
            assert isinstance(self._join, GatherConcat)
            self._around = ResidualAdd(space, self._join, self.made, self.slope)
            self.out = self._around.out

    def forward(self, rows: LevelRows) -> None:
        """Fill `made` and `out`."""
        self._scales = rows.level_scale
        self._join.forward(rows.taps)
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
        self._join.backward()


def _norm(
    space: BufferPool, layers: LevelModules, rows: LevelRows, x: Tensor, out: Tensor, slope: Tensor
) -> NormKernel:
    if layers.norm is None:
        return BiasKernel(space, layers.linear, x, out, slope)
    return (BatchNormKernel if rows.weights is None else WeightedBatchNormKernel)(space, layers.norm, x, out, slope)


class BackpropGraph:
    """All of a model for plans of one form."""

    def __init__(self, space: BufferPool, anatomy: ModelStructure, plan: BatchPlan) -> None:
        self._points = EmbeddingRows(space, anatomy.embedding, blots=plan.has_dropped_context)
        self._guess = CrossEntropyHead(
            space, anatomy.head, plan.levels[-1].size, len(plan.levels) if anatomy.skips else 1
        )
        self._levels: list[tuple[LevelKernel, HeadSlice | None]] = []
        source: LevelInput = self._points
        for number, (layers, rows) in enumerate(zip(anatomy.levels, plan.levels, strict=True)):
            last = rows is plan.levels[-1]
            source = level = LevelKernel(space, number, layers, source, rows, shared=anatomy.skips and not last)
            share: HeadSlice | None = None
            if anatomy.skips or last:
                share = self._guess.share(space, number if anatomy.skips else 0, level.made, level.made_slope)
            self._levels.append((level, share))
        self._downwards = self._levels[::-1]

    def forward(self, plan: BatchPlan) -> float:
        """The mean loss, in nats per character."""
        self._points.forward()
        for (level, share), rows, under in zip(self._levels, plan.levels, (*plan.head_rows, None), strict=True):
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


MAX_CACHED_GRAPHS = 100
"""Forms of batches that are remembered, each some tens of kilobytes of views on one memory."""


WORTH_SHARING = 150_000
"""Weights of the levels from which overlapping windows gain more by shared rows than it takes to find them."""


class FastStep:
    """A step without autograd, for a model on the CPU; its bits are its own, but follow from the config alone.

    Where `update` is direct the weights move as the backward pass goes; else they get gradients, and `update` moves
    them. It writes into the model's own tensors: make a new one if they are replaced, not if they are loaded into.
    `precision` is that of the matrix products: float32, the model's own, or bfloat16.
    """

    def __init__(self, model: Sequential, update: Optimizer, precision: str = "float32") -> None:
        self._model, self._update = model, update
        self._rounds = precision == "bfloat16"
        self._anatomy = ModelStructure.of(model)
        self._distinct = DeduplicatingPlanner(self._anatomy)
        self._windows = self._distinct if _has_shared_rows(self._anatomy) else WindowPlanner(self._anatomy)
        self._begin()

    def _begin(self) -> None:
        self._space = BufferPool(self._model, direct=self._update.is_plain_sgd, rounds=self._rounds)
        self._trees: dict[tuple[object, ...], BackpropGraph] = {}

    def __call__(self, batch: WindowBatch | PrefixBatch, lr: float) -> float:
        """As `steps.Step`."""
        direct = self._update.is_plain_sgd
        if direct != self._space.direct:
            self._begin()
        with torch.inference_mode():
            plan = self._windows(batch) if isinstance(batch, WindowBatch) else self._distinct(batch)
            tree = self._graph_for(plan)
            loss = tree.forward(plan)
            if not math.isfinite(loss):
                return loss
            if not direct:
                self._space.clear()
            tree.backward((-lr if direct else 1) / plan.positions)
        if not direct:
            self._update(lr)
        return loss

    def _graph_for(self, plan: BatchPlan) -> BackpropGraph:
        tree = self._trees.get(plan.buffer_key)
        if tree is None:
            if len(self._trees) == MAX_CACHED_GRAPHS:
                self._trees.clear()
            tree = self._trees[plan.buffer_key] = BackpropGraph(self._space, self._anatomy, plan)
        return tree


def _has_shared_rows(anatomy: ModelStructure) -> bool:
    """Whether positions of windows share rows where they join equal things.

    Levels of a tree have too few positions for it, and the norm batch-bug has statistics for each place in a window.
    """
    overlap = any(isinstance(level.flatten, FlattenDilated) for level in anatomy.levels)
    apart = any(level.norm is not None and level.norm.running_mean.ndim > 1 for level in anatomy.levels)
    return overlap and not apart and sum(level.linear.weight.numel() for level in anatomy.levels) >= WORTH_SHARING
