"""Looking at a model's layers while something runs through them, without a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from charwave_tui.engine.model.layers import (
    Sequential,
)


@contextmanager
def looking(model: Sequential, *, training: bool) -> Iterator[None]:
    """Run `model` in train or eval mode without gradients, and put its mode back."""
    before = model.training
    model.train(training)
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(before)


@contextmanager
def forward_hooks(model: Sequential, hook: Any) -> Iterator[None]:
    """Within the block `hook(layer, inputs, output)` is called for each layer that something runs through."""
    handles = [layer.register_forward_hook(hook) for layer in model.layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def preserve_buffers(model: Sequential) -> Iterator[None]:
    """After the block the model's buffers are what they were before it."""
    kept = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in kept:
                buffer.copy_(before)
