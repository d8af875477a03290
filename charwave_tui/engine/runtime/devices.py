"""Resolve auto; bfloat16 support."""

from __future__ import annotations

from functools import cache

import torch

from charwave_tui.core.errors import UserError


def resolve_device(name: str) -> torch.device:
    """The device that the config's `device` stands for on this machine; raises Mistake if it is not here."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, found in there.items() if found)
    if not there[name]:
        raise UserError(f"device {name} is not available here", "set device to auto or cpu", "device")
    return torch.device(name)


@cache
def cpu_has_bfloat16() -> bool:
    """Whether this CPU has instructions for products of bfloat16, as far as torch can tell."""
    known = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name)() for name in known if hasattr(torch.cpu, name))
