"""Whether a processor multiplies bfloat16 by itself: where it does not, it takes many times as long as float32."""

from __future__ import annotations

from functools import cache

import torch


@cache
def has_bfloat16() -> bool:
    """Whether this CPU has instructions for products of bfloat16, as far as torch can tell."""
    known = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name)() for name in known if hasattr(torch.cpu, name))
