"""Fixed batches, one captured forward/backward pass, statistics per layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER, DEAD_THRESHOLD, layer_shapes
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LayerStats, Split
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.model.hooks import forward_hooks, looking, preserve_buffers
from charwave_tui.engine.model.layers import Activation, Layer, Sequential, diagnostic_parameter
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.training.trainer import Trainer

FEWEST, MOST = 2, 4_096
"""Examples that a viewer may ask for: one alone has no batch statistics."""


MOST_NUMBERS = 2**23
"""Numbers that all layers together may put out for the fixed batch; what a larger model sees has fewer examples."""


CACHED_BATCHES = 4
"""Fixed batches of a run that are remembered, so that they need not be drawn at each look."""


class ProbeBatches:
    """The examples that the layers of a run are looked at with, the same for the same question."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._drawn: dict[ProbeBatch, WindowBatch] = {}

    def of(self, batch: ProbeBatch) -> WindowBatch:
        """At least two examples, with replacement, and no more than the split has; raises Mistake beyond the bounds."""
        if batch not in self._drawn:
            drawn = self._draw(batch)
            if len(self._drawn) == CACHED_BATCHES:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[batch] = drawn
        return self._drawn[batch]

    def _draw(self, batch: ProbeBatch) -> WindowBatch:
        if not FEWEST <= batch.examples <= MOST:
            raise UserError(
                f"the layers cannot be looked at with {batch.examples:,} examples", f"ask for {FEWEST} to {MOST:,}"
            )
        trainer = self._trainer
        windows = trainer.splits.windows(Split.TRAIN)
        shapes = layer_shapes(trainer.config, trainer.corpus.vocab_size)
        room = MOST_NUMBERS // sum(math.prod(shape.output) for shape in shapes)
        seed = trainer.config.seed if batch.seed is None else batch.seed
        rows = max(FEWEST, min(batch.examples, len(windows), room))
        return WindowBatch(*windows.sample_batch(rows, derived_generator(seed, "probe")))


@dataclass(frozen=True, slots=True)
class LayerCapture:
    """What a model made of `batch` with batch statistics, and the gradients of the mean cross-entropy by it.

    For each layer in order: what `came` in where that is one tensor, what it put out, the gradient by that where the
    layer is an Activation, and the one by its `figured` parameter. None where there is none.
    """

    batch: WindowBatch
    layers: tuple[Layer, ...]
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    output_grads: tuple[Tensor | None, ...]
    parameter_grads: tuple[Tensor | None, ...]

    @property
    def numbers(self) -> int:
        """How many it holds of what was put out."""
        return sum(output.numel() for output in self.outputs)


def capture_layers(model: Sequential, batch: WindowBatch) -> LayerCapture:
    """Run `batch` through `model` and the loss back, and leave weights, buffers, gradients and modes as they were."""
    came: list[Tensor | None] = []
    outputs: list[Tensor] = []

    def keep(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        came.append(inputs[0].detach() if isinstance(inputs[0], Tensor) else None)
        outputs.append(output)

    layers = tuple(layer for layer in model.layers if isinstance(layer, Layer))
    with looking(model, training=True), torch.enable_grad(), preserve_buffers(model), forward_hooks(model, keep):
        loss = functional.cross_entropy(model(batch.contexts), batch.targets)
    bends = [output if isinstance(layer, Activation) else None for layer, output in zip(layers, outputs, strict=True)]
    found = _gradients(loss, [*bends, *map(diagnostic_parameter, layers)])
    return LayerCapture(
        batch,
        layers,
        tuple(came),
        tuple(output.detach() for output in outputs),
        tuple(found[: len(layers)]),
        tuple(found[len(layers) :]),
    )


def _gradients(loss: Tensor, by: list[Tensor | None]) -> list[Tensor | None]:
    # autograd.grad, unlike backward, adds nothing to what lies in the parameters' grad.
    found = iter(torch.autograd.grad(loss, [each for each in by if each is not None], allow_unused=True))
    return [None if each is None else next(found) for each in by]


def layer_stats(look: LayerCapture, ratios: Sequence[float | None]) -> Iterator[LayerStats]:
    """The figures of each layer of a `look`; `ratios` are the update ratios of the last step, one a layer."""
    for layer, came, out, pull, ratio in zip(
        look.layers, look.inputs, look.outputs, look.parameter_grads, ratios, strict=True
    ):
        weight = diagnostic_parameter(layer)
        gradient_std = std_or_none(pull)
        weight_std = std_or_none(weight)
        stuck = saturated_share_per_unit(layer, out)
        yield LayerStats(
            name=type(layer).__name__,
            detail=layer.detail,
            output_shape=tuple(out.shape),
            parameters=sum(parameter.numel() for parameter in layer.parameters()),
            mean=out.mean().item(),
            std=out.std().item(),
            saturation=_saturation(layer, came, out),
            dead=None if stuck is None else int((stuck == 1).sum()),
            gradient_std=gradient_std,
            weight_std=weight_std,
            grad_data=_share(gradient_std, weight_std),
            update_ratio=ratio,
        )


def saturated_share_per_unit(layer: Layer, out: Tensor) -> Tensor | None:
    """The share of examples and positions at which each unit of a Tanh or a ReLU is stuck, [units]; else None.

    A Tanh beyond DEAD, a ReLU at 0. Of a Gated it would tell nothing: where its tanh is stuck it learns by its gate.
    """
    spec = ACTIVATION_OF_LAYER.get(type(layer).__name__)
    if spec is None or not spec.can_die:
        return None
    stuck = out == 0 if spec.saturation_threshold is None else out.abs() > DEAD_THRESHOLD
    flat = stuck.flatten(0, -2)  # [B, C] or [B, T, C] → [B·T, C]
    return flat.sum(0) / len(flat)


def std_or_none(numbers: Tensor | None) -> float | None:
    """The unbiased standard deviation; None where there are not two numbers."""
    return None if numbers is None or numbers.numel() < 2 else numbers.detach().std().item()


def _saturation(layer: Layer, layer_input: Tensor | None, out: Tensor) -> float | None:
    spec = ACTIVATION_OF_LAYER.get(type(layer).__name__)
    if spec is None or spec.saturation_threshold is None:
        return None
    if spec.is_gated:
        # The output is small where the gate is closed, so only the tanh tells.
        assert layer_input is not None
        signal, _ = layer_input.chunk(2, dim=-1)  # [..., 2·C] → [..., C] and [..., C]
        out = torch.tanh(signal)
    return 100 * (out.abs() > spec.saturation_threshold).float().mean().item()


def _share(part: float | None, whole: float | None) -> float | None:
    if part is None or whole is None or whole == 0:
        return None
    share = part / whole
    return share if math.isfinite(share) else None
