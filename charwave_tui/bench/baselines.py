"""What our step is compared with: the lecture's loop, an nn.Module with torch.optim, and bare matrix products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from charwave_tui.core.config.run_config import RunConfig


class Layer:
    """Base class of the lecture's layers; `out` keeps the last output, as the lecture does to plot it."""

    out: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def parameters(self) -> list[Tensor]:
        return []


class Embedding(Layer):
    """ids [B, T] → [B, T, C]."""

    def __init__(self, num_embeddings: int, embedding_dim: int, generator: Generator) -> None:
        self.weight = torch.randn((num_embeddings, embedding_dim), generator=generator)

    def __call__(self, x: Tensor) -> Tensor:
        self.out = self.weight[x]
        return self.out

    def parameters(self) -> list[Tensor]:
        return [self.weight]


class FlattenConsecutive(Layer):
    """[B, T, C] → [B, T/n, C·n], without the middle dimension where it is 1."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, x: Tensor) -> Tensor:
        rows, positions, channels = x.shape
        x = x.view(rows, positions // self.n, channels * self.n)
        self.out = x.squeeze(1) if x.shape[1] == 1 else x
        return self.out


class Linear(Layer):
    """x @ W, and + b where there is a bias."""

    def __init__(self, fan_in: int, fan_out: int, generator: Generator, bias: bool = True) -> None:
        self.weight = torch.randn((fan_in, fan_out), generator=generator) / fan_in**0.5
        self.bias = torch.zeros(fan_out) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        self.out = x @ self.weight
        if self.bias is not None:
            self.out = self.out + self.bias
        return self.out

    def parameters(self) -> list[Tensor]:
        return [self.weight] if self.bias is None else [self.weight, self.bias]


class BatchNorm1d(Layer):
    """Batch norm over the batch and its positions; running statistics in eval mode."""

    def __init__(self, dim: int) -> None:
        self.training = True
        self.gamma, self.beta = torch.ones(dim), torch.zeros(dim)
        self.running_mean, self.running_var = torch.zeros(dim), torch.ones(dim)

    def __call__(self, x: Tensor) -> Tensor:
        if self.training:
            dims = (0,) if x.ndim == 2 else (0, 1)
            mean = x.mean(dims, keepdim=True)
            var = x.var(dims, keepdim=True)
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


class Tanh(Layer):
    """Element-wise tanh."""

    def __call__(self, x: Tensor) -> Tensor:
        self.out = torch.tanh(x)
        return self.out


def _layers(config: RunConfig, vocab_size: int, generator: Generator) -> Iterator[Layer]:
    channels, hidden = config.n_embd, config.n_hidden
    yield Embedding(vocab_size, channels, generator)
    for factor in config.fuse:
        yield from (FlattenConsecutive(factor), Linear(channels * factor, hidden, generator, bias=False))
        yield from (BatchNorm1d(hidden), Tanh())
        channels = hidden
    last = Linear(hidden, vocab_size, generator)
    last.weight *= config.output_scale
    yield last


class LectureLoop:
    """The lecture's training loop for a `config` with norm batch and tanh, on contexts [N, context] and targets [N].

    `losses` are base-10 logarithms, as in the lecture.
    """

    def __init__(
        self, config: RunConfig, vocab_size: int, contexts: Tensor, targets: Tensor, device: torch.device
    ) -> None:
        self._context, self._batch_size, self._lr = config.context, config.batch_size, config.lr
        self._contexts, self._targets = contexts.to(device), targets.to(device)
        self._generator = Generator().manual_seed(config.seed)
        self._layers = list(_layers(config, vocab_size, self._generator))
        for layer in self._layers:
            for name, value in vars(layer).items():
                if isinstance(value, Tensor):
                    setattr(layer, name, value.to(device))
        self._parameters = [parameter for layer in self._layers for parameter in layer.parameters()]
        for parameter in self._parameters:
            parameter.requires_grad = True
        self.losses: list[float] = []

    def step(self) -> None:
        rows = torch.randint(0, len(self._contexts), (self._batch_size,), generator=self._generator)
        x, targets = self._contexts[rows], self._targets[rows]
        for layer in self._layers:
            x = layer(x)
        loss = functional.cross_entropy(x, targets)
        for parameter in self._parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in self._parameters:
            assert parameter.grad is not None
            parameter.data += -self._lr * parameter.grad
        self.losses.append(loss.log10().item())

    def sample_names(self, count: int, symbols: Sequence[str], generator: Generator) -> list[str]:
        """Sample names one by one and in eval mode, as the lecture; `symbols` are the characters of the ids from 1."""
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
                probs = functional.softmax(x, dim=1)
                token = int(torch.multinomial(probs, num_samples=1, generator=generator).item())
                window = [*window[1:], token]
                if token == 0:
                    break
                name += symbols[token - 1]
            names.append(name)
        return names


class TorchModel(nn.Module):
    """The tree of a `config` with norm batch and tanh: ids [B, context] → logits [B, vocab_size]."""

    def __init__(self, config: RunConfig, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, config.n_embd)
        channels = [config.n_embd, *[config.n_hidden] * (len(config.fuse) - 1)]
        self.linears = nn.ModuleList(
            nn.Linear(size * factor, config.n_hidden, bias=False)
            for size, factor in zip(channels, config.fuse, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(config.n_hidden) for _ in config.fuse)
        self.last = nn.Linear(config.n_hidden, vocab_size)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        for linear, norm in zip(self.linears, self.norms, strict=True):
            assert isinstance(linear, nn.Linear)
            x = x.view(-1, linear.in_features)  # [.., T, C] → [.. · T/n, C·n]
            x = torch.tanh(norm(linear(x)))
        logits: Tensor = self.last(x)
        return logits


class TorchLoop:
    """Training of TorchModel by torch.optim.SGD on contexts [N, context] and targets [N]."""

    def __init__(self, config: RunConfig, vocab_size: int, contexts: Tensor, targets: Tensor) -> None:
        self._batch_size = config.batch_size
        self._contexts, self._targets = contexts, targets
        self._generator = torch.Generator().manual_seed(config.seed)
        self._model = TorchModel(config, vocab_size)
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=config.lr)
        self.losses: list[float] = []

    def step(self) -> None:
        rows = torch.randint(0, len(self._contexts), (self._batch_size,), generator=self._generator)
        loss = functional.cross_entropy(self._model(self._contexts[rows]), self._targets[rows])
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.losses.append(loss.item())


class MatmulFloor:
    """The forward product and the two backward products of each Linear of a `config`, into preallocated buffers."""

    def __init__(self, config: RunConfig, vocab_size: int) -> None:
        self._products: list[tuple[Tensor, Tensor, Tensor]] = []
        rows, channels = config.batch_size * config.context, config.n_embd
        for factor in config.fuse:
            rows //= factor
            self._add_layer(rows, channels * factor, config.n_hidden)
            channels = config.n_hidden
        self._add_layer(rows, channels, vocab_size)

    def _add_layer(self, rows: int, fan_in: int, fan_out: int) -> None:
        x, weight, out = torch.randn(rows, fan_in), torch.randn(fan_in, fan_out), torch.randn(rows, fan_out)
        self._products += [
            (x, weight, torch.empty_like(out)),
            (x.t(), out, torch.empty_like(weight)),
            (out, weight.t(), torch.empty_like(x)),
        ]

    def step(self) -> None:
        with torch.inference_mode():
            for left, right, out in self._products:
                torch.mm(left, right, out=out)
