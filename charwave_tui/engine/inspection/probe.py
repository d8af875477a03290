"""One captured forward and backward pass on a fixed batch, and the statistics of each layer in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER, DEAD_THRESHOLD, layer_shapes
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LayerStats, Split
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.model.hooks import forward_hooks, module_mode, preserve_buffers
from charwave_tui.engine.model.layers import Activation, Layer, Sequential, diagnostic_parameter
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.training.trainer import Trainer

MIN_EXAMPLES, MAX_EXAMPLES = 2, 4_096  # in a probe batch: one alone has no batch statistics
MAX_OUTPUT_NUMBERS = 2**23  # of all layers together: larger models are probed with fewer examples
CACHED_BATCHES = 4
SAMPLED_ROUNDS = 16  # characters of each name that stands in for words that are missing


class ProbeBatches:
    """The batches on which a run's layers are probed, cached: the same ProbeBatch gives the same examples."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._cache: dict[ProbeBatch, WindowBatch] = {}

    def get(self, request: ProbeBatch) -> WindowBatch:
        """Return examples sampled with replacement; raises UserError if `request` asks for too many or too few."""
        if request not in self._cache:
            batch = self._sample(request)
            if len(self._cache) == CACHED_BATCHES:
                del self._cache[next(iter(self._cache))]
            self._cache[request] = batch
        return self._cache[request]

    def _sample(self, request: ProbeBatch) -> WindowBatch:
        if not MIN_EXAMPLES <= request.examples <= MAX_EXAMPLES:
            raise UserError(
                f"the layers cannot be looked at with {request.examples:,} examples",
                f"ask for {MIN_EXAMPLES} to {MAX_EXAMPLES:,}",
            )
        trainer = self._trainer
        shapes = layer_shapes(trainer.config, trainer.corpus.vocab_size)
        capacity = MAX_OUTPUT_NUMBERS // sum(math.prod(shape.output) for shape in shapes)
        seed = trainer.config.seed if request.seed is None else request.seed
        generator = derived_generator(seed, "probe")
        size = max(MIN_EXAMPLES, min(request.examples, capacity))
        if trainer.corpus.missing is not None:
            return sampled_windows(trainer.model, trainer.config.context, size, generator)
        windows = trainer.splits.windows(Split.TRAIN)
        return WindowBatch(*windows.sample_batch(max(MIN_EXAMPLES, min(size, len(windows))), generator))


def sampled_windows(model: Sequential, context: int, size: int, generator: Generator) -> WindowBatch:
    """Return `size` windows of names that the model itself writes, for a run whose words are missing."""
    device = next(model.parameters()).device
    window = torch.zeros((math.ceil(size / SAMPLED_ROUNDS), context), dtype=torch.int64)
    contexts, targets = [], []
    with module_mode(model, training=False):
        for _ in range(SAMPLED_ROUNDS):
            probs = model(window.to(device)).cpu().softmax(1)
            probs = torch.where(probs.isfinite(), probs, 1.0)  # weights that give NaN are looked at too
            symbol = torch.multinomial(probs, 1, generator=generator)  # [B, 1]
            contexts.append(window)
            targets.append(symbol[:, 0])
            window = torch.cat((window[:, 1:], symbol), 1) * (symbol != 0)  # behind a name's end another begins
    return WindowBatch(torch.cat(contexts)[:size].to(device), torch.cat(targets)[:size].to(device))


@dataclass(frozen=True, slots=True)
class LayerCapture:
    """The tensors of a forward pass of `batch` with batch statistics, and gradients of the mean cross-entropy.

    For each layer in order: its input where that is one tensor, its output, dL/d output of an Activation, and the
    gradient of its `diagnostic_parameter`. None where there is none.
    """

    batch: WindowBatch
    layers: tuple[Layer, ...]
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    output_grads: tuple[Tensor | None, ...]
    parameter_grads: tuple[Tensor | None, ...]

    @property
    def output_numel(self) -> int:
        return sum(output.numel() for output in self.outputs)


