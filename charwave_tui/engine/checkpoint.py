"""Weights on disk as safetensors, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from charwave_tui.core.atomic import write_whole
from charwave_tui.core.mistake import Mistake


def save_weights(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write `weights` and `metadata` to `path`: after a crash there is the old file or the new one, never a part."""
    write_whole(path, safetensors.torch.save(dict(weights), dict(metadata)))


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights, on the CPU, and the metadata in `path`; nothing is unpickled. Raises Mistake naming the path."""
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            return weights, file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise Mistake(f"{path} holds no weights that can be read: {error}", "choose another run with --run") from None
