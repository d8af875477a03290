"""Every random stream of a run; torch's global one is never used."""

from __future__ import annotations

import hashlib

from torch import Generator, Tensor


def training_generator(seed: int) -> Generator:
    """The stream that draws a run's first weights and then its batches."""
    return Generator().manual_seed(seed)


def generator_from_state(state: Tensor) -> Generator:
    """A stream that goes on from `state`."""
    stream = Generator()
    stream.set_state(state)
    return stream


def derived_generator(seed: int, purpose: str) -> Generator:
    """A stream of its own for one `purpose`, the same after every step, so that looking never moves the training's."""
    digest = hashlib.sha256(f"{seed} {purpose}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:4], "little"))
