"""What a temperature makes of a distribution, in plain floats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

TEMPERATURES = (0.5, 1.0, 1.5)
"""The temperatures that stand side by side."""

MOST_LIKELY = 5
"""How many characters are told together what they hold."""


def tempered(surprises: Sequence[float], temperature: float) -> tuple[float, ...]:
    """softmax(−s/T) of the surprises s = −log p at temperature 1, in nats; all NaN where one is not a number."""
    scores = [-surprise / temperature for surprise in surprises]
    highest = max(scores, default=0.0)
    powers = [math.exp(score - highest) for score in scores]
    total = math.fsum(powers)
    return tuple(power / total for power in powers)


def entropy(probabilities: Sequence[float]) -> float:
    """−Σ p log p, in nats."""
    return math.fsum(-p * math.log(p) for p in probabilities if p != 0)


def held_by_the_likeliest(probabilities: Sequence[float], count: int = MOST_LIKELY) -> float:
    """What the `count` largest probabilities come to together."""
    return math.fsum(sorted(probabilities, reverse=True)[:count])


def rolled(probabilities: Sequence[float], seed: int, rolls: int) -> int:
    """The place that is drawn as one rolls for the time number `rolls`; the same seed gives the same again."""
    return Random(f"{seed} {rolls}").choices(range(len(probabilities)), probabilities)[0]
