"""How much a model has memorised: exact words of train against exact held-out words, each per distinct word.

Held out are the words of val and test that are not in train. Both kinds come from the same list, so a model that only
learned what words look like gives a word of either as much probability, and the ratio is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charwave_tui.core.config.sampling_config import ALL_NAMES, SamplingConfig
from charwave_tui.core.metrics import RepeatCounts, SampledName

MIN_HITS = 10  # sampled words of each kind, with which the standard error is at most 45 %


@dataclass(frozen=True, slots=True)
class Memorising:
    """The ratio among sampled names, with its standard error."""

    ratio: float
    error: float

    def __str__(self) -> str:
        return f"memorising {self.ratio:.1f} ± {self.error:.1f} (1 = none)"


@dataclass(frozen=True, slots=True)
class WordProbabilities:
    """The distinct words of train and the held-out ones, and the probability that a sampled name is one of them."""

    train_words: int
    train: float
    held_out_words: int
    held_out: float

    @property
    def memorising(self) -> float | None:
        """The ratio per distinct word; None for a model that gives held-out words no probability."""
        return (self.train / self.train_words) / (self.held_out / self.held_out_words) if self.held_out else None


def memorising_of_names(
    names: Sequence[SampledName], sampling: SamplingConfig, repeats: RepeatCounts | None
) -> Memorising | None:
    """Return the ratio among sampled names; None unless they are enough, and sampled freely at temperature 1."""
    is_free = sampling.unconstrained and sampling.only_new == ALL_NAMES and not sampling.prefix
    if repeats is None or not is_free or sampling.temperature != 1:
        return None
    train = sum(name.held_out is False for name in names)
    held_out = sum(name.held_out is True for name in names)
    if min(train, held_out) < MIN_HITS:
        return None
    ratio = (train / repeats.distinct_train) / (held_out / (repeats.distinct - repeats.distinct_train))
    return Memorising(ratio, ratio * math.sqrt(1 / train + 1 / held_out))
