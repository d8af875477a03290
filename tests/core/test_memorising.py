"""How much is memorised: by sampled names, only where they are enough and sampled freely, and by probabilities."""

from __future__ import annotations

import pytest

from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.memorising import MIN_HITS, WordProbabilities, memorising_of_names
from charwave_tui.core.metrics import RepeatCounts, SampledName

REPEATS = RepeatCounts(distinct=100, distinct_train=80, val_in_train=0.1)


def names(train: int, held_out: int) -> list[SampledName]:
    return [
        *(SampledName("a", 1.0, True, held_out=False) for _ in range(train)),
        *(SampledName("b", 1.0, True, held_out=True) for _ in range(held_out)),
        *(SampledName("c", 1.0, False) for _ in range(50)),
        *(SampledName("d", 1.0, True) for _ in range(50)),  # of a record that does not know
    ]


@pytest.mark.parametrize(("train", "held_out", "ratio"), [(80, 20, 1.0), (160, 20, 2.0), (40, 20, 0.5)])
def test_ratio_is_per_distinct_word(train: int, held_out: int, ratio: float) -> None:
    memorising = memorising_of_names(names(train, held_out), SamplingConfig(), REPEATS)
    assert memorising is not None
    assert memorising.ratio == pytest.approx(ratio)
    assert memorising.error == pytest.approx(ratio * (1 / train + 1 / held_out) ** 0.5)


def test_too_few_words_of_either_kind_tell_nothing() -> None:
    assert memorising_of_names(names(MIN_HITS, MIN_HITS), SamplingConfig(), REPEATS) is not None
    assert memorising_of_names(names(MIN_HITS - 1, 500), SamplingConfig(), REPEATS) is None
    assert memorising_of_names(names(500, MIN_HITS - 1), SamplingConfig(), REPEATS) is None
    assert memorising_of_names(names(500, 500), SamplingConfig(), None) is None


@pytest.mark.parametrize(
    "settings",
    [{"temperature": 0.8}, {"prefix": "ma"}, {"only_new": "yes"}, {"top_k": 3}, {"pattern": "a*"}, {"shortest": 4}],
)
def test_names_not_sampled_freely_tell_nothing(settings: dict[str, object]) -> None:
    sampling = SamplingConfig(**settings)  # type: ignore[arg-type]
    assert memorising_of_names(names(500, 500), sampling, REPEATS) is None


def test_ratio_of_probabilities_and_none_without_held_out_probability() -> None:
    assert WordProbabilities(80, 0.4, 20, 0.05).memorising == pytest.approx(2.0)
    assert WordProbabilities(80, 0.4, 20, 0.0).memorising is None
