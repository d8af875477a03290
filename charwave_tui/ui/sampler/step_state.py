"""Prefix, choice, temperature."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from charwave_tui.core.config.sampling_config import LONGEST_PREFIX

TEMPERATURES = (0.5, 1.0, 1.5)
"""The temperatures that stand side by side."""


MOST_LIKELY = 5
"""How many characters are told together what they hold."""


def softmax_at(surprises: Sequence[float], temperature: float) -> tuple[float, ...]:
    """softmax(−s/T) of the surprises s = −log p at temperature 1, in nats; all NaN where one is not a number."""
    scores = [-surprise / temperature for surprise in surprises]
    highest = max(scores, default=0.0)
    powers = [math.exp(score - highest) for score in scores]
    total = math.fsum(powers)
    return tuple(power / total for power in powers)


def entropy(probabilities: Sequence[float]) -> float:
    """−Σ p log p, in nats."""
    return math.fsum(-p * math.log(p) for p in probabilities if p != 0)


def top_k_mass(probabilities: Sequence[float], count: int = MOST_LIKELY) -> float:
    """What the `count` largest probabilities come to together."""
    return math.fsum(sorted(probabilities, reverse=True)[:count])


def sample_index(probabilities: Sequence[float], seed: int, rolls: int) -> int:
    """The place that is drawn as one rolls for the time number `rolls`; the same seed gives the same again."""
    return Random(f"{seed} {rolls}").choices(range(len(probabilities)), probabilities)[0]


END = 0
"""The id of the boundary, which ends a name."""


@dataclass(frozen=True, slots=True)
class StepState:
    """The prefix, whether the name has ended, the id under the cursor (None: the likeliest), and how one rolls.

    `column` is the place among TEMPERATURES; `rolls` counts how often was rolled.
    """

    prefix: str = ""
    ended: bool = False
    here: int | None = None
    column: int = 1
    rolls: int = 0

    @property
    def temperature(self) -> float:
        """What a roll is drawn at."""
        return TEMPERATURES[self.column]

    @property
    def full(self) -> bool:
        """Whether no character can be added."""
        return self.ended or len(self.prefix) >= LONGEST_PREFIX

    def typed(self, text: str) -> StepState:
        """With `text` behind the prefix, in NFC as a corpus is; the same where nothing can be added."""
        return self if self.full else replace(self, prefix=unicodedata.normalize("NFC", self.prefix + text), here=None)

    def at(self, place: int | None) -> StepState:
        """With the cursor on the id `place`."""
        return replace(self, here=place)

    def back(self) -> StepState:
        """Without its end, or else without its last character."""
        if self.ended:
            return replace(self, ended=False)
        return replace(self, prefix=self.prefix[:-1], here=None)

    def cleared(self) -> StepState:
        """With nothing typed."""
        return replace(self, prefix="", ended=False, here=None)

    def with_choice(self, place: int, symbols: str) -> StepState:
        """With the character of the id `place` behind the prefix, or ended."""
        if place == END:
            return replace(self, ended=True, here=None)
        return self.typed(symbols[place - 1])

    def rolled(self, surprises: tuple[float, ...], seed: int, symbols: str) -> StepState:
        """With what chance adds at the present temperature; the same where nothing can be added."""
        if self.full:
            return self
        place = sample_index(softmax_at(surprises, self.temperature), seed, self.rolls)
        return replace(self.with_choice(place, symbols), rolls=self.rolls + 1)

    def with_temperature_step(self, places: int) -> StepState:
        """At the temperature so many columns on."""
        return replace(self, column=min(max(self.column + places, 0), len(TEMPERATURES) - 1))

    def restricted_to(self, symbols: str) -> StepState:
        """Itself, or begun anew where the prefix has a character that is not among `symbols`."""
        return self if set(self.prefix) <= set(symbols) else self.cleared()


def order_of(surprises: tuple[float, ...]) -> list[int]:
    """The ids, the likeliest first; what is not a number last."""
    return sorted(range(len(surprises)), key=lambda place: (surprises[place] != surprises[place], surprises[place]))


def walked(order: list[int], here: int | None, places: int) -> int | None:
    """The id so many places below the one under the cursor, as far as there are any."""
    if not order:
        return None
    place = order.index(here) if here in order else 0
    return order[min(max(place + places, 0), len(order) - 1)]
