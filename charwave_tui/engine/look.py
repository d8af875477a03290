"""One pass of a fixed batch through a model and back, with all that a view of its layers is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from charwave_tui.core.insights import ProbeBatch
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import Split
from charwave_tui.core.shapes import layer_shapes
from charwave_tui.engine.batches import Examples
from charwave_tui.engine.hooks import hooked, same_buffers
from charwave_tui.engine.layers import Activation, Layer, Sequential, figured
from charwave_tui.engine.model import looking
from charwave_tui.engine.randomness import side_stream
from charwave_tui.engine.trainer import Trainer

FEWEST, MOST = 2, 4_096
"""Examples that a viewer may ask for: one alone has no batch statistics."""

MOST_NUMBERS = 2**23
"""Numbers that all layers together may put out for the fixed batch; what a larger model sees has fewer examples."""

KEPT = 4
"""Fixed batches of a run that are remembered, so that they need not be drawn at each look."""


class FixedBatches:
    """The examples that the layers of a run are looked at with, the same for the same question."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._drawn: dict[ProbeBatch, Examples] = {}

    def of(self, batch: ProbeBatch) -> Examples:
        """At least two examples, with replacement, and no more than the split has; raises Mistake beyond the bounds."""
        if batch not in self._drawn:
            drawn = self._draw(batch)
            if len(self._drawn) == KEPT:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[batch] = drawn
        return self._drawn[batch]

    def _draw(self, batch: ProbeBatch) -> Examples:
        if not FEWEST <= batch.examples <= MOST:
            raise Mistake(
                f"the layers cannot be looked at with {batch.examples:,} examples", f"ask for {FEWEST} to {MOST:,}"
            )
        trainer = self._trainer
        windows = trainer.splits.windows(Split.TRAIN)
        shapes = layer_shapes(trainer.config, trainer.corpus.vocab_size)
        room = MOST_NUMBERS // sum(math.prod(shape.output) for shape in shapes)
        seed = trainer.config.seed if batch.seed is None else batch.seed
        rows = max(FEWEST, min(batch.examples, len(windows), room))
        return Examples(*windows.draw(rows, side_stream(seed, "probe")))


@dataclass(frozen=True, slots=True)
class Look:
    """What a model made of `batch` with batch statistics, and the gradients of the mean cross-entropy by it.

    For each layer in order: what `came` in where that is one tensor, what it put out, the gradient by that where the
    layer is an Activation, and the one by its `figured` parameter. None where there is none.
    """

    batch: Examples
    layers: tuple[Layer, ...]
    came: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    gradients: tuple[Tensor | None, ...]
    pulls: tuple[Tensor | None, ...]

    @property
    def numbers(self) -> int:
        """How many it holds of what was put out."""
        return sum(output.numel() for output in self.outputs)


def looked(model: Sequential, batch: Examples) -> Look:
    """Run `batch` through `model` and the loss back, and leave weights, buffers, gradients and modes as they were."""
    came: list[Tensor | None] = []
    outputs: list[Tensor] = []

    def keep(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        came.append(inputs[0].detach() if isinstance(inputs[0], Tensor) else None)
        outputs.append(output)

    layers = tuple(layer for layer in model.layers if isinstance(layer, Layer))
    with looking(model, training=True), torch.enable_grad(), same_buffers(model), hooked(model, keep):
        loss = functional.cross_entropy(model(batch.contexts), batch.targets)
    bends = [output if isinstance(layer, Activation) else None for layer, output in zip(layers, outputs, strict=True)]
    found = _gradients(loss, [*bends, *map(figured, layers)])
    return Look(
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
