"""FastStep: a training step by hand-written kernels, and the graph of them for a plan."""

from __future__ import annotations

import math

import torch

from charwave_tui.core.config.choices import Precision
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

MAX_CACHED_GRAPHS = 100  # each some tens of kilobytes of views on shared memory
MIN_WEIGHTS_FOR_DEDUPLICATION = 150_000  # from here on windows gain more by shared rows than it takes to find them


class LevelKernel:
    """One level: taps, Linear, norm or bias, activation, stochastic depth and residual connection.

    `activated` [rows, C] is the scaled activation, read by the head; `out` has the residual added and is read by the
    next level. `grad_activated` is filled by the head and `grad_out` by the next level. They are one buffer where only
    one of both reads the level, two with `feeds_head_and_level`.
    """

    def __init__(
        self,
        pool: BufferPool,
        index: int,
        layers: LevelModules,
        source: LevelInput,
        rows: LevelRows,
        *,
        feeds_head_and_level: bool,
    ) -> None:
        name, n = f"level {index}", len(layers.offsets)
        self._concat = (
            AdjacentConcat(source, n) if rows.taps is None else GatherConcat(pool, name, source, rows.size, n)
        )
        weight = layers.linear.weight
        self._linear = make_linear_kernel(
            pool, name, weight.data, pool.grad_target(weight), self._concat.x, self._concat.grad_x
        )
        product = self._linear.out
        normalized = pool.buffer(f"{name} normalized", product.shape)
        self._activation = ACTIVATION_KERNELS[type(layers.activation)](pool, index, normalized)
        buffers = product, normalized, self._activation.grad_x
        self._norm: NormKernel
        if layers.norm is None:
            self._norm = BiasKernel(pool, layers.linear, *buffers)
        else:
            kernel_class = BatchNormKernel if rows.weights is None else WeightedBatchNormKernel
            self._norm = kernel_class(pool, layers.norm, *buffers)
        shape = self._activation.out.shape
        self.activated = self._activation.out if rows.level_scale is None else pool.buffer(f"{name} scaled", shape)
        self.grad_activated = self.grad_out = self._activation.grad_out
        if feeds_head_and_level:
            self.grad_out = pool.buffer("grad_out of level", shape)
        self.out = self.activated
        self._residual: ResidualAdd | None = None
        if feeds_head_and_level and layers.residual:
            assert isinstance(self._concat, GatherConcat)
            self._residual = ResidualAdd(pool, self._concat, self.activated, self.grad_out)
            self.out = self._residual.out

    def forward(self, rows: LevelRows) -> None:
        """Fill `activated` and `out`."""
        self._concat.forward(rows.taps)
        self._linear.forward()
        self._norm.forward(rows)
        self._activation.forward()
        if rows.level_scale is not None:
            torch.mul(self._activation.out, rows.level_scale, out=self.activated)
        if self._residual:
            self._residual.forward()

    def backward(self, rows: LevelRows, scale: float) -> None:
        """Add to the parameters' gradients and fill the source's `grad_out`; overwrites the level's own gradients."""
        if self.grad_out is not self.grad_activated:
            self.grad_activated.add_(self.grad_out)
        if rows.level_scale is not None:
            self.grad_activated.mul_(rows.level_scale)
        self._activation.backward()
        self._linear.backward(self._norm.backward(rows, scale), scale)
        if self._residual:
            self._residual.backward()
        self._concat.backward(rows.taps)


