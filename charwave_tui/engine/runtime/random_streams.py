"""The random generators of a run; torch's global generator is never used."""

from __future__ import annotations

import hashlib

from torch import Generator


def training_generator(seed: int) -> Generator:
    """Return the generator that initialises a run's weights and then samples its batches."""
    return Generator().manual_seed(seed)


def derived_generator(seed: int, purpose: str) -> Generator:
    """Return a generator that depends on `seed` and `purpose` alone, so that using it never advances the training's."""
    digest = hashlib.sha256(f"{seed} {purpose}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:4], "little"))