def capture_layers(model: Sequential, batch: WindowBatch) -> LayerCapture:
    """Run `batch` forward and backward through `model`; weights, buffers, gradients and mode stay unchanged."""
    inputs: list[Tensor | None] = []
    outputs: list[Tensor] = []

    def capture(layer: nn.Module, layer_inputs: tuple[Any, ...], output: Tensor) -> None:
        inputs.append(layer_inputs[0].detach() if isinstance(layer_inputs[0], Tensor) else None)
        outputs.append(output)

    layers = tuple(layer for layer in model.layers if isinstance(layer, Layer))
    with module_mode(model, training=True), torch.enable_grad(), preserve_buffers(model), forward_hooks(model, capture):
        loss = functional.cross_entropy(model(batch.contexts), batch.targets)
    activations = [
        output if isinstance(layer, Activation) else None for layer, output in zip(layers, outputs, strict=True)
    ]
    gradients = _gradients(loss, [*activations, *map(diagnostic_parameter, layers)])
    return LayerCapture(
        batch,
        layers,
        tuple(inputs),
        tuple(output.detach() for output in outputs),
        tuple(gradients[: len(layers)]),
        tuple(gradients[len(layers) :]),
    )


def _gradients(loss: Tensor, tensors: list[Tensor | None]) -> list[Tensor | None]:
    # autograd.grad, unlike backward, leaves the parameters' grad alone.
    present = [tensor for tensor in tensors if tensor is not None]
    gradients = iter(torch.autograd.grad(loss, present, allow_unused=True))
    return [None if tensor is None else next(gradients) for tensor in tensors]


def layer_stats(capture: LayerCapture, ratios: Sequence[float | None]) -> Iterator[LayerStats]:
    """Yield the statistics of each layer of `capture`; `ratios` are the last step's update ratios, one per layer."""
    for layer, layer_input, out, gradient, ratio in zip(
        capture.layers, capture.inputs, capture.outputs, capture.parameter_grads, ratios, strict=True
    ):
        gradient_std = std_or_none(gradient)
        weight_std = std_or_none(diagnostic_parameter(layer))
        saturated = saturated_fraction_per_unit(layer, out)
        yield LayerStats(
            name=type(layer).__name__,
            detail=layer.detail,
            output_shape=tuple(out.shape),
            parameters=sum(parameter.numel() for parameter in layer.parameters()),
            mean=out.mean().item(),
            std=out.std().item(),
            saturation=_saturation(layer, layer_input, out),
            dead=None if saturated is None else int((saturated == 1).sum()),
            gradient_std=gradient_std,
            weight_std=weight_std,
            grad_data=_ratio(gradient_std, weight_std),
            update_ratio=ratio,
        )


def saturated_fraction_per_unit(layer: Layer, out: Tensor) -> Tensor | None:
    """Return at which fraction of examples and positions each unit passes no gradient, [units].

    That is beyond DEAD_THRESHOLD, or at 0 for ReLU. None where units cannot die: a Gated one whose tanh is saturated
    still learns through its gate.
    """
    spec = ACTIVATION_OF_LAYER.get(type(layer).__name__)
    if spec is None or not spec.can_die:
        return None
    saturated = out == 0 if spec.saturation_threshold is None else out.abs() > DEAD_THRESHOLD
    flat = saturated.flatten(0, -2)  # [B, C] or [B, T, C] → [B·T, C]
    return flat.sum(0) / len(flat)


def std_or_none(tensor: Tensor | None) -> float | None:
    """Return the unbiased standard deviation; None for fewer than two numbers."""
    return None if tensor is None or tensor.numel() < 2 else tensor.detach().std().item()


def _saturation(layer: Layer, layer_input: Tensor | None, out: Tensor) -> float | None:
    """Return the percentage of saturated outputs."""
    spec = ACTIVATION_OF_LAYER.get(type(layer).__name__)
    if spec is None or spec.saturation_threshold is None:
        return None
    if spec.is_gated:
        # The output is small where the gate is closed, so only the tanh tells.
        assert layer_input is not None
        signal, _ = layer_input.chunk(2, dim=-1)  # [..., 2·C] → [..., C] and [..., C]
        out = torch.tanh(signal)
    return 100 * (out.abs() > spec.saturation_threshold).float().mean().item()


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    if numerator is None or denominator is None or denominator == 0:
        return None
    ratio = numerator / denominator
    return ratio if math.isfinite(ratio) else None
