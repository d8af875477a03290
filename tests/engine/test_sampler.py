"""Names from models whose odds are known, their likelihood by hand, and that looking leaves no trace."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest
import torch

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import SampledName
from charwave_tui.core.sampling import Sampling
from charwave_tui.engine.layers import Linear
from charwave_tui.engine.randomness import side_stream
from charwave_tui.engine.sampler import LONGEST, sample, score
from charwave_tui.engine.trainer import Trainer

SameBits = Callable[..., bool]


def names(trainer: Trainer, sampling: Sampling | None = None, seed: int = 1) -> tuple[SampledName, ...]:
    stream = side_stream(seed, "sampling")
    return sample(trainer.model, trainer.corpus, trainer.config.context, sampling or Sampling(), stream)


def fix_logits(trainer: Trainer, logits: dict[int, float], others: float = -100.0) -> None:
    """Make the last layer say the same in every context."""
    last = trainer.model.layers[-1]
    assert isinstance(last, Linear)
    assert last.bias is not None
    last.weight.data.zero_()
    last.bias.data.fill_(others)
    for number, logit in logits.items():
        last.bias.data[number] = logit


@pytest.mark.parametrize(("temperature", "ratio"), [(1.0, 3.0), (0.5, 9.0), (2.0, math.sqrt(3))])
def test_characters_come_by_their_odds_at_the_temperature(trainer: Trainer, temperature: float, ratio: float) -> None:
    fix_logits(trainer, {1: math.log(3), 2: 0.0})
    drawn = Counter("".join(name.name for name in names(trainer, Sampling(count=100, temperature=temperature))))
    first, second = trainer.corpus.decode([1]), trainer.corpus.decode([2])
    assert drawn.keys() == {first, second}
    assert drawn[first] / drawn[second] == pytest.approx(ratio, rel=0.1)


def test_the_likelihood_is_that_of_every_character_and_the_end_by_hand(trainer: Trainer) -> None:
    trainer.advance(60, 50)
    words = [*trainer.corpus.words[:20], "", "a"]
    scores = score(trainer.model, trainer.corpus, 4, words)
    trainer.model.eval()
    for word, nll in zip(words, scores, strict=True):
        ids = [0, 0, 0, 0, *trainer.corpus.encode(word), 0]
        losses = [
            -trainer.model(torch.tensor([ids[i : i + 4]])).log_softmax(1)[0, ids[i + 4]].item()
            for i in range(len(word) + 1)
        ]
        assert nll == pytest.approx(sum(losses) / len(losses), abs=1e-5)


def test_no_words_have_no_scores(trainer: Trainer) -> None:
    assert score(trainer.model, trainer.corpus, 4, []) == []


def test_a_name_has_its_score_at_temperature_one_with_the_prefix(trainer: Trainer) -> None:
    trainer.advance(60, 50)
    drawn = names(trainer, Sampling(count=20, temperature=0.7, prefix="ka"))
    assert all(name.name.startswith("ka") for name in drawn)
    scores = score(trainer.model, trainer.corpus, 4, [name.name for name in drawn])
    assert [name.nll for name in drawn] == scores


def test_a_cold_model_takes_the_likeliest_path(trainer: Trainer) -> None:
    trainer.advance(60, 200)
    last = trainer.model.layers[-1]
    assert isinstance(last, Linear)
    last.weight.data *= 100
    cold = {name.name for name in names(trainer, Sampling(count=50, temperature=0.05))}
    trainer.model.eval()
    ids = [0] * 4
    while len(ids) < 4 + LONGEST:
        ids.append(int(trainer.model(torch.tensor([ids[-4:]])).argmax()))
        if not ids[-1]:
            break
    assert cold == {trainer.corpus.decode(ids[4:])}


def test_the_same_stream_gives_the_same_names_and_another_gives_others(trainer: Trainer) -> None:
    assert names(trainer, Sampling(count=10)) == names(trainer, Sampling(count=10))
    assert names(trainer, Sampling(count=10)) != names(trainer, Sampling(count=10), seed=2)


def test_names_without_an_end_are_cut_off(trainer: Trainer) -> None:
    fix_logits(trainer, {1: 0.0})
    assert [name.name for name in names(trainer, Sampling(prefix="m", count=2))] == ["m" + "a" * (LONGEST - 1)] * 2
    longest = "k" * LONGEST
    assert names(trainer, Sampling(prefix=longest, count=1))[0].name == longest


def test_a_name_is_looked_up_in_the_corpus(trainer: Trainer) -> None:
    fix_logits(trainer, {0: 0.0})
    word = trainer.corpus.words[0]
    assert [names(trainer, Sampling(prefix=prefix, count=1))[0].in_corpus for prefix in (word, word + "aaa")] == [
        True,
        False,
    ]
    assert names(trainer, Sampling(count=3)) == (SampledName("", 0.0, False),) * 3


def test_huge_logits_survive_a_low_temperature(trainer: Trainer) -> None:
    fix_logits(trainer, {0: 1e38, 1: 3e38}, others=-3e38)
    assert {name.name for name in names(trainer, Sampling(temperature=0.05))} == {"a" * LONGEST}


def test_names_that_have_ended_cost_no_more(trainer: Trainer) -> None:
    fix_logits(trainer, {0: 0.0})
    rows: list[int] = []
    trainer.model.register_forward_hook(lambda model, given, out: rows.append(len(out)))
    names(trainer, Sampling(count=3))
    assert rows == [3, 3]  # one draw, one score


@pytest.mark.parametrize("training", [True, False])
def test_sampling_leaves_no_trace(trainer: Trainer, same_bits: SameBits, training: bool) -> None:
    trainer.advance(60, 10)
    trainer.model.train(training)
    before, chance = trainer.weights(), torch.get_rng_state()
    names(trainer, Sampling(count=1))
    score(trainer.model, trainer.corpus, 4, ["a"])
    assert same_bits(trainer.weights(), before)
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(layer.training is training for layer in trainer.model.modules())


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"prefix": "aZ"}, "Z"),
        ({"prefix": "a" * 65}, "65"),
        ({"temperature": 0.04}, r"0\.04"),
        ({"temperature": 5.1}, r"5\.1"),
        ({"temperature": math.nan}, "nan"),
        ({"count": 0}, "count 0"),
        ({"count": 1_001}, "1,001"),
    ],
)
def test_arguments_out_of_bounds_are_refused_by_name(trainer: Trainer, asked: dict[str, float], named: str) -> None:
    with pytest.raises(Mistake, match=named):
        names(trainer, Sampling(**asked))  # type: ignore[arg-type]


def test_the_bounds_themselves_are_admitted(trainer: Trainer) -> None:
    assert len(names(trainer, Sampling(temperature=0.05, count=1))) == 1
    assert len(names(trainer, Sampling(temperature=5, count=1_000))) == 1_000


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_of_nan_have_nothing_to_say(trainer: Trainer, bad: float) -> None:
    fix_logits(trainer, {3: bad}, others=0.0)
    with pytest.raises(Mistake, match="the weights give NaN"):
        names(trainer)
    with pytest.raises(Mistake, match="the weights give NaN"):
        score(trainer.model, trainer.corpus, 4, ["a"])
    assert trainer.model.training
