"""A name that a person makes step by step: frozen, with a function for each thing that is done to it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from charwave_tui.core.sampling import LONGEST_PREFIX
from charwave_tui.ui.sampler.tempering import TEMPERATURES, rolled, tempered

END = 0
"""The id of the boundary, which ends a name."""


@dataclass(frozen=True, slots=True)
class Stepping:
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

    def typed(self, text: str) -> Stepping:
        """With `text` behind the prefix, in NFC as a corpus is; the same where nothing can be added."""
        return self if self.full else replace(self, prefix=unicodedata.normalize("NFC", self.prefix + text), here=None)

    def at(self, place: int | None) -> Stepping:
        """With the cursor on the id `place`."""
        return replace(self, here=place)

    def back(self) -> Stepping:
        """Without its end, or else without its last character."""
        if self.ended:
            return replace(self, ended=False)
        return replace(self, prefix=self.prefix[:-1], here=None)

    def cleared(self) -> Stepping:
        """With nothing typed."""
        return replace(self, prefix="", ended=False, here=None)

    def taken(self, place: int, symbols: str) -> Stepping:
        """With the character of the id `place` behind the prefix, or ended."""
        if place == END:
            return replace(self, ended=True, here=None)
        return self.typed(symbols[place - 1])

    def rolled(self, surprises: tuple[float, ...], seed: int, symbols: str) -> Stepping:
        """With what chance adds at the present temperature; the same where nothing can be added."""
        if self.full:
            return self
        place = rolled(tempered(surprises, self.temperature), seed, self.rolls)
        return replace(self.taken(place, symbols), rolls=self.rolls + 1)

    def warmed(self, places: int) -> Stepping:
        """At the temperature so many columns on."""
        return replace(self, column=min(max(self.column + places, 0), len(TEMPERATURES) - 1))

    def among(self, symbols: str) -> Stepping:
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
