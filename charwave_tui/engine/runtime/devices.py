"""The torch device of a config, and what the CPU supports."""

from __future__ import annotations

from functools import cache

import torch

from charwave_tui.core.config.choices import Device
from charwave_tui.core.errors import UserError


def resolve_device(name: Device) -> torch.device:
    """Return the device for the config's `device`; `auto` prefers CUDA, then MPS. Raises UserError if unavailable."""
    available = {
        Device.CUDA: torch.cuda.is_available(),
        Device.MPS: torch.backends.mps.is_available(),
        Device.CPU: True,
    }
    if name == Device.AUTO:
        name = next(device for device, is_available in available.items() if is_available)
    if not available[name]:
        raise UserError(f"device {name} is not available here", "set device to auto or cpu", "device")
    return torch.device(name)


@cache
def cpu_has_bfloat16() -> bool:
    """Return whether this CPU multiplies bfloat16 matrices in hardware, as far as torch can tell."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check)() for check in checks if hasattr(torch.cpu, check))
