"""How far back a model sees: the arithmetic of `fuse` and `dilations`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, count, cycle

from charwave_tui.core.config.value_types import NONE
from charwave_tui.core.errors import UserError

MAX_CONTEXT = 64
"""Characters that a model may look back."""


def receptive_field(fuse: Sequence[int], dilations: Sequence[int]) -> int:
    """Characters that the levels see: 1 + the sum of `dilations` where there are any, else the product of `fuse`."""
    return 1 + sum(dilations) if dilations else math.prod(fuse)


def check_context(context: int, fuse: Sequence[int], dilations: Sequence[int]) -> None:
    """Raise Mistake unless the levels see just `context` characters."""
    seen = receptive_field(fuse, dilations)
    if seen == context:
        return
    wider = f"context to {seen} or " if seen <= MAX_CONTEXT else ""
    if dilations:
        terms = "+".join(str(part) for part in (1, *dilations))
        remedy = f"set {wider}dilations to {suggest_dilations(context)}"
        raise UserError(f"context {context} is not {terms} = {seen}", remedy, "dilations")
    factors = "×".join(str(part) for part in fuse)
    tries = " or ".join(suggest_fuse(context))
    raise UserError(f"context {context} is not {factors} = {seen}", f"set {wider}fuse to {tries}", "fuse")


def suggest_fuse(context: int) -> list[str]:
    """Up to three ways to write `context` as a tree, deepest first: for 6, `2 3`, `3 2` and `6`."""
    primes = []
    rest = context
    for candidate in range(2, context + 1):
        while rest % candidate == 0:
            primes.append(candidate)
            rest //= candidate
    ways = [primes, primes[::-1], [context]]
    return list(dict.fromkeys(" ".join(map(str, way)) for way in ways if way))


def suggest_dilations(context: int) -> str:
    """One way to see `context` characters, by levels of 1 and 2 where a dozen do: for 8, `1 1 2 1 2`; else doubling."""
    left, parts = context - 1, []
    steps: Iterator[int] = chain((1,), cycle((1, 2))) if context <= 18 else (2**level for level in count())
    while left:
        parts.append(min(next(steps), left))
        left -= parts[-1]
    return " ".join(str(part) for part in parts) or NONE
