"""The loop that most would write: nn.Module, torch's own layers, torch.optim.SGD."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from charwave_tui.core.config import RunConfig


class UsualModel(nn.Module):
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


class UsualLoop:
    """Steps of torch.optim.SGD on contexts [N, context] and targets [N]."""

    def __init__(self, config: RunConfig, vocab_size: int, contexts: Tensor, targets: Tensor) -> None:
        self._batch_size = config.batch_size
        self._contexts, self._targets = contexts, targets
        self._stream = torch.Generator().manual_seed(config.seed)
        self._model = UsualModel(config, vocab_size)
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