class BackpropGraph:
    """The kernels of a whole model for all plans with the buffer key of `plan`."""

    def __init__(self, pool: BufferPool, structure: ModelStructure, plan: BatchPlan) -> None:
        self._embedding = EmbeddingRows(pool, structure.embedding, has_dropped_context=plan.has_dropped_context)
        head_levels = len(plan.levels) if structure.skips else 1
        self._head = CrossEntropyHead(pool, structure.head, plan.levels[-1].size, head_levels)
        self._levels: list[tuple[LevelKernel, HeadSlice | None]] = []
        source: LevelInput = self._embedding
        for index, (layers, rows) in enumerate(zip(structure.levels, plan.levels, strict=True)):
            is_last = rows is plan.levels[-1]
            feeds_both = structure.skips and not is_last
            source = level = LevelKernel(pool, index, layers, source, rows, feeds_head_and_level=feeds_both)
            head_slice: HeadSlice | None = None
            if structure.skips or is_last:
                head_index = index if structure.skips else 0
                head_slice = self._head.level_slice(pool, head_index, level.activated, level.grad_activated)
            self._levels.append((level, head_slice))

    def forward(self, plan: BatchPlan) -> float:
        """Return the mean loss, in nats per character."""
        self._embedding.forward()
        for (level, head_slice), rows, head_rows in zip(self._levels, plan.levels, plan.head_rows, strict=True):
            level.forward(rows)
            if head_slice:
                head_slice.forward(head_rows)
        return self._head.forward(plan)

    def backward(self, plan: BatchPlan, scale: float) -> None:
        """Add the gradients of the loss summed over positions, times `scale`, to their targets."""
        self._head.backward(plan, scale)
        levels = zip(self._levels[::-1], plan.levels[::-1], plan.head_rows[::-1], strict=True)
        for (level, head_slice), rows, head_rows in levels:
            if head_slice:
                head_slice.backward(head_rows, scale)
            level.backward(rows, scale)
        self._embedding.backward(scale)


class FastStep:
    """A TrainStep without autograd for a model on the CPU; its bits differ from AutogradStep's, but are reproducible.

    With plain SGD the weights change during the backward pass; otherwise the parameters get gradients and `optimizer`
    takes the step. It holds views of the model's tensors: they may be loaded into, not replaced. `precision` is that of
    the matrix products: float32, the model's own, or bfloat16.
    """

    def __init__(self, model: Sequential, optimizer: Optimizer, precision: Precision = Precision.FLOAT32) -> None:
        self._model, self._optimizer = model, optimizer
        self._use_bfloat16 = precision == Precision.BFLOAT16
        self._structure = ModelStructure.of(model)
        self._deduplicating = DeduplicatingPlanner(self._structure)
        has_shared_rows = _has_shared_rows(self._structure)
        self._window_planner = self._deduplicating if has_shared_rows else WindowPlanner(self._structure)
        self._pool = self._new_pool()
        self._graphs: dict[tuple[object, ...], BackpropGraph] = {}  # by buffer key

    def _new_pool(self) -> BufferPool:
        is_plain_sgd = self._optimizer.is_plain_sgd
        return BufferPool(self._model, is_plain_sgd=is_plain_sgd, use_bfloat16=self._use_bfloat16)

    def __call__(self, batch: WindowBatch | PrefixBatch, lr: float) -> float:
        is_plain_sgd = self._optimizer.is_plain_sgd
        if is_plain_sgd != self._pool.is_plain_sgd:
            self._pool, self._graphs = self._new_pool(), {}
        with torch.inference_mode():
            plan = self._window_planner(batch) if isinstance(batch, WindowBatch) else self._deduplicating(batch)
            graph = self._graph_for(plan)
            loss = graph.forward(plan)
            if not math.isfinite(loss):
                return loss
            if not is_plain_sgd:
                self._pool.zero_grad()
            graph.backward(plan, (-lr if is_plain_sgd else 1) / plan.positions)
        if not is_plain_sgd:
            self._optimizer(lr)
        return loss

    def _graph_for(self, plan: BatchPlan) -> BackpropGraph:
        graph = self._graphs.get(plan.buffer_key)
        if graph is None:
            if len(self._graphs) == MAX_CACHED_GRAPHS:
                self._graphs.clear()
            graph = self._graphs[plan.buffer_key] = BackpropGraph(self._pool, self._structure, plan)
        return graph


def _has_shared_rows(structure: ModelStructure) -> bool:
    """Return whether positions of windows with equal inputs share a row.

    Levels of a tree have too few positions for it, and the norm batch-bug has statistics per position in the window.
    """
    is_dilated = any(isinstance(level.flatten, FlattenDilated) for level in structure.levels)
    is_per_position = any(level.norm is not None and level.norm.running_mean.ndim > 1 for level in structure.levels)
    weights = sum(level.linear.weight.numel() for level in structure.levels)
    return is_dilated and not is_per_position and weights >= MIN_WEIGHTS_FOR_DEDUPLICATION
