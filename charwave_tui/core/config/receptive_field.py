"""The receptive field of a model: arithmetic of `fuse` and `dilations`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, count, cycle

from charwave_tui.core.config.value_types import EMPTY_LIST
from charwave_tui.core.errors import UserError

MAX_CONTEXT = 64


def receptive_field(fuse: Sequence[int], dilations: Sequence[int]) -> int:
    """Return the characters that the levels see: 1 + sum of `dilations` if there are any, else product of `fuse`."""
    return 1 + sum(dilations) if dilations else math.prod(fuse)


def check_context(context: int, fuse: Sequence[int], dilations: Sequence[int]) -> None:
    """Raise UserError unless the receptive field of the levels is `context`."""
    field = receptive_field(fuse, dilations)
    if field == context:
        return
    context_remedy = f"context to {field} or " if field <= MAX_CONTEXT else ""
    if dilations:
        terms = "+".join(map(str, (1, *dilations)))
        remedy = f"set {context_remedy}dilations to {suggest_dilations(context)}"
        raise UserError(f"context {context} is not {terms} = {field}", remedy, "dilations")
    factors = "×".join(map(str, fuse))
    remedy = f"set {context_remedy}fuse to {' or '.join(suggest_fuse(context))}"
    raise UserError(f"context {context} is not {factors} = {field}", remedy, "fuse")


def suggest_fuse(context: int) -> list[str]:
    """Return up to three values of `fuse` with the product `context`, deepest first: for 6, `2 3`, `3 2` and `6`."""
    primes = []
    quotient = context
    for candidate in range(2, context + 1):
        while quotient % candidate == 0:
            primes.append(candidate)
            quotient //= candidate
    suggestions = [primes, primes[::-1], [context]]
    return list(dict.fromkeys(" ".join(map(str, fuse)) for fuse in suggestions if fuse))


def suggest_dilations(context: int) -> str:
    """Return dilations for `context`: of 1 and 2 if 12 levels suffice (for 8, `1 1 2 1 2`), else doubling."""
    remaining, dilations = context - 1, []
    pattern: Iterator[int] = chain((1,), cycle((1, 2))) if context <= 18 else (2**level for level in count())
    while remaining:
        dilations.append(min(next(pattern), remaining))
        remaining -= dilations[-1]
    return " ".join(map(str, dilations)) or EMPTY_LIST
