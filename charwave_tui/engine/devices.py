"""Where to compute."""

from __future__ import annotations

import torch

from charwave_tui.core.mistake import Mistake


def choose_device(name: str) -> torch.device:
    """The device that the config's `device` stands for on this machine; raises Mistake if it is not here."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, found in there.items() if found)
    if not there[name]:
        raise Mistake(f"device {name} is not available here", "set device to auto or cpu", "device")
    return torch.device(name)
