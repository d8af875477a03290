"""The fast training step: the plain one's mathematics, its backward pass by hand, weights moved where they lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from charwave_tui.engine.bends import BENDS
from charwave_tui.engine.byhand import Gathered, Guess, Normed, Product, Shifted
from charwave_tui.engine.layers import BatchNorm1d, Embedding, FlattenConsecutive, Layer, Linear, Sequential


class Level:
    """A Linear with what feeds it, its norm or bias, and the activation.

    `out` [rows, hidden] is what it makes; `slope`, that by `out`, is filled by the level above.
    """

    def __init__(self, source: Gathered | Product, layers: Sequence[nn.Module]) -> None:
        linear, *norms, activation = layers
        assert isinstance(linear, Linear)
        assert isinstance(activation, Layer)
        normed, self.out, self.slope = (torch.empty_like(source.out) for _ in range(3))
        self._source = source
        self._norm = _norm(linear, norms, source.out, normed, self.slope)
        self._bend = BENDS[type(activation)](normed, self.out, self.slope)

    def forward(self) -> None:
        """Fill `out`."""
        self._source.forward()
        self._norm.forward()
        self._bend.forward()

    def backward(self, scale: float) -> None:
        """Move the weights and fill the slope of the level below; `slope` is used up."""
        self._bend.backward()
        self._source.backward(self._norm.backward(scale), scale)


def _norm(linear: Linear, norms: Sequence[nn.Module], x: Tensor, out: Tensor, slope: Tensor) -> Normed | Shifted:
    for norm in norms:
        assert isinstance(norm, BatchNorm1d)
        return Normed(norm, x, out, slope)
    return Shifted(linear, x, out, slope)


class Tree:
    """All of a model for one batch size: levels linked by the buffers that they share."""

    def __init__(self, model: Sequential, batch_size: int, context: int) -> None:
        embedding, *layers, last = model.layers
        assert isinstance(embedding, Embedding)
        assert isinstance(last, Linear)
        self._levels: list[Level] = []
        positions = context
        for joined, level in _levels(layers):
            positions //= joined
            rows = batch_size * positions
            linear = level[0]
            assert isinstance(linear, Linear)
            if self._levels:
                below = self._levels[-1]
                # [B·T, C] → [B·T/n, C·n]
                source: Product | Gathered = Product(linear, below.out.view(rows, -1), below.slope.view(rows, -1))
            else:
                source = self._entry = Gathered(embedding, linear, rows)
            self._levels.append(Level(source, level))
        top = self._levels[-1]
        self._guess = Guess(last, top.out, top.slope)
        self._downwards = self._levels[::-1]
        self._batch_size = batch_size

    def forward(self, contexts: Tensor, targets: Tensor) -> float:
        """The mean loss of contexts [B, context] and targets [B], in nats per character."""
        self._entry.take(contexts)
        for level in self._levels:
            level.forward()
        return self._guess.forward(targets).item()

    def backward(self, lr: float) -> None:
        """Move every weight by −lr · gradient of the loss that `forward` gave."""
        scale = -lr / self._batch_size
        self._guess.backward(scale)
        for level in self._downwards:
            level.backward(scale)


def _levels(layers: Sequence[nn.Module]) -> Iterator[tuple[int, Sequence[nn.Module]]]:
    """How many each level joins, and its layers from the Linear to the activation."""
    starts = [place for place, layer in enumerate(layers) if isinstance(layer, FlattenConsecutive)]
    for start, end in zip(starts, [*starts[1:], len(layers)], strict=True):
        flatten = layers[start]
        assert isinstance(flatten, FlattenConsecutive)
        yield flatten.joined, layers[start + 1 : end]


class FastStep:
    """A step without autograd, for a model on the CPU; its bits are its own, but follow from the config alone.

    It writes into the model's own tensors: make a new one if they are replaced, not if they are loaded into.
    """

    def __init__(self, model: Sequential) -> None:
        self._model = model
        self._tree: Tree | None = None
        self._form: torch.Size | None = None

    def __call__(self, contexts: Tensor, targets: Tensor, lr: float) -> float:
        """Move the weights by −lr · gradient and return the loss before the move, in nats per character.

        Contexts [B, context] and targets [B]. A loss that is not finite moves no weight. Another batch size than
        last time makes new buffers.
        """
        if self._tree is None or contexts.shape != self._form:
            self._form = contexts.shape
            self._tree = Tree(self._model, *contexts.shape)
        with torch.inference_mode():
            loss = self._tree.forward(contexts, targets)
            if math.isfinite(loss):
                self._tree.backward(lr)
        return loss
