"""Context managers that observe a model's forward pass and leave it unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from charwave_tui.engine.model.layers import Sequential


@contextmanager
def module_mode(model: Sequential, *, training: bool) -> Iterator[None]:
    """Put `model` in train or eval mode, without gradients, and restore its mode afterwards."""
    mode = model.training
    model.train(training)
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(mode)


@contextmanager
def forward_hooks(model: Sequential, hook: Any) -> Iterator[None]:
    """Call `hook(layer, inputs, output)` after the forward of each layer."""
    handles = [layer.register_forward_hook(hook) for layer in model.layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def preserve_buffers(model: Sequential) -> Iterator[None]:
    """Restore the model's buffers (running statistics) afterwards."""
    copies = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in copies:
                buffer.copy_(before)
