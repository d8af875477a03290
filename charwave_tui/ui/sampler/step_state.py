"""State of a name built step by step: prefix, cursor and temperature, and the arithmetic of next-char probabilities."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from charwave_tui.core.config.sampling_config import MAX_NAME_LENGTH

TEMPERATURES = (0.5, 1.0, 1.5)
TOP_K = 5  # most probable characters whose probabilities are summed
END_ID = 0  # id of the boundary character, which ends a name


def softmax_at(nlls: Sequence[float], temperature: float) -> tuple[float, ...]:
    """Return softmax(−nll / T), for −log p at T = 1 in nats; all NaN if one of them is."""
    logits = [-nll / temperature for nll in nlls]
    max_logit = max(logits, default=0.0)
    exponentials = [math.exp(logit - max_logit) for logit in logits]
    total = math.fsum(exponentials)
    return tuple(exponential / total for exponential in exponentials)


def entropy(probabilities: Sequence[float]) -> float:
    """Return −Σ p log p in nats."""
    return math.fsum(-p * math.log(p) for p in probabilities if p != 0)


def top_k_mass(probabilities: Sequence[float], k: int = TOP_K) -> float:
    return math.fsum(sorted(probabilities, reverse=True)[:k])


def sample_index(probabilities: Sequence[float], seed: int, roll: int) -> int:
    """Sample an index; the same `seed` and number of the `roll` give the same one again."""
    return Random(f"{seed} {roll}").choices(range(len(probabilities)), probabilities)[0]


def rank_ids(nlls: tuple[float, ...]) -> list[int]:
    """Return the ids by descending probability, with NaN last."""
    return sorted(range(len(nlls)), key=lambda char_id: (nlls[char_id] != nlls[char_id], nlls[char_id]))


def move_in_ranking(ranked_ids: list[int], current_id: int | None, offset: int) -> int | None:
    """Return the id `offset` places below the current one (None: the first), clamped to the ends."""
    if not ranked_ids:
        return None
    rank = ranked_ids.index(current_id) if current_id in ranked_ids else 0
    return ranked_ids[min(max(rank + offset, 0), len(ranked_ids) - 1)]


@dataclass(frozen=True, slots=True)
class StepState:
    """A prefix and how its next character is chosen; methods return a changed copy."""

    prefix: str = ""
    is_ended: bool = False
    cursor_id: int | None = None  # None: the most probable id
    temperature_index: int = 1
    rolls: int = 0

    @property
    def temperature(self) -> float:
        return TEMPERATURES[self.temperature_index]

    @property
    def is_full(self) -> bool:
        return self.is_ended or len(self.prefix) >= MAX_NAME_LENGTH

    def with_text(self, text: str) -> StepState:
        """Append to the prefix, normalized to NFC as a corpus is; unchanged if the prefix is full."""
        if self.is_full:
            return self
        return replace(self, prefix=unicodedata.normalize("NFC", self.prefix + text), cursor_id=None)

    def undone(self) -> StepState:
        if self.is_ended:
            return replace(self, is_ended=False)
        return replace(self, prefix=self.prefix[:-1], cursor_id=None)

    def cleared(self) -> StepState:
        return replace(self, prefix="", is_ended=False, cursor_id=None)

    def with_choice(self, char_id: int, symbols: str) -> StepState:
        if char_id == END_ID:
            return replace(self, is_ended=True, cursor_id=None)
        return self.with_text(symbols[char_id - 1])

    def rolled(self, nlls: tuple[float, ...], seed: int, symbols: str) -> StepState:
        """Append a character sampled at the temperature; unchanged if the prefix is full."""
        if self.is_full:
            return self
        char_id = sample_index(softmax_at(nlls, self.temperature), seed, self.rolls)
        return replace(self.with_choice(char_id, symbols), rolls=self.rolls + 1)

    def with_temperature_step(self, offset: int) -> StepState:
        return replace(self, temperature_index=min(max(self.temperature_index + offset, 0), len(TEMPERATURES) - 1))

    def restricted_to(self, symbols: str) -> StepState:
        """Clear the prefix if it has a character that is not one of `symbols`."""
        return self if set(self.prefix) <= set(symbols) else self.cleared()
