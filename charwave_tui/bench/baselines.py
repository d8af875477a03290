"""The lecture's loop, the usual torch loop, bare matmuls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from charwave_tui.core.config.run_config import RunConfig


class Layer(Protocol):
    """What each of the classes can do; `out` keeps its last output, as the lecture does to look at it."""

    out: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """The layer's output for `x`."""

    def parameters(self) -> list[Tensor]:
        """What it learns."""


class Embedding:
    """ids [B, T] → [B, T, C]."""

    out: Tensor

    def __init__(self, count: int, dim: int, stream: Generator) -> None:
        self.weight = torch.randn((count, dim), generator=stream)

    def __call__(self, x: Tensor) -> Tensor:
        self.out = self.weight[x]
        return self.out

    def parameters(self) -> list[Tensor]:
        return [self.weight]


class FlattenConsecutive:
    """[B, T, C] → [B, T/n, C·n], without the middle dimension where it is 1."""

    out: Tensor

    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, x: Tensor) -> Tensor:
        rows, positions, channels = x.shape
        x = x.view(rows, positions // self.n, channels * self.n)
        self.out = x.squeeze(1) if x.shape[1] == 1 else x
        return self.out

    def parameters(self) -> list[Tensor]:
        return []


class Linear:
    """x @ W, and + b where there is one."""

    out: Tensor

    def __init__(self, fan_in: int, fan_out: int, stream: Generator, bias: bool = True) -> None:
        self.weight = torch.randn((fan_in, fan_out), generator=stream) / fan_in**0.5
        self.bias = torch.zeros(fan_out) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        self.out = x @ self.weight
        if self.bias is not None:
            self.out = self.out + self.bias
        return self.out

    def parameters(self) -> list[Tensor]:
        return [self.weight] if self.bias is None else [self.weight, self.bias]


class BatchNorm1d:
    """Each channel to mean 0 and variance 1 over the batch and its positions, or by the running ones; gamma, beta."""

    out: Tensor

    def __init__(self, dim: int) -> None:
        self.training = True
        self.gamma, self.beta = torch.ones(dim), torch.zeros(dim)
        self.running_mean, self.running_var = torch.zeros(dim), torch.ones(dim)

    def __call__(self, x: Tensor) -> Tensor:
        if self.training:
            over = (0,) if x.ndim == 2 else (0, 1)
            mean = x.mean(over, keepdim=True)
            var = x.var(over, keepdim=True)
        else:
            mean = self.running_mean
            var = self.running_var
        normed = (x - mean) / torch.sqrt(var + 1e-5)
        self.out = self.gamma * normed + self.beta
        if self.training:
            with torch.no_grad():
                self.running_mean = 0.9 * self.running_mean + 0.1 * mean
                self.running_var = 0.9 * self.running_var + 0.1 * var
        return self.out

    def parameters(self) -> list[Tensor]:
        return [self.gamma, self.beta]


class Tanh:
    """tanh of every number."""

    out: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        self.out = torch.tanh(x)
        return self.out

    def parameters(self) -> list[Tensor]:
        return []


def _layers(config: RunConfig, vocab_size: int, stream: Generator) -> Iterator[Layer]:
    channels, hidden = config.n_embd, config.n_hidden
    yield Embedding(vocab_size, channels, stream)
    for joined in config.fuse:
        yield from (FlattenConsecutive(joined), Linear(channels * joined, hidden, stream, bias=False))
        yield from (BatchNorm1d(hidden), Tanh())
        channels = hidden
    last = Linear(hidden, vocab_size, stream)
    last.weight *= config.output_scale
    yield last


class LectureLoop:
    """The lecture's loop for a `config` with norm batch and tanh, on contexts [N, context] and targets [N]."""

    def __init__(
        self, config: RunConfig, vocab_size: int, contexts: Tensor, targets: Tensor, device: torch.device
    ) -> None:
        self._context, self._batch_size, self._lr = config.context, config.batch_size, config.lr
        self._contexts, self._targets = contexts.to(device), targets.to(device)
        self._stream = Generator().manual_seed(config.seed)
        self._layers = list(_layers(config, vocab_size, self._stream))
        for layer in self._layers:
            for name, value in vars(layer).items():
                if isinstance(value, Tensor):
                    setattr(layer, name, value.to(device))
        self._parameters = [parameter for layer in self._layers for parameter in layer.parameters()]
        for parameter in self._parameters:
            parameter.requires_grad = True
        self.losses: list[float] = []
        """The base-10 logarithm of each loss."""

    def step(self) -> None:
        """One step of the loop."""
        chosen = torch.randint(0, len(self._contexts), (self._batch_size,), generator=self._stream)
        x, wanted = self._contexts[chosen], self._targets[chosen]
        for layer in self._layers:
            x = layer(x)
        loss = functional.cross_entropy(x, wanted)
        for parameter in self._parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in self._parameters:
            assert parameter.grad is not None
            parameter.data += -self._lr * parameter.grad
        self.losses.append(loss.log10().item())

    def draw(self, count: int, symbols: Sequence[str], stream: Generator) -> list[str]:
        """So many names, one by one, a character at a time, as the lecture draws them; it is in eval mode from then on.

        `symbols` are the characters of the ids from 1.
        """
        for layer in self._layers:
            if isinstance(layer, BatchNorm1d):
                layer.training = False
        names = []
        for _ in range(count):
            name, window = "", [0] * self._context
            while True:
                x = torch.tensor([window])
                for layer in self._layers:
                    x = layer(x)
                chances = functional.softmax(x, dim=1)
                drawn = int(torch.multinomial(chances, num_samples=1, generator=stream).item())
                window = [*window[1:], drawn]
                if drawn == 0:
                    break
                name += symbols[drawn - 1]
            names.append(name)
        return names


class TorchModel(nn.Module):
    """The tree of a `config` with norm batch and tanh: ids [B, context] → logits [B, vocab_size]."""

    def __init__(self, config: RunConfig, vocab_size: int) -> None:
        super().__init__()
        self.points = nn.Embedding(vocab_size, config.n_embd)
        fans = [size * joined for size, joined in zip(self._sizes(config), config.fuse, strict=True)]
        self.linears = nn.ModuleList(nn.Linear(fan_in, config.n_hidden, bias=False) for fan_in in fans)
        self.norms = nn.ModuleList(nn.BatchNorm1d(config.n_hidden) for _ in fans)
        self.last = nn.Linear(config.n_hidden, vocab_size)

    @staticmethod
    def _sizes(config: RunConfig) -> list[int]:
        return [config.n_embd, *[config.n_hidden] * (len(config.fuse) - 1)]

    def forward(self, ids: Tensor) -> Tensor:
        """The logits."""
        x = self.points(ids)
        for linear, norm in zip(self.linears, self.norms, strict=True):
            assert isinstance(linear, nn.Linear)
            x = x.view(-1, linear.in_features)  # [.., T, C] → [.. · T/n, C·n]
            x = torch.tanh(norm(linear(x)))
        logits: Tensor = self.last(x)
        return logits


class TorchLoop:
    """Steps of torch.optim.SGD on contexts [N, context] and targets [N]."""

    def __init__(self, config: RunConfig, vocab_size: int, contexts: Tensor, targets: Tensor) -> None:
        self._batch_size = config.batch_size
        self._contexts, self._targets = contexts, targets
        self._stream = torch.Generator().manual_seed(config.seed)
        self._model = TorchModel(config, vocab_size)
        self._optimiser = torch.optim.SGD(self._model.parameters(), lr=config.lr)
        self.losses: list[float] = []

    def step(self) -> None:
        """One step."""
        chosen = torch.randint(0, len(self._contexts), (self._batch_size,), generator=self._stream)
        loss = functional.cross_entropy(self._model(self._contexts[chosen]), self._targets[chosen])
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self.losses.append(loss.item())


class MatmulFloor:
    """For each Linear of a `config` the product forwards and the two backwards, into buffers made before."""

    def __init__(self, config: RunConfig, vocab_size: int) -> None:
        self._products: list[tuple[Tensor, Tensor, Tensor]] = []
        rows, channels = config.batch_size * config.context, config.n_embd
        for joined in config.fuse:
            rows //= joined
            self._add(rows, channels * joined, config.n_hidden)
            channels = config.n_hidden
        self._add(rows, channels, vocab_size)

    def _add(self, rows: int, fan_in: int, fan_out: int) -> None:
        x, weight, out = torch.randn(rows, fan_in), torch.randn(fan_in, fan_out), torch.randn(rows, fan_out)
        self._products += [
            (x, weight, torch.empty_like(out)),
            (x.t(), out, torch.empty_like(weight)),
            (out, weight.t(), torch.empty_like(x)),
        ]

    def step(self) -> None:
        """All of them once."""
        with torch.inference_mode():
            for one, other, out in self._products:
                torch.mm(one, other, out=out)
