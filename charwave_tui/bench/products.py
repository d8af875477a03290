"""The floor under a step: its matrix products and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from charwave_tui.core.config import RunConfig


class BareProducts:
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
