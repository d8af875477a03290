"""The collector of garbage, which looks through the whole program now and then, and keys wait meanwhile."""

from __future__ import annotations

import gc

SETTLES_IN = 2.0
"""Seconds after the start in which the first screen has come to rest."""


def let_stand() -> None:
    """Have what stands now, modules and the lab, never be looked through again: 40 ms once, not 60 to 95 often."""
    gc.collect()
    gc.freeze()
